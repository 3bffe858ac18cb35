//! What a process has initialized; and fork, noticed at the next call: a child starts with nothing
//! ([`PerProcess`]).

use super::choose;
use crate::{
    pkcs11::{Cryptoki, Result, ck::*},
    secret::PerProcess,
};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The state of one process.
#[derive(Default)]
struct Process {
    /// Held by C_Initialize and C_Finalize from beginning to end, so that each sees the other done.
    changing: Mutex<()>,
    current: RwLock<Option<Arc<dyn Cryptoki>>>,
    in_process: Mutex<Option<Arc<dyn Cryptoki>>>,
}

static PROCESS: PerProcess<Process> = PerProcess::new(Process::default, let_go);

/// In a child: what its parent used is given up, as far as it has to be.
fn let_go(parents: &Process) {
    if let Ok(current) = parents.current.try_read()
        && let Some(cryptoki) = &*current
    {
        cryptoki.forked();
    }
}

/// The state of this process.
fn process() -> &'static Process {
    PROCESS.get()
}

/// The Cryptoki that this process has initialized.
pub(super) fn current() -> Result<Arc<dyn Cryptoki>> {
    let current = process().current.read().unwrap_or_else(PoisonError::into_inner);
    current.clone().ok_or(CKR_CRYPTOKI_NOT_INITIALIZED)
}

/// C_Initialize: decides which cards are shown.
pub(super) fn initialize() -> Result<()> {
    let process = process();
    let _changing = process.changing.lock().unwrap_or_else(PoisonError::into_inner);
    if current().is_ok() {
        return Err(CKR_CRYPTOKI_ALREADY_INITIALIZED);
    }
    let here = process.in_process.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let cryptoki = here.map_or_else(choose::choose, Ok)?;
    cryptoki.initialize()?;
    *process.current.write().unwrap_or_else(PoisonError::into_inner) = Some(cryptoki);
    Ok(())
}

/// C_Finalize: calls that other threads are in end with their own answers.
pub(super) fn finalize() -> Result<()> {
    let process = process();
    let _changing = process.changing.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = process.current.write().unwrap_or_else(PoisonError::into_inner).take();
    taken.ok_or(CKR_CRYPTOKI_NOT_INITIALIZED)?.finalize()
}

/// Has the next C_Initialize in this process show these cards instead of an agent's; `None` takes
/// that back. A child made by fork does not inherit it.
pub fn serve_in_process(cryptoki: Option<Arc<dyn Cryptoki>>) {
    *process().in_process.lock().unwrap_or_else(PoisonError::into_inner) = cryptoki;
}
