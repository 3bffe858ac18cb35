//! A card on a desk, with all that a dialogue can do to it.

#[path = "blocks.rs"]
mod blocks;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};
use wardcard::{
    agent::ObjectFiling,
    apdu::{Command, Icc},
    card::{
        Access, Caller, Card, CardKey, CardSpec, Gate, HashPolicy, KeySlot, OneTime, Refusal,
        Shelf, ShelfPolicy, Tray, Tries, Use, Verifier,
    },
    clock::{Clock, ManualClock, Time},
    crypto::{
        Cipher, CipherMode, Direction, Hash, KeyKind, Padding, PrivateKey, Scheme, SecretKey,
        digest, ecdsa_from_der, tdea,
    },
    piv::{Context, ManagementKey, Settings, Slot},
    pki::{Authority, Certificate, Profile, UserId, Validity},
    secret::{PasscodeRule, Secret},
    store::{MemoryStore, Store},
    tlv,
};

const NOW: Time = Time::from_unix_seconds(1_790_000_000);
const PASSCODE: &[u8] = b"246810";
const PUK: &[u8] = b"87654321";
const MANAGEMENT: [u8; 32] = *b"a card manager's key for tests..";

struct Keys {
    authority: Authority,
    rsa: PrivateKey,
    other: PrivateKey,
    large: PrivateKey,
    p256: PrivateKey,
    p384: PrivateKey,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let key = |kind| PrivateKey::generate(kind).unwrap();
        Keys {
            authority: Authority::root(key(KeyKind::P256), "Test Root", validity()).unwrap(),
            rsa: key(KeyKind::Rsa2048),
            other: key(KeyKind::Rsa2048),
            large: key(KeyKind::Rsa3072),
            p256: key(KeyKind::P256),
            p384: key(KeyKind::P384),
        }
    })
}

fn validity() -> Validity {
    let at = |hours: i64| Time::from_unix_seconds(NOW.unix_seconds() + hours * 3600);
    Validity { not_before: at(-1), not_after: at(48) }
}

/// A gate that admits, until it is told otherwise.
#[derive(Debug, Default)]
struct Door(std::sync::Mutex<Option<Refusal>>, std::sync::Mutex<Vec<String>>);

impl Gate for Door {
    fn admit(&self, _: &Use) -> Result<u64, Refusal> {
        match self.0.lock().unwrap().clone() {
            Some(refusal) => Err(refusal),
            None => Ok(0),
        }
    }
    fn outcome(&self, _: u64, _: &Use, _: wardcard::card::Outcome) {}
    fn passcode(
        &self,
        _: &wardcard::card::CardId,
        _: wardcard::card::Role,
        _: &Caller,
        _: &wardcard::card::Event,
    ) {
    }
    fn managed(
        &self,
        _: &wardcard::card::CardId,
        _: &Caller,
        what: wardcard::card::Managed,
        outcome: wardcard::card::Outcome,
    ) {
        self.1.lock().unwrap().push(format!("{what:X?} {outcome:?}"));
    }
}

pub struct Desk {
    slot: Slot,
    tray: Arc<Tray>,
    card: Option<Card>,
    clock: Arc<ManualClock>,
    door: Arc<Door>,
    store: Arc<dyn Store>,
    words: Vec<String>,
    names: BTreeMap<String, Vec<u8>>,
}

