//! Operations in progress, and when they end (base specification sections 5.2 and 5.8 to 5.13).
//!
//! Two rules hold for all of them and stand here only. A call that answers a length, or that the
//! room is too small, leaves its operation as it was. Any other end of the call, good or bad, ends
//! the operation, since [`Active::take`] has taken it out of the session before the work begins.

mod decrypting;
mod deriving;
mod digest;
mod dual;
mod encrypting;
mod generating;
mod holder;
mod message;
mod signing;
mod verifying;
mod wrapping;

use super::{
    Filled, Mechanism, ObjectHandle, Result, Room, Rv, SessionHandle,
    budget::{Budget, Share},
    ck::*,
    mechanisms::{self, Row},
    objects::Object,
    token::{Token, lock},
};
use message::Message;
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

/// One session.
pub(super) struct Session {
    pub(super) handle: SessionHandle,
    pub(super) read_write: bool,
    pub(super) token: Arc<Token>,
    /// Whether it ever brought an object along; only then are there some to destroy at its end.
    objects: AtomicBool,
    /// Whether it has been closed; nothing is added to it any more.
    ended: AtomicBool,
    operations: Mutex<Operations>,
    _share: Share,
}

/// At most one operation of each kind.
#[derive(Default)]
struct Operations {
    /// Numbers signatures and decryptions, so that a late login finds the one it was meant for.
    begun: u64,
    find: Option<VecDeque<ObjectHandle>>,
    digest: Active<digest::Digest>,
    sign: Active<signing::Signature>,
    sign_recover: Active<signing::Recoverable>,
    decrypt: Active<decrypting::Decryption>,
    verify: Active<verifying::Verification>,
    verify_recover: Active<verifying::Recovery>,
    encrypt: Active<encrypting::Encryption>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// The place of an operation in its session.
struct Active<T>(Option<T>);

impl<T> Default for Active<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// Whether the work may begin.
enum Turn<T> {
    /// It may, and the operation is no longer the session's.
    Work(T),
    /// Answer this; the operation goes on.
    Answer(Filled),
}

impl<T> Active<T> {
    /// CKR_OPERATION_ACTIVE if an operation goes on already.
    fn free(&self) -> Result<()> {
        if self.0.is_some() { Err(CKR_OPERATION_ACTIVE) } else { Ok(()) }
    }

    /// Begins an operation, unless one goes on already. `make` is asked only then.
    fn begin(&mut self, make: impl FnOnce() -> Result<T>) -> Result<()> {
        self.free()?;
        self.0 = Some(make()?);
        Ok(())
    }

    /// Takes the operation out for its last step, if the output has room.
    fn take(&mut self, room: Room, needed: impl FnOnce(&T) -> usize) -> Result<Turn<T>> {
        let operation = self.0.as_ref().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        if let Err(answer) = room.admits(needed(operation)) {
            return Ok(Turn::Answer(answer));
        }
        self.end().map(Turn::Work)
    }

    /// Takes the operation out for its last step, which has no output.
    fn end(&mut self) -> Result<T> {
        self.0.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)
    }

    /// A step in the middle that has output, if there is room for it; an error ends the operation.
    fn advance(
        &mut self,
        room: Room,
        needed: impl FnOnce(&T) -> usize,
        work: impl FnOnce(&mut T) -> Result<Vec<u8>>,
    ) -> Result<Filled> {
        let operation = self.0.as_ref().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        match room.admits(needed(operation)) {
            Err(answer) => Ok(answer),
            Ok(()) => self.step(work).map(Filled::Bytes),
        }
    }

    /// A step in the middle; an error ends the operation.
    fn step<R>(&mut self, work: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let done = work(self.0.as_mut().ok_or(CKR_OPERATION_NOT_INITIALIZED)?);
        if done.is_err() {
            self.0 = None;
        }
        done
    }
}

impl Session {
    pub(super) fn new(
        handle: SessionHandle,
        read_write: bool,
        token: Arc<Token>,
        share: Share,
    ) -> Self {
        let (objects, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        let operations = Mutex::default();
        Self { handle, read_write, token, objects, ended, operations, _share: share }
    }

    /// Something is about to be added. The caller has the token's objects locked: either this
    /// learns that the session has ended, or its end learns of the object and waits for the lock.
    pub(super) fn brings_objects(&self) -> Result<()> {
        self.objects.store(true, Ordering::SeqCst);
        self.goes_on()
    }

    /// CKR_SESSION_HANDLE_INVALID once it has ended.
    pub(super) fn goes_on(&self) -> Result<()> {
        if self.ended.load(Ordering::SeqCst) { Err(CKR_SESSION_HANDLE_INVALID) } else { Ok(()) }
    }

    /// Ends the session. Whether there are objects to destroy.
    pub(super) fn end(&self) -> bool {
        self.ended.store(true, Ordering::SeqCst);
        self.objects.load(Ordering::SeqCst)
    }

    /// Why an object of the card cannot be made, changed or destroyed in this session.
    pub(super) fn refusal(&self) -> Rv {
        if self.read_write { CKR_ACTION_PROHIBITED } else { CKR_SESSION_READ_ONLY }
    }

    fn operations(&self) -> MutexGuard<'_, Operations> {
        lock(&self.operations)
    }

