//! A reader's slot with a card of the test's own: inserted and removed at will, echoing, slow when
//! asked.
//!
//! | command | response |
//! |---|---|
//! | `80 10 00 00 [Lc data]` | the data |
//! | `80 20 P1 P2` | P1P2 bytes |
//! | `80 30 P1 P2` | after P1P2 milliseconds |
//! | `80 40 00 00` | how often it was given power, was reset, lost its power: three numbers of 4 bytes |
//! | `00 20 00 80 08 <31..38>` | verified until power goes; without data 63C3 or 9000 |
//! | `00 A4` | 9000 |
use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use wardcard::apdu::{Atr, Icc, Presence};

pub const ATR: [u8; 17] = [
    0x3B, 0x8B, 0x80, 0x01, 0x80, 0xF9, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0xC8,
    0x00,
];

#[derive(Debug, Default)]
pub struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Debug, Default)]
struct State {
    presence: Presence,
    powered: bool,
    verified: bool,
    wakes: u64,
    /// Power on, reset, power off while powered.
    counts: [u32; 3],
    working: u32,
}

impl Slot {
    pub fn empty() -> Self {
        Self::default()
    }

    pub fn with_card() -> Self {
        let slot = Self::empty();
        slot.insert();
        slot
    }

    pub fn insert(&self) {
        self.put(true);
    }

    pub fn remove(&self) {
        self.put(false);
    }

    fn put(&self, present: bool) {
        let mut state = self.state();
        if state.presence.present != present {
            state.presence = Presence { present, changes: state.presence.changes + 1 };
            (state.powered, state.verified) = (false, false);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// How often it was given power, was reset, lost its power.
    pub fn counts(&self) -> [u32; 3] {
        self.state().counts
    }

    pub fn powered(&self) -> bool {
        self.state().powered
    }

    /// Commands that it works on now.
    pub fn working(&self) -> u32 {
        self.state().working
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn power(&self, kind: usize) -> Option<Atr> {
        let mut state = self.state();
        if !state.presence.present {
            return None;
        }
        state.counts[kind] += 1;
        (state.powered, state.verified) = (true, false);
        Atr::new(&ATR[..16])
    }
}

/// The data of a command, short or extended; `None` where its lengths do not fit.
fn data(command: &[u8]) -> Option<&[u8]> {
    match command {
        [_, _, _, _] | [_, _, _, _, _] | [_, _, _, _, 0, _, _] => Some(&[]),
        [_, _, _, _, 0, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            (rest.len() == length || rest.len() == length + 2).then(|| &rest[..length])
        }
        [_, _, _, _, length, rest @ ..] => {
            let length = usize::from(*length);
            (rest.len() == length || rest.len() == length + 1).then(|| &rest[..length])
        }
        _ => None,
    }
}

impl Icc for Slot {
    fn presence(&self) -> Presence {
        self.state().presence
    }

    fn wait(&self, seen: Presence, most: Duration) -> Presence {
        let deadline = Instant::now() + most;
        let mut state = self.state();
        let wakes = state.wakes;
        while state.presence == seen && state.wakes == wakes {
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, rest);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.presence
    }

    fn wake(&self) {
        self.state().wakes += 1;
        self.changed.notify_all();
    }

    fn power_on(&self) -> Option<Atr> {
        self.power(0)
    }

    fn reset(&self) -> Option<Atr> {
        self.power(1)
    }

    fn power_off(&self) {
        let mut state = self.state();
        if state.powered {
            state.counts[2] += 1;
        }
        (state.powered, state.verified) = (false, false);
    }

    fn transmit(&self, command: &[u8]) -> Option<Vec<u8>> {
        let mut state = self.state();
        if !state.powered {
            return None;
        }
        let card = state.presence;
        state.working += 1;
        drop(state);
        let number = usize::from(u16::from_be_bytes([
            command.get(2).copied().unwrap_or(0),
            command.get(3).copied().unwrap_or(0),
        ]));
        let (mut response, status) = match (command, data(command)) {
            (_, None) => (Vec::new(), 0x6700_u16),
            ([0x80, 0x10, ..], Some(data)) => (data.to_vec(), 0x9000),
            ([0x80, 0x20, ..], Some(_)) => (vec![0x5A; number], 0x9000),
            ([0x80, 0x30, ..], Some(_)) => {
                thread::sleep(Duration::from_millis(number as u64));
                (Vec::new(), 0x9000)
            }
            ([0x80, 0x40, ..], Some(_)) => {
                (self.counts().iter().flat_map(|count| count.to_be_bytes()).collect(), 0x9000)
            }
            ([0, 0x20, 0, 0x80, ..], Some([])) => {
                (Vec::new(), if self.state().verified { 0x9000 } else { 0x63C3 })
            }
            ([0, 0x20, 0, 0x80, ..], Some(data)) => {
                let good = data == b"12345678";
                self.state().verified = good;
                (Vec::new(), if good { 0x9000 } else { 0x63C2 })
            }
            ([0, 0xA4, ..], Some(_)) => (Vec::new(), 0x9000),
            _ => (Vec::new(), 0x6D00),
        };
        let mut state = self.state();
        state.working -= 1;
        if state.presence != card {
            return None;
        }
        response.extend_from_slice(&status.to_be_bytes());
        Some(response)
    }
}
