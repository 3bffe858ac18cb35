//! The agent's gate: which application may use a card, and the record of every use.

mod step_up;

use self::step_up::Steps;
use super::{
    audit::{Entry, Log},
    refusals::Refusals,
};
use crate::{
    card::{
        Caller, CardId, Event, Gate, KeyRef, KeySlot, Managed, Outcome, Refusal, Role, Use, Verb,
    },
    clock::{Clock, Time},
    crypto::{Hash, Scheme},
    derive::StepUp,
    pki::{Assurance, UserId},
    secret::User,
};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// What the gate has to know of a card.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) person: UserId,
    /// Sign-in stands for the passcode.
    pub(super) sign_in: bool,
    /// When the person proved who they are.
    pub(super) proven: Time,
}

/// Admits listed applications where no passcode stands in front, and everyone who has verified
/// where one does; records first.
#[derive(Debug)]
pub(super) struct AuditGate {
    log: Option<Arc<Log>>,
    /// Executables that may use a card whose passcode stands aside (design rule 11).
    applications: Vec<PathBuf>,
    cards: RwLock<HashMap<CardId, Known>>,
    unrecorded: AtomicU64,
    steps: Steps,
    /// Uses that were refused, and passcodes that were not looked at: whoever shows no right passcode
    /// can have either as often as the machine is fast.
    refused: Refusals<(User, CardId, KeyRef, &'static str)>,
    unheard: Refusals<(User, CardId)>,
}

impl AuditGate {
    pub(super) fn new(
        log: Option<Arc<Log>>,
        applications: Vec<PathBuf>,
        (step_up, largest_age): (StepUp, Duration),
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            log,
            applications,
            cards: RwLock::default(),
            unrecorded: AtomicU64::new(1),
            steps: Steps::new(step_up, largest_age, clock),
            refused: Refusals::default(),
            unheard: Refusals::default(),
        }
    }

    /// Notes a fresh proof by a card's person.
    pub(super) fn stepped_up(&self, card: CardId, proof: Assurance) {
        self.steps.step_up(card, proof);
    }

    /// Forgets the fresh proofs whose sessions have ended.
    pub(super) fn signed_out(&self, ends: impl Fn(&Assurance) -> bool) {
        self.steps.signed_out(ends);
    }

    pub(super) fn learn(&self, card: CardId, known: Known) {
        self.steps.begin(card, known.proven);
        let mut cards = self.cards.write().unwrap_or_else(PoisonError::into_inner);
        cards.insert(card, known);
    }

    pub(super) fn forget(&self, card: CardId) {
        self.steps.forget(card);
        let mut cards = self.cards.write().unwrap_or_else(PoisonError::into_inner);
        cards.remove(&card);
    }

