//! Release: enrolled keys in the place of fresh ones.

use super::{Deriver, Refusal, Request, Way};
use crate::{
    card::{CardId, CardKey, EnrolledKey, Enrolment, EnrolmentFault, KeySlot, Shelf},
    clock::Time,
    pki::UserId,
};
use std::sync::Arc;

impl Deriver {
    /// The same deriver, which releases the enrolled cards of `shelf` where the policy says so.
    #[must_use]
    pub fn with_shelf(mut self, shelf: Arc<Shelf>) -> Self {
        self.shelf = Some(shelf);
        self
    }

    /// Begins the release of a person's enrolled keys: a nonce over those that the policy allows.
    /// No key is made and none opened. The proof goes to [`Deriver::derive`], and must be this
    /// person's.
    ///
    /// # Errors
    /// [`Refusal::ReleaseOff`], [`Refusal::NotEnrolled`], [`Refusal::CertificatesOver`],
    /// [`Refusal::Enrolment`] while certificates are awaited, [`Refusal::CisOneEnded`]; the store.
    pub fn request_release(&self, person: &UserId) -> Result<Request, Refusal> {
        let now = self.clock.now();
        self.policy.not_ended(now)?;
        let of = self.releasing()?.enrolment(person)?.ok_or(Refusal::NotEnrolled)?;
        let slots = self.released_slots(&of, now)?;
        let expires = now.plus(self.policy.request_life);
        Request::for_release(of, slots, &self.identity, expires)
    }

    /// The slots of an enrolment that the policy allows, all of them certified now.
    fn released_slots(&self, of: &Enrolment, now: Time) -> Result<Vec<KeySlot>, Refusal> {
        let certified = of.certified.as_ref().ok_or(EnrolmentFault::Uncertified)?;
        let allowed = self.policy.slots();
        let keys = certified.keys.iter().filter(|key| allowed.contains(&key.slot));
        let keys: Vec<&EnrolledKey> = keys.collect();
        if keys.is_empty() {
            return Err(Refusal::NotEnrolled);
        }
        // The last second is valid to its end.
        let valid = |key: &&EnrolledKey| {
            let certificate = &key.certificate;
            certificate.not_before() <= now
                && now.unix_seconds() <= certificate.not_after().unix_seconds()
        };
        if !keys.iter().all(valid) {
            return Err(Refusal::CertificatesOver);
        }
        Ok(keys.iter().map(|key| key.slot).collect())
    }

    /// A working copy of enrolled keys, how it came to be, and the card that it is of.
    pub(super) fn released(
        &self,
        of: &Enrolment,
        slots: &[KeySlot],
    ) -> Result<(Vec<CardKey>, Way, CardId), Refusal> {
        let keys = self.releasing()?.release(of, slots)?;
        self.note_given_out(&keys);
        let certified = of.certified.as_ref().ok_or(EnrolmentFault::Uncertified)?;
        let mut released = certified.keys.iter().filter(|key| slots.contains(&key.slot));
        let local = released.all(|key| key.local);
        let way = if local { Way::Released } else { Way::ReleasedImported };
        Ok((keys, way, certified.card))
    }

    fn releasing(&self) -> Result<&Shelf, Refusal> {
        let shelf = self.shelf.as_deref().filter(|shelf| self.policy.release && shelf.releases());
        shelf.ok_or(Refusal::ReleaseOff)
    }
}
