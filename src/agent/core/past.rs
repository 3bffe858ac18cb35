//! Cards that have ended: the last of them, for those who ask what became of one.

use super::{super::EndedCard, locked};
use std::{collections::VecDeque, sync::Mutex};

/// The last cards that have ended.
#[derive(Debug, Default)]
pub(super) struct Past(Mutex<VecDeque<EndedCard>>);

/// So many are remembered; the audit log has them all.
const MOST: usize = 256;

impl Past {
    pub(super) fn add(&self, card: EndedCard) {
        let mut cards = locked(&self.0);
        if cards.len() == MOST {
            cards.pop_front();
        }
        cards.push_back(card);
    }

    /// All of them, the one that ended last first.
    pub(super) fn all(&self) -> Vec<EndedCard> {
        locked(&self.0).iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        agent::{Removal, Seat},
        card::CardId,
        clock::Time,
        pki::UserId,
    };

    #[test]
    fn the_last_256_are_remembered() {
        let past = Past::default();
        for number in 0..=256 {
            past.add(EndedCard {
                id: CardId::parse("00000000000000a1").unwrap(),
                person: UserId::parse("555000000001").unwrap(),
                seat: Seat::user(1),
                issued: Time::default(),
                ended: Time::from_unix_seconds(number),
                reason: Removal::TapOut,
            });
        }
        let all = past.all();
        let ended = |place: usize| all[place].ended.unix_seconds();
        assert_eq!((all.len(), ended(0), ended(255)), (256, 256, 1));
    }
}
