//! From a request to a card: the verbs that begin, prove and give up.

use super::{
    super::{CardInfo, Error, Mode, Pending, RequestId, Seat, audit::Entry},
    Core,
    held::{Held, Waiting, with_seat},
    locked,
};
use crate::{
    card::Card,
    clock::Time,
    crypto,
    derive::{Derived, Deriver, Evidence, PasscodeSource, Refusal, Request},
    pki::UserId,
};

impl Core {
    pub(in crate::agent) fn request(&self, seat: Seat) -> Result<Pending, Error> {
        self.begin(seat, Deriver::request)
    }

    pub(in crate::agent) fn request_release(
        &self,
        seat: Seat,
        person: &UserId,
    ) -> Result<Pending, Error> {
        self.begin(seat, |deriver| deriver.request_release(person))
    }

    fn begin(
        &self,
        seat: Seat,
        make: impl FnOnce(&Deriver) -> Result<Request, Refusal>,
    ) -> Result<Pending, Error> {
        self.running()?;
        let own = rustix::process::geteuid().as_raw();
        if self.config.mode == Mode::Personal && seat.uid != own {
            return Err(Error::Seat);
        }
        // One user, one card, whatever session it is used from: its connections are shown no other.
        let seat = match self.config.mode {
            Mode::Personal => Seat::user(seat.uid),
            Mode::Ward => seat,
        };
        if seat.logon.as_ref().is_some_and(|logon| logon.is_empty() || logon.len() > 256) {
            return Err(Error::Logon);
        }
        self.reap();
        let most = self.config.limits.requests;
        if locked(&self.requests).len() >= most {
            return Err(Error::Limit("requests that wait for their proofs"));
        }
        let request = make(&self.deriver)?;
        let mut id = [0; 16];
        crypto::random(&mut id)?;
        let id = RequestId::of(&id);
        let (nonce, expires) = (request.nonce().to_owned(), request.expires());
        let mut requests = locked(&self.requests);
        if requests.len() >= most {
            return Err(Error::Limit("requests that wait for their proofs"));
        }
        requests.insert(id.clone(), Waiting { request, seat });
        drop(requests);
        self.alarm.ring(|reasons| reasons.sooner = true);
        Ok(Pending { request: id, nonce, expires })
    }

    pub(in crate::agent) fn prove(
        &self,
        id: &RequestId,
        evidence: Evidence,
        passcode: PasscodeSource,
    ) -> Result<CardInfo, Error> {
        self.running()?;
        let waiting = locked(&self.requests).remove(id).ok_or(Error::UnknownRequest)?;
        let Waiting { request, seat } = waiting;
        let sign_in = matches!(passcode, PasscodeSource::SignIn);
        let derived = self.deriver.derive(request, evidence, passcode).inspect_err(|refusal| {
            let entry = Entry::new("proof-refused").text("why", &refusal.to_string());
            // There is no card either way.
            let _ = self.record(&with_seat(entry, &seat));
        })?;
        let Derived { card, assurance, released, .. } = derived;
        let issued = self.clock.now();
        let renewal = released.and_then(|_| self.soon(certificates_end(&card), issued));
        let held = Held { issued, card, seat, sign_in, assurance, released, renewal };
        let card = held.card.clone();
        let info = self.place(held).inspect_err(|_| card.remove())?;
        if released.is_some() {
            self.tending.released(&info.person, issued);
            self.alarm.ring(|reasons| reasons.sooner = true);
        }
        Ok(info)
    }

    /// The nonce of a request that waits.
    pub(in crate::agent) fn nonce_of(&self, id: &RequestId) -> Option<String> {
        let requests = locked(&self.requests);
        let waiting = requests.get(id)?;
        (self.clock.now() < waiting.request.expires()).then(|| waiting.request.nonce().to_owned())
    }

    /// Erases a request that waits.
    pub(in crate::agent) fn cancel(&self, id: &RequestId) {
        let waiting = locked(&self.requests).remove(id);
        drop((waiting, self.openid.take(id)));
    }
}

/// The last second of the first certificate to end.
fn certificates_end(card: &Card) -> Option<Time> {
    let slots = card.slots();
    slots.iter().filter_map(|slot| card.certificate(*slot)).map(|one| one.not_after()).min()
}
