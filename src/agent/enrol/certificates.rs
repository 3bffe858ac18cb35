//! Which certificates are those of enrolled keys: key, person, usage, profile, path, dates. Every
//! problem is told, none with a person's number.

use crate::{
    agent::{Error, gate::slot_name},
    card::{KeySlot, WaitingKey},
    clock::Time,
    derive,
    pki::{self, Certificate, UserId},
};

/// A certificate with what stands above it.
pub(super) type Path = (Certificate, Vec<Certificate>);

/// The most certificates of a path.
const LONGEST: usize = 8;

/// One certificate with its path for each key that waits.
pub(super) fn for_waiting(
    person: &UserId,
    keys: &[WaitingKey],
    given: &[Certificate],
    roots: &[Certificate],
    now: Time,
) -> Result<Vec<Path>, Error> {
    let (authorities, own): (Vec<_>, Vec<_>) =
        given.iter().cloned().partition(Certificate::is_authority);
    let (mut problems, mut paths) = (Vec::new(), Vec::new());
    for (number, certificate) in own.iter().enumerate() {
        let waits = keys.iter().any(|key| key.request.public_key() == certificate.public_key());
        if !waits {
            problems
                .push(format!("certificate {}: it is for a key that does not wait", number + 1));
        }
    }
    for key in keys {
        let name = slot_name(key.slot);
        let mut mine = own.iter().filter(|it| it.public_key() == key.request.public_key());
        match (mine.next(), mine.next()) {
            (None, _) => problems.push(format!("{name}: no certificate is for this key")),
            (Some(_), Some(_)) => problems.push(format!("{name}: several certificates are for it")),
            (Some(certificate), None) => {
                let chain = path(certificate, &authorities, roots);
                let mut found = faults(certificate, person, key.slot, &chain, roots, now);
                if certificate.subject_text() != key.request.subject_text() {
                    found.push("its subject is not the one that was asked for".to_owned());
                }
                problems.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
                paths.push((certificate.clone(), chain));
            }
        }
    }
    if problems.is_empty() { Ok(paths) } else { Err(Error::Certificates(problems)) }
}

/// All that is wrong with a certificate for this slot of this person's card.
pub(super) fn faults(
    certificate: &Certificate,
    person: &UserId,
    slot: KeySlot,
    chain: &[Certificate],
    roots: &[Certificate],
    now: Time,
) -> Vec<String> {
    let mut faults = Vec::new();
    if certificate.user_id().as_ref() != Some(person) {
        faults.push("it is not this person's".to_owned());
    }
    if !derive::usage_fits(certificate, slot) {
        let wanted = match slot {
            KeySlot::Authentication => "digitalSignature and not nonRepudiation",
            KeySlot::ContentCommitment => "nonRepudiation and not digitalSignature",
        };
        faults.push(format!("its keyUsage must say {wanted}"));
    }
    let path = [std::slice::from_ref(certificate), chain].concat();
    if let Err(error) = pki::validate(&path, roots, &[], now) {
        faults.push(format!("it does not validate (0 is the certificate, 1 its issuer): {error}"));
    }
    faults
}

/// What leads from a certificate towards a root, as far as it is there.
pub(super) fn path(
    certificate: &Certificate,
    authorities: &[Certificate],
    roots: &[Certificate],
) -> Vec<Certificate> {
    let mut chain: Vec<Certificate> = Vec::new();
    while chain.len() < LONGEST {
        let last = chain.last().unwrap_or(certificate);
        if roots.contains(last) || roots.iter().any(|root| issued(root, last)) {
            break;
        }
        let next = authorities.iter().find(|next| issued(next, last) && !chain.contains(next));
        match next {
            Some(next) => chain.push(next.clone()),
            None => break,
        }
    }
    chain
}

fn issued(issuer: &Certificate, certificate: &Certificate) -> bool {
    issuer.subject_der() == certificate.issuer_der()
        && certificate.verify_signed_by(issuer.public_key()).is_ok()
}
