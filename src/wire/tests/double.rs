//! A small Cryptoki that notes every call with its arguments, and whose answers follow from them.

use crate::{
    pkcs11::*,
    wire::{calls::session_calls, cx::*},
};
use std::{
    collections::HashSet,
    sync::{Condvar, Mutex},
    time::Duration,
};

#[derive(Debug, Default)]
pub(super) struct Double {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    initialized: bool,
    finalized: usize,
    sessions: HashSet<u64>,
    last_session: u64,
    notes: Vec<String>,
    running: usize,
    waiting: usize,
    events: usize,
    released: bool,
    busy: HashSet<u64>,
    overlapped: bool,
}

pub(super) fn fill(bytes: &[u8], room: Room) -> Filled {
    match room {
        Room::Query => Filled::Length(bytes.len()),
        Room::Bytes(room) if room < bytes.len() => Filled::TooSmall(bytes.len()),
        Room::Bytes(_) => Filled::Bytes(bytes.to_vec()),
    }
}

/// An answer that follows from the call's name and one argument.
trait Make<D> {
    fn make(name: &str, depends: D) -> Self;
}
impl Make<()> for () {
    fn make(_: &str, (): ()) {}
}
impl Make<()> for u64 {
    fn make(name: &str, (): ()) -> Self {
        name.len() as u64
    }
}
impl Make<()> for (u64, u64) {
    fn make(name: &str, (): ()) -> Self {
        (name.len() as u64, 77)
    }
}
impl Make<Room> for Filled {
    fn make(name: &str, room: Room) -> Self {
        fill(name.as_bytes(), room)
    }
}
impl Make<&[Query]> for Answers {
    fn make(_: &str, queries: &[Query]) -> Self {
        let answers = queries.iter().map(|query| match (query.kind, query.room) {
            (0x80, _) => Answer::Unavailable,
            (0x40000211, Some(_)) => Answer::Unavailable,
            (kind, Some(_)) => Answer::Value(value(kind)),
            (kind, None) => Answer::Length(value(kind).len()),
        });
        Answers { code: Some(ATTRIBUTE_SENSITIVE), answers: answers.collect() }
    }
}
impl Make<()> for SessionInfo {
    fn make(_: &str, (): ()) -> Self {
        Self { slot: 1, state: 2, flags: 3, device_error: 4 }
    }
}

/// A value of the right form for an attribute.
fn value(kind: u64) -> Vec<u8> {
    match kind {
        0x0 | 0x100 => 3_u64.to_le_bytes().to_vec(),
        0x1 => vec![1],
        0x110 => b"20260101".to_vec(),
        0x111 => vec![],
        0x40000600 => [1_u64, 0x40].iter().flat_map(|kind| kind.to_le_bytes()).collect(),
        0x40000211 => vec![0; 24],
        _ => b"value".to_vec(),
    }
}

impl Double {
    pub(super) fn notes(&self) -> Vec<String> {
        self.state.lock().unwrap().notes.clone()
    }
    pub(super) fn finalized(&self) -> usize {
        self.state.lock().unwrap().finalized
    }
    pub(super) fn running(&self) -> usize {
        self.state.lock().unwrap().running
    }
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().unwrap().waiting
    }
    pub(super) fn overlapped(&self) -> bool {
        self.state.lock().unwrap().overlapped
    }
    /// Lets slow calls end.
    pub(super) fn release(&self) {
        self.state.lock().unwrap().released = true;
        self.changed.notify_all();
    }
    /// The next session's handle is the one after `last`.
    pub(super) fn sessions_from(&self, last: u64) {
        self.state.lock().unwrap().last_session = last;
    }
    pub(super) fn slot_event(&self) {
        self.state.lock().unwrap().events += 1;
        self.changed.notify_all();
    }

    fn note(&self, text: String) -> Result<()> {
        let mut state = self.state.lock().unwrap();
        if !state.initialized {
            return Err(NOT_INITIALIZED);
        }
        state.notes.push(text);
        Ok(())
    }

    fn on_session(&self, session: u64, text: String) -> Result<()> {
        self.note(text)?;
        let known = self.state.lock().unwrap().sessions.contains(&session);
        if known { Ok(()) } else { Err(SESSION_HANDLE_INVALID) }
    }

    /// A call that takes until it is released or all is over.
    fn slow(&self, session: u64) -> Result<()> {
        let mut state = self.state.lock().unwrap();
        if !state.busy.insert(session) {
            state.overlapped = true;
        }
        state.running += 1;
        let mut state =
            self.changed.wait_while(state, |state| !state.released && state.initialized).unwrap();
        state.running -= 1;
        state.busy.remove(&session);
        if state.initialized { Ok(()) } else { Err(NOT_INITIALIZED) }
    }
}

