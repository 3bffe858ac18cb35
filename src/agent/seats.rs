//! Seats: for whom a card is shown, and the trays that their connections see.

use crate::{
    card::{Card, CardId, Tray},
    net::Peer,
    pkcs11::Budget,
    secret::User,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// For whom a card is shown: a user of this machine, and that user's logon session where the host
/// names one. Without a session all sessions of the user see the card.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seat {
    /// The user.
    pub uid: User,
    /// Logon session, as [`Peer::logon`] tells it.
    pub logon: Option<String>,
}

impl Seat {
    /// All sessions of a user.
    pub fn user(uid: impl Into<User>) -> Self {
        Self { uid: uid.into(), logon: None }
    }

    /// Where the operating system says that a peer sits.
    pub fn of(peer: &Peer) -> Self {
        Self { uid: peer.uid, logon: peer.logon.clone() }
    }

    /// Whether a card for this seat is shown to a connection from `at`.
    fn shows_at(&self, at: &Self) -> bool {
        self.uid == at.uid && (self.logon.is_none() || self.logon == at.logon)
    }
}

/// One tray for each place that connections come from; cards lie in all the trays they are shown in.
#[derive(Debug, Default)]
pub(super) struct Seats {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// By where a connection comes from.
    trays: HashMap<Seat, Arc<Tray>>,
    /// By for whom the card is.
    cards: HashMap<Seat, Card>,
    /// What is kept for each user's applications, as long as any is connected.
    budgets: HashMap<User, Weak<Budget>>,
}

/// A tray has one place: legacy applications take the first slot.
const PLACES: usize = 1;
/// Most bytes that are kept for one user's applications: thousands of sessions, or a long message.
const MOST_KEPT: usize = 64 << 20;

impl Seats {
    /// The tray that a connection from `at` sees, empty until there is a card.
    pub(super) fn tray(&self, at: &Seat) -> Arc<Tray> {
        let mut table = self.table();
        table.clear();
        if let Some(tray) = table.trays.get(at) {
            return Arc::clone(tray);
        }
        let tray = Tray::new(PLACES);
        let session = table.cards.get(at);
        let card = session.or_else(|| table.cards.get(&Seat::user(at.uid))).cloned();
        table.trays.insert(at.clone(), Arc::clone(&tray));
        // Still under the lock: a newer card must not come in between and be pushed out by this.
        if let Some(card) = card {
            tray.insert(0, card);
        }
        tray
    }

    /// What may be kept for the applications of a user.
    pub(super) fn budget(&self, uid: User) -> Arc<Budget> {
        let mut table = self.table();
        let budgets = &mut table.budgets;
        budgets.retain(|_, budget| budget.strong_count() > 0);
        budgets.get(&uid).and_then(Weak::upgrade).unwrap_or_else(|| {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            let budget = Budget::new(MOST_KEPT, processors.saturating_mul(2));
            budgets.insert(uid, Arc::downgrade(&budget));
            budget
        })
    }

    /// The card that lies in a seat now.
    pub(super) fn at(&self, seat: &Seat) -> Option<CardId> {
        self.table().cards.get(seat).map(Card::id)
    }

    /// Shows a card; what lay in the trays is removed.
    pub(super) fn insert(&self, seat: &Seat, card: &Card) {
        let mut table = self.table();
        table.cards.insert(seat.clone(), card.clone());
        for (_, tray) in table.trays.iter().filter(|(at, _)| seat.shows_at(at)) {
            tray.insert(0, card.clone());
        }
    }

    /// Forgets a card that has ended; it left the trays by itself.
    pub(super) fn forget(&self, card: CardId) {
        let mut table = self.table();
        table.cards.retain(|_, other| other.id() != card);
        table.clear();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Lets go of trays that no connection holds and no card lies in.
    fn clear(&mut self) {
        let cards = &self.cards;
        self.trays.retain(|at, tray| {
            Arc::strong_count(tray) > 1 || cards.keys().any(|seat| seat.shows_at(at))
        });
    }
}
