//! What an agent holds: a request that waits for its proof, and a card in its seat.

use super::super::{CardInfo, EndedCard, Removal, Seat, Why, audit::Entry};
use crate::{
    agent::gate::with_user,
    card::{Card, CardId, State},
    clock::Time,
    derive::{Derived, Explanation, Request, StepUpRequest},
    proof::{Assurance, Level},
};
use std::time::Duration;

/// A request that waits for its proof.
#[derive(Debug)]
pub(super) enum Waiting {
    /// For a card in a seat.
    Card { request: Request, seat: Seat },
    /// For a fresh proof by the person of a card.
    StepUp { request: StepUpRequest, card: CardId },
}

impl Waiting {
    pub(super) fn nonce(&self) -> &str {
        match self {
            Self::Card { request, .. } => request.nonce(),
            Self::StepUp { request, .. } => request.nonce(),
        }
    }

    pub(super) fn expires(&self) -> Time {
        match self {
            Self::Card { request, .. } => request.expires(),
            Self::StepUp { request, .. } => request.expires(),
        }
    }
}

/// A card in its seat.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) card: Card,
    pub(super) seat: Seat,
    /// The seat's account, where accounts bind.
    pub(super) account: Option<String>,
    pub(super) issued: Time,
    pub(super) sign_in: bool,
    pub(super) assurance: Assurance,
    /// The enrolled card that its keys are a copy of.
    pub(super) released: Option<CardId>,
    /// When its certificates end, where that is soon.
    pub(super) renewal: Option<Time>,
    pub(super) explanation: Explanation,
    pub(super) claims: Level,
    /// Of a rule for emergencies.
    pub(super) break_glass: bool,
    /// Suspended by a host or an administrator.
    pub(super) suspended: bool,
    /// Suspended with its person.
    pub(super) person_suspended: bool,
    /// Since when it has been locked by itself, as far as that is on record.
    pub(super) idle_recorded: Option<Time>,
}

impl Held {
    /// A card that was just made.
    pub(super) fn new(
        derived: Derived,
        (seat, account): (Seat, Option<String>),
        sign_in: bool,
        issued: Time,
    ) -> Self {
        let Derived { card, assurance, named, released, break_glass, explanation, .. } = derived;
        Self {
            card,
            seat,
            account,
            issued,
            sign_in,
            assurance,
            released,
            renewal: None,
            explanation,
            claims: named.authentication,
            break_glass,
            suspended: false,
            person_suspended: false,
            idle_recorded: None,
        }
    }

    pub(super) fn info(&self, grace: Option<Duration>) -> CardInfo {
        let state = self.card.state();
        let locked = self.card.locked_since();
        let away_until = locked.and_then(|(since, _)| Some(since.plus(grace?)));
        CardInfo {
            id: self.card.id(),
            person: self.card.person().clone(),
            seat: self.seat.clone(),
            state,
            tries_left: self.card.tries_left().ok(),
            issued: self.issued,
            expires: self.card.expires(),
            slots: self.card.slots(),
            sign_in: self.sign_in,
            assurance: self.assurance.clone(),
            released: self.released,
            renewal: self.renewal,
            sha1_count: self.card.sha1_count(),
            why: match (state, locked) {
                (State::Suspended, _) if self.person_suspended => Some(Why::PersonSuspended),
                (State::Suspended, _) => Some(Why::Suspended),
                (State::Locked, Some((_, true))) => Some(Why::Idle),
                (State::Locked, _) => Some(Why::Away),
                (State::Inserted | State::Removed | State::Expired, _) => None,
            },
            away_until: away_until.filter(|_| state == State::Locked),
            ends_by: self.ends_by(),
            claims: self.claims,
            break_glass: self.break_glass,
        }
    }

    /// The rule that says when it ends: one of the policy, unless a certificate ends before.
    fn ends_by(&self) -> String {
        let decided = self.explanation.ends;
        match decided {
            Some(latest) if self.card.expires() < latest => "certificate".to_owned(),
            _ => self.explanation.end().to_owned(),
        }
    }

    pub(super) fn ended(&self, ended: Time, reason: Removal) -> EndedCard {
        EndedCard {
            id: self.card.id(),
            person: self.card.person().clone(),
            seat: self.seat.clone(),
            issued: self.issued,
            ended,
            reason,
        }
    }
}

pub(super) fn with_seat(entry: Entry, seat: &Seat) -> Entry {
    with_user(entry, Some(seat.uid)).some_text("logon", seat.logon.as_deref())
}

/// A record of its own for a card of a rule for emergencies, for who looks for nothing else.
pub(super) fn break_glass_entry(held: &Held) -> Entry {
    let assurance = &held.assurance;
    let entry = Entry::new("break-glass").text("card", &held.card.id().to_hex());
    with_seat(entry.text("person", held.card.person().as_str()), &held.seat)
        .text("source", &assurance.source.to_string())
        .number("authentication", u64::from(assurance.authentication.0))
        .number("identity", u64::from(assurance.identity.0))
        .text("expires", &held.card.expires().to_string())
}

pub(super) fn issued_entry(held: &Held) -> Entry {
    let assurance = &held.assurance;
    let beside: Vec<String> = assurance.beside.iter().map(ToString::to_string).collect();
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
        .texts("beside", beside.iter().map(String::as_str))
        .flag("offline", assurance.offline)
        .flag("break_glass", held.break_glass)
        .text("ends_by", &held.ends_by())
}