impl Desk {
    /// `card` or `blank`, and what else is different: the kind of the key (`rsa3072`, `p256`,
    /// `p384`), `commitment` for a key at 9C, `9d`, `raw`, `sha1`, `no-passcode`, `letters`,
    /// `no-manager`, `no-user`, `raw-rsa`, `aes128`, `aes192`, `tdea`, `one-time`.
    pub fn new(words: &str) -> Self {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let clock = Arc::new(ManualClock::new(NOW));
        let (tray, door) = (Tray::new(1), Arc::new(Door::default()));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let has = |word: &str| words.iter().any(|one| one == word);
        let management = Secret::copied_from(&MANAGEMENT[..management_length(&words)]);
        let settings = Settings {
            key_management: has("9d"),
            management: (!has("no-manager")).then(|| {
                let made = if has("tdea") { ManagementKey::tdea } else { ManagementKey::aes };
                made(&management).unwrap()
            }),
            ..Settings::default()
        };
        let context = Context {
            caller: Caller::default(),
            gate: Arc::clone(&door) as Arc<dyn Gate>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
        };
        let mut names =
            BTreeMap::from([("pin".to_owned(), field(PASSCODE)), ("puk".to_owned(), field(PUK))]);
        let (slot, card) = if has("blank") {
            let policy = ShelfPolicy {
                blank: true,
                hashes: HashPolicy::cis1(),
                raw_rsa: has("raw-rsa"),
                rule: PasscodeRule { min: 6, max: 8, digits_only: true },
                ..ShelfPolicy::default()
            };
            let shelf = Shelf::new(Arc::clone(&store), policy).unwrap();
            let blank = shelf.initialize_new(PUK, [b' '; 32]).unwrap();
            if !has("no-user") {
                let officer = blank.verify_so(PUK, &*door, &Caller::default()).unwrap();
                blank.set_user_passcode(&officer, PASSCODE).unwrap();
            }
            (Slot::enrolled(blank, Arc::new(ObjectFiling), context, settings), None)
        } else {
            let card = derived(&words, &store, &clock);
            let certificate = card.certificate(KeySlot::Authentication).unwrap().der().to_vec();
            names.insert("certificate".to_owned(), certificate);
            tray.insert(0, card.clone());
            (Slot::new(Arc::clone(&tray), 0, context, settings), Some(card))
        };
        slot.power_on().unwrap();
        names.insert("atr".to_owned(), wardcard::piv::ATR.as_bytes().to_vec());
        Self { slot, tray, card, clock, door, store, words, names }
    }