    /// Writes a record; without a log there is nothing to write.
    pub(super) fn record(&self, entry: &Entry) -> Result<u64, Refusal> {
        match &self.log {
            Some(log) => log.append(entry).map_err(|_| Refusal::Audit),
            None => Ok(self.unrecorded.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn known(&self, card: &CardId) -> Option<Known> {
        let cards = self.cards.read().unwrap_or_else(PoisonError::into_inner);
        cards.get(card).cloned()
    }

    fn listed(&self, caller: &Caller) -> bool {
        match &caller.executable {
            Some(executable) => self.applications.contains(executable),
            None => false,
        }
    }
}

impl Gate for AuditGate {
    fn admit(&self, usage: &Use) -> Result<u64, Refusal> {
        let sign_in = match usage.key {
            // An enrolled card has been verified on, or it would not ask.
            KeyRef::Object(_) => false,
            // A card that is not known (any more) is nobody's to use without being listed.
            KeyRef::Slot(_) => self.known(&usage.card).is_none_or(|known| known.sign_in),
        };
        let fresh = self.steps.spend(usage);
        let refused = if sign_in && !self.listed(&usage.caller) {
            Some((Refusal::Application, "application"))
        } else {
            fresh.as_ref().err().map(|refusal| (refusal.clone(), "step-up"))
        };
        let left_out = match &refused {
            None => Some(0),
            Some((_, why)) => {
                let of = (user_of(&usage.caller), usage.card, usage.key, *why);
                self.refused.count(of, Instant::now())
            }
        };
        let recorded = left_out.map_or(Ok(0), |left_out| {
            let entry = Entry::new(if refused.is_some() { "use-refused" } else { "use" });
            let entry = entry.text("card", &usage.card.to_hex());
            let entry = entry.some_text("person", usage.person.as_ref().map(UserId::as_str));
            let entry = with_key(entry, usage.key);
            let entry = with_caller(with_verb(entry, usage.verb), &usage.caller);
            let entry = entry.some_text("why", refused.as_ref().map(|(_, why)| *why));
            self.record(&entry.some_number("left_out", (left_out > 0).then_some(left_out)))
        });
        let answer = match refused {
            Some((refusal, _)) => recorded.and(Err(refusal)),
            None => recorded,
        };
        if let (Err(_), Ok(spent)) = (&answer, fresh) {
            self.steps.give_back(spent);
        }
        answer
    }

    fn outcome(&self, number: u64, usage: &Use, outcome: Outcome) {
        let entry = Entry::new("outcome").number("of", number);
        let entry = entry.text("card", &usage.card.to_hex());
        let entry = entry.flag("done", outcome == Outcome::Done);
        // The use itself is on record; that its outcome is missing shows in the log.
        let _ = self.record(&entry);
    }

    fn passcode(&self, card: &CardId, role: Role, caller: &Caller, event: &Event) {
        let left_out = match event {
            Event::Verified | Event::Incorrect(_) => Some(0),
            // Looked at by nobody, so it costs nothing.
            Event::Blocked | Event::Used => {
                self.unheard.count((user_of(caller), *card), Instant::now())
            }
        };
        let Some(left_out) = left_out else { return };
        let name = match event {
            Event::Verified => "passcode-verified",
            Event::Incorrect(_) => "passcode-incorrect",
            Event::Blocked => "passcode-blocked",
            Event::Used => "passcode-used-again",
        };
        let person = self.known(card).map(|known| known.person);
        let entry = Entry::new(name).text("card", &card.to_hex());
        let entry = entry.some_text("person", person.as_ref().map(UserId::as_str));
        let officer = (role == Role::SecurityOfficer).then_some("security-officer");
        let entry = entry.some_text("role", officer);
        let entry = match event {
            Event::Incorrect(left) => entry.number("left", u64::from(*left)),
            _ => entry.some_number("left_out", (left_out > 0).then_some(left_out)),
        };
        // Tries are kept by the store whether or not this is written; a use needs its own record.
        let _ = self.record(&with_caller(entry, caller));
    }

    fn managed(&self, card: &CardId, caller: &Caller, what: Managed, outcome: Outcome) {
        let (name, key, which) = match what {
            Managed::Written(tag) => ("container-written", "container", format!("{tag:X}")),
            Managed::Emptied(tag) => ("container-emptied", "container", format!("{tag:X}")),
            Managed::Generated(key) => ("key-generated", "key", format!("{key:X}")),
        };
        let entry = Entry::new(name).text("card", &card.to_hex()).text(key, &which);
        let entry = entry.flag("done", outcome == Outcome::Done);
        // It is done; that the log has a gap shows in the log.
        let _ = self.record(&with_caller(entry, caller));
    }
}

fn user_of(caller: &Caller) -> User {
    caller.uid.unwrap_or_else(User::own)
}

/// A user by number as `uid`, or in the system's own way as `user`.
pub(super) fn with_user(entry: Entry, user: Option<User>) -> Entry {
    let Some(user) = user else { return entry };
    match user.number() {
        Some(number) => entry.number("uid", u64::from(number)),
        None => entry.text("user", &user.to_string()),
    }
}

/// Who asked, as far as the operating system told.
pub(super) fn with_caller(entry: Entry, caller: &Caller) -> Entry {
    let executable = caller.executable.as_ref().map(|path| path.to_string_lossy());
    with_user(entry, caller.uid)
        .some_number("pid", caller.pid.map(u64::from))
        .some_text("exe", executable.as_deref())
        .some_text("logon", caller.logon.as_deref())
        .number("connection", caller.connection)
}

pub(super) fn slot_name(slot: KeySlot) -> &'static str {
    match slot {
        KeySlot::Authentication => "authentication",
        KeySlot::ContentCommitment => "content-commitment",
    }
}

/// Which key: the name of its slot, or the number of an enrolled card's object.
fn with_key(entry: Entry, key: KeyRef) -> Entry {
    match key {
        KeyRef::Slot(slot) => entry.text("key", slot_name(slot)),
        KeyRef::Object(number) => entry.text("key", "enrolled").number("object", number),
    }
}

fn with_verb(entry: Entry, verb: Verb) -> Entry {
    let scheme = match verb {
        Verb::Sign(scheme) => scheme,
        Verb::Decrypt => return entry.text("verb", "decrypt"),
        Verb::DecryptOaep => return entry.text("verb", "decrypt").text("scheme", "oaep"),
        Verb::DecryptRaw => return entry.text("verb", "decrypt").text("scheme", "rsa-raw"),
        Verb::Agree => return entry.text("verb", "agree"),
        Verb::Unwrap => return entry.text("verb", "unwrap"),
        Verb::Wrap => return entry.text("verb", "wrap"),
        Verb::Secret => return entry.text("verb", "secret"),
    };
    let entry = entry.text("verb", "sign");
    let (name, hash) = match scheme {
        Scheme::Pkcs1(hash) => ("pkcs1", Some(hash)),
        Scheme::Pkcs1Raw => ("pkcs1-raw", None),
        Scheme::Raw => ("rsa-raw", None),
        Scheme::Pss { hash, .. } => ("pss", Some(hash)),
        Scheme::PssBlock(hash) => ("pss-block", Some(hash)),
        Scheme::Ecdsa => ("ecdsa", None),
    };
    let entry = entry.text("scheme", name).some_text("hash", hash.map(hash_name));
    entry.flag("sha1", hash == Some(Hash::Sha1))
}

fn hash_name(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "sha1",
        Hash::Sha224 => "sha224",
        Hash::Sha256 => "sha256",
        Hash::Sha384 => "sha384",
        Hash::Sha512 => "sha512",
        Hash::Sha3_224 => "sha3-224",
        Hash::Sha3_256 => "sha3-256",
        Hash::Sha3_384 => "sha3-384",
        Hash::Sha3_512 => "sha3-512",
    }
}
