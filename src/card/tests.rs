//! The card's rules, each broken in turn.

mod admission;
mod hashes;
mod lifetime;
mod passcodes;
mod specs;
mod trays;

use super::*;
use crate::{
    clock::{Clock, ManualClock, Time},
    crypto::{Hash, KeyKind, PrivateKey, Scheme, digest},
    pki::{Authority, Certificate, Profile, UserId, Validity},
    secret::{PasscodeRule, Secret},
    store::{MemoryStore, Store},
};
use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

/// A moment that no test's own day matters to.
const NOW: Time = Time::from_unix_seconds(1_790_000_000);
const HOUR: Duration = Duration::from_secs(3600);
const PASSCODE: &[u8] = b"246810";
const WRONG: &[u8] = b"000000";
const AUTH: KeySlot = KeySlot::Authentication;
const SIGN: KeySlot = KeySlot::ContentCommitment;
const SHA256: Verb = Verb::Sign(Scheme::Pkcs1(Hash::Sha256));

/// Keys and certificates, made once: keys take their time.
struct Identity {
    authority: Authority,
    rsa: PrivateKey,
    other: PrivateKey,
    ec: PrivateKey,
}

fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let key = |kind| PrivateKey::generate(kind).unwrap();
        Identity {
            authority: Authority::root(key(KeyKind::P256), "Test Root", validity(-24, 240))
                .unwrap(),
            rsa: key(KeyKind::Rsa2048),
            other: key(KeyKind::Rsa2048),
            ec: key(KeyKind::P256),
        }
    })
}

/// So many hours from now, and to then.
fn validity(from: i64, to: i64) -> Validity {
    let at = |hours: i64| Time::from_unix_seconds(NOW.unix_seconds() + hours * 3600);
    Validity { not_before: at(from), not_after: at(to) }
}

/// A person of its own for each test: tries and looks are a person's.
fn person(number: u32) -> UserId {
    UserId::parse(&format!("555{number:09}")).unwrap()
}

fn certificate(of: &UserId, key: &PrivateKey, validity: Validity) -> Certificate {
    let profile = Profile::cis1_authentication();
    identity().authority.issue(&profile, of, key.public(), validity).unwrap()
}

fn card_key(of: &UserId, slot: KeySlot, key: &PrivateKey) -> CardKey {
    let certificate = certificate(of, key, validity(-1, 24));
    let chain = vec![identity().authority.certificate().clone()];
    CardKey { slot, key: key.clone(), certificate, chain }
}

fn verifier() -> Verifier {
    static VERIFIER: OnceLock<Verifier> = OnceLock::new();
    let make = || Verifier::new(PasscodeRule::default(), &Secret::copied_from(PASSCODE)).unwrap();
    VERIFIER.get_or_init(make).clone()
}

fn spec(of: &UserId) -> CardSpec {
    CardSpec {
        person: of.clone(),
        keys: vec![card_key(of, AUTH, &identity().rsa), card_key(of, SIGN, &identity().other)],
        access: Access::Passcode(verifier()),
        expires: NOW.plus(8 * HOUR),
        hashes: HashPolicy::cis1(),
    }
}

/// Lets the sign-in stand for the passcode: then there is no content commitment key.
fn without_passcode(spec: &mut CardSpec) {
    spec.access = Access::SignIn;
    spec.keys.retain(|key| key.slot == AUTH);
}

/// A card with all around it.
struct Desk {
    card: Card,
    clock: Arc<ManualClock>,
    store: Arc<dyn Store>,
    gate: Arc<Watcher>,
    caller: Caller,
}

impl Desk {
    fn new(number: u32) -> Self {
        Self::with(number, |_| {})
    }

    fn with(number: u32, change: impl FnOnce(&mut CardSpec)) -> Self {
        let person = person(number);
        let mut spec = spec(&person);
        change(&mut spec);
        let clock = Arc::new(ManualClock::new(NOW));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let tries = Tries::new(Arc::clone(&store), &person, 3);
        let card = Card::new(spec, tries, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let gate = Arc::new(Watcher::default());
        Self { card, clock, store, gate, caller: Caller { connection: 7, ..Caller::default() } }
    }

    fn gate(&self) -> Arc<dyn Gate> {
        Arc::clone(&self.gate) as Arc<dyn Gate>
    }

    fn verify(&self, passcode: &[u8]) -> Result<Login, Error> {
        self.card.verify(Some(passcode), &*self.gate, &self.caller)
    }

    fn login(&self) -> Login {
        self.verify(PASSCODE).unwrap()
    }

    fn fresh(&self, login: &Login) -> Result<Fresh, Error> {
        self.card.verify_fresh(login, Some(PASSCODE), &*self.gate, &self.caller)
    }

    fn admit(&self, login: &Login, slot: KeySlot, verb: Verb) -> Result<Permit, Error> {
        self.card.admit(&self.gate(), &self.caller, login, None, slot, verb)
    }

    fn sign(&self, login: &Login, scheme: Scheme, data: &[u8]) -> Result<Vec<u8>, Error> {
        self.card.sign(data, self.admit(login, AUTH, Verb::Sign(scheme))?)
    }

    /// A signature with all the ceremony that its key asks for.
    fn sign_with(&self, slot: KeySlot, scheme: Scheme, data: &[u8]) -> Result<Vec<u8>, Error> {
        let login = self.login();
        let fresh = (slot == SIGN).then(|| self.fresh(&login).unwrap());
        let verb = Verb::Sign(scheme);
        let permit = self.card.admit(&self.gate(), &self.caller, &login, fresh, slot, verb)?;
        self.card.sign(data, permit)
    }
}

/// A gate that remembers what it is told, and refuses when it is told to.
#[derive(Debug, Default)]
struct Watcher {
    refuse: Mutex<Option<Refusal>>,
    uses: Mutex<Vec<Use>>,
    outcomes: Mutex<Vec<(u64, Outcome)>>,
    events: Mutex<Vec<Event>>,
}

impl Watcher {
    fn outcomes(&self) -> Vec<(u64, Outcome)> {
        locked(&self.outcomes).clone()
    }

    fn events(&self) -> Vec<Event> {
        locked(&self.events).clone()
    }
}

impl Gate for Watcher {
    fn admit(&self, usage: &Use) -> Result<u64, Refusal> {
        if let Some(refusal) = locked(&self.refuse).clone() {
            return Err(refusal);
        }
        let mut uses = locked(&self.uses);
        uses.push(usage.clone());
        Ok(uses.len() as u64)
    }

    fn outcome(&self, number: u64, _: &Use, outcome: Outcome) {
        locked(&self.outcomes).push((number, outcome));
    }

    fn passcode(&self, _: &CardId, _: Role, _: &Caller, event: &Event) {
        locked(&self.events).push(event.clone());
    }
}
