//! The roster: who may have a card here, under which local account, from when and until when.
//!
//! Rows of a store, so that the program and an agent of another process see the same. A change is
//! kept with who made it and when. Leaves out how a person is known elsewhere: the 12 digits are
//! the one key.

mod csv;
mod entry;
mod file;
mod kept;
mod review;

#[cfg(test)]
mod tests;

pub use csv::Problem;
pub use entry::{Change, Entry, Kind, State};
pub use file::{export, read};
pub use review::{Choice, Decision, read_review};

use super::Refusal;
use crate::{
    clock::Time,
    pki::UserId,
    proof::webauthn::Credentials,
    store::{self, Store, Transaction},
};
use std::sync::Arc;

/// What the roster has against a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not on it, where everyone has to be.
    #[error("the person is not on the roster; have them added before they sign in again")]
    Absent,
    /// Disabled.
    #[error("the roster has this person disabled; who keeps the roster can enable them")]
    Disabled,
    /// The time has not begun.
    #[error("this person's time on the roster has not begun yet")]
    NotYet,
    /// The time is over.
    #[error("this person's time on the roster is over; who keeps the roster can extend it")]
    Expired,
    /// Another local account than the one that their card was asked for.
    #[error(
        "the roster binds this person to another account than the one that is logged on here; sign \
         in there, or have who keeps the roster change it"
    )]
    Account,
}

/// What a person may have as the roster stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What kind of person.
    pub kind: Kind,
    /// When their time is over.
    pub until: Option<Time>,
    /// The one account that their cards are for, where the roster names one.
    pub account: Option<String>,
}

impl Standing {
    /// Whether a card may be for the seat of this account; of none, where accounts do not bind.
    ///
    /// # Errors
    /// [`Fault::Account`].
    pub fn fits(&self, account: Option<&str>) -> Result<(), Fault> {
        match (&self.account, account) {
            (Some(named), Some(account)) if !same_account(named, account) => Err(Fault::Account),
            _ => Ok(()),
        }
    }
}

/// Whether two names are of one account. A directory's name, `NAME@DOMAIN` or `DOMAIN\NAME`, is also
/// the name without the domain, if the other has none.
fn same_account(one: &str, other: &str) -> bool {
    let parts = |name: &str| {
        let name = name.to_lowercase();
        if let Some((domain, name)) = name.split_once('\\') {
            return (name.to_owned(), Some(domain.to_owned()));
        }
        match name.split_once('@') {
            Some((name, domain)) => (name.to_owned(), Some(domain.to_owned())),
            None => (name, None),
        }
    };
    let ((one, of), (other, of_other)) = (parts(one), parts(other));
    let same_domain = match (of, of_other) {
        (Some(of), Some(of_other)) => of == of_other,
        _ => true,
    };
    one == other && same_domain
}

/// What an import does, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Who comes, in the order of their numbers.
    pub added: Vec<Entry>,
    /// Who changes: before and after.
    pub changed: Vec<(Entry, Entry)>,
    /// Who goes.
    pub removed: Vec<Entry>,
    /// How many stay as they are.
    pub same: usize,
}

impl Difference {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// A roster over a store; a clone is the same roster.
#[derive(Clone, Debug)]
pub struct Roster {
    store: Arc<dyn Store>,
    required: bool,
}

impl Roster {
    /// The roster in this store. Where it is `required`, who is not on it gets no card; else who is
    /// not on it counts as staff without an end.
    pub fn new(store: Arc<dyn Store>, required: bool) -> Self {
        Self { store, required }
    }

    /// Whether everyone has to be on it.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// What a person may have now.
    ///
    /// # Errors
    /// [`Refusal::Roster`] with what the roster has against them; the store's.
    pub fn standing(&self, person: &UserId, now: Time) -> Result<Standing, Refusal> {
        let judged = self.judged(self.entry(person)?.as_ref(), now);
        if judged.as_ref().is_err_and(|fault| *fault != Fault::NotYet) {
            self.let_go(person)?;
        }
        Ok(judged?)
    }

