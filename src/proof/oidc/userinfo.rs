//! What the userinfo endpoint says (OpenID Connect Core 1.0 section 5.3): a person's roles at NHS
//! organisations as CIS2 writes them. Leaves out every other claim, which the caller finds in
//! [`Userinfo::text`].

use super::{
    Call, Claim, Document, JWT, Provider, Refusal, Value,
    client::member,
    json::{self, Object},
};
use crate::{pki::UserId, secret::Secret};

/// Largest answer, in bytes: some people have hundreds of roles.
const LIMIT: usize = 256 * 1024;

/// A role of a person at an organisation (`nhsid_nrbac_roles`). What is absent is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// `person_orgid`.
    pub person_orgid: String,
    /// `person_roleid`.
    pub person_roleid: String,
    /// `org_code`, the ODS code.
    pub org_code: String,
    /// `role_name`.
    pub role_name: String,
    /// `role_code`.
    pub role_code: String,
    /// `activity_codes`.
    pub activity_codes: Vec<String>,
}

/// What userinfo said of the person who signed in.
#[derive(Clone, Debug)]
pub struct Userinfo {
    /// The person's roles.
    pub roles: Vec<Role>,
    /// The claims as they came: one JSON object.
    pub text: Secret,
}

impl Provider {
    /// Asks for a person's claims. Claims of somebody else are refused (section 5.3.2).
    pub(super) fn userinfo(
        &self,
        endpoint: &str,
        access_token: &Secret,
        person: &UserId,
    ) -> Result<Userinfo, Refusal> {
        let bearer = zeroize::Zeroizing::new([b"Bearer ", access_token.expose()].concat());
        let call = Call {
            url: endpoint,
            authorization: Some(Secret::copied_from(&bearer)),
            form: None,
            limit: LIMIT,
        };
        let answer = self.call(&call)?;
        if answer.status != 200 {
            return Err(Refusal::Userinfo("its status is not 200; check the client's scopes"));
        }
        let text = match answer.media_type.as_str() {
            "application/jwt" => self.signed_claims(answer.body.expose())?,
            _ => answer.body,
        };
        read(text, person)
    }

    /// The claims of a signed answer, as they were signed.
    fn signed_claims(&self, body: &[u8]) -> Result<Secret, Refusal> {
        let token = self.parse(JWT, body)?;
        let claims = self.claims(&token);
        claims.check_issuer()?;
        claims.check_audience()?;
        self.keys.verify(&token, self.clock.as_ref())?;
        token.claims_text().map(|text| Secret::copied_from(&text))
    }
}

fn read(text: Secret, person: &UserId) -> Result<Userinfo, Refusal> {
    let members = json::object(text.expose(), Document::Userinfo)?;
    let subject = member(&members, "sub").ok_or(Refusal::Missing(Claim::Subject))?;
    if subject != person.as_str() {
        return Err(Refusal::Userinfo("it is about another person than the ID token"));
    }
    let roles = match members.get("nhsid_nrbac_roles") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(roles)) => roles.iter().map(role).collect::<Option<_>>().ok_or(SHAPE)?,
        Some(_) => return Err(SHAPE),
    };
    Ok(Userinfo { roles, text })
}

const SHAPE: Refusal = Refusal::Userinfo("its nhsid_nrbac_roles are no list of roles");

fn role(value: &Value) -> Option<Role> {
    let Value::Object(role) = value else { return None };
    let text = |name: &str| text(role, name);
    let activity_codes = match role.get("activity_codes") {
        None | Some(Value::Null) => Vec::new(),
        Some(codes) => codes.texts()?.into_iter().map(str::to_owned).collect(),
    };
    Some(Role {
        person_orgid: text("person_orgid")?,
        person_roleid: text("person_roleid")?,
        org_code: text("org_code")?,
        role_name: text("role_name")?,
        role_code: text("role_code")?,
        activity_codes,
    })
}

/// A member's text; empty if it is absent, none if it is something else.
fn text(role: &Object, name: &str) -> Option<String> {
    match role.get(name) {
        None | Some(Value::Null) => Some(String::new()),
        Some(value) => value.text().map(str::to_owned),
    }
}
