//! What a deployment chooses about the card in a reader, and in whose name it works.

use super::ManagementKey;
use crate::{
    card::{Caller, Gate},
    clock::{Clock, SystemClock},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What a deployment chooses about the card in a reader.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a verified passcode counts without use of it.
    pub idle: Duration,
    /// Whether a derived card's authentication key is shown at 9D as well, for clients that decrypt
    /// with no other. It decrypts at 9A too; what a client tries there depends on the client.
    pub key_management: bool,
    /// The card management key, 9B. Without one, nobody is the card's manager, and there is none by
    /// default: a key that everybody knows would let everybody write on the card.
    pub management: Option<ManagementKey>,
}

impl Default for Settings {
    /// Two minutes, no 9D, no card manager.
    fn default() -> Self {
        Self { idle: Duration::from_secs(120), key_management: false, management: None }
    }
}

/// In whose name a card in a reader works, who admits, and by which clock.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who asks, as far as a reader can tell; the number of its connection is replaced at each
    /// power-up, that of its reader by each [`Slot`](super::Slot).
    pub caller: Caller,
    /// Who admits.
    pub gate: Arc<dyn Gate>,
    /// What the idle time is measured by.
    pub clock: Arc<dyn Clock>,
}

impl Context {
    /// By the system's clock.
    pub fn new(caller: Caller, gate: Arc<dyn Gate>) -> Self {
        Self { caller, gate, clock: Arc::new(SystemClock) }
    }

    /// The same in a reader of its own, which stays the same over power-ups.
    pub(super) fn in_reader(self) -> Self {
        let reader = Some(SLOTS.fetch_add(1, Ordering::Relaxed));
        Self { caller: Caller { reader, ..self.caller }, ..self }
    }

    /// The same for another power-up, whose logins are no other's.
    pub(super) fn powered(&self) -> Self {
        let connection = READERS | POWER_UPS.fetch_add(1, Ordering::Relaxed);
        Self { caller: Caller { connection, ..self.caller.clone() }, ..self.clone() }
    }
}

/// Numbers of power-ups stand apart from those of connections.
const READERS: u64 = 1 << 62;
static POWER_UPS: AtomicU64 = AtomicU64::new(0);
static SLOTS: AtomicU64 = AtomicU64::new(0);
