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
    card::{Access, Card, CardId, CardKey, CardSpec, KeySlot, OneTime, Shelf, Tries, Verifier},
    clock::{Clock, Time},
    issue::{Issuer, Order},
    pki::UserId,
    proof::{Assurance, Sources, Used},
    secret::{PasscodeRule, Secret},
    store::{self, Store},
};
use request::{Keys, Work};
use roster::{Roster, Standing};
use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex},
};
use suspended::Suspended;
use verifiers::Kept;

/// Where the card's passcode comes from ([`crate::manual::rules`]).
#[derive(Debug)]
pub enum PasscodeSource {
    /// The person's own, kept as a verifier; refused with [`Refusal::PasscodeUnset`] at first use.
    Kept,
    /// Given by the host with this request; `keep` makes it the person's own.
    Given {
        /// The passcode.
        passcode: Secret,
        /// Whether it is kept for the next time.
        keep: bool,
    },
    /// A verifier that was made before, by [`Deriver::verifier`]: Argon2id takes longer than all
    /// else here, so a host that knows the passcode early has it done while the person signs in.
    Prepared {
        /// The verifier.
        verifier: Verifier,
        /// Whether it is kept for the next time.
        keep: bool,
    },
    /// The person's own; where none is kept yet, this is asked for it, and the answer is kept.
    Asked(Question),
    /// None: the primary sign-in stands for it. Refused where the policy gives a content commitment
    /// key, which asks each time.
    SignIn,
    /// A new one for each login ([`Card::one_time`]), made for a host that fills it in.
    OneTime,
}

impl PasscodeSource {
    /// The word for it in a policy.
    pub fn kind(&self) -> PasscodeFrom {
        match self {
            Self::Kept => PasscodeFrom::Kept,
            Self::Given { .. } | Self::Prepared { .. } => PasscodeFrom::Given,
            Self::Asked(_) => PasscodeFrom::Asked,
            Self::SignIn => PasscodeFrom::SignIn,
            Self::OneTime => PasscodeFrom::OneTime,
        }
    }
}

/// Asks a host for the passcode of a person who has none yet, in the shape of the rule; `None`
/// declines. Called with no lock held.
pub struct Question(pub Box<Ask>);

/// What a [`Question`] calls.
pub type Ask = dyn FnOnce(&UserId, PasscodeRule) -> Option<Secret> + Send;

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Question(..)")
    }
}

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
    /// Which rule decided what.
    pub explanation: Explanation,
}

/// What a sign-in came to.
struct Worth {
    assurance: Assurance,
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
        let Admitted { assurance, slots, end } = outcome?;
        request.is_for(&assurance.person)?;
        if sign_in && slots.contains(&KeySlot::ContentCommitment) {
            return Err(Refusal::NothingToAsk);
        }
        if slots.is_empty() {
            return Err(Refusal::NoKey);
        }
        self.used.first_use_of_all(&accepted, now)?;
        let (access, keep) = self.access(passcode, &assurance.person)?;
        self.finish(request.only(&slots), Worth { assurance, explanation, end }, access, keep)
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

    /// A verifier for a passcode of the policy's shape, to be given as
    /// [`PasscodeSource::Prepared`].
    ///
    /// # Errors
    /// [`Refusal::PasscodeShape`].
    pub fn verifier(&self, passcode: &Secret) -> Result<Verifier, Refusal> {
        verifiers::make(self.policy.passcode, passcode)
    }

    /// Whether a passcode of this person is kept.
    ///
    /// # Errors
    /// The store.
    pub fn passcode_kept(&self, person: &UserId) -> Result<bool, store::Error> {
        Ok(self.kept.read(person)?.is_some())
    }

    /// Forgets a person's passcode: the next sign-in has to set one. Their tries stay as they are.
    ///
    /// # Errors
    /// The store.
    pub fn forget_passcode(&self, person: &UserId) -> Result<(), store::Error> {
        self.kept.forget(person)
    }

    /// What stands in front of the card's keys, and the verifier that is to be kept.
    fn access(
        &self,
        source: PasscodeSource,
        person: &UserId,
    ) -> Result<(Access, Option<Verifier>), Refusal> {
        let (verifier, keep) = match source {
            PasscodeSource::SignIn => return Ok((Access::SignIn, None)),
            PasscodeSource::OneTime => {
                return Ok((Access::OneTime(OneTime::new(self.policy.passcode)?), None));
            }
            PasscodeSource::Kept => (self.kept.read(person)?.ok_or(Refusal::PasscodeUnset)?, false),
            PasscodeSource::Given { passcode, keep } => (self.verifier(&passcode)?, keep),
            PasscodeSource::Asked(Question(ask)) => match self.kept.read(person)? {
                Some(verifier) => (verifier, false),
                None => {
                    let passcode = ask(person, self.policy.passcode);
                    (self.verifier(&passcode.ok_or(Refusal::PasscodeUnset)?)?, true)
                }
            },
            PasscodeSource::Prepared { verifier, keep } => {
                if verifier.rule() != self.policy.passcode {
                    return Err(Refusal::PasscodeShape(self.policy.passcode));
                }
                (verifier, keep)
            }
        };
        let kept = keep.then(|| verifier.clone());
        Ok((Access::Passcode(verifier), kept))
    }

    /// Has fresh keys certified, or enrolled ones released, and makes the card.
    fn finish(
        &self,
        request: Request,
        worth: Worth,
        access: Access,
        keep: Option<Verifier>,
    ) -> Result<Derived, Refusal> {
        let Worth { assurance, explanation, end: latest } = worth;
        let (keys, assurance, way, released) = match request.into_work() {
            Work::Fresh { keys, requests } => {
                let order = Order { assurance, keys: requests, not_after: latest };
                (self.certified(keys, &order)?, order.assurance, Way::Derived, None)
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
                let named = NamedAssurance::of(&assurance, way, self.policy.claims_at_most);
                Ok(Derived { card, assurance, named, released, blocked, explanation })
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
