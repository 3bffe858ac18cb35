//! One-time passcodes: for a host that fills in an application's prompt in the person's place.
//!
//! Each is good for one card, one application (by its executable), one login, and a short time. A
//! driver that caches what was typed (OpenSC does) offers a used one again on its connection, or in
//! its reader after a reset, which is refused without a try; anywhere else a used one is as wrong as
//! any other, and costs one.

use super::{Caller, locked};
use crate::{
    clock::Time,
    crypto::{self, Hash, Hasher},
    secret::{Passcode, PasscodeRule, Secret},
};
use std::{
    collections::VecDeque,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

/// Used passcodes that a card remembers, with where they were used.
const REMEMBERED: usize = 64;

/// The one-time passcodes of one card. A clone is the same.
#[derive(Clone)]
pub struct OneTime(Arc<Inner>);

struct Inner {
    rule: PasscodeRule,
    /// What makes the remembered hashes this card's own.
    salt: Secret,
    codes: Mutex<Codes>,
}

#[derive(Default)]
struct Codes {
    waiting: Vec<Waiting>,
    used: VecDeque<(Place, Secret)>,
    ended: bool,
}

/// Where a passcode was used, as long as a driver may remember it there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Connection(u64),
    Reader(u64),
}

impl Place {
    fn of(caller: &Caller) -> Self {
        caller.reader.map_or(Self::Connection(caller.connection), Self::Reader)
    }
}

struct Waiting {
    code: Secret,
    application: PathBuf,
    expires: Time,
}

impl fmt::Debug for OneTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTime(..)")
    }
}

impl OneTime {
    /// Passcodes of a shape that `rule` admits: as many digits as it takes up to 8, and never fewer
    /// than 6 but where it admits no more.
    ///
    /// # Errors
    /// Without random.
    pub fn new(rule: PasscodeRule) -> Result<Self, crypto::Error> {
        let digits = rule.max.min(MOST_DIGITS).max(rule.min);
        let rule = PasscodeRule { min: digits, max: digits, digits_only: true };
        let salt = Secret::filled(32, crypto::random)?;
        Ok(Self(Arc::new(Inner { rule, salt, codes: Mutex::default() })))
    }

    /// The shape of the passcodes.
    pub fn rule(&self) -> PasscodeRule {
        self.0.rule
    }

    /// Makes a passcode for one login by the program at `application` within `life`; none where
    /// `most` of them wait already, or the card has ended.
    ///
    /// # Errors
    /// Without random.
    pub fn make(
        &self,
        application: &Path,
        life: Duration,
        most: usize,
        now: Time,
    ) -> Result<Option<Secret>, crypto::Error> {
        let code = digits(self.0.rule.max)?;
        let mut codes = locked(&self.0.codes);
        codes.waiting.retain(|one| now < one.expires);
        // Two that are the same would be good for two logins.
        let twice = codes.waiting.iter().any(|one| one.code.matches(code.expose()));
        if codes.ended || twice || codes.waiting.len() >= most {
            return Ok(None);
        }
        let (application, expires) = (application.to_owned(), now.plus(life));
        codes.waiting.push(Waiting { code: code.clone(), application, expires });
        Ok(Some(code))
    }

    /// Whether the passcode was used in this place before.
    pub(super) fn was_used(&self, passcode: &Passcode, caller: &Caller) -> bool {
        let hash = self.hash(passcode);
        let codes = locked(&self.0.codes);
        let here = Place::of(caller);
        let same = |(place, used): &(Place, Secret)| used.matches(hash.expose()) & (*place == here);
        // Each is looked at, whichever it is.
        codes.used.iter().fold(false, |found, one| found | same(one))
    }

    /// Takes the passcode if it waits for this caller: it is good no more.
    pub(super) fn take(&self, passcode: &Passcode, caller: &Caller, now: Time) -> bool {
        let mut codes = locked(&self.0.codes);
        let mut found = None;
        for (place, one) in codes.waiting.iter().enumerate() {
            let here = caller.executable.as_ref() == Some(&one.application) && now < one.expires;
            // Each is compared whole, whichever it is.
            if one.code.matches(passcode.expose()) & here {
                found = Some(place);
            }
        }
        let Some(place) = found else { return false };
        codes.waiting.remove(place);
        if codes.used.len() >= REMEMBERED {
            codes.used.pop_front();
        }
        codes.used.push_back((Place::of(caller), self.hash(passcode)));
        true
    }

    /// Erases all of them; there will be no more.
    pub(super) fn end(&self) {
        *locked(&self.0.codes) = Codes { ended: true, ..Codes::default() };
    }

    fn hash(&self, passcode: &Passcode) -> Secret {
        let mut hasher = Hasher::new(Hash::Sha256);
        hasher.update(self.0.salt.expose());
        hasher.update(passcode.expose());
        Secret::new(hasher.finish())
    }
}

/// A code is not longer unless the rule says so.
const MOST_DIGITS: usize = 8;

/// So many random digits, each value equally likely.
fn digits(count: usize) -> Result<Secret, crypto::Error> {
    Secret::filled(count, |places| {
        for place in places {
            let mut byte = [0];
            // 250 is the last multiple of 10.
            while {
                crypto::random(&mut byte)?;
                byte[0] >= 250
            } {}
            *place = b'0' + byte[0] % 10;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests;
