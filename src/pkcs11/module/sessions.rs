//! Sessions and login (base specification section 5.6).

use super::{Module, SESSIONS, State};
use crate::pkcs11::{
    Result, SessionHandle, SessionInfo, SlotId, ck::*, errors, operations::Session, token::write,
};
use std::sync::{Arc, atomic::Ordering};

impl State {
    /// Ends one session. The last one of a token logs out.
    pub(super) fn close(&mut self, handle: SessionHandle) -> Result<()> {
        let session = self.sessions.remove(&handle).ok_or(CKR_SESSION_HANDLE_INVALID)?;
        let token = &session.token;
        if session.read_write {
            token.rw_sessions.fetch_sub(1, Ordering::Relaxed);
        }
        if token.sessions.fetch_sub(1, Ordering::Relaxed) == 1 {
            token.leave();
        }
        if session.end() {
            token.objects_mut().remove_all(|object| object.owner == Some(handle));
        }
        Ok(())
    }

    /// Ends all sessions that `which` names.
    pub(super) fn close_all(&mut self, which: impl Fn(&Session) -> bool) {
        let handles: Vec<_> = self
            .sessions
            .values()
            .filter(|session| which(session))
            .map(|session| session.handle)
            .collect();
        for handle in handles {
            // Every handle was just found.
            let _ = self.close(handle);
        }
    }
}

impl Module {
    pub(super) fn open(&self, slot: SlotId, flags: u64) -> Result<SessionHandle> {
        if flags & CKF_SERIAL_SESSION == 0 {
            self.checked()?;
            return Err(CKR_SESSION_PARALLEL_NOT_SUPPORTED);
        }
        let token = self.token(slot)?;
        let read_write = flags & CKF_RW_SESSION != 0;
        let mut state = write(&self.state);
        state.checked()?;
        if state.sessions.len() >= SESSIONS {
            return Err(CKR_SESSION_COUNT);
        }
        let handle = state.last_session.checked_add(1).ok_or(CKR_SESSION_COUNT)?;
        state.last_session = handle;
        token.sessions.fetch_add(1, Ordering::Relaxed);
        if read_write {
            token.rw_sessions.fetch_add(1, Ordering::Relaxed);
        }
        state.sessions.insert(handle, Arc::new(Session::new(handle, read_write, token)));
        Ok(handle)
    }

    pub(super) fn close_slot(&self, slot: SlotId) -> Result<()> {
        let mut state = write(&self.state);
        state.checked()?;
        self.card_in(slot)?;
        state.close_all(|session| session.token.slot == slot);
        Ok(())
    }

    pub(super) fn describe_session(&self, handle: SessionHandle) -> Result<SessionInfo> {
        let session = self.session(handle)?;
        let logged_in = session.token.login().is_some();
        let state = match (session.read_write, logged_in) {
            (false, false) => CKS_RO_PUBLIC_SESSION,
            (false, true) => CKS_RO_USER_FUNCTIONS,
            (true, false) => CKS_RW_PUBLIC_SESSION,
            (true, true) => CKS_RW_USER_FUNCTIONS,
        };
        let read_write = if session.read_write { CKF_RW_SESSION } else { 0 };
        Ok(SessionInfo {
            slot: session.token.slot,
            state,
            flags: CKF_SERIAL_SESSION | read_write,
            device_error: 0,
        })
    }

    pub(super) fn enter(&self, handle: SessionHandle, user: u64, pin: Option<&[u8]>) -> Result<()> {
        match user {
            CKU_USER => self.enter_user(handle, pin),
            CKU_CONTEXT_SPECIFIC => self.on(handle, |session| self.enter_again(session, pin)),
            // A card has no security officer: its passcode comes with the sign-in.
            _ => self.session(handle).and(Err(CKR_USER_TYPE_INVALID)),
        }
    }

    fn enter_user(&self, handle: SessionHandle, pin: Option<&[u8]>) -> Result<()> {
        let token = self.on(handle, |session| Ok(Arc::clone(&session.token)))?;
        if token.login().is_some() {
            return Err(CKR_USER_ALREADY_LOGGED_IN);
        }
        let login = self.on(handle, |_| {
            needs_pin(&token.card, pin)?;
            token
                .card
                .verify(pin, &*self.applicant.gate, &self.applicant.caller)
                .map_err(|error| errors::of_card(&error))
        })?;
        // Only now under the lock, and only if the session still lives: a login without a session
        // would outlast the application's last one.
        let state = write(&self.state);
        state.checked()?;
        match state.sessions.get(&handle) {
            Some(session) if Arc::ptr_eq(&session.token, &token) => token.enter(login),
            _ => return Err(CKR_SESSION_HANDLE_INVALID),
        }
        Ok(())
    }

    fn enter_again(&self, session: &Session, pin: Option<&[u8]>) -> Result<()> {
        let waiting = session.waiting()?;
        let login = session.token.login().ok_or(CKR_USER_NOT_LOGGED_IN)?;
        let card = &session.token.card;
        needs_pin(card, pin)?;
        let fresh = card
            .verify_fresh(&login, pin, &*self.applicant.gate, &self.applicant.caller)
            .map_err(|error| errors::of_card(&error))?;
        session.refresh(waiting, fresh)
    }

    pub(super) fn leave(&self, handle: SessionHandle) -> Result<()> {
        let session = self.session(handle)?;
        let _state = write(&self.state);
        if session.token.leave() { Ok(()) } else { Err(CKR_USER_NOT_LOGGED_IN) }
    }
}

/// NULL stands for "asked elsewhere", which only a card without passcode offers.
fn needs_pin(card: &crate::card::Card, pin: Option<&[u8]>) -> Result<()> {
    if pin.is_none() && card.passcode_rule().is_some() {
        return Err(CKR_ARGUMENTS_BAD);
    }
    Ok(())
}
