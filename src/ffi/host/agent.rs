//! Agents and the process they live in.
#![allow(unsafe_code)]

use super::{
    callbacks::{Callbacks, wardcard_callbacks},
    card::wardcard_card,
    handles::{free, give, live, text},
    result::{
        WARDCARD_ERROR_ARGUMENT, WARDCARD_ERROR_CARD_GONE, WARDCARD_ERROR_STOPPED, of_agent,
        wardcard_result,
    },
};
use crate::{
    agent::{self, Agent, AgentParts, Config},
    ffi::{guard::call, pointers::Out},
    secret::Memory,
};
use std::{
    ffi::c_char,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Version of this interface; 0 until it is declared stable, and then raised with every change
/// that breaks callers.
pub const WARDCARD_ABI_VERSION: u32 = 0;

/// The ABI version of the loaded library, to be compared with `WARDCARD_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn wardcard_abi_version() -> u32 {
    WARDCARD_ABI_VERSION
}

/// The library's version, as `major.minor.patch`; never freed.
#[unsafe(no_mangle)]
pub extern "C" fn wardcard_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// What hardening a process achieved: a sum of the numbers below.
#[allow(non_camel_case_types)]
pub type wardcard_hardening = u32;
/// Other processes of the same user cannot read its memory or attach to it.
pub const WARDCARD_HARDENED_UNDUMPABLE: wardcard_hardening = 1;
/// No core file is written.
pub const WARDCARD_HARDENED_NO_CORE: wardcard_hardening = 2;
/// The whole memory is locked: nothing of it is swapped out.
pub const WARDCARD_HARDENED_MEMORY: wardcard_hardening = 4;
/// The limits allow less: the pages that hold secrets are locked.
pub const WARDCARD_HARDENED_SECRETS: wardcard_hardening = 8;

/// Hardens the calling process; call it before the first agent is made. `achieved` may be NULL.
///
/// # Safety
/// `achieved` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_process_harden(
    achieved: *mut wardcard_hardening,
) -> wardcard_result {
    call(|| {
        let done = crate::secret::harden();
        let bit = |achieved: bool, bit: wardcard_hardening| if achieved { bit } else { 0 };
        let bits = bit(done.undumpable, WARDCARD_HARDENED_UNDUMPABLE)
            | bit(done.no_core, WARDCARD_HARDENED_NO_CORE)
            | bit(done.memory == Memory::Whole, WARDCARD_HARDENED_MEMORY)
            | bit(done.memory == Memory::Secrets, WARDCARD_HARDENED_SECRETS);
        // SAFETY: the caller vouches for the place.
        if let Ok(out) = unsafe { Out::new(achieved) } {
            out.put(bits);
        }
        Ok(())
    })
}

/// An agent: cards of people, policy, audit, endpoints. It ends with `wardcard_agent_free`, not
/// with the process's last handle of a card or request.
#[derive(Debug)]
#[allow(non_camel_case_types)]
pub struct wardcard_agent {
    inner: Arc<Inner>,
}

/// What requests and cards of an agent keep alive.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) agent: Agent,
    pub(super) callbacks: Callbacks,
    stopped: AtomicBool,
}

impl Inner {
    /// The result of a failed call, after the host has been told why.
    pub(super) fn failed(&self, error: &agent::Error) -> wardcard_result {
        // What is not there any more is so because the agent has stopped.
        let stopped = self.stopped.load(Ordering::SeqCst);
        let result = if stopped { WARDCARD_ERROR_STOPPED } else { of_agent(error) };
        self.callbacks.tell(result, error)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.callbacks.mute();
        self.agent.stop();
    }
}

impl wardcard_agent {
    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }
}

impl Drop for wardcard_agent {
    fn drop(&mut self) {
        self.inner.stop();
        self.inner.callbacks.close();
    }
}

/// Makes an agent of a configuration: TOML text, as in `examples/agent.toml`, whose relative paths
/// start at the current folder of the process. Endpoints stay closed until `wardcard_agent_serve`.
/// `callbacks` is copied and may be NULL.
///
/// # Safety
/// `configuration` points to `configuration_length` bytes; `callbacks` is NULL or points to a
/// structure whose `size` is right; `agent` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_agent_new(
    configuration: *const c_char,
    configuration_length: usize,
    callbacks: *const wardcard_callbacks,
    agent: *mut *mut wardcard_agent,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the place.
        let out = unsafe { Out::new(agent) }?;
        // SAFETY: the caller vouches for the text.
        let configuration = unsafe { text(configuration, configuration_length) }?;
        // SAFETY: the caller vouches for the structure.
        let callbacks = unsafe { Callbacks::read(callbacks) }?;
        let folder = std::env::current_dir().unwrap_or_else(|_| Path::new("/").to_owned());
        let made = Config::from_toml(configuration, &folder)
            .map_err(agent::Error::from)
            .and_then(|config| Agent::new(config, AgentParts::default()))
            .map_err(|error| callbacks.tell(of_agent(&error), &error))?;
        let inner = Inner { agent: made, callbacks, stopped: AtomicBool::new(false) };
        out.put(give(wardcard_agent { inner: Arc::new(inner) }));
        Ok(())
    })
}

/// Opens the endpoints that the configuration names; more than once is nothing.
///
/// # Safety
/// `agent` is a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_agent_serve(agent: *mut wardcard_agent) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        inner.agent.serve().map_err(|error| inner.failed(&error))
    })
}

/// Finds a live card by its 16 hexadecimal digits (the token's serial number).
///
/// # Safety
/// `agent` is a live handle; `id` points to `id_length` bytes; `card` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_agent_card(
    agent: *const wardcard_agent,
    id: *const c_char,
    id_length: usize,
    card: *mut *mut wardcard_card,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the place.
        let out = unsafe { Out::new(card) }?;
        // SAFETY: the caller vouches for the handle.
        let inner = unsafe { live(agent) }?.inner();
        // SAFETY: the caller vouches for the text.
        let id = unsafe { text(id, id_length) }?;
        if id.len() != 16 {
            return Err(WARDCARD_ERROR_ARGUMENT);
        }
        if inner.stopped.load(Ordering::SeqCst) {
            return Err(WARDCARD_ERROR_STOPPED);
        }
        let info = inner
            .agent
            .cards()
            .into_iter()
            .find(|info| info.id.to_hex() == id)
            .ok_or(WARDCARD_ERROR_CARD_GONE)?;
        out.put(give(wardcard_card::new(Arc::clone(inner), info.id)));
        Ok(())
    })
}

/// Removes all cards, erases their keys, closes the endpoints, ends open questions and the audit
/// log. Handles stay valid; what needs the agent answers `WARDCARD_ERROR_STOPPED`. More than once
/// is nothing.
///
/// # Safety
/// `agent` is a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_agent_stop(agent: *mut wardcard_agent) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        unsafe { live(agent) }?.inner().stop();
        Ok(())
    })
}

/// Stops and frees an agent. Once this returns, no thread is inside a callback, and none will be
/// called. Handles of its requests and cards are still to be freed, each by its own call.
///
/// # Safety
/// `agent` is NULL or a live handle that nobody uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_agent_free(agent: *mut wardcard_agent) {
    // SAFETY: the caller vouches for the handle.
    unsafe { free(agent) };
}
