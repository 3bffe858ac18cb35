//! What a `[[provider]]` table says of the client that signs people in.

mod credential;

use super::{
    document::{At, Section},
    provider::duration,
};
use crate::proof::oidc::{Authentication, Bind, Client, Credential, Preset};
use credential::{InFile, Kind};
use std::{path::Path, sync::Arc};

/// The client; `None` where a problem has been noted.
pub(super) fn client(
    section: &Section<'_, '_>,
    preset: Option<Preset>,
    folder: &Path,
) -> Option<Client> {
    let mut client = Client::default();
    if let Some(preset) = preset {
        client.acr_values = preset.acr_values.iter().map(|word| (*word).to_owned()).collect();
    }
    let texts = |key, place: &mut Vec<String>| {
        if let Some(at) = section.texts(key) {
            *place = at.value;
        }
    };
    texts("scopes", &mut client.scopes);
    texts("acr_values", &mut client.acr_values);
    let text = |key| section.text(key).map(|at| at.value);
    client.max_age = section.text("max_age").and_then(|at| duration(section, "max_age", &at));
    client.prompt = text("prompt");
    client.userinfo = section.flag("userinfo").is_some_and(|at| at.value);
    client.authorization_endpoint = text("authorization_endpoint");
    client.token_endpoint = text("token_endpoint");
    client.userinfo_endpoint = text("userinfo_endpoint");
    if let Some(At { line, value }) = section.text("bind_by") {
        match value.as_str() {
            "nonce" => client.bind = Bind::Nonce,
            "state" => client.bind = Bind::State,
            _ => section.problem(line, "bind_by", "write \"nonce\" or \"state\""),
        }
    }
    (client.authentication, client.credential) = authentication(section, folder)?;
    Some(client)
}

/// How the client shows who it is: as named, else as the file that is there suggests.
fn authentication(
    section: &Section<'_, '_>,
    folder: &Path,
) -> Option<(Authentication, Option<Arc<dyn Credential>>)> {
    let named = section.text("client_authentication");
    let secret = section.text("client_secret_file");
    let key = section.text("client_key_file");
    let (key_id, algorithm, audience) = (
        section.text("client_key_id").map(|at| at.value),
        section.text("client_algorithm").map(|at| at.value),
        section.text("client_audience").map(|at| at.value),
    );
    let method = match (&named, &secret, &key) {
        (Some(at), _, _) => at.value.as_str(),
        (None, Some(_), None) => "client_secret_basic",
        (None, None, Some(_)) => "private_key_jwt",
        (None, None, None) => "none",
        (None, Some(_), Some(at)) => {
            section.problem(at.line, "client_key_file", "write either a secret or a key, not both");
            return None;
        }
    };
    let line = named.as_ref().map_or(section.line, |at| at.line);
    let (key_name, file, kind) = match method {
        "none" => return Some((Authentication::None, None)),
        "client_secret_basic" => ("client_secret_file", secret, Kind::SecretBasic),
        "client_secret_post" => ("client_secret_file", secret, Kind::SecretPost),
        "private_key_jwt" => ("client_key_file", key, Kind::Key { key_id, algorithm, audience }),
        _ => {
            let text = "write \"none\", \"client_secret_basic\", \"client_secret_post\" or \
                        \"private_key_jwt\"";
            section.problem(line, "client_authentication", text);
            return None;
        }
    };
    let Some(at) = file else {
        let text = "missing; the way that the client is registered needs it";
        section.problem(line, key_name, text);
        return None;
    };
    let path = folder.join(&at.value);
    match InFile::new(path.clone(), kind) {
        Ok(file) => Some((file.now(), Some(Arc::new(file)))),
        Err(why) => {
            section.problem(at.line, key_name, &format!("{} {why}", path.display()));
            None
        }
    }
}
