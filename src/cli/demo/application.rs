//! A legacy CIS1 application: loads a PKCS#11 module and does what the known clients do, in their
//! order (first slot whether or not a token is present, read-write session, key by CKA_DECRYPT, id
//! from the certificate's third RDN, SHA-1 challenge response as CMS).

use super::Outcome;
use crate::pki::{Certificate, cms};
use base64ct::{Base64, Encoding};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::RvError,
    mechanism::Mechanism,
    object::{Attribute, AttributeType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    types::AuthPin,
};
use std::{
    io::{BufRead, Write, stdin},
    path::PathBuf,
    time::Instant,
};
use zeroize::Zeroizing;

/// Arguments of the application's process.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ApplicationArgs {
    /// The PKCS#11 module to load.
    module: PathBuf,
}

/// Reads the passcode and the challenge (Base64) from standard input, writes what it does as lines
/// that begin with `- `, then the response (Base64 of the S/MIME text), then waits for a line and
/// tells what became of the card.
pub(super) fn run(args: &ApplicationArgs, out: &mut dyn Write) -> Outcome {
    let mut say = |line: &str| writeln!(out, "{line}");
    let mut lines = stdin().lock().lines();
    let passcode = Zeroizing::new(lines.next().ok_or("no passcode on standard input")??);
    let challenge = Base64::decode_vec(&lines.next().ok_or("no challenge on standard input")??)?;

    let module = Pkcs11::new(&args.module)?;
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let slot = *module.get_all_slots()?.first().ok_or("the module has no slot")?;
    say(&format!(
        "- process {} loaded {}, first slot: {}",
        std::process::id(),
        args.module.file_name().unwrap_or_default().to_string_lossy(),
        module.get_slot_info(slot)?.slot_description().trim()
    ))?;
    let session = module.open_rw_session(slot)?;
    session.login(UserType::User, Some(&AuthPin::new(passcode.as_str().into())))?;
    let label = module.get_token_info(slot)?.label().trim().to_owned();
    say(&format!("- passcode accepted by the card \"{label}\""))?;

    let key = decrypting_key(&session)?;
    let certificate = certificate_of(&session, key)?;
    let person = certificate.user_id().ok_or("the third RDN of the subject is no user id")?;
    say(&format!("- key by CKA_DECRYPT, {} ({person})", certificate.subject_text()))?;

    let begun = Instant::now();
    let signed_data = cms::challenge_response(&certificate, &challenge, |message| {
        session.sign(&Mechanism::Sha1RsaPkcs, key, message)
    })??;
    say(&format!("- challenge signed in {:.1} ms", begun.elapsed().as_secs_f64() * 1e3))?;
    say(&Base64::encode_string(cms::smime(&signed_data).as_bytes()))?;

    if lines.next().is_some() {
        say(&after_removal(&session, key)?)?;
    }
    Ok(())
}

/// The authentication key is the one private key that decrypts.
fn decrypting_key(session: &Session) -> Outcome<ObjectHandle> {
    let keys = session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)])?;
    for key in keys {
        let attributes = session.get_attributes(key, &[AttributeType::Decrypt])?;
        if attributes.contains(&Attribute::Decrypt(true)) {
            return Ok(key);
        }
    }
    Err("no private key has CKA_DECRYPT".into())
}

/// The certificate with the key's CKA_ID; the public key must have it too.
fn certificate_of(session: &Session, key: ObjectHandle) -> Outcome<Certificate> {
    let id = session.get_attributes(key, &[AttributeType::Id])?;
    let one = |class: ObjectClass| -> Outcome<ObjectHandle> {
        let mut template = vec![Attribute::Class(class)];
        template.extend(id.iter().cloned());
        let found = session.find_objects(&template)?;
        Ok(*found.first().ok_or_else(|| format!("no {class} has the key's CKA_ID"))?)
    };
    one(ObjectClass::PUBLIC_KEY)?;
    let certificate = one(ObjectClass::CERTIFICATE)?;
    match session.get_attributes(certificate, &[AttributeType::Value])?.first() {
        Some(Attribute::Value(der)) => Ok(Certificate::from_der(der)?),
        _ => Err("the certificate has no CKA_VALUE".into()),
    }
}

/// What a legacy application sees when the person has gone.
fn after_removal(session: &Session, key: ObjectHandle) -> Outcome<String> {
    match session.sign(&Mechanism::Sha1RsaPkcs, key, b"another challenge") {
        Ok(_) => Err("the card still signs after its removal".into()),
        Err(cryptoki::error::Error::Pkcs11(
            code @ (RvError::DeviceRemoved
            | RvError::TokenNotPresent
            | RvError::SessionHandleInvalid
            | RvError::SessionClosed),
            _,
        )) => Ok(format!("notices: the next signature ends with {code:?}, and nothing is signed")),
        Err(error) => Err(format!("the card's removal shows as {error}").into()),
    }
}
