//! Sessions and login (base specification section 5.6).

use super::{Module, SESSIONS, State};
use crate::pkcs11::{
    Result, SessionHandle, SessionInfo, SlotId,
    budget::Share,
    ck::*,
    operations::Session,
    token::{Body, Token, write},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

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

/// What a session takes of its user's budget: itself, what it has found, and what its operations
/// keep that is not counted by itself.
const SESSION_BYTES: usize = 16 << 10;

/// The last handle that a session of this process got. None is given out twice, also not after
/// C_Finalize: a part of the process that has not heard of it must not meet the sessions of another.
static LAST_SESSION: AtomicU64 = AtomicU64::new(0);

impl Module {
    pub(super) fn open(&self, slot: SlotId, flags: u64) -> Result<SessionHandle> {
        if flags & CKF_SERIAL_SESSION == 0 {
            self.checked()?;
            return Err(CKR_SESSION_PARALLEL_NOT_SUPPORTED);
        }
        let token = self.token(slot)?;
        if flags & CKF_ASYNC_SESSION != 0 {
            return Err(CKR_SESSION_ASYNC_NOT_SUPPORTED);
        }
        let read_write = flags & CKF_RW_SESSION != 0;
        let mut state = write(&self.state);
        state.checked()?;
        if state.sessions.len() >= SESSIONS {
            return Err(CKR_SESSION_COUNT);
        }
        // Read-only sessions and the security officer do not go together (section 5.6.1).
        if !read_write && token.officer_entered() == Some(true) {
            return Err(CKR_SESSION_READ_WRITE_SO_EXISTS);
        }
        let share = Share::of(token.budget(), SESSION_BYTES)?;
        let handle = LAST_SESSION.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        token.sessions.fetch_add(1, Ordering::Relaxed);
        if read_write {
            token.rw_sessions.fetch_add(1, Ordering::Relaxed);
        }
        state.sessions.insert(handle, Arc::new(Session::new(handle, read_write, token, share)));
        Ok(handle)
    }

    pub(super) fn close_slot(&self, slot: SlotId) -> Result<()> {
        self.checked()?;
        if !self.slots()?.contains(&slot) {
            return Err(CKR_SLOT_ID_INVALID);
        }
        let mut state = write(&self.state);
        state.checked()?;
        state.close_all(|session| session.token.slot == slot);
        Ok(())
    }

    pub(super) fn describe_session(&self, handle: SessionHandle) -> Result<SessionInfo> {
        let session = self.session(handle)?;
        let token = &session.token;
        let state = match (session.read_write, token.is_user()) {
            (false, false) => CKS_RO_PUBLIC_SESSION,
            (false, true) => CKS_RO_USER_FUNCTIONS,
            (true, true) => CKS_RW_USER_FUNCTIONS,
            (true, false) if token.is_officer() => CKS_RW_SO_FUNCTIONS,
            (true, false) => CKS_RW_PUBLIC_SESSION,
        };
        let read_write = if session.read_write { CKF_RW_SESSION } else { 0 };
        Ok(SessionInfo {
            slot: token.slot,
            state,
            flags: CKF_SERIAL_SESSION | read_write,
            device_error: 0,
        })
    }

    pub(super) fn enter(&self, handle: SessionHandle, user: u64, pin: Option<&[u8]>) -> Result<()> {
        match user {
            CKU_USER | CKU_SO => self.enter_as(handle, user, pin),
            CKU_CONTEXT_SPECIFIC => self.on(handle, |session| self.enter_again(session, pin)),
            _ => self.session(handle).and(Err(CKR_USER_TYPE_INVALID)),
        }
    }

    fn enter_as(&self, handle: SessionHandle, user: u64, pin: Option<&[u8]>) -> Result<()> {
        let token = self.on(handle, |session| Ok(Arc::clone(&session.token)))?;
        free_for(&token, user)?;
        let entry = self.on(handle, |_| token.verify(&self.applicant, user, pin))?;
        // Only now under the lock, and only if the session still lives: a login without a session
        // would outlast the application's last one.
        let state = write(&self.state);
        state.checked()?;
        match state.sessions.get(&handle) {
            Some(session) if Arc::ptr_eq(&session.token, &token) => {}
            _ => return Err(CKR_SESSION_HANDLE_INVALID),
        }
        free_for(&token, user)?;
        token.enter(entry);
        Ok(())
    }

    fn enter_again(&self, session: &Session, pin: Option<&[u8]>) -> Result<()> {
        let waiting = session.waiting()?;
        session.refresh(waiting, session.token.verify_fresh(&self.applicant, pin)?)
    }

    pub(super) fn leave(&self, handle: SessionHandle) -> Result<()> {
        let session = self.session(handle)?;
        let _state = write(&self.state);
        if session.token.leave() { Ok(()) } else { Err(CKR_USER_NOT_LOGGED_IN) }
    }
}

/// Whether this user may log in now (section 5.6.8). A login that has become void is no obstacle:
/// verifying again unlocks the live connection.
fn free_for(token: &Token, user: u64) -> Result<()> {
    let (is_user, is_officer) = (token.is_user(), token.is_officer());
    if user == CKU_USER && is_user || user == CKU_SO && is_officer {
        return Err(CKR_USER_ALREADY_LOGGED_IN);
    }
    if is_user || is_officer {
        return Err(CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    }
    let read_only =
        token.sessions.load(Ordering::Relaxed) - token.rw_sessions.load(Ordering::Relaxed);
    if user == CKU_SO && read_only > 0 && matches!(token.body, Body::Enrolled(_)) {
        return Err(CKR_SESSION_READ_ONLY_EXISTS);
    }
    Ok(())
}
