//! `wardcard card-proof`: has an existing card sign a request's challenge through its own PKCS#11
//! middleware, in this process and no other: what is loaded here never meets an agent's keys.

use super::Outcome;
use crate::{
    crypto::{self, Hash, KeyKind},
    pki::{Certificate, Usage},
    proof::x509,
    secret::Secret,
};
use base64ct::{Base64, Encoding};
use clap::Args;
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    mechanism::Mechanism,
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    types::AuthPin,
};
use std::{io::Write, path::PathBuf};

/// Arguments of `wardcard card-proof`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The PKCS#11 module of the card's middleware
    #[arg(long)]
    module: PathBuf,
    /// The nonce of the request
    // One of 64 begins with a hyphen (base64url).
    #[arg(long, allow_hyphen_values = true)]
    nonce: String,
    /// The token's label, where more than one is there
    #[arg(long)]
    token: Option<String>,
    /// File with the card's passcode, - for standard input
    #[arg(long, default_value = "-")]
    passcode_file: PathBuf,
}

/// Writes the evidence as `wardcard host prove-by` and the host protocol take it.
pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let passcode = super::host::line_of(&arguments.passcode_file)?;
    let module = Pkcs11::new(&arguments.module)?;
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let session = open(&module, arguments.token.as_deref(), &passcode)?;
    let (key, certificate) = authentication_key(&session)?;
    let challenge = x509::challenge(&arguments.nonce);
    let (scheme, signature) = sign(&session, key, certificate.public_key().kind(), &challenge)?;
    let mut certificates = certificate.to_pem();
    for issuer in issuers(&session, &certificate)? {
        certificates.push_str(&issuer.to_pem());
    }
    let answer = serde_json::json!({
        "scheme": scheme,
        "signature": Base64::encode_string(&signature),
        "certificates": certificates,
    });
    writeln!(out, "{}", serde_json::json!({ "certificate": answer.to_string() }))?;
    Ok(())
}

fn open(module: &Pkcs11, label: Option<&str>, passcode: &Secret) -> Outcome<Session> {
    let mut slots = Vec::new();
    for slot in module.get_slots_with_token()? {
        let token = module.get_token_info(slot)?;
        if token.token_initialized() && label.is_none_or(|label| token.label().trim() == label) {
            slots.push(slot);
        }
    }
    let slot = match slots.as_slice() {
        [one] => *one,
        [] => return Err("the module shows no such card; put it in, or name its --token".into()),
        _ => return Err("the module shows more than one card; name one by --token".into()),
    };
    let session = module.open_ro_session(slot)?;
    let passcode = std::str::from_utf8(passcode.expose()).map_err(|_| "the passcode is no text")?;
    session.login(UserType::User, Some(&AuthPin::new(passcode.into())))?;
    Ok(session)
}

/// The private key whose certificate signs people in, and not only documents.
fn authentication_key(session: &Session) -> Outcome<(ObjectHandle, Certificate)> {
    for certificate in session.find_objects(&[Attribute::Class(ObjectClass::CERTIFICATE)])? {
        let Some(read) = read(session, certificate)? else { continue };
        if read.is_authority() || !read.has_key_usage() || !read.allows(Usage::DigitalSignature) {
            continue;
        }
        let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
        template.extend(session.get_attributes(certificate, &[AttributeType::Id])?);
        if let Some(key) = session.find_objects(&template)?.first() {
            return Ok((*key, read));
        }
    }
    Err("the card has no private key with a certificate for signing in".into())
}

/// The authorities above a certificate, as far as the card has them.
fn issuers(session: &Session, leaf: &Certificate) -> Outcome<Vec<Certificate>> {
    let mut all = Vec::new();
    for object in session.find_objects(&[Attribute::Class(ObjectClass::CERTIFICATE)])? {
        all.extend(read(session, object)?.filter(Certificate::is_authority));
    }
    let mut chain: Vec<Certificate> = Vec::new();
    for _ in 0..all.len() {
        let last = chain.last().unwrap_or(leaf);
        let issues = |one: &&Certificate| {
            one.subject_der() == last.issuer_der() && one.subject_der() != one.issuer_der()
        };
        match all.iter().find(issues) {
            Some(next) if !chain.contains(next) => chain.push(next.clone()),
            _ => break,
        }
    }
    Ok(chain)
}

/// A certificate of the card; none for what is none that is known here.
fn read(session: &Session, object: ObjectHandle) -> Outcome<Option<Certificate>> {
    match session.get_attributes(object, &[AttributeType::Value])?.first() {
        Some(Attribute::Value(der)) => Ok(Certificate::from_der(der).ok()),
        _ => Ok(None),
    }
}

/// Scheme and signature: SHA-256 by the card where it can, else over the digest made here.
fn sign(
    session: &Session,
    key: ObjectHandle,
    kind: KeyKind,
    challenge: &[u8],
) -> Outcome<(&'static str, Vec<u8>)> {
    let (scheme, hash) = match kind {
        KeyKind::P256 => ("ES256", Hash::Sha256),
        KeyKind::P384 => ("ES384", Hash::Sha384),
        KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => {
            return Ok(("RS256", session.sign(&Mechanism::Sha256RsaPkcs, key, challenge)?));
        }
    };
    let digest = crypto::digest(hash, challenge);
    Ok((scheme, session.sign(&Mechanism::Ecdsa, key, &digest)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn a_nonce_may_begin_with_a_hyphen() {
        let line = ["card-proof", "--module", "card.so", "--nonce", "-K_x", "--token", "one"];
        let Line { arguments } = Line::try_parse_from(line).unwrap();
        assert_eq!((arguments.nonce.as_str(), arguments.token.as_deref()), ("-K_x", Some("one")));
    }
}
