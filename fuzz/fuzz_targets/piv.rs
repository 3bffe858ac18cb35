//! The PIV card application: commands, each behind its length (u16), to a derived and to a blank
//! card. The first byte of the input chooses the card and what has been shown to it before.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};
use wardcard::{
    agent::ObjectFiling,
    apdu::Icc,
    card::{
        Access, AdmitAll, Caller, Card, CardKey, CardSpec, HashPolicy, KeySlot, Shelf, ShelfPolicy,
        Tray, Tries,
    },
    clock::{Clock, ManualClock, SystemClock, Time},
    crypto::{KeyKind, PrivateKey},
    piv::{Context, ManagementKey, Settings, Slot},
    pki::{Authority, Profile, UserId, Validity},
    secret::{PasscodeRule, Secret},
    store::MemoryStore,
};

fn context() -> Context {
    Context { caller: Caller::default(), gate: Arc::new(AdmitAll), clock: Arc::new(SystemClock) }
}

static DERIVED: LazyLock<Slot> = LazyLock::new(|| {
    let now = Time::from_unix_seconds(1_790_000_000);
    let at = |seconds| Time::from_unix_seconds(now.unix_seconds() + seconds);
    let validity = Validity { not_before: at(-60), not_after: at(86_400) };
    let key = PrivateKey::generate(KeyKind::P256).unwrap();
    let authority =
        Authority::root(PrivateKey::generate(KeyKind::P256).unwrap(), "Root", validity).unwrap();
    let person = UserId::parse("555000000001").unwrap();
    let profile = Profile::cis1_authentication();
    let certificate = authority.issue(&profile, &person, key.public(), validity).unwrap();
    let slot = KeySlot::Authentication;
    let spec = CardSpec {
        person: person.clone(),
        keys: vec![CardKey { slot, key, certificate, chain: Vec::new() }],
        access: Access::SignIn,
        expires: at(3600),
        hashes: HashPolicy { raw_blocks: true, ..HashPolicy::default() },
    };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(now));
    let tries = Tries::new(Arc::new(MemoryStore::new()), &person, 3);
    let tray = Tray::new(1);
    tray.insert(0, Card::new(spec, tries, clock).unwrap());
    Slot::new(tray, 0, context(), Settings { key_management: true, ..Settings::default() })
});

fn blank() -> Slot {
    let policy = ShelfPolicy {
        blank: true,
        import_private: true,
        hashes: HashPolicy::cis1(),
        raw_rsa: true,
        rule: PasscodeRule::default(),
        tries: 3,
    };
    let shelf = Shelf::new(Arc::new(MemoryStore::new()), policy).unwrap();
    let card = shelf.initialize_new(b"12345678", [b' '; 32]).unwrap();
    let key = ManagementKey::aes(&Secret::copied_from(b"fuzzed manager 1")).unwrap();
    let settings = Settings { management: Some(key), ..Settings::default() };
    Slot::enrolled(card, Arc::new(ObjectFiling), context(), settings)
}

static BLANK: LazyLock<Slot> = LazyLock::new(blank);

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, mut rest)) = bytes.split_first() else { return };
    let slot = if choice & 1 == 0 { &*DERIVED } else { &*BLANK };
    slot.power_on().unwrap();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (command, after) = after.split_at(length);
        rest = after;
        // Passcodes are stretched on purpose, and keys take their time to make.
        if matches!(command.get(1), Some(0x20 | 0x24 | 0x2C | 0x47)) && command.len() > 9 {
            continue;
        }
        assert!(slot.transmit(command).unwrap().len() >= 2);
    }
});
