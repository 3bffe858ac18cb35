//! A derivation in progress.

use super::{Refusal, warm::Pool};
use crate::{
    card::KeySlot,
    clock::Time,
    crypto::PrivateKey,
    pki::{CertificationRequest, UserId},
    proof::Nonce,
};
use std::sync::Arc;

/// A derivation in progress: keys made, waiting for a proof bound to its nonce. Dropping it erases
/// the keys.
#[derive(Debug)]
pub struct Request {
    keys: Keys,
    requests: Requests,
    nonce: Nonce,
    expires: Time,
    maker: Arc<()>,
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
        Ok(Self { keys, requests, nonce, expires, maker: Arc::clone(maker) })
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
    pub(super) fn slots(&self) -> impl Iterator<Item = KeySlot> {
        self.keys.iter().map(|(slot, _)| *slot)
    }

    /// Whether that deriver made it.
    pub(super) fn is_of(&self, maker: &Arc<()>) -> bool {
        Arc::ptr_eq(&self.maker, maker)
    }

    /// The keys and their requests.
    pub(super) fn into_parts(self) -> (Keys, Requests) {
        (self.keys, self.requests)
    }
}
