//! What a token endpoint answers (RFC 6749 sections 5.1 and 5.2, OpenID Connect Core 1.0 section
//! 3.1.3.3).

use crate::proof::{
    Answer, Document, Refusal,
    json::{self, Value},
    oidc::client::member,
};
use zeroize::Zeroizing;

/// Largest answer, in bytes.
pub(super) const LIMIT: usize = 256 * 1024;

/// The tokens of an answer, none of them verified.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) id_token: Zeroizing<String>,
    pub(super) access_token: Zeroizing<String>,
    pub(super) refresh_token: Option<Zeroizing<String>>,
    /// Seconds.
    pub(super) expires_in: Option<u64>,
}

/// Reads an answer.
pub(super) fn read(answer: &Answer) -> Result<Given, Refusal> {
    let members = json::object(answer.body.expose(), Document::TokenAnswer);
    if answer.status != 200 {
        // Its word for why is told where it has one; the rest may name persons.
        let members = members.unwrap_or_default();
        let error = member(&members, "error").map_or("no reason given".to_owned(), word);
        return Err(Refusal::TokenRequest(answer.status, error));
    }
    let members = members?;
    let token = |name: &str| member(&members, name).filter(|token| is_token(token));
    let owned = |text: &str| Zeroizing::new(text.to_owned());
    if !member(&members, "token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("Bearer")) {
        return Err(Refusal::TokenAnswer("its token_type is not Bearer"));
    }
    Ok(Given {
        id_token: token("id_token").map(owned).ok_or(Refusal::TokenAnswer(
            "it has no id_token; the scope openid must be granted to the client",
        ))?,
        access_token: token("access_token")
            .map(owned)
            .ok_or(Refusal::TokenAnswer("it has no access_token"))?,
        refresh_token: match members.get("refresh_token") {
            None | Some(Value::Null) => None,
            Some(_) => Some(
                token("refresh_token")
                    .map(owned)
                    .ok_or(Refusal::TokenAnswer("its refresh_token is none"))?,
            ),
        },
        expires_in: match members.get("expires_in") {
            Some(Value::Integer(seconds)) => u64::try_from(*seconds).ok(),
            // RFC 6749 asks for a number; some write it as a text.
            Some(Value::Text(text)) => text.parse().ok(),
            _ => None,
        },
    })
}

/// A provider's word for why, as far as it is one (RFC 6749 section 4.1.2.1): it goes into
/// messages, and comes from outside.
pub(super) fn word(error: &str) -> String {
    let clean = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if (1..=40).contains(&error.len()) && error.bytes().all(clean) {
        error.to_owned()
    } else {
        "something that is no error of OAuth".to_owned()
    }
}

/// Whether this may be a code or token: visible ASCII (RFC 6749 appendix A), not empty.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
