//! What an agent holds: a request that waits for its proof, and a card in its seat.

use super::super::{CardInfo, Seat, audit::Entry};
use crate::{
    card::{Card, CardId},
    clock::Time,
    derive::Request,
    proof::Assurance,
};

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) seat: Seat,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) card: Card,
    pub(super) seat: Seat,
    pub(super) issued: Time,
    pub(super) sign_in: bool,
    pub(super) assurance: Assurance,
    /// The enrolled card that its keys are a copy of.
    pub(super) released: Option<CardId>,
    /// When its certificates end, where that is soon.
    pub(super) renewal: Option<Time>,
}

impl Held {
    pub(super) fn info(&self) -> CardInfo {
        CardInfo {
            id: self.card.id(),
            person: self.card.person().clone(),
            seat: self.seat.clone(),
            state: self.card.state(),
            tries_left: self.card.tries_left().ok(),
            issued: self.issued,
            expires: self.card.expires(),
            slots: self.card.slots(),
            sign_in: self.sign_in,
            assurance: self.assurance.clone(),
            released: self.released,
            renewal: self.renewal,
            sha1_count: self.card.sha1_count(),
        }
    }
}

pub(super) fn with_seat(entry: Entry, seat: &Seat) -> Entry {
    entry.number("uid", u64::from(seat.uid)).some_text("logon", seat.logon.as_deref())
}

pub(super) fn issued_entry(held: &Held) -> Entry {
    let assurance = &held.assurance;
    let event = if held.released.is_some() { "card-released" } else { "card-issued" };
    let entry = Entry::new(event).text("card", &held.card.id().to_hex());
    let entry = entry.some_text("enrolled", held.released.map(|card| card.to_hex()).as_deref());
    let entry = with_seat(entry.text("person", held.card.person().as_str()), &held.seat);
    entry
        .text("expires", &held.card.expires().to_string())
        .flag("sign_in", held.sign_in)
        .text("source", &assurance.source.to_string())
        .number("authentication", u64::from(assurance.authentication.0))
        .number("identity", u64::from(assurance.identity.0))
        .some_text("context", assurance.context.as_deref())
        .texts("methods", assurance.methods.iter().map(String::as_str))
        .text("authenticated_at", &assurance.authenticated_at.to_string())
        .text("binding", assurance.binding.name())
}
