//! What dialogues cannot show: presence, waiting, removal in the middle of a command, and any bytes
//! at all. The rest is in `tests/dialogues.rs`.

use super::*;
use crate::{
    apdu::{Icc, Presence, Status},
    card::{
        Access, Caller, Card, CardId, CardKey, CardSpec, Event, Gate, HashPolicy, KeySlot, OneTime,
        Outcome, Refusal, Role, Tray, Tries, Use, Verifier,
    },
    clock::{Clock, ManualClock, Time},
    crypto::{KeyKind, PrivateKey},
    pki::{Authority, Profile, UserId, Validity},
    secret::{PasscodeRule, Secret},
    store::MemoryStore,
};
use proptest::prelude::*;
use std::{
    path::Path,
    sync::{
        Arc, LazyLock, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

const NOW: Time = Time::from_unix_seconds(1_790_000_000);
const DISCOVERY: [u8; 9] = [0x00, 0xCB, 0x3F, 0xFF, 0x03, 0x5C, 0x01, 0x7E, 0x00];
const VERIFY: [u8; 13] =
    [0x00, 0x20, 0x00, 0x80, 0x08, 0x32, 0x34, 0x36, 0x38, 0x31, 0x30, 0xFF, 0xFF];
const QUERY: [u8; 4] = [0x00, 0x20, 0x00, 0x80];

/// Holds each use until it is told to go on, and says which caller it is of.
#[derive(Debug)]
struct Turnstile {
    here: SyncSender<u64>,
    go: Mutex<Receiver<()>>,
}

impl Gate for Turnstile {
    fn admit(&self, usage: &Use) -> Result<u64, Refusal> {
        let _ = self.here.send(usage.caller.connection);
        let _ = self.go.lock().unwrap().recv();
        Ok(0)
    }
    fn outcome(&self, _: u64, _: &Use, _: Outcome) {}
    fn passcode(&self, _: &CardId, _: Role, _: &Caller, _: &Event) {}
}

struct Key {
    key: PrivateKey,
    authority: Authority,
    verifier: Verifier,
}

static KEY: LazyLock<Key> = LazyLock::new(|| {
    let key = |kind| PrivateKey::generate(kind).unwrap();
    let passcode = Secret::copied_from(b"246810");
    Key {
        key: key(KeyKind::P256),
        authority: Authority::root(key(KeyKind::P256), "Root", validity()).unwrap(),
        verifier: Verifier::new(PasscodeRule::default(), &passcode).unwrap(),
    }
});

fn validity() -> Validity {
    let at = |hours: i64| Time::from_unix_seconds(NOW.unix_seconds() + hours * 3600);
    Validity { not_before: at(-1), not_after: at(24) }
}

fn card() -> Card {
    card_with(Access::Passcode(KEY.verifier.clone()))
}

fn card_with(access: Access) -> Card {
    let Key { key, authority, .. } = &*KEY;
    let person = UserId::parse("555000000001").unwrap();
    let profile = Profile::cis1_authentication();
    let certificate = authority.issue(&profile, &person, key.public(), validity()).unwrap();
    let slot = KeySlot::Authentication;
    let spec = CardSpec {
        person: person.clone(),
        keys: vec![CardKey { slot, key: key.clone(), certificate, chain: Vec::new() }],
        access,
        expires: NOW.plus(Duration::from_secs(3600)),
        hashes: HashPolicy::default(),
    };
    let tries = Tries::new(Arc::new(MemoryStore::new()), &person, 3);
    Card::new(spec, tries, Arc::new(ManualClock::new(NOW)) as Arc<dyn Clock>).unwrap()
}

fn slot(tray: &Arc<Tray>, gate: Arc<dyn Gate>) -> Slot {
    let clock = Arc::new(ManualClock::new(NOW));
    let context = Context { caller: Caller::default(), gate, clock };
    Slot::new(Arc::clone(tray), 0, context, Settings::default())
}

fn open_slot(tray: &Arc<Tray>) -> Slot {
    slot(tray, Arc::new(crate::card::AdmitAll))
}

fn sign() -> Vec<u8> {
    let head = [0x00, 0x87, 0x11, 0x9A, 0x26, 0x7C, 0x24, 0x82, 0x00, 0x81, 0x20];
    [&head[..], &[0x5A; 32], &[0x00]].concat()
}

#[test]
fn a_card_comes_and_goes_and_waiters_hear_of_it() {
    let tray = Tray::new(1);
    let slot = Arc::new(open_slot(&tray));
    let empty = slot.presence();
    assert_eq!(empty, Presence { present: false, changes: 0 });
    assert_eq!((slot.power_on(), slot.reset(), slot.transmit(&DISCOVERY)), (None, None, None));
    let begun = Instant::now();
    assert_eq!(slot.wait(empty, Duration::from_millis(30)), empty);
    assert!(begun.elapsed() >= Duration::from_millis(30));

    let waiter = thread::spawn({
        let slot = Arc::clone(&slot);
        move || slot.wait(empty, Duration::from_secs(60))
    });
    let (card, another) = (card(), card());
    tray.insert(0, card.clone());
    let there = waiter.join().unwrap();
    assert_eq!(there, Presence { present: true, changes: 1 });
    assert_eq!(slot.wait(empty, Duration::from_secs(60)), there);
    assert_eq!(slot.transmit(&DISCOVERY), None);
    assert_eq!(slot.power_on(), Some(ATR));
    assert_eq!(slot.transmit(&DISCOVERY).unwrap().len(), 22);

    let waiter = thread::spawn({
        let slot = Arc::clone(&slot);
        move || slot.wait(there, Duration::from_secs(60))
    });
    card.remove();
    assert_eq!(waiter.join().unwrap(), Presence { present: false, changes: 2 });
    assert_eq!(slot.transmit(&DISCOVERY), None);
    // Another card has no power from the one before.
    tray.insert(0, another);
    assert_eq!(slot.transmit(&DISCOVERY), None);
    assert!(slot.power_on().is_some());
    assert!(slot.transmit(&DISCOVERY).is_some());
}

#[test]
fn a_waiter_is_woken() {
    let tray = Tray::new(1);
    let slot = Arc::new(open_slot(&tray));
    let seen = slot.presence();
    let waiter = thread::spawn({
        let slot = Arc::clone(&slot);
        move || slot.wait(seen, Duration::from_secs(60))
    });
    let begun = Instant::now();
    while !waiter.is_finished() {
        slot.wake();
        thread::sleep(Duration::from_millis(5));
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    assert_eq!(waiter.join().unwrap(), seen);
}

/// Starts a signature that stands at the gate; what ends it; its response.
fn interrupted(end: impl FnOnce(&Slot, &Card)) -> (Option<Vec<u8>>, Arc<Slot>) {
    let (tray, card) = (Tray::new(1), card());
    tray.insert(0, card.clone());
    let (here, at_gate) = sync_channel(1);
    let (go, going) = sync_channel(1);
    let slot = Arc::new(slot(&tray, Arc::new(Turnstile { here, go: Mutex::new(going) })));
    slot.power_on().unwrap();
    assert_eq!(slot.transmit(&VERIFY).unwrap(), [0x90, 0x00]);
    let worker = thread::spawn({
        let slot = Arc::clone(&slot);
        move || slot.transmit(&sign())
    });
    at_gate.recv().unwrap();
    end(&slot, &card);
    go.send(()).unwrap();
    (worker.join().unwrap(), slot)
}

#[test]
fn a_command_that_nothing_interrupts_is_answered() {
    let (answer, slot) = interrupted(|_, _| {});
    assert!(answer.unwrap().ends_with(&[0x90, 0x00]));
    assert_eq!(slot.transmit(&QUERY).unwrap(), [0x90, 0x00]);
}

#[test]
fn removal_in_the_middle_of_a_command_ends_it_without_a_response() {
    let (answer, slot) = interrupted(|slot, card| {
        card.remove();
        assert!(!slot.presence().present);
    });
    assert_eq!(answer, None);
    assert_eq!(slot.transmit(&QUERY), None);
}

#[test]
fn power_off_in_the_middle_of_a_command_waits_for_nobody() {
    let (answer, slot) = interrupted(|slot, _| slot.power_off());
    assert_eq!(answer, None);
    assert_eq!(slot.transmit(&QUERY), None);
    assert!(slot.power_on().is_some());
    assert_eq!(slot.transmit(&QUERY).unwrap(), [0x63, 0xC3]);
}

#[test]
fn a_reset_in_the_middle_of_a_command_discards_it_and_leaves_no_pin_state() {
    let (answer, slot) = interrupted(|slot, _| assert!(slot.reset().is_some()));
    assert_eq!(answer, None);
    assert_eq!(slot.transmit(&QUERY).unwrap(), [0x63, 0xC3]);
}

#[test]
fn a_command_that_waited_over_a_reset_is_none_of_the_next_power_ups() {
    let tray = Tray::new(1);
    tray.insert(0, card());
    let slot = open_slot(&tray);
    slot.power_on().unwrap();
    let before = slot.period();
    assert!(slot.transmit_within(before, &DISCOVERY).is_some());
    slot.reset().unwrap();
    assert_eq!(slot.transmit_within(before, &VERIFY), None);
    assert_eq!(slot.transmit(&QUERY).unwrap(), [0x63, 0xC3], "it has verified nobody");
}

#[test]
fn a_lock_in_the_middle_of_a_command_discards_the_signature() {
    let (answer, _) = interrupted(|_, card| card.lock());
    assert_eq!(answer.unwrap(), Status::SecurityStatus.to_bytes());
}

#[test]
fn each_power_up_is_a_connection_of_its_own() {
    let (tray, card) = (Tray::new(1), card());
    tray.insert(0, card);
    let (here, at_gate) = sync_channel(8);
    let (go, going) = sync_channel(8);
    let slot = slot(&tray, Arc::new(Turnstile { here, go: Mutex::new(going) }));
    let mut connections = Vec::new();
    for _ in 0..2 {
        slot.power_on().unwrap();
        assert_eq!(slot.transmit(&VERIFY).unwrap(), [0x90, 0x00]);
        go.send(()).unwrap();
        assert!(slot.transmit(&sign()).unwrap().ends_with(&[0x90, 0x00]));
        connections.push(at_gate.recv().unwrap());
    }
    assert_ne!(connections[0], connections[1]);
    assert!(connections.iter().all(|number| number >> 62 == 1));
}

#[test]
fn a_used_one_time_passcode_costs_no_try_after_a_reset() {
    let codes = OneTime::new(PasscodeRule::default()).unwrap();
    let tray = Tray::new(1);
    tray.insert(0, card_with(Access::OneTime(codes.clone())));
    let reader = || {
        let caller = Caller { executable: Some("PC/SC".into()), ..Caller::default() };
        let clock = Arc::new(ManualClock::new(NOW));
        let context = Context { caller, gate: Arc::new(crate::card::AdmitAll), clock };
        let slot = Slot::new(Arc::clone(&tray), 0, context, Settings::default());
        slot.power_on().unwrap();
        slot
    };
    let (slot, other) = (reader(), reader());
    let code = codes.make(Path::new("PC/SC"), Duration::from_secs(60), 1, NOW).unwrap().unwrap();
    let verify = [&VERIFY[..5], code.expose()].concat();
    assert_eq!(slot.transmit(&verify).unwrap(), [0x90, 0x00]);
    slot.reset().unwrap();
    assert_eq!(slot.transmit(&verify).unwrap(), Status::Conditions.to_bytes());
    assert_eq!(slot.transmit(&QUERY).unwrap(), [0x63, 0xC3]);
    assert_eq!(other.transmit(&verify).unwrap(), [0x63, 0xC2], "another reader has not used it");
}

#[test]
fn tables_name_each_thing_once() {
    for reference in KeyReference::ALL {
        assert_eq!(KeyReference::try_from(reference.number()), Ok(reference));
        let certificate = Content::Certificate(reference);
        let container = CONTAINERS.iter().find(|row| row.content == certificate).unwrap();
        assert_eq!(container.read, Read::Always);
    }
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::try_from(algorithm.number()), Ok(algorithm));
    }
    for number in [0x00, 0x06, 0x9B, 0x82, 0xFF] {
        assert!(KeyReference::try_from(number).is_err() && Algorithm::try_from(number).is_err());
    }
    let mut ids: Vec<u16> = CONTAINERS.iter().map(|row| row.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), CONTAINERS.len());
    // Retired certificates, twenty in a row.
    assert_eq!(Container::of(0x5F_C10D).map(|row| row.id), Some(0x1001));
    assert_eq!(Container::of(0x5F_C120).map(|row| row.id), Some(0x1014));
    assert_eq!(Container::of(0x5F_C121).map(|row| row.id), Some(0x1015));
    assert_eq!(Container::of(0x5F_C124), None);
    assert_eq!(Container::of(0x53), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_commands_are_answered(
        commands in proptest::collection::vec(
            (
                prop_oneof![Just(0x00u8), Just(0x10), any::<u8>()],
                prop_oneof![
                    Just(0xCBu8), Just(0x87), Just(0xA4), Just(0xC0), Just(0xDB), Just(0x47),
                    Just(0x24), Just(0x2C), any::<u8>(),
                ],
                prop_oneof![Just([0x3F, 0xFF]), Just([0x11, 0x9A]), Just([0x00, 0x9B]), any::<[u8; 2]>()],
                proptest::collection::vec(any::<u8>(), 0..60),
            ),
            0..30,
        ),
    ) {
        let tray = Tray::new(1);
        tray.insert(0, card());
        let slot = open_slot(&tray);
        slot.power_on().unwrap();
        for (cla, ins, [p1, p2], rest) in commands {
            // Passcodes are stretched on purpose: they have their own tests.
            if ins != 0x20 {
                let command = [&[cla, ins, p1, p2][..], &rest].concat();
                prop_assert!(slot.transmit(&command).unwrap().len() >= 2);
            }
        }
    }
}
