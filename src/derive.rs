//! Request, proof, policy, issuer: a [`Card`], or the reason why not.
//!
//! ```text
//! Deriver::request ─▶ Request (keys, PKCS#10, nonce) ── the person signs in ──▶ Deriver::derive
//!   proof verified ─ policy ─ first use, on disk ─ passcode ─ issuer ─ its certificates checked
//!   ─ tries cleared if blocked ─ Card
//! ```
//!
//! [`Deriver::request_release`] asks for enrolled keys instead of fresh ones: the same proof, policy
//! and card, with the enrolled card of a shelf in the issuer's place, and the proof must be of the
//! person who is enrolled.
//!
//! A request serves one call of [`Deriver::derive`], whatever comes of it: a proof that fails
//! uses it up, its keys are erased, and the host begins again with a new nonce. A refusal leaves
//! nothing behind but the mark that the proof was used.
//!
//! A person whose tries are used up is given them back by a proof that made a card, at most
//! [`Policy::clears_per_hour`] times an hour. Beyond that the card still comes, blocked, as
//! [`Derived::blocked`] says: applications then show what they show for any blocked card, and its
//! certificates can be read.

mod accept;
mod checks;
mod explain;
mod judge;
mod passcode;
mod policy;
mod refusal;
mod release;
mod request;
pub mod roster;
mod settings;
mod shortfall;
mod step_up;
mod suspended;
mod verifiers;
mod warm;

#[cfg(test)]
mod tests;

pub use checks::usage_fits;
pub use explain::{Explanation, Finding, Verdict, written};
pub use judge::{Admitted, Judgement, UNBOUND_AGE};
pub use passcode::{Ask, PasscodeSource, Question};
pub use policy::{
    Combination, KeysHeld, NamedAssurance, PasscodeFrom, Policy, SourceKind, SourceRule, StepUp,
    Way,
};
pub use refusal::Refusal;
pub use request::Request;
pub use settings::{Contradiction, PolicySettings};
pub use shortfall::{Lack, Shortfall};
pub use step_up::{StepUpRequest, SteppedUp};
pub use warm::WarmKeys;

pub use crate::proof::Evidence;

use crate::{
    card::{Access, Card, CardId, CardKey, CardSpec, KeySlot, Shelf, Tries, Verifier},
    clock::{Clock, Time},
    issue::{Issuer, Order},
    pki::UserId,
    proof::{Assurance, Sources, Used},
    store::{self, Store},
};
use request::{Keys, Work};
use roster::{Roster, Standing};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};
use suspended::Suspended;
use verifiers::Kept;

/// A card and what it was derived from.
#[derive(Debug)]
pub struct Derived {
    /// The card.
    pub card: Card,
    /// What the proof was worth.
    pub assurance: Assurance,
    /// What the card itself may claim.
    pub named: NamedAssurance,
    /// The enrolled card that its keys are a working copy of; none where it was derived.
    pub released: Option<CardId>,
    /// Whether its tries are used up still, because they were cleared too often already.
    pub blocked: bool,
    /// Whether it came of a rule for emergencies, weaker than the policy asks for otherwise.
    pub break_glass: bool,
    /// Which rule decided what.
    pub explanation: Explanation,
}

/// What a sign-in came to.
struct Worth {
    assurance: Assurance,
    break_glass: bool,
    explanation: Explanation,
    end: Time,
}

/// Makes cards.
#[derive(Debug)]
pub struct Deriver {
    policy: Policy,
    roster: Option<Roster>,
    sources: Sources,
    issuer: Arc<dyn Issuer>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    used: Used,
    kept: Kept,
    suspended: Suspended,
    warm: Arc<warm::Pool>,
    shelf: Option<Arc<Shelf>>,
    /// SHA-256 of the public keys that were released so far: no more than persons are enrolled.
    gave_out: Mutex<HashSet<Vec<u8>>>,
    /// The keys of the authorities that have certified for this deriver.
    certifiers: Mutex<HashSet<Vec<u8>>>,
    /// What its requests carry, so that no other deriver's is taken for one.
    identity: Arc<()>,
}

