//! Argon2id verifiers of passcodes.

use super::{Error, looks};
use crate::{
    crypto::{self, Stretch},
    secret::{Passcode, PasscodeRule, Secret},
};

/// OWASP's least for Argon2id, and ours (`manual::rules`).
const COST: Stretch = Stretch { memory_kib: 19 * 1024, passes: 2 };
/// What a stored verifier may cost at most: 1 GiB.
const MOST: Stretch = Stretch { memory_kib: 1024 * 1024, passes: 64 };
const VERSION: u8 = 1;

/// Argon2id verifier of a passcode (19 MiB, 2 passes), and the rule of its shape.
#[derive(Clone, Debug)]
pub struct Verifier {
    rule: PasscodeRule,
    cost: Stretch,
    salt: [u8; 16],
    hash: Secret,
}

impl Verifier {
    /// Makes one for a new passcode.
    ///
    /// # Errors
    /// [`Error::PasscodeShape`] if the passcode does not fit the rule; [`Error::Crypto`].
    pub fn new(rule: PasscodeRule, passcode: &Secret) -> Result<Self, Error> {
        let passcode = rule.parse(passcode.expose()).ok_or(Error::PasscodeShape(rule))?;
        let mut salt = [0; 16];
        crypto::random(&mut salt)?;
        let _room = looks::room();
        let hash = crypto::stretch(passcode.expose(), &salt, COST)?;
        Ok(Self { rule, cost: COST, salt, hash })
    }

    /// Bytes for a store row, to be kept sealed.
    ///
    /// ```text
    /// version 1 | min u16 | max u16 | digits only u8 | KiB u32 | passes u32 | salt 16 | hash 32
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
        [
            &[VERSION][..],
            &short(self.rule.min),
            &short(self.rule.max),
            &[u8::from(self.rule.digits_only)],
            &self.cost.memory_kib.to_be_bytes(),
            &self.cost.passes.to_be_bytes(),
            &self.salt,
            self.hash.expose(),
        ]
        .concat()
    }

    /// From a store row; `None` if it is none, or cheaper than `manual::rules` allow.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, bytes) = bytes.split_first_chunk::<1>()?;
        let (min, bytes) = bytes.split_first_chunk::<2>()?;
        let (max, bytes) = bytes.split_first_chunk::<2>()?;
        let (digits, bytes) = bytes.split_first_chunk::<1>()?;
        let (memory, bytes) = bytes.split_first_chunk::<4>()?;
        let (passes, bytes) = bytes.split_first_chunk::<4>()?;
        let (salt, bytes) = bytes.split_first_chunk::<16>()?;
        let hash: &[u8; 32] = bytes.try_into().ok()?;
        let rule = PasscodeRule {
            min: u16::from_be_bytes(*min).into(),
            max: u16::from_be_bytes(*max).into(),
            digits_only: match digits {
                [0] => false,
                [1] => true,
                _ => return None,
            },
        };
        let cost = Stretch {
            memory_kib: u32::from_be_bytes(*memory),
            passes: u32::from_be_bytes(*passes),
        };
        let affordable = (COST.memory_kib..=MOST.memory_kib).contains(&cost.memory_kib)
            && (COST.passes..=MOST.passes).contains(&cost.passes);
        (*version == [VERSION] && affordable && rule.min <= rule.max).then(|| Self {
            rule,
            cost,
            salt: *salt,
            hash: Secret::copied_from(hash),
        })
    }

    /// The rule.
    pub fn rule(&self) -> PasscodeRule {
        self.rule
    }

    /// Whether it is this passcode. Takes the time of the stretching, whatever the answer.
    pub(super) fn matches(&self, passcode: &Passcode) -> Result<bool, Error> {
        let _room = looks::room();
        let hash = crypto::stretch(passcode.expose(), &self.salt, self.cost)?;
        Ok(self.hash.matches(hash.expose()))
    }
}
