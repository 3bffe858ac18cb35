//! A derivation or a release in progress.

use super::{Refusal, warm::Pool};
use crate::{
    card::{Enrolment, KeySlot},
    clock::Time,
    crypto::PrivateKey,
    pki::{CertificationRequest, UserId},
    proof::Nonce,
};
use std::sync::Arc;

/// A derivation or a release in progress, waiting for a proof bound to its nonce: with keys that
/// were made for it, or the enrolment whose keys are asked for. Dropping it erases fresh keys;
/// enrolled ones are not opened before the proof.
#[derive(Debug)]
pub struct Request {
    work: Work,
    nonce: Nonce,
    expires: Time,
    maker: Arc<()>,
    /// The account of the seat that the card is for, where accounts bind.
    account: Option<String>,
}

/// What is asked for.
#[derive(Debug)]
pub(super) enum Work {
    /// To certify fresh keys.
    Fresh { keys: Keys, requests: Requests },
    /// To release the keys of these slots, as they were enrolled when this was asked.
    Enrolled { of: Box<Enrolment>, slots: Vec<KeySlot> },
}

/// The keys in their slots.
pub(super) type Keys = Vec<(KeySlot, PrivateKey)>;
/// The PKCS#10 request of each key.
pub(super) type Requests = Vec<(KeySlot, Vec<u8>)>;

/// The subject of the PKCS#10 requests. They are made before anybody has signed in, so that only
/// the issuing is left to do afterwards; the issuer names the person from the assurance.
const NOBODY: &str = "000000000000";

impl Request {
    /// Takes a key for each slot.
    pub(super) fn make(
        slots: Vec<KeySlot>,
        pool: &Pool,
        maker: &Arc<()>,
        expires: Time,
    ) -> Result<Self, Refusal> {
        let nobody = UserId::parse(NOBODY)
            .ok_or(Refusal::Requests(crate::pki::Error::Malformed("user id")))?;
        let mut keys = Keys::new();
        let mut requests = Requests::new();
        for slot in slots {
            let key = pool.take()?;
            let request = CertificationRequest::new(&nobody, &key).map_err(Refusal::Requests)?;
            requests.push((slot, request.der().to_vec()));
            keys.push((slot, key));
        }
        let spkis: Vec<&[u8]> = keys.iter().map(|(_, key)| key.public().spki()).collect();
        let nonce = Nonce::new(&spkis)?;
        let work = Work::Fresh { keys, requests };
        Ok(Self { work, nonce, expires, maker: Arc::clone(maker), account: None })
    }

    /// Asks for the keys of an enrolment in these slots; none is opened.
    pub(super) fn for_release(
        of: Enrolment,
        slots: Vec<KeySlot>,
        maker: &Arc<()>,
        expires: Time,
    ) -> Result<Self, Refusal> {
        let keys = of.certified.iter().flat_map(|certified| &certified.keys);
        let keys = keys.filter(|key| slots.contains(&key.slot));
        let spkis: Vec<&[u8]> = keys.map(|key| key.certificate.public_key().spki()).collect();
        let nonce = Nonce::new(&spkis)?;
        let work = Work::Enrolled { of: Box::new(of), slots };
        Ok(Self { work, nonce, expires, maker: Arc::clone(maker), account: None })
    }

    /// The same, for the seat of this account alone: a person whom the roster binds to another one
    /// gets no card.
    #[must_use]
    pub fn at_account(mut self, account: Option<String>) -> Self {
        self.account = account;
        self
    }

    /// The account of the seat, where accounts bind.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Whether enrolled keys are asked for.
    pub(super) fn is_release(&self) -> bool {
        matches!(self.work, Work::Enrolled { .. })
    }

    /// The nonce that the proof has to carry.
    pub fn nonce(&self) -> &str {
        self.nonce.as_str()
    }

    /// Until when it waits.
    pub fn expires(&self) -> Time {
        self.expires
    }

    /// The nonce as the proof is verified against it.
    pub(super) fn bound_nonce(&self) -> &Nonce {
        &self.nonce
    }

    /// Its slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = KeySlot> + use<> {
        let slots: Vec<KeySlot> = match &self.work {
            Work::Fresh { keys, .. } => keys.iter().map(|(slot, _)| *slot).collect(),
            Work::Enrolled { slots, .. } => slots.clone(),
        };
        slots.into_iter()
    }

    /// Whether this person may have what is asked for: fresh keys are whoever's the proof is,
    /// enrolled ones one person's.
    pub(super) fn is_for(&self, person: &UserId) -> Result<(), Refusal> {
        match &self.work {
            Work::Enrolled { of, .. } if of.person != *person => Err(Refusal::OtherPerson),
            Work::Enrolled { .. } | Work::Fresh { .. } => Ok(()),
        }
    }

    /// The request without the keys of other slots, which are erased.
    pub(super) fn only(mut self, wanted: &[KeySlot]) -> Self {
        match &mut self.work {
            Work::Fresh { keys, requests } => {
                keys.retain(|(slot, _)| wanted.contains(slot));
                requests.retain(|(slot, _)| wanted.contains(slot));
            }
            Work::Enrolled { slots, .. } => slots.retain(|slot| wanted.contains(slot)),
        }
        self
    }

    /// Whether that deriver made it.
    pub(super) fn is_of(&self, maker: &Arc<()>) -> bool {
        Arc::ptr_eq(&self.maker, maker)
    }

    /// What is asked for.
    pub(super) fn into_work(self) -> Work {
        self.work
    }
}