    /// `reset`, `off`, `on`, `lock`, `unlock`, `suspend`, `resume`, `remove`, `exchange`, `wait N`
    /// (seconds), `refuse consent|application|step-up|audit`, `admit`, `told WHAT` (the gate, of the
    /// card's manager, since it was asked last), `encrypt NAME`, `decrypt NAME`
    /// (a block under the card management key), `seal MESSAGE NAME` (type 2 padding for the key at
    /// 9A), `signed SCHEME SLOT NAME` (fails unless it is), `issue POINT NAME` (a certificate),
    /// `is NAME BYTES`, `raises NAME BLOCK`,
    /// `put TAG NAME` (makes `command`: PUT DATA of a certificate).
    pub fn happens(&mut self, what: &str) {
        let words: Vec<&str> = what.split_whitespace().collect();
        let card = || self.card.as_ref().expect("a derived card");
        match words.as_slice() {
            ["reset"] => assert!(self.slot.reset().is_some()),
            ["off"] => self.slot.power_off(),
            ["on"] => drop(self.slot.power_on()),
            ["lock"] => card().lock(),
            ["unlock"] => card().unlock(),
            ["suspend"] => card().suspend(),
            ["resume"] => card().resume(),
            ["remove"] => card().remove(),
            ["exchange"] => {
                let other = derived(&self.words, &self.store, &self.clock);
                self.tray.insert(0, other.clone());
                self.card = Some(other);
            }
            ["wait", seconds] => {
                self.clock.advance(Duration::from_secs(seconds.parse().unwrap()));
            }
            ["refuse", why] => {
                *self.door.0.lock().unwrap() = Some(match *why {
                    "consent" => Refusal::Consent,
                    "application" => Refusal::Application,
                    "step-up" => Refusal::StepUp,
                    "audit" => Refusal::Audit,
                    other => panic!("{other}"),
                });
            }
            ["told", what @ ..] => {
                let told = std::mem::take(&mut *self.door.1.lock().unwrap());
                assert_eq!(told.join(", "), what.join(" "));
            }
            ["admit"] => *self.door.0.lock().unwrap() = None,
            [way @ ("encrypt" | "decrypt"), name] => {
                let block = self.ciphered(way, &self.names[*name]);
                self.names.insert((*name).to_owned(), block);
            }
            ["seal", message, name] => {
                let key = keys().rsa.public();
                let sealed = key.encrypt(&Padding::Pkcs1, message.as_bytes()).unwrap();
                self.names.insert((*name).to_owned(), sealed);
            }
            ["raises", name, block] => {
                let key = keys().rsa.public();
                let block = self.named(block).unwrap();
                key.verify(Scheme::Raw, &block, &self.names[*name]).unwrap();
            }
            ["is", name, bytes @ ..] => {
                assert_eq!(self.names[*name], self.bytes(&bytes.join(" ")).unwrap());
            }
            ["signed", scheme, slot, name] => self.signed(scheme, slot, name),
            ["issue", key, name] => {
                let key = self.names.get(*key).unwrap();
                let key = wardcard::crypto::PublicKey::from_ec_point(KeyKind::P256, key).unwrap();
                let person = UserId::parse("555000000001").unwrap();
                let profile = Profile::cis1_authentication();
                let issued = keys().authority.issue(&profile, &person, &key, validity()).unwrap();
                self.names.insert((*name).to_owned(), issued.der().to_vec());
                let info = issued.public_key();
                assert_eq!(info.kind(), KeyKind::P256);
            }
            ["put", tag, name] => {
                let tag = u32::from_str_radix(tag, 16).unwrap();
                let certificate = &self.names[*name];
                let content = tlv::nested(0x53, &[(0x70, certificate), (0x71, &[0]), (0xFE, &[])]);
                let list = tlv::of(0x5C, &tag.to_be_bytes()[1..]);
                let data = [list, content].concat();
                let command =
                    Command { cla: 0, ins: 0xDB, p1: 0x3F, p2: 0xFF, data: &data, le: None };
                self.names.insert("command".to_owned(), command.to_bytes());
            }
            other => panic!("{other:?} cannot happen"),
        }
    }

    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|one| one == word)
    }

    /// A block under the card management key.
    fn ciphered(&self, way: &str, block: &[u8]) -> Vec<u8> {
        let bytes = &MANAGEMENT[..management_length(&self.words)];
        let key = SecretKey::from_bytes(&Secret::copied_from(bytes)).unwrap();
        if self.has("tdea") {
            return tdea(&key, block.try_into().unwrap()).unwrap().to_vec();
        }
        let direction = if way == "encrypt" { Direction::Encrypt } else { Direction::Decrypt };
        Cipher::new(&key, CipherMode::Ecb, direction).unwrap().whole(block).unwrap()
    }

    /// Whether the kept bytes are a signature by the key at 9A or 9C over SHA-256 of "message".
    fn signed(&self, scheme: &str, slot: &str, name: &str) {
        let slot = match slot {
            "9a" => KeySlot::Authentication,
            _ => KeySlot::ContentCommitment,
        };
        let certificate: Certificate =
            self.card.as_ref().unwrap().certificate(slot).unwrap().clone();
        let key = certificate.public_key();
        let signature = self.names.get(name).unwrap();
        let message = b"message";
        match scheme {
            "ecdsa" => {
                let hash = if key.kind() == KeyKind::P384 { Hash::Sha384 } else { Hash::Sha256 };
                let plain = ecdsa_from_der(signature, key.kind()).unwrap();
                key.verify(Scheme::Ecdsa, &digest(hash, message), &plain).unwrap();
            }
            "pss" => {
                let scheme = Scheme::Pss { hash: Hash::Sha256, mgf: Hash::Sha256, salt: 32 };
                key.verify(scheme, &digest(Hash::Sha256, message), signature).unwrap();
            }
            "sha1" => key
                .verify(Scheme::Pkcs1(Hash::Sha1), &digest(Hash::Sha1, message), signature)
                .unwrap(),
            _ => key
                .verify(Scheme::Pkcs1(Hash::Sha256), &digest(Hash::Sha256, message), signature)
                .unwrap(),
        }
    }

    /// Where the card lies.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    pub fn transmit(&self, command: &[u8]) -> Option<Vec<u8>> {
        self.slot.transmit(command)
    }

    /// Bytes as they are written, names resolved.
    pub fn bytes(&self, text: &str) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        for word in text.split_whitespace() {
            match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
                Some(name) => bytes.extend(self.named(name)?),
                None => bytes.push(u8::from_str_radix(word, 16).map_err(|_| word.to_owned())?),
            }
        }
        Ok(bytes)
    }

    /// A kept name, `name[from..to]` of it, or one of the blocks that clients make.
    fn named(&self, name: &str) -> Result<Vec<u8>, String> {
        if let Some((name, range)) = name.strip_suffix(']').and_then(|name| name.split_once('[')) {
            let whole = self.named(name)?;
            let (from, to) = range.split_once("..").ok_or("a range")?;
            let from = from.parse().unwrap_or(0);
            let to = to.parse().unwrap_or(whole.len());
            return whole.get(from..to).map(<[u8]>::to_vec).ok_or_else(|| format!("{name}: short"));
        }
        if let Some(known) = self.names.get(name) {
            return Ok(known.clone());
        }
        blocks::named(name).ok_or_else(|| format!("no {name}"))
    }

    /// Whether a response is as it is written.
    pub fn check(&mut self, pattern: &str, answer: Option<&[u8]>) -> Result<(), String> {
        let told = || format!("{pattern}\nbut came {:02X?}", answer);
        if pattern == "none" {
            return if answer.is_none() { Ok(()) } else { Err(told()) };
        }
        let mut rest = answer.ok_or_else(told)?;
        let words: Vec<&str> = pattern.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            if *word == ".." {
                let after = self.width(&words[at + 1..])?;
                let skip = rest.len().checked_sub(after).ok_or_else(told)?;
                rest = &rest[skip..];
                continue;
            }
            if let Some(kept) = word.strip_prefix("{+").and_then(|word| word.strip_suffix('}')) {
                let (name, length) = kept.split_once(':').ok_or("a length")?;
                let length = match length {
                    "*" => rest.len() - self.width(&words[at + 1..])?,
                    length => length.parse().map_err(|_| "a number")?,
                };
                let (bytes, after) = rest.split_at_checked(length).ok_or_else(told)?;
                self.names.entry(name.to_owned()).or_default().extend_from_slice(bytes);
                if !name.ends_with('+') {
                    self.names.insert(name.to_owned(), bytes.to_vec());
                }
                rest = after;
                continue;
            }
            let expected = if *word == "??" { None } else { Some(self.bytes(word)?) };
            let length = expected.as_ref().map_or(1, Vec::len);
            let (bytes, after) = rest.split_at_checked(length).ok_or_else(told)?;
            if expected.is_some_and(|expected| expected != bytes) {
                return Err(told());
            }
            rest = after;
        }
        if rest.is_empty() { Ok(()) } else { Err(told()) }
    }

    /// How many bytes some words stand for.
    fn width(&self, words: &[&str]) -> Result<usize, String> {
        let width = |word: &str| match word.strip_prefix("{+").and_then(|kept| kept.split_once(':'))
        {
            Some((_, length)) => {
                length.trim_end_matches('}').parse().map_err(|_| format!("{word}: a number"))
            }
            None if word == "??" => Ok(1),
            None => Ok(self.bytes(word)?.len()),
        };
        words.iter().map(|word| width(word)).sum()
    }
}