    /// Who is not to have a card has no authenticator here either.
    fn let_go(&self, person: &UserId) -> Result<(), store::Error> {
        let credentials = Credentials::new(Arc::clone(&self.store));
        let gone = credentials.remove_person(person);
        gone.map(drop).map_err(|refusal| store::Error::Medium(refusal.to_string()))
    }

    fn judged(&self, entry: Option<&Entry>, now: Time) -> Result<Standing, Fault> {
        let Some(entry) = entry else {
            return if self.required { Err(Fault::Absent) } else { Ok(Standing::default()) };
        };
        if entry.state == State::Disabled {
            return Err(Fault::Disabled);
        }
        if entry.valid_from.is_some_and(|from| now < from) {
            return Err(Fault::NotYet);
        }
        if entry.valid_to.is_some_and(|to| to <= now) {
            return Err(Fault::Expired);
        }
        let account = Some(entry.account.clone()).filter(|account| !account.is_empty());
        Ok(Standing { kind: entry.kind, until: entry.valid_to, account })
    }

    /// A person's entry.
    ///
    /// # Errors
    /// The store's.
    pub fn entry(&self, person: &UserId) -> Result<Option<Entry>, store::Error> {
        let mut found = None;
        self.store.read(&mut |rows| {
            let row = rows.row(kept::PEOPLE, person.as_str().as_bytes())?;
            found = row.map(|row| kept::entry(person, &row)).transpose()?;
            Ok(())
        })?;
        Ok(found)
    }

    /// All entries in the order of their numbers.
    ///
    /// # Errors
    /// The store's.
    pub fn entries(&self) -> Result<Vec<Entry>, store::Error> {
        let mut all = Vec::new();
        self.store.read(&mut |rows| {
            all = kept::entries(rows)?;
            Ok(())
        })?;
        Ok(all)
    }

    /// What [`Self::import`] would do.
    ///
    /// # Errors
    /// The store's.
    pub fn difference(&self, new: &[Entry], whole: bool) -> Result<Difference, store::Error> {
        Ok(differing(self.entries()?, new, whole))
    }

    /// Makes the roster what an import says, in one go. Where it is `whole`, who is not in it goes;
    /// else they stay as they are. Answers what was done.
    ///
    /// # Errors
    /// The store's; nothing is done then.
    pub fn import(
        &self,
        new: &[Entry],
        whole: bool,
        by: &str,
        now: Time,
    ) -> Result<Difference, store::Error> {
        let mut done = Difference::default();
        self.store.transact(&mut |rows| {
            done = differing(kept::entries(rows.reading())?, new, whole);
            for entry in &done.added {
                kept::put(rows, entry, "added", by, now)?;
            }
            for (_, entry) in &done.changed {
                kept::put(rows, entry, "changed", by, now)?;
            }
            for entry in &done.removed {
                kept::delete(rows, &entry.person, by, now)?;
            }
            Ok(())
        })?;
        let dropped = done.changed.iter().map(|(_, after)| after).chain(&done.added);
        let dropped = dropped.filter(|entry| entry.state == State::Disabled);
        let absent = done.removed.iter().filter(|_| self.required);
        for entry in dropped.chain(absent) {
            self.let_go(&entry.person)?;
        }
        Ok(done)
    }

    /// Disables or enables a person; whether there is such a person.
    ///
    /// # Errors
    /// The store's.
    pub fn set_state(
        &self,
        person: &UserId,
        state: State,
        by: &str,
        now: Time,
    ) -> Result<bool, store::Error> {
        let mut there = false;
        self.store.transact(&mut |rows| {
            there = change_state(rows, person, state, state.name(), by, now)?;
            Ok(())
        })?;
        if there && state == State::Disabled {
            self.let_go(person)?;
        }
        Ok(there)
    }

