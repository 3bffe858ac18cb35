//! Enrolled cards of a personal agent: shown when asked for, kept, recorded.

use super::*;
use crate::{
    agent::{config::EnrolledSettings, serve::own_module},
    card::{Caller, CardId, Gate as _, Managed, Outcome},
    pkcs11::{SlotId, ck::*},
};

const SO: &[u8] = b"87654321";
const P256: &[u8] = &[6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];

fn personal(new_cards: bool) -> impl FnOnce(&mut Config) {
    move |config| {
        config.mode = Mode::Personal;
        let folder = config.state.as_ref().unwrap().with_file_name("cards");
        config.enrolled = Some(EnrolledSettings { new_cards, ..EnrolledSettings::new(folder) });
    }
}

fn module(bench: &Bench) -> Arc<dyn Cryptoki> {
    let module = own_module(&bench.agent().core, &Seat::user(own()));
    module.initialize().unwrap();
    module
}

fn session(module: &dyn Cryptoki, slot: SlotId) -> crate::pkcs11::SessionHandle {
    module.open_session(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap()
}

fn sign_on(module: &dyn Cryptoki, slot: SlotId) -> Vec<u8> {
    let session = session(module, slot);
    module.login(session, CKU_USER, Some(PASSCODE)).unwrap();
    let private = CKO_PRIVATE_KEY.to_le_bytes().to_vec();
    module.find_objects_init(session, &[Attribute { kind: CKA_CLASS, value: private }]).unwrap();
    let key = module.find_objects(session, 1).unwrap()[0];
    module.find_objects_final(session).unwrap();
    let mechanism = Mechanism { kind: CKM_ECDSA, parameter: Parameter::None };
    module.sign_init(session, &mechanism, key).unwrap();
    match module.sign(session, &[7; 32], Room::Bytes(64)).unwrap() {
        Filled::Bytes(signature) => signature,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_enrolled_card_is_made_kept_over_a_restart_and_used_on_record() {
    let mut bench = Bench::new(personal(true));
    let application = module(&bench);
    let slots = application.slot_list(true).unwrap();
    let &[blank] = &slots[..] else { panic!("{slots:?}") };
    application.init_token(blank, Some(SO), &[b'e'; 32]).unwrap();
    let made = session(&*application, blank);
    application.login(made, CKU_SO, Some(SO)).unwrap();
    application.init_pin(made, Some(PASSCODE)).unwrap();
    application.logout(made).unwrap();
    application.login(made, CKU_USER, Some(PASSCODE)).unwrap();
    let mechanism = Mechanism { kind: CKM_EC_KEY_PAIR_GEN, parameter: Parameter::None };
    let attribute = |kind, value: &[u8]| Attribute { kind, value: value.to_vec() };
    let token = attribute(CKA_TOKEN, &[1]);
    let public = [token.clone(), attribute(CKA_EC_PARAMS, P256)];
    application.generate_key_pair(made, &mechanism, &public, &[token]).unwrap();
    application.finalize().unwrap();
    drop(application);

    bench.start();
    let application = module(&bench);
    assert_eq!(application.slot_list(true).unwrap().len(), 2, "the card, and a blank one");
    assert_eq!(sign_on(&*application, blank).len(), 64);
    let log = bench.log();
    let of = |event: &str| {
        let event = format!("\"event\":\"{event}\"");
        log.lines().filter(|line| line.contains(&event)).map(str::to_owned).collect::<Vec<_>>()
    };
    let uses = of("use");
    let [usage] = &uses[..] else { panic!("{uses:?}") };
    assert!(usage.contains("\"key\":\"enrolled\"") && usage.contains("\"object\":"), "{usage}");
    assert!(!usage.contains("\"person\""), "{usage}");
    let verified = of("passcode-verified");
    let officers = verified.iter().filter(|line| line.contains("\"role\":\"security-officer\""));
    assert_eq!((verified.len(), officers.count()), (3, 1), "{verified:?}");
    let folder = bench.config.state.as_ref().unwrap().with_file_name("cards");
    assert!(folder.join("store.sqlite").exists());
}

#[test]
fn without_leave_by_name_there_is_no_blank_card() {
    let bench = Bench::new(personal(false));
    let application = module(&bench);
    assert_eq!(application.slot_list(true).unwrap().len(), 0);
    assert_eq!(application.slot_list(false).unwrap().len(), 1, "the person's place");
}

#[test]
fn what_a_cards_manager_does_is_on_record() {
    let bench = Bench::new(personal(true));
    let gate = &bench.agent().core.gate;
    let caller = Caller { executable: Some("PC/SC".into()), connection: 7, ..Caller::default() };
    for (what, outcome, event) in [
        (Managed::Written(0x5F_C105), Outcome::Done, "container-written"),
        (Managed::Emptied(0x5F_C105), Outcome::Failed, "container-emptied"),
        (Managed::Generated(0x9A), Outcome::Done, "key-generated"),
    ] {
        gate.managed(&CardId::parse("0505050505050505").unwrap(), &caller, what, outcome);
        let log = bench.log();
        let line = log.lines().last().unwrap();
        assert!(line.contains(&format!("\"event\":\"{event}\"")), "{line}");
        let which =
            if event == "key-generated" { "\"key\":\"9A\"" } else { "\"container\":\"5FC105\"" };
        let done = format!("\"done\":{}", outcome == Outcome::Done);
        assert!(line.contains(which) && line.contains(&done), "{line}");
        assert!(line.contains("0505050505050505") && line.contains("PC/SC"), "{line}");
    }
}
