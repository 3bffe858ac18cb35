//! Passcodes of an enrolled card: verified, set, changed; and initialisation, which needs one.
//!
//! ```text
//! transaction: spend a try      no transaction: stretch, open      transaction: give the try back,
//! (on disk before the look)     (and stretch the new one)          write what the call is about
//! ```

use super::{
    super::{
        Caller, CardId, Error, Event, Fresh, Gate, Login, Role, Tries,
        looks::{self, Turn},
        tries::Spent,
    },
    Enrolled, enrolments,
    keys::Prepared,
    objects,
    record::OBJECTS,
    state::{State, Wrapping},
};
use crate::{crypto::SealKey, secret::Passcode, store::Transaction};
use std::{fmt, sync::Mutex};

/// The user's passcode verified on one connection. Counts until that passcode is changed or the card
/// initialised, by whomever.
pub struct EnrolledLogin {
    pub(super) login: Login,
    pub(super) key: SealKey,
    /// Keys that have been used under this login, erased with it.
    pub(super) prepared: Mutex<Prepared>,
}

/// The security officer's passcode verified on one connection; counts as an [`EnrolledLogin`] does.
pub struct SoLogin {
    login: Login,
    key: SealKey,
}

impl EnrolledLogin {
    /// Whether it counts on a card that is in that state.
    pub(super) fn counts(&self, state: &State) -> Result<(), Error> {
        counts(&self.login, state, Role::User)
    }

    /// Which connection it was made on.
    pub fn connection(&self) -> u64 {
        self.login.connection
    }
}

impl SoLogin {
    /// Which connection it was made on.
    pub fn connection(&self) -> u64 {
        self.login.connection
    }
}

impl fmt::Debug for EnrolledLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EnrolledLogin").field(&self.login).finish()
    }
}

impl fmt::Debug for SoLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SoLogin").field(&self.login).finish()
    }
}

impl Enrolled {
    /// Verifies the user's passcode; spends a try on disk first, gives it back when right. Tells the
    /// gate.
    ///
    /// # Errors
    /// [`Error::PasscodeShape`] costs no try; [`Error::PasscodeUnset`];
    /// [`Error::PasscodeIncorrect`], and [`Error::Blocked`] with the last; [`Error::Store`].
    pub fn verify(
        &self,
        passcode: &[u8],
        gate: &dyn Gate,
        caller: &Caller,
    ) -> Result<EnrolledLogin, Error> {
        let look = self.look(Role::User, passcode, gate, caller)?;
        self.settle(&look, &mut |_, _| Ok(()))?;
        Ok(look.login())
    }

    /// Verifies for one use of a key that asks each time.
    ///
    /// # Errors
    /// As [`Self::verify`], and [`Error::NotVerified`] if `login` does not count here.
    pub fn verify_fresh(
        &self,
        login: &EnrolledLogin,
        passcode: &[u8],
        gate: &dyn Gate,
        caller: &Caller,
    ) -> Result<Fresh, Error> {
        if !self.logged_in(login)? || login.login.connection != caller.connection {
            return Err(Error::NotVerified);
        }
        self.verify(passcode, gate, caller).map(|again| Fresh(again.login))
    }

    /// As [`Self::verify`], by a standard where the one passcode counts for the session and for one
    /// use right after it (PIV's VERIFY).
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_with_fresh(
        &self,
        passcode: &[u8],
        gate: &dyn Gate,
        caller: &Caller,
    ) -> Result<(EnrolledLogin, Fresh), Error> {
        let login = self.verify(passcode, gate, caller)?;
        let fresh = Fresh(login.login.again());
        Ok((login, fresh))
    }

    /// Verifies the security officer's passcode, as [`Self::verify`].
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_so(
        &self,
        passcode: &[u8],
        gate: &dyn Gate,
        caller: &Caller,
    ) -> Result<SoLogin, Error> {
        let look = self.look(Role::SecurityOfficer, passcode, gate, caller)?;
        self.settle(&look, &mut |_, _| Ok(()))?;
        Ok(look.so_login())
    }

