//! Slots: while the server is away, and slot events that tell of its coming and going.

use super::{
    Client,
    link::{self, Failure, Link},
    lock,
};
use crate::{
    pkcs11::{Info, Result, Rv, SlotId, SlotInfo, empty_slot, library_info},
    wire::{
        calls::{Row, general},
        codec::{put, take},
        cx::{NO_EVENT, NOT_INITIALIZED, SLOT_ID_INVALID},
    },
};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

/// CKF_TOKEN_PRESENT.
const TOKEN_PRESENT: u64 = 1;
/// CKF_DONT_BLOCK.
const DONT_BLOCK: u64 = 1;
/// The slot that is there before any server was.
const FIRST: SlotId = 0;
/// How often a blocked wait looks for the server.
const LOOK: Duration = Duration::from_millis(500);

impl Client {
    /// A call without a session; `None` while the server is away. A connection that turns out to be lost is made anew once.
    pub(super) fn general<T>(
        &self,
        call: impl Fn(&Arc<Link>) -> Result<T, Failure>,
    ) -> Result<Option<T>> {
        for _ in 0..2 {
            let Some(link) = self.link()? else { return Ok(None) };
            let result = call(&link);
            self.here().notice(&link);
            match result {
                Ok(value) => return Ok(Some(value)),
                Err(Failure::Code(code)) => return Err(code),
                Err(Failure::Lost) => {}
            }
        }
        lock(&self.here().state).check()?;
        Ok(None)
    }

    /// A call on a slot; `None` while there is no such slot at the server, or no server.
    pub(super) fn on_slot<T>(
        &self,
        slot: SlotId,
        call: impl Fn(&Arc<Link>) -> Result<T, Failure>,
    ) -> Result<Option<T>> {
        let connected = self.link()?.is_some();
        {
            let mut state = lock(&self.here().state);
            state.told.get_or_insert(connected);
            if !connected && state.known.is_empty() {
                state.known.push(FIRST);
            }
            if !state.known.contains(&slot) {
                return Err(SLOT_ID_INVALID);
            }
            if !connected || !state.served.contains(&slot) {
                return Ok(None);
            }
        }
        self.general(call)
    }

    pub(super) fn slots(&self, token_present: bool) -> Result<Vec<SlotId>> {
        let list = |present: bool| {
            move |link: &Arc<Link>| {
                link::numbers(link, general::SLOT_LIST, |output, cx| put::flag(output, cx, present))
            }
        };
        let served = self.general(list(false))?;
        let present = match (&served, token_present) {
            (Some(_), true) => self.general(list(true))?.unwrap_or_default(),
            _ => Vec::new(),
        };
        let mut state = lock(&self.here().state);
        state.check()?;
        state.told.get_or_insert(served.is_some());
        match served {
            Some(served) => {
                state.learn(&served);
                state.served = served;
            }
            None if state.known.is_empty() => state.known.push(FIRST),
            None => {}
        }
        Ok(if token_present { present } else { state.known.clone() })
    }

    pub(super) fn general_info(&self) -> Result<Info> {
        let told = self.general(|link| link.call(general::INFO, |_, _| Ok(()), take::info))?;
        let mut state = lock(&self.here().state);
        if let Some(info) = told {
            state.info = Some(info);
        }
        Ok(state.info.clone().unwrap_or_else(library_info))
    }

    pub(super) fn info_of_slot(&self, slot: SlotId) -> Result<SlotInfo> {
        let told = self.on_slot(slot, |link| {
            link.call(
                general::SLOT_INFO,
                |output, cx| put::number(output, cx, slot),
                take::slot_info,
            )
        })?;
        let mut state = lock(&self.here().state);
        if let Some(info) = told {
            state.slot_infos.insert(slot, info.clone());
            return Ok(info);
        }
        let mut info = state.slot_infos.get(&slot).cloned().unwrap_or_else(|| empty_slot(slot));
        info.flags &= !TOKEN_PRESENT;
        Ok(info)
    }

    /// A slot event: the server's own, or that it came or went.
    pub(super) fn slot_event(&self, block: bool) -> Result<SlotId> {
        loop {
            let link = self.link()?;
            if let Some(slot) = self.turn(link.is_some())? {
                return Ok(slot);
            }
            match link {
                Some(link) => match self.ask_for_event(&link, block)? {
                    Ok(slot) => return Ok(slot),
                    Err(Failure::Code(code)) => return Err(code),
                    Err(Failure::Lost) => continue,
                },
                None if !block => return Err(NO_EVENT),
                None => {}
            }
            let here = self.here();
            let state = lock(&here.state);
            state.check()?;
            // Wakes early at finalize and when another thread connects.
            drop(here.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn ask_for_event(&self, link: &Arc<Link>, block: bool) -> Result<Result<SlotId, Failure>, Rv> {
        let row: Row = general::WAIT_FOR_SLOT_EVENT;
        let flags = if block { 0 } else { DONT_BLOCK };
        let asked = link.call(row, |output, cx| put::number(output, cx, flags), take::number);
        let here = self.here();
        here.notice(link);
        match asked {
            Err(Failure::Code(NOT_INITIALIZED)) => {
                // The server's Cryptoki ends with its connection: ours may go on.
                lock(&here.state).check()?;
                link.lose();
                here.notice(link);
                Ok(Err(Failure::Lost))
            }
            other => Ok(other),
        }
    }

    /// Whether the server came or went since this was last told, and of which slot to tell.
    fn turn(&self, connected: bool) -> Result<Option<SlotId>> {
        let mut state = lock(&self.here().state);
        state.check()?;
        if state.told.replace(connected).is_none_or(|before| before == connected) {
            return Ok(None);
        }
        if state.known.is_empty() {
            state.known.push(FIRST);
        }
        Ok(state.served.first().or(state.known.first()).copied())
    }
}
