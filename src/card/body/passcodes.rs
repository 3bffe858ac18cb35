//! Looks at passcodes, each paid for with a try.

use super::{
    super::{Access, Caller, Error, Event, Fresh, Gate, Login, OneTime, Role, looks},
    Card,
};
use crate::secret::{Passcode, PasscodeRule};

impl Card {
    /// `None` when sign-in stands for the passcode.
    pub fn passcode_rule(&self) -> Option<PasscodeRule> {
        match &self.0.access {
            Access::Passcode(verifier) => Some(verifier.rule()),
            Access::OneTime(codes) => Some(codes.rule()),
            Access::SignIn => None,
        }
    }

    /// Its one-time passcodes, where it has such.
    pub fn one_time(&self) -> Option<&OneTime> {
        match &self.0.access {
            Access::OneTime(codes) => Some(codes),
            Access::Passcode(_) | Access::SignIn => None,
        }
    }

    /// As [`Card::verify`], by a standard where the one passcode counts for the session and for one
    /// use right after it (PIV's VERIFY).
    ///
    /// # Errors
    /// As [`Card::verify`].
    pub fn verify_with_fresh(
        &self,
        passcode: Option<&[u8]>,
        gate: &dyn Gate,
        caller: &Caller,
    ) -> Result<(Login, Fresh), Error> {
        let login = self.verify(passcode, gate, caller)?;
        let fresh = Fresh(login.again());
        Ok((login, fresh))
    }

    /// One look at a passcode, paid for with a try; a one-time passcode that was used on this
    /// connection costs none.
    pub(super) fn look(
        &self,
        passcode: Option<&[u8]>,
        gate: &dyn Gate,
        caller: &Caller,
    ) -> Result<(), Error> {
        let Some(rule) = self.passcode_rule() else { return Ok(()) };
        let passcode =
            passcode.and_then(|bytes| rule.parse(bytes)).ok_or(Error::PasscodeShape(rule))?;
        let event = {
            let _turn = looks::turn(self.0.tries.key());
            if self.one_time().is_some_and(|codes| codes.was_used(&passcode, caller)) {
                Event::Used
            } else {
                match self.0.tries.spend()? {
                    None => Event::Blocked,
                    Some(spent) if !self.is_right(&passcode, caller)? => {
                        Event::Incorrect(spent.left)
                    }
                    Some(spent) if self.0.tries.restore(spent)? => Event::Verified,
                    Some(_) => Event::Blocked,
                }
            }
        };
        gate.passcode(&self.id(), Role::User, caller, &event);
        match event {
            Event::Verified => Ok(()),
            Event::Used => Err(Error::PasscodeUsed),
            Event::Incorrect(0) | Event::Blocked => Err(Error::Blocked),
            Event::Incorrect(left) => Err(Error::PasscodeIncorrect { left }),
        }
    }

    /// Whether it opens the card; a one-time passcode that does is good no more.
    fn is_right(&self, passcode: &Passcode, caller: &Caller) -> Result<bool, Error> {
        match &self.0.access {
            Access::Passcode(verifier) => verifier.matches(passcode),
            Access::OneTime(codes) => Ok(codes.take(passcode, caller, self.0.clock.now())),
            // Never looked at: there is no rule for it.
            Access::SignIn => Ok(false),
        }
    }
}