    /// The object that a handle names, if this session may see it now.
    pub(super) fn object(&self, handle: ObjectHandle) -> Result<Arc<Object>> {
        self.token.object(handle)
    }

    /// The key that a handle names, and the mechanism; checked against each other and against the
    /// use that `flag` (CKF_SIGN) and `usage` (CKA_SIGN) name (rule 4). A secret key of the card
    /// asks the gate for it: the session's operations are not locked.
    fn key(
        &self,
        handle: ObjectHandle,
        mechanism: &Mechanism,
        (flag, usage): (u64, u64),
    ) -> Result<(Arc<Object>, &'static Row)> {
        let row = mechanisms::find(mechanism.kind, flag, self.token.raw_rsa())?;
        let object = self.object(handle).map_err(|rv| match rv {
            CKR_OBJECT_HANDLE_INVALID => CKR_KEY_HANDLE_INVALID,
            rv => rv,
        })?;
        if !object.is_key() {
            return Err(CKR_KEY_HANDLE_INVALID);
        }
        if !object.goes_with(row) {
            return Err(CKR_KEY_TYPE_INCONSISTENT);
        }
        if !object.is_true(usage) {
            return Err(CKR_KEY_FUNCTION_NOT_PERMITTED);
        }
        if !object.allows(mechanism.kind) {
            return Err(CKR_MECHANISM_INVALID);
        }
        Ok((self.token.lent(object)?, row))
    }

    /// C_SessionCancel: ends the operations that the flags name, if they go on.
    pub(super) fn cancel(&self, flags: u64) {
        let mut operations = self.operations();
        let ends = |flag: u64| flags & flag != 0;
        if ends(CKF_FIND_OBJECTS) {
            operations.find = None;
        }
        if ends(CKF_DIGEST) {
            operations.digest = Active(None);
        }
        if ends(CKF_SIGN) {
            operations.sign = Active(None);
        }
        if ends(CKF_SIGN_RECOVER) {
            operations.sign_recover = Active(None);
        }
        if ends(CKF_DECRYPT) {
            operations.decrypt = Active(None);
        }
        if ends(CKF_VERIFY) {
            operations.verify = Active(None);
        }
        if ends(CKF_VERIFY_RECOVER) {
            operations.verify_recover = Active(None);
        }
        if ends(CKF_ENCRYPT) {
            operations.encrypt = Active(None);
        }
    }

    /// C_GetOperationState: no state is ever given away, since it would hold keys and plaintexts.
    pub(super) fn operation_state(&self) -> Rv {
        let operations = self.operations();
        let goes_on = operations.find.is_some()
            || operations.digest.0.is_some()
            || operations.sign.0.is_some()
            || operations.sign_recover.0.is_some()
            || operations.decrypt.0.is_some()
            || operations.verify.0.is_some()
            || operations.verify_recover.0.is_some()
            || operations.encrypt.0.is_some();
        if goes_on { CKR_STATE_UNSAVEABLE } else { CKR_OPERATION_NOT_INITIALIZED }
    }

    /// C_FindObjectsInit. What is found is settled now.
    pub(super) fn find_init(&self, template: &[super::Attribute]) -> Result<()> {
        let mut operations = self.operations();
        if operations.find.is_some() {
            return Err(CKR_OPERATION_ACTIVE);
        }
        operations.find = Some(self.token.find(template)?.into());
        Ok(())
    }

    /// C_FindObjects.
    pub(super) fn find(&self, max: usize) -> Result<Vec<ObjectHandle>> {
        let mut operations = self.operations();
        let found = operations.find.as_mut().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        let count = max.min(found.len());
        Ok(found.drain(..count).collect())
    }

    /// C_FindObjectsFinal.
    pub(super) fn find_final(&self) -> Result<()> {
        self.operations().find.take().map(drop).ok_or(CKR_OPERATION_NOT_INITIALIZED)
    }
}
