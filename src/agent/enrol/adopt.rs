//! A card that a registration tool filled through PKCS#11, enrolled by its passcode.

use super::{
    EnrolmentInfo,
    certificates::{faults, path},
    entry,
};
use crate::{
    agent::{
        Error,
        core::Core,
        gate::{AuditGate, slot_name},
        serve,
    },
    card::{Caller, CardId, EnrolledKey, EnrolledLogin, Gate, KeySlot, PrivateObject, Record},
    derive::usage_fits,
    pkcs11::{certificate_of, is_local},
    pki::{Certificate, UserId},
    secret::Secret,
};
use std::sync::{Arc, atomic::Ordering};

const SLOTS: [KeySlot; 2] = [KeySlot::Authentication, KeySlot::ContentCommitment];

impl Core {
    pub(in crate::agent) fn adopt(
        &self,
        id: CardId,
        person: &UserId,
        passcode: &Secret,
        (chain, by): (&[Certificate], &str),
    ) -> Result<EnrolmentInfo, Error> {
        let shelf = self.shelf()?;
        let roots = self.roots()?;
        self.may_be_enrolled(person)?;
        let cards = shelf.cards()?;
        let card = cards.iter().find(|card| card.id() == id).ok_or(Error::UnknownCard)?;
        let caller = Caller {
            uid: Some(crate::secret::User::own()),
            pid: Some(std::process::id()),
            executable: std::env::current_exe().ok(),
            logon: None,
            connection: serve::OWN_CONNECTIONS | self.own.fetch_add(1, Ordering::Relaxed),
            reader: None,
        };
        let gate: Arc<dyn Gate> = Arc::<AuditGate>::clone(&self.gate);
        let login: EnrolledLogin = card.verify(passcode.expose(), &*gate, &caller)?;
        let held = card.private_keys(&login)?;
        let records = card.records(Some(&login))?;
        let there: Vec<Certificate> = records
            .iter()
            .filter_map(certificate_of)
            .filter_map(|der| Certificate::from_der(&der).ok())
            .collect();
        let all = [&there, chain].concat();
        let (authorities, own): (Vec<_>, Vec<_>) =
            all.into_iter().partition(Certificate::is_authority);
        let (mut keys, mut problems) = (Vec::new(), Vec::new());
        for slot in SLOTS {
            let Some((certificate, key)) = latest(slot, &own, &held) else { continue };
            let chain = path(certificate, &authorities, roots);
            let found = faults(certificate, person, slot, &chain, roots, self.clock.now());
            let name = slot_name(slot);
            problems.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
            keys.push(EnrolledKey {
                slot,
                object: key.number,
                local: local(&records, key.number),
                certificate: certificate.clone(),
                chain,
            });
        }
        if keys.is_empty() {
            problems.push(
                "no key on the card has a certificate there whose keyUsage says what it is for; \
                 write the certificates to the card first"
                    .to_owned(),
            );
        }
        if !problems.is_empty() {
            return Err(Error::Certificates(problems));
        }
        let now = self.clock.now();
        let done = shelf.adopt(card, &login, person, keys, (by, now))?;
        self.recorded(entry("enrolled", &done, by), || shelf.end_enrolment(person))?;
        Ok(self.about(&done))
    }
}

/// The certificate for this slot that ends last, of those whose key is on the card.
fn latest<'a>(
    slot: KeySlot,
    own: &'a [Certificate],
    held: &'a [PrivateObject],
) -> Option<(&'a Certificate, &'a PrivateObject)> {
    let fitting = own.iter().filter(|certificate| usage_fits(certificate, slot));
    let paired = fitting.filter_map(|certificate| {
        let key = held.iter().find(|key| key.public == *certificate.public_key())?;
        Some((certificate, key))
    });
    paired.max_by_key(|(certificate, _)| certificate.not_after())
}

fn local(records: &[Record], number: u64) -> bool {
    records.iter().any(|record| record.number == number && is_local(record))
}
