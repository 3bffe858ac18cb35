//! Where cards lie as applications see them come and go.

use super::{Card, CardId, locked};
use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often a waiter looks at the clock while a card lies there that may expire: clocks are handed
/// in and cannot wake anyone.
const LOOK: Duration = Duration::from_millis(250);

/// Where one person's cards lie as applications see them: a fixed number of places, each with a card
/// or empty.
///
/// A card that is removed or expires, wherever that is noticed, leaves its places at once and wakes
/// those who [`Tray::wait`]. No card is asked anything while the tray's own lock is held.
#[derive(Debug, Default)]
pub struct Tray {
    pub(super) table: Mutex<Table>,
    changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) places: Vec<Place>,
    /// Grows whenever waiters are to ask again.
    pub(super) turn: u64,
}

#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) card: Option<Card>,
    changes: u64,
}

impl Place {
    fn put(&mut self, card: Option<Card>) -> Option<Card> {
        self.changes = self.changes.wrapping_add(1);
        std::mem::replace(&mut self.card, card)
    }
}

impl Tray {
    /// `places` empty places.
    pub fn new(places: usize) -> Arc<Self> {
        let places = std::iter::repeat_with(Place::default).take(places).collect();
        Arc::new(Self { table: Mutex::new(Table { places, turn: 0 }), changed: Condvar::new() })
    }

    /// Number of places.
    pub fn places(&self) -> usize {
        locked(&self.table).places.len()
    }

    /// The card in a place, if it is there and neither removed nor expired.
    pub fn card(&self, place: usize) -> Option<Card> {
        self.look();
        locked(&self.table).places.get(place).and_then(|place| place.card.clone())
    }

    /// Puts a card in; what lay there is removed (erased). The card that lies there already stays as
    /// it is. A card for a place that the tray does not have is removed.
    pub fn insert(self: &Arc<Self>, place: usize, card: Card) {
        card.tell(Arc::downgrade(self));
        let gone = {
            let mut table = locked(&self.table);
            match table.places.get_mut(place) {
                None => Some(card.clone()),
                Some(place) if place.card.as_ref().is_some_and(|old| old.id() == card.id()) => None,
                Some(place) => {
                    let old = place.put(Some(card.clone()));
                    table.turn = table.turn.wrapping_add(1);
                    old
                }
            }
        };
        self.changed.notify_all();
        if let Some(gone) = gone {
            gone.remove();
        }
        // It may have ended before it lay here, when this tray did not hear of it.
        self.look();
    }

    /// Removes (erases) the card in a place.
    pub fn remove(&self, place: usize) {
        let card = locked(&self.table).places.get(place).and_then(|place| place.card.clone());
        if let Some(card) = card {
            card.remove();
        }
    }

    /// A number per place that grows at each insertion and removal; 0 for a place that never held a
    /// card.
    pub fn changes(&self, place: usize) -> u64 {
        self.look();
        locked(&self.table).places.get(place).map_or(0, |place| place.changes)
    }

    /// Waits until `check` answers something; it is asked at once, at each insertion, removal,
    /// expiry and `wake`. No lock is held while it runs.
    pub fn wait<T>(&self, mut check: impl FnMut() -> Option<T>) -> T {
        loop {
            // What happens after this moment is another turn, so that it is not slept through.
            let asked = locked(&self.table).turn;
            if let Some(answer) = check() {
                return answer;
            }
            while locked(&self.table).turn == asked {
                self.sleep(asked, None);
                self.look();
            }
        }
    }

    /// As [`Tray::wait`], for `most` at the longest: `None` when that is over.
    pub fn wait_for<T>(&self, most: Duration, mut check: impl FnMut() -> Option<T>) -> Option<T> {
        let begun = Instant::now();
        loop {
            let asked = locked(&self.table).turn;
            if let Some(answer) = check() {
                return Some(answer);
            }
            while locked(&self.table).turn == asked {
                let left = most.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())?;
                self.sleep(asked, Some(left));
                self.look();
            }
        }
    }

    /// Has every waiter ask its check again.
    pub fn wake(&self) {
        let mut table = locked(&self.table);
        table.turn = table.turn.wrapping_add(1);
        drop(table);
        self.changed.notify_all();
    }

    /// A card that lies here perhaps has ended.
    pub(super) fn ended(&self, id: CardId) {
        let mut gone = Vec::new();
        let mut table = locked(&self.table);
        for place in &mut table.places {
            if place.card.as_ref().is_some_and(|card| card.id() == id) {
                gone.push(place.put(None));
            }
        }
        if !gone.is_empty() {
            table.turn = table.turn.wrapping_add(1);
        }
        drop(table);
        self.changed.notify_all();
    }

    /// Until the turn is no longer `asked`, or it is time to look at the clock, or `most` is over.
    pub(super) fn sleep(&self, asked: u64, most: Option<Duration>) {
        let table = locked(&self.table);
        if table.turn != asked {
            return;
        }
        let look = table.places.iter().any(|place| place.card.is_some()).then_some(LOOK);
        match look.into_iter().chain(most).min() {
            Some(most) => {
                drop(
                    self.changed.wait_timeout(table, most).unwrap_or_else(PoisonError::into_inner),
                );
            }
            None => drop(self.changed.wait(table).unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Clears away what has ended without this tray being told, by the clock or before it lay here.
    fn look(&self) {
        let cards: Vec<Card> =
            locked(&self.table).places.iter().filter_map(|place| place.card.clone()).collect();
        for card in cards {
            if card.has_ended() {
                self.ended(card.id());
            }
        }
    }
}
