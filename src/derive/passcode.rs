//! Where a card's passcode comes from, and what of it is kept.

use super::{Deriver, PasscodeFrom, Refusal, verifiers};
use crate::{
    card::{Access, OneTime, Verifier},
    pki::UserId,
    secret::{PasscodeRule, Secret},
    store,
};
use std::fmt;

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
    /// A new one for each login ([`crate::card::Card::one_time`]), made for a host that fills it in.
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

impl Deriver {
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
    pub(super) fn access(
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
}