fn management_length(words: &[String]) -> usize {
    let has = |word: &str| words.iter().any(|one| one == word);
    match () {
        () if has("aes128") => 16,
        () if has("aes192") || has("tdea") => 24,
        () => 32,
    }
}

/// A passcode in its field.
fn field(passcode: &[u8]) -> Vec<u8> {
    let mut field = passcode.to_vec();
    field.resize(8, 0xFF);
    field
}

fn derived(words: &[String], store: &Arc<dyn Store>, clock: &Arc<ManualClock>) -> Card {
    let has = |word: &str| words.iter().any(|one| one == word);
    let keys = keys();
    let person = UserId::parse("555000000001").unwrap();
    let one = |slot, key: &PrivateKey, profile: Profile| CardKey {
        slot,
        key: key.clone(),
        certificate: keys.authority.issue(&profile, &person, key.public(), validity()).unwrap(),
        chain: vec![keys.authority.certificate().clone()],
    };
    let key = match () {
        () if has("rsa3072") => &keys.large,
        () if has("p256") => &keys.p256,
        () if has("p384") => &keys.p384,
        () => &keys.rsa,
    };
    let mut of_card = vec![one(KeySlot::Authentication, key, Profile::cis1_authentication())];
    if has("commitment") {
        let profile = Profile::cis1_content_commitment();
        of_card.push(one(KeySlot::ContentCommitment, &keys.other, profile));
    }
    let rule = if has("letters") {
        PasscodeRule { min: 4, max: 12, digits_only: false }
    } else {
        PasscodeRule::default()
    };
    let spec = CardSpec {
        person: person.clone(),
        keys: of_card,
        access: if has("no-passcode") {
            Access::SignIn
        } else if has("one-time") {
            Access::OneTime(OneTime::new(rule).unwrap())
        } else {
            Access::Passcode(Verifier::new(rule, &Secret::copied_from(PASSCODE)).unwrap())
        },
        expires: NOW.plus(Duration::from_secs(8 * 3600)),
        hashes: HashPolicy {
            sha1_authentication: has("sha1"),
            raw_blocks: has("raw"),
            ..HashPolicy::default()
        },
    };
    let tries = Tries::new(Arc::clone(store), &person, 3);
    Card::new(spec, tries, Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}