impl Deriver {
    /// A deriver. `store` holds used proofs, kept passcodes and tries.
    pub fn new(
        policy: Policy,
        sources: Sources,
        issuer: Arc<dyn Issuer>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            used: Used::new(Arc::clone(&store)),
            kept: Kept::new(Arc::clone(&store)),
            suspended: Suspended::new(Arc::clone(&store)),
            warm: Arc::new(warm::Pool::new(policy.key)),
            shelf: None,
            gave_out: Mutex::default(),
            certifiers: Mutex::default(),
            identity: Arc::new(()),
            policy,
            roster: None,
            sources,
            issuer,
            store,
            clock,
        }
    }

    /// The same, asking this roster about each person who signs in.
    #[must_use]
    pub fn with_roster(mut self, roster: Roster) -> Self {
        self.roster = Some(roster);
        self
    }

    /// The roster, where there is one.
    pub fn roster(&self) -> Option<&Roster> {
        self.roster.as_ref()
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Who verifies its proofs.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Makes keys ahead until `keys` are ready (at most 64), here and now. They are
    /// erased with this deriver.
    ///
    /// # Errors
    /// The back end fails.
    pub fn warm(&self, keys: usize) -> Result<(), Refusal> {
        Ok(self.warm.fill(keys)?)
    }

    /// Keeps `keys` ready by a thread of its own, until the answer is dropped.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn keep_warm(&self, keys: usize) -> std::io::Result<WarmKeys> {
        warm::Pool::keep(&self.warm, keys)
    }

    /// Makes the keys (or takes those made ahead), their PKCS#10 requests and the nonce.
    ///
    /// # Errors
    /// The back end fails, or no card could come of it because the CIS1 end date has passed.
    pub fn request(&self) -> Result<Request, Refusal> {
        let now = self.clock.now();
        self.policy.not_ended(now)?;
        let expires = now.plus(self.policy.request_life);
        Request::make(self.policy.slots(), &self.warm, &self.identity, expires)
    }

    /// Proof, replay, policy, certificates, card. The request is used up whatever comes of it.
    ///
    /// # Errors
    /// The [`Refusal`] that says why there is no card.
    pub fn derive(
        &self,
        request: Request,
        evidence: Evidence,
        passcode: PasscodeSource,
    ) -> Result<Derived, Refusal> {
        let now = self.clock.now();
        if !request.is_of(&self.identity) {
            return Err(Refusal::RequestUnknown);
        }
        if now >= request.expires() {
            return Err(Refusal::RequestExpired);
        }
        self.policy.passcode_from(passcode.kind())?;
        let sign_in = matches!(passcode, PasscodeSource::SignIn);
        let accepted = self.accept(&evidence, request.bound_nonce())?;
        drop(evidence);
        let each: Vec<Assurance> = accepted.iter().map(|one| one.assurance.clone()).collect();
        let standing = self.standing(&each, now)?;
        let slots: Vec<KeySlot> = request.slots().collect();
        let Judgement { explanation, outcome } = self.policy.judge(&each, &slots, &standing, now);
        let Admitted { assurance, slots, end, break_glass } = outcome?;
        request.is_for(&assurance.person)?;
        standing.fits(request.account())?;
        if break_glass && request.is_release() {
            return Err(Refusal::BreakGlassRelease);
        }
        if sign_in && slots.contains(&KeySlot::ContentCommitment) {
            return Err(Refusal::NothingToAsk);
        }
        if slots.is_empty() {
            return Err(Refusal::NoKey);
        }
        self.used.first_use_of_all(&accepted, now)?;
        let (access, keep) = self.access(passcode, &assurance.person)?;
        let worth = Worth { assurance, break_glass, explanation, end };
        self.finish(request.only(&slots), worth, access, keep)
    }

    /// What the person who signed in may have.
    fn standing(&self, each: &[Assurance], now: Time) -> Result<Standing, Refusal> {
        each.first().map_or(Ok(Standing::default()), |one| self.standing_of(&one.person, now))
    }

    /// What a person may have at all, whatever they prove: nothing while they are suspended, else
    /// what the roster says.
    ///
    /// # Errors
    /// [`Refusal::Suspended`], [`Refusal::Roster`], or the store's.
    pub fn standing_of(&self, person: &UserId, now: Time) -> Result<Standing, Refusal> {
        if self.suspended.since(person)?.is_some() {
            return Err(Refusal::Suspended);
        }
        match &self.roster {
            Some(roster) => roster.standing(person, now),
            None => Ok(Standing::default()),
        }
    }

    /// Suspends a person: no card is made for them until [`Self::resume`], across restarts.
    ///
    /// # Errors
    /// The store.
    pub fn suspend(&self, person: &UserId) -> Result<(), store::Error> {
        self.suspended.suspend(person, self.clock.now())
    }

    /// Everyone who is suspended, by their numbers.
    ///
    /// # Errors
    /// The store.
    pub fn suspended(&self) -> Result<Vec<UserId>, store::Error> {
        self.suspended.all()
    }

    /// Ends a person's suspension.
    ///
    /// # Errors
    /// The store.
    pub fn resume(&self, person: &UserId) -> Result<(), store::Error> {
        self.suspended.resume(person)
    }

    /// Has fresh keys certified, or enrolled ones released, and makes the card.
    fn finish(
        &self,
        request: Request,
        worth: Worth,
        access: Access,
        keep: Option<Verifier>,
    ) -> Result<Derived, Refusal> {
        let Worth { assurance, break_glass, explanation, end: latest } = worth;
        let (keys, assurance, way, released) = match request.into_work() {
            Work::Fresh { keys, requests } => {
                let order = Order { assurance, keys: requests, not_after: latest };
                let keys = self.certified(keys, &order)?;
                self.note_certifiers(&keys);
                (keys, order.assurance, Way::Derived, None)
            }
            Work::Enrolled { of, slots } => {
                let (keys, way, card) = self.released(&of, &slots)?;
                (keys, assurance, way, Some(card))
            }
        };
        let person = assurance.person.clone();
        let tries = Tries::new(Arc::clone(&self.store), &person, self.policy.tries);
        let spec = CardSpec {
            person: person.clone(),
            keys,
            access,
            expires: latest, // or with the first of its certificates
            hashes: self.policy.hashes.clone(),
        };
        let card = Card::new(spec, tries.clone(), Arc::clone(&self.clock))?;
        card.lock_when_idle(self.policy.idle_lock);
        let settle = || -> Result<bool, Refusal> {
            if let Some(verifier) = &keep {
                self.kept.write(&person, verifier)?;
            }
            let now = self.clock.now();
            Ok(tries.left()? == 0 && !tries.clear(now, self.policy.clears_per_hour)?)
        };
        match settle() {
            Ok(blocked) => {
                let most = self.policy.claims_at_most;
                let mut named = NamedAssurance::of(&assurance, way, most);
                named.break_glass = break_glass;
                Ok(Derived { card, assurance, named, released, blocked, break_glass, explanation })
            }
            Err(refusal) => {
                card.remove();
                Err(refusal)
            }
        }
    }

    /// Has fresh keys certified, and believes nothing of the answer unchecked.
    fn certified(&self, keys: Keys, order: &Order) -> Result<Vec<CardKey>, Refusal> {
        let issued = self.issuer.issue(order)?;
        let roots = self.issuer.roots()?;
        checks::certified(keys, issued, &order.assurance.person, &roots, self.clock.now())
    }
}
