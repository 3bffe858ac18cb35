//! What a `[[provider]]` table says of the client that signs people in.

use super::{
    document::{At, Section},
    provider::duration,
};
use crate::{
    crypto::PrivateKey,
    proof::oidc::{Authentication, Bind, Client, Preset},
    secret::Secret,
};
use std::{
    io::Read as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

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
    client.authentication = authentication(section, folder)?;
    Some(client)
}

/// How the client shows who it is: as named, else as the file that is there suggests.
fn authentication(section: &Section<'_, '_>, folder: &Path) -> Option<Authentication> {
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
    let missing = |key: &str| {
        section.problem(line, key, "missing; the way that the client is registered needs it");
        None
    };
    match method {
        "none" => Some(Authentication::None),
        "client_secret_basic" | "client_secret_post" => {
            let Some(at) = secret else { return missing("client_secret_file") };
            let secret = read(section, "client_secret_file", &at, folder)?;
            Some(match method {
                "client_secret_basic" => Authentication::SecretBasic(secret),
                _ => Authentication::SecretPost(secret),
            })
        }
        "private_key_jwt" => {
            let Some(at) = key else { return missing("client_key_file") };
            let pem = read(section, "client_key_file", &at, folder)?;
            let key = private_key(&pem);
            if key.is_none() {
                let text = "not a private key in PEM (BEGIN PRIVATE KEY) of RSA-2048 to 4096, \
                            P-256 or P-384: openssl genpkey -algorithm EC -pkeyopt \
                            ec_paramgen_curve:P-256";
                section.problem(at.line, "client_key_file", text);
            }
            Some(Authentication::PrivateKeyJwt { key: key?, key_id, algorithm, audience })
        }
        _ => {
            let text = "write \"none\", \"client_secret_basic\", \"client_secret_post\" or \
                        \"private_key_jwt\"";
            section.problem(line, "client_authentication", text);
            None
        }
    }
}

fn private_key(pem: &Secret) -> Option<PrivateKey> {
    let text = std::str::from_utf8(pem.expose()).ok()?;
    let (label, document) = der::SecretDocument::from_pem(text).ok()?;
    let der = Secret::copied_from(document.as_bytes());
    (label == "PRIVATE KEY").then(|| PrivateKey::from_pkcs8(&der).ok()).flatten()
}

/// What a file of the agent's own holds, without the end of its last line.
fn read(section: &Section<'_, '_>, key: &str, at: &At<String>, folder: &Path) -> Option<Secret> {
    let path = folder.join(&at.value);
    let found = own_file(&path).map_err(|why| {
        section.problem(at.line, key, &format!("{} {why}", path.display()));
    });
    let found = found.ok()?;
    let line = found.expose().strip_suffix(b"\n").unwrap_or(found.expose());
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        section.problem(at.line, key, &format!("{} is empty", path.display()));
        return None;
    }
    Some(Secret::copied_from(line))
}

fn own_file(path: &Path) -> Result<Secret, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let mut options = std::fs::File::options();
    let mut file = options.read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(cannot)?;
    let found = file.metadata().map_err(cannot)?;
    let own = rustix::process::geteuid().as_raw();
    if !found.is_file() {
        return Err("is not a file".to_owned());
    }
    if found.mode() & 0o077 != 0 || (found.uid() != own && found.uid() != 0) {
        return Err("is open to others; chmod 600, and chown it to this user".to_owned());
    }
    let length = usize::try_from(found.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| "is longer than any secret or key".to_owned())?;
    Secret::filled(length, |bytes| file.read_exact(bytes)).map_err(cannot)
}

/// An RSA key of 4096 bits in PEM has 3.2 KiB.
const LONGEST: usize = 16 << 10;