    /// Keeps a review's decisions and disables whom it removes, in one go. Nothing is done if one
    /// of them is about somebody who is not on the roster: those are answered.
    ///
    /// # Errors
    /// The store's; nothing is done then.
    pub fn decide(&self, all: &[Decision], now: Time) -> Result<Vec<UserId>, store::Error> {
        let mut unknown = Vec::new();
        self.store.transact(&mut |rows| {
            unknown.clear();
            for one in all {
                if rows.row(kept::PEOPLE, one.person.as_str().as_bytes())?.is_none() {
                    unknown.push(one.person.clone());
                }
            }
            if !unknown.is_empty() {
                return Ok(());
            }
            for one in all {
                kept::decision(rows, one, now)?;
                if one.choice == Choice::Remove {
                    let (state, what) = (State::Disabled, "removed by review");
                    change_state(rows, &one.person, state, what, &one.by, now)?;
                }
            }
            Ok(())
        })?;
        if unknown.is_empty() {
            for one in all.iter().filter(|one| one.choice == Choice::Remove) {
                self.let_go(&one.person)?;
            }
        }
        Ok(unknown)
    }

    /// The decisions of all reviews about a person, oldest first; of everyone where none is named.
    ///
    /// # Errors
    /// The store's.
    pub fn decisions(&self, person: Option<&UserId>) -> Result<Vec<Decision>, store::Error> {
        let mut all = Vec::new();
        self.store.read(&mut |rows| {
            all = kept::decisions(rows, person)?;
            Ok(())
        })?;
        Ok(all)
    }

    /// Every change so far, oldest first; of everyone where nobody is named.
    ///
    /// # Errors
    /// The store's.
    pub fn changes(&self, person: Option<&UserId>) -> Result<Vec<Change>, store::Error> {
        let mut all = Vec::new();
        self.store.read(&mut |rows| {
            all = kept::changes(rows, person)?;
            Ok(())
        })?;
        Ok(all)
    }

    /// The changes after a number, which they have from 1 on, at most so many.
    ///
    /// # Errors
    /// The store's.
    pub fn changes_after(
        &self,
        after: u64,
        most: usize,
    ) -> Result<Vec<(u64, Change)>, store::Error> {
        let mut all = Vec::new();
        self.store.read(&mut |rows| {
            all = kept::changes_after(rows, after, most)?;
            Ok(())
        })?;
        Ok(all)
    }

    /// The decisions after a number, which they have from 1 on, at most so many.
    ///
    /// # Errors
    /// The store's.
    pub fn decisions_after(
        &self,
        after: u64,
        most: usize,
    ) -> Result<Vec<(u64, Decision)>, store::Error> {
        let mut all = Vec::new();
        self.store.read(&mut |rows| {
            all = kept::decisions_after(rows, after, most)?;
            Ok(())
        })?;
        Ok(all)
    }
}

fn change_state(
    rows: &mut dyn Transaction,
    person: &UserId,
    state: State,
    what: &str,
    by: &str,
    now: Time,
) -> Result<bool, store::Error> {
    let Some(row) = rows.row(kept::PEOPLE, person.as_str().as_bytes())? else { return Ok(false) };
    let mut entry = kept::entry(person, &row)?;
    if entry.state != state {
        entry.state = state;
        kept::put(rows, &entry, what, by, now)?;
    }
    Ok(true)
}

/// What is to be done; both are in the order of their numbers after this.
fn differing(old: Vec<Entry>, new: &[Entry], whole: bool) -> Difference {
    let mut difference = Difference::default();
    let mut new: Vec<&Entry> = new.iter().collect();
    new.sort_by(|one, other| one.person.as_str().cmp(other.person.as_str()));
    let mut new = new.into_iter().peekable();
    for old in old {
        let earlier = |entry: &&Entry| entry.person.as_str() < old.person.as_str();
        while let Some(entry) = new.next_if(earlier) {
            difference.added.push(entry.clone());
        }
        match new.next_if(|entry| entry.person == old.person) {
            Some(entry) if *entry == old => difference.same += 1,
            Some(entry) => difference.changed.push((old, entry.clone())),
            None if whole => difference.removed.push(old),
            None => difference.same += 1,
        }
    }
    difference.added.extend(new.cloned());
    difference
}
