//! What the browser is asked, in the JSON forms of WebAuthn Level 3 sections 5.1.9 and 5.1.10.

use super::{Credential, Models, Settings};
use crate::pki::UserId;
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

/// How long the browser waits, in milliseconds.
const TIMEOUT: u64 = 5 * 60 * 1000;

/// PublicKeyCredentialRequestOptionsJSON.
pub(super) fn request(settings: &Settings, challenge: &[u8], known: &[Credential]) -> String {
    json!({
        "challenge": encoded(challenge),
        "timeout": TIMEOUT,
        "rpId": settings.id,
        "allowCredentials": descriptors(known),
        "userVerification": "required",
    })
    .to_string()
}

/// PublicKeyCredentialCreationOptionsJSON.
pub(super) fn creation(
    settings: &Settings,
    challenge: &[u8],
    (person, user_handle): (&UserId, &[u8]),
    known: &[Credential],
) -> String {
    let shown = !settings.attestation_roots.is_empty() || settings.models != Models::Any;
    let algorithms = settings.algorithms.iter();
    let parameters = algorithms.map(|one| json!({"type": "public-key", "alg": one.number()}));
    json!({
        "rp": {"id": settings.id, "name": settings.name},
        "user": {
            "id": encoded(user_handle),
            "name": person.as_str(),
            "displayName": person.as_str(),
        },
        "challenge": encoded(challenge),
        "pubKeyCredParams": parameters.collect::<Vec<_>>(),
        "timeout": TIMEOUT,
        "excludeCredentials": descriptors(known),
        "authenticatorSelection": {
            "residentKey": "preferred",
            "requireResidentKey": false,
            "userVerification": "required",
        },
        "attestation": if shown { "direct" } else { "none" },
    })
    .to_string()
}

fn descriptors(known: &[Credential]) -> Vec<Value> {
    known.iter().map(|one| json!({"type": "public-key", "id": encoded(&one.id)})).collect()
}

fn encoded(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