macro_rules! double_methods {
    ($($id:literal $name:literal $request:literal -> $response:literal $pace:ident, $method:ident($($argument:ident: $role:ident($kind:ty)),*) -> $result:ident: $out:ty $(, $depends:ident)?;)*) => {
        impl Cryptoki for Double {
            $(double_methods!(@method $method($($argument: $kind),*) -> $out, ($($depends)?));)*

            fn initialize(&self) -> Result<()> {
                let mut state = self.state.lock().unwrap();
                if std::mem::replace(&mut state.initialized, true) {
                    return Err(ALREADY_INITIALIZED);
                }
                Ok(())
            }
            fn finalize(&self) -> Result<()> {
                let mut state = self.state.lock().unwrap();
                state.finalized += 1;
                state.initialized = false;
                state.sessions.clear();
                self.changed.notify_all();
                Ok(())
            }
            fn info(&self) -> Result<Info> {
                self.note("info".into())?;
                Ok(Info { cryptoki_version: (2, 40), manufacturer: "Maker".into(), flags: 0, description: "Double ü".into(), library_version: (1, 2) })
            }
            fn slot_list(&self, token_present: bool) -> Result<Vec<SlotId>> {
                self.note(format!("slot_list {token_present}"))?;
                Ok(if token_present { vec![1] } else { vec![0, 1] })
            }
            fn slot_info(&self, slot: SlotId) -> Result<SlotInfo> {
                self.note(format!("slot_info {slot}"))?;
                Ok(SlotInfo { description: "Slot".into(), manufacturer: "Maker".into(), flags: 3, hardware_version: (1, 2), firmware_version: (3, 4) })
            }
            fn token_info(&self, slot: SlotId) -> Result<TokenInfo> {
                self.note(format!("token_info {slot}"))?;
                Ok(TokenInfo {
                    label: "Label".into(), manufacturer: "Maker".into(), model: "Model".into(), serial: "0123456789abcdef".into(), flags: 0x40d,
                    max_sessions: u64::MAX, sessions: 1, max_rw_sessions: 2, rw_sessions: 3, max_pin: 8, min_pin: 6,
                    total_public_memory: u64::MAX, free_public_memory: 5, total_private_memory: 6, free_private_memory: 7,
                    hardware_version: (1, 2), firmware_version: (3, 4), utc_time: *b"2026010100000000",
                })
            }
            fn wait_for_slot_event(&self, block: bool) -> Result<SlotId> {
                self.note(format!("wait {block}"))?;
                let mut state = self.state.lock().unwrap();
                if block {
                    state.waiting += 1;
                    state = self.changed.wait_while(state, |state| state.events == 0 && state.initialized).unwrap();
                    state.waiting -= 1;
                    if !state.initialized {
                        return Err(NOT_INITIALIZED);
                    }
                }
                if state.events == 0 {
                    return Err(NO_EVENT);
                }
                state.events -= 1;
                Ok(1)
            }
            fn mechanism_list(&self, slot: SlotId) -> Result<Vec<MechanismType>> {
                self.note(format!("mechanism_list {slot}"))?;
                Ok(vec![1, 0x40, 0x1087, 0x8000_0001, 0x0d])
            }
            fn mechanism_info(&self, slot: SlotId, mechanism: MechanismType) -> Result<MechanismInfo> {
                self.note(format!("mechanism_info {slot} {mechanism}"))?;
                Ok(MechanismInfo { min_key: 2048, max_key: 4096, flags: 0x800 })
            }
            fn init_token(&self, slot: SlotId, pin: Option<&[u8]>, label: &[u8; 32]) -> Result<()> {
                self.note(format!("init_token {slot} {pin:?} {label:?}"))
            }
            fn open_session(&self, slot: SlotId, flags: u64) -> Result<SessionHandle> {
                self.note(format!("open_session {slot} {flags}"))?;
                let mut state = self.state.lock().unwrap();
                state.last_session += 1;
                let session = state.last_session;
                state.sessions.insert(session);
                Ok(session)
            }
            fn close_session(&self, session: SessionHandle) -> Result<()> {
                self.on_session(session, "close_session".into())?;
                self.state.lock().unwrap().sessions.remove(&session);
                Ok(())
            }
            fn close_all_sessions(&self, slot: SlotId) -> Result<()> {
                self.note(format!("close_all_sessions {slot}"))?;
                self.state.lock().unwrap().sessions.clear();
                Ok(())
            }
            fn login(&self, session: SessionHandle, user: u64, pin: Option<&[u8]>) -> Result<()> {
                self.on_session(session, format!("login {user} {pin:?}"))?;
                match pin {
                    Some(b"slow") => self.slow(session),
                    Some(b"wrong") => Err(Rv(0xa0)),
                    _ => Ok(()),
                }
            }
            fn sign(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
                self.on_session(session, format!("sign {data:?} {room:?}"))?;
                match data {
                    b"slow" => self.slow(session)?,
                    b"panic" => panic!("asked for by a test"),
                    b"nap" => std::thread::sleep(Duration::from_millis(20)),
                    _ => {}
                }
                Ok(fill(&data.iter().rev().copied().collect::<Vec<_>>(), room))
            }
            fn find_objects(&self, session: SessionHandle, max: usize) -> Result<Vec<ObjectHandle>> {
                self.on_session(session, "find_objects".into())?;
                let mut state = self.state.lock().unwrap();
                let found = 700_usize.saturating_sub(state.events).min(max);
                let first = state.events as u64 + 1;
                state.events += found;
                Ok((first..first + found as u64).collect())
            }
            fn generate_random(&self, session: SessionHandle, length: usize) -> Result<Vec<u8>> {
                self.on_session(session, format!("generate_random {length}"))?;
                Ok(vec![9; length])
            }
        }
    };
    (@method close_session $($rest:tt)*) => {};
    (@method login $($rest:tt)*) => {};
    (@method sign $($rest:tt)*) => {};
    (@method find_objects $($rest:tt)*) => {};
    (@method generate_random_into $($rest:tt)*) => {};
    (@method $method:ident($($argument:ident: $kind:ty),*) -> $out:ty, $depends:tt) => {
        fn $method(&self, session: SessionHandle $(, $argument: $kind)*) -> Result<$out> {
            self.on_session(session, format!("{} {:?}", stringify!($method), ($(&$argument,)*)))?;
            Ok(Make::make(stringify!($method), $depends))
        }
    };
}
session_calls!(double_methods);