    /// Whether a login still counts.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn logged_in(&self, login: &EnrolledLogin) -> Result<bool, Error> {
        Ok(login.counts(&*self.state()?).is_ok())
    }

    /// Whether a security officer's login still counts.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn so_logged_in(&self, login: &SoLogin) -> Result<bool, Error> {
        Ok(counts(&login.login, &*self.state()?, Role::SecurityOfficer).is_ok())
    }

    /// Gives the user a new passcode and all tries (PKCS#11 C_InitPIN). The objects stay; logins of
    /// the user end.
    ///
    /// # Errors
    /// [`Error::NotVerified`] if `login` no longer counts, [`Error::PasscodeShape`],
    /// [`Error::Crypto`], [`Error::Store`].
    pub fn set_user_passcode(&self, login: &SoLogin, new: &[u8]) -> Result<(), Error> {
        let new = self.0.body.parse(new)?;
        loop {
            let state = self.state()?;
            counts(&login.login, &state, Role::SecurityOfficer)?;
            let wrapping = self.wrapped(Role::User, &state, &new, &login.key)?;
            let done = self.transact(&mut |rows, state| {
                counts(&login.login, state, Role::SecurityOfficer)?;
                // Somebody else has set one meanwhile; generations only grow.
                if state.generation >= wrapping.generation {
                    return Ok(false);
                }
                self.tries(Role::User).renew_in(rows)?;
                state.put(Role::User, wrapping.clone());
                Ok(true)
            })?;
            if done {
                return Ok(());
            }
        }
    }

    /// Changes the user's passcode (PKCS#11 C_SetPIN). All logins of the user end but the one that
    /// this returns.
    ///
    /// # Errors
    /// As [`Self::verify`]; [`Error::PasscodeShape`] for a new one of the wrong shape.
    pub fn change_passcode(
        &self,
        old: &[u8],
        new: &[u8],
        gate: &dyn Gate,
        caller: &Caller,
    ) -> Result<EnrolledLogin, Error> {
        let mut look = self.look_for_change(Role::User, old, new, gate, caller)?;
        let wrapping = look.renew(self)?;
        self.settle(&look, &mut |_, state| {
            state.put(Role::User, wrapping.clone());
            Ok(())
        })?;
        look.login.generation = wrapping.generation;
        Ok(look.login())
    }

    /// Changes the security officer's passcode, as [`Self::change_passcode`].
    ///
    /// # Errors
    /// As [`Self::change_passcode`].
    pub fn change_so_passcode(
        &self,
        old: &[u8],
        new: &[u8],
        gate: &dyn Gate,
        caller: &Caller,
    ) -> Result<SoLogin, Error> {
        let mut look = self.look_for_change(Role::SecurityOfficer, old, new, gate, caller)?;
        let wrapping = look.renew(self)?;
        self.settle(&look, &mut |_, state| {
            state.put(Role::SecurityOfficer, wrapping.clone());
            Ok(())
        })?;
        look.login.generation = wrapping.generation;
        Ok(look.so_login())
    }

    /// Makes the card anew (PKCS#11 C_InitToken): a new card key, no objects, no user's passcode, no
    /// enrolment, the same security officer's. In one transaction; every login ends.
    ///
    /// # Errors
    /// As [`Self::verify_so`].
    pub fn initialize(
        &self,
        so_passcode: &[u8],
        label: [u8; 32],
        gate: &dyn Gate,
        caller: &Caller,
    ) -> Result<(), Error> {
        let mut look = self.look(Role::SecurityOfficer, so_passcode, gate, caller)?;
        look.key = SealKey::generate()?;
        look.new = Some(look.passcode.clone());
        let wrapping = look.renew(self)?;
        self.settle(&look, &mut |rows, state| {
            rows.delete_group(OBJECTS, &objects::all_of(self.id()))?;
            if let Some(release) = state.release.take() {
                enrolments::forget(rows, &release.person, self.id())?;
            }
            state.label = label;
            state.put(Role::SecurityOfficer, wrapping.clone());
            state.user = None;
            Ok(())
        })
    }

    /// As [`Self::look`], with the new passcode's shape looked at before a try is spent.
    fn look_for_change<'a>(
        &self,
        role: Role,
        old: &[u8],
        new: &[u8],
        gate: &'a dyn Gate,
        caller: &'a Caller,
    ) -> Result<Look<'a>, Error> {
        let new = self.0.body.parse(new)?;
        let mut look = self.look(role, old, gate, caller)?;
        look.new = Some(new);
        Ok(look)
    }

    /// One look at a passcode, paid for with a try. Right so far, it counts when it is settled.
    fn look<'a>(
        &self,
        role: Role,
        passcode: &[u8],
        gate: &'a dyn Gate,
        caller: &'a Caller,
    ) -> Result<Look<'a>, Error> {
        let body = &self.0.body;
        let passcode = body.parse(passcode)?;
        let tries = self.tries(role);
        let turn = looks::turn(tries.key());
        let (state, spent) = body.transact(&mut |rows| {
            let state = body.state(rows.reading(), self.number())?;
            if state.wrapping(role).is_none() {
                return Err(Error::PasscodeUnset);
            }
            Ok((state, tries.spend_in(rows)?))
        })?;
        let told = |event| self.told(gate, role, caller, event);
        let Some(spent) = spent else { return Err(told(Event::Blocked)) };
        let wrapping = state.wrapping(role).ok_or(Error::PasscodeUnset)?;
        let Some(key) = wrapping.open(&body.key, self.id(), role, &passcode)? else {
            return Err(told(Event::Incorrect(spent.left)));
        };
        let login = Login {
            card: self.id(),
            generation: wrapping.generation,
            connection: caller.connection,
        };
        let new = None;
        Ok(Look { role, passcode, new, tries, spent, state, login, key, gate, caller, _turn: turn })
    }

    /// Gives the try of a right passcode back and does what the call is about, in one transaction.
    /// Tells the gate.
    fn settle(
        &self,
        look: &Look<'_>,
        work: &mut dyn FnMut(&mut dyn Transaction, &mut State) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let event = self.transact(&mut |rows, state| {
            // Another process changed it meanwhile: it was the right one, and is no longer.
            if counts(&look.login, state, look.role).is_err() {
                return Ok(Event::Incorrect(look.spent.left));
            }
            if !look.tries.restore_in(rows, look.spent)? {
                return Ok(Event::Blocked);
            }
            work(rows, state)?;
            Ok(Event::Verified)
        })?;
        match event {
            Event::Verified => {
                look.gate.passcode(&self.id(), look.role, look.caller, &event);
                Ok(())
            }
            event => Err(self.told(look.gate, look.role, look.caller, event)),
        }
    }

    /// Tells the gate of what went wrong, and what it is to the caller.
    fn told(&self, gate: &dyn Gate, role: Role, caller: &Caller, event: Event) -> Error {
        gate.passcode(&self.id(), role, caller, &event);
        match event {
            Event::Incorrect(left) if left > 0 => Error::PasscodeIncorrect { left },
            Event::Incorrect(_) | Event::Blocked | Event::Verified | Event::Used => Error::Blocked,
        }
    }

    fn wrapped(
        &self,
        role: Role,
        state: &State,
        passcode: &Passcode,
        card_key: &SealKey,
    ) -> Result<Wrapping, Error> {
        let generation = state.generation.saturating_add(1);
        Wrapping::make(&self.0.body.key, self.id(), role, generation, passcode, card_key)
    }
}

/// A passcode that was right when it was looked at.
struct Look<'a> {
    role: Role,
    passcode: Passcode,
    new: Option<Passcode>,
    tries: Tries,
    spent: Spent,
    /// The card then.
    state: State,
    login: Login,
    key: SealKey,
    gate: &'a dyn Gate,
    caller: &'a Caller,
    _turn: Turn,
}

impl Look<'_> {
    /// The card key under the new passcode.
    fn renew(&self, card: &Enrolled) -> Result<Wrapping, Error> {
        let passcode = self.new.as_ref().unwrap_or(&self.passcode);
        card.wrapped(self.role, &self.state, passcode, &self.key)
    }

    fn login(self) -> EnrolledLogin {
        EnrolledLogin { login: self.login, key: self.key, prepared: Mutex::default() }
    }

    fn so_login(self) -> SoLogin {
        SoLogin { login: self.login, key: self.key }
    }
}

fn counts(login: &Login, state: &State, role: Role) -> Result<(), Error> {
    let CardId(id) = state.id;
    match state.wrapping(role) {
        Some(wrapping) if login.card.0 == id && wrapping.generation == login.generation => Ok(()),
        _ => Err(Error::NotVerified),
    }
}
