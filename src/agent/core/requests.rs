//! From a request to a card: the verbs that begin, prove and give up.

use super::{
    super::{CardInfo, Error, Mode, Pending, RequestId, Seat, audit::Entry},
    Core,
    held::{Held, Waiting, with_seat},
    locked,
};
use crate::{
    card::{Card, CardId},
    clock::Time,
    crypto,
    derive::{Deriver, Evidence, PasscodeSource, Refusal, Request, StepUpRequest, SteppedUp},
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
        let own = crate::secret::User::own();
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
        self.standstill.moving()?;
        self.reap();
        self.room()?;
        // Asked before anything is held: a directory service may take its time.
        let account = self.config.accounts.of(seat.uid);
        let request = make(&self.deriver)?.at_account(account);
        self.wait_for(Waiting::Card { request, seat })
    }

    /// Whether there is room for one more request.
    fn room(&self) -> Result<(), Error> {
        let room = locked(&self.requests).len() < self.config.limits.requests;
        if room { Ok(()) } else { Err(Error::Limit("requests that wait for their proofs")) }
    }

    /// Has a request wait for its proof.
    pub(super) fn wait_for(&self, waiting: Waiting) -> Result<Pending, Error> {
        let mut id = [0; 16];
        crypto::random(&mut id)?;
        let id = RequestId::of(&id);
        let (nonce, expires) = (waiting.nonce().to_owned(), waiting.expires());
        let mut requests = locked(&self.requests);
        if requests.len() >= self.config.limits.requests {
            return Err(Error::Limit("requests that wait for their proofs"));
        }
        requests.insert(id.clone(), waiting);
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
        let stops = self.standstill.moving()?;
        let waiting = locked(&self.requests).remove(id).ok_or(Error::UnknownRequest)?;
        let (request, seat) = match waiting {
            Waiting::Card { request, seat } => (request, seat),
            Waiting::StepUp { request, card } => return self.stepped_up(request, card, evidence),
        };
        let sign_in = matches!(passcode, PasscodeSource::SignIn);
        let account = request.account().map(str::to_owned);
        let derived = self.deriver.derive(request, evidence, passcode).inspect_err(|refusal| {
            let entry = Entry::new("proof-refused").text("why", &refusal.to_string());
            // There is no card either way.
            let _ = self.record(&with_seat(entry, &seat));
        })?;
        let issued = self.clock.now();
        let mut held = Held::new(derived, (seat, account), sign_in, issued);
        held.renewal = held.released.and_then(|_| self.soon(certificates_end(&held.card), issued));
        let (card, released) = (held.card.clone(), held.released.is_some());
        let info = self.place(held, stops).inspect_err(|_| card.remove())?;
        if released {
            self.tending.released(&info.person, issued);
        }
        Ok(info)
    }

    /// The nonce of a request that waits.
    pub(in crate::agent) fn nonce_of(&self, id: &RequestId) -> Option<String> {
        let requests = locked(&self.requests);
        let waiting = requests.get(id)?;
        (self.clock.now() < waiting.expires()).then(|| waiting.nonce().to_owned())
    }

    /// A fresh proof by a card's person: on record before it counts.
    fn stepped_up(
        &self,
        request: StepUpRequest,
        card: CardId,
        evidence: Evidence,
    ) -> Result<CardInfo, Error> {
        let entry = |event| Entry::new(event).text("card", &card.to_hex());
        let SteppedUp { assurance, .. } =
            self.deriver.step_up(request, evidence).inspect_err(|refusal| {
                // Nothing comes of it either way.
                let _ = self.record(&entry("step-up-refused").text("why", &refusal.to_string()));
            })?;
        let _placing = locked(&self.placing);
        self.openid.check_live(&assurance)?;
        let info = self.card(card)?;
        let entry = entry("step-up").text("person", assurance.person.as_str());
        let entry = entry.text("source", &assurance.source.to_string());
        let entry = entry.number("authentication", u64::from(assurance.authentication.0));
        self.record(&entry.text("authenticated_at", &assurance.authenticated_at.to_string()))?;
        self.gate.stepped_up(card, assurance);
        Ok(info)
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
