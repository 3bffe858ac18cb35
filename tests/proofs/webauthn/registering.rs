//! What registers, once, and under which settings.

use super::*;

#[test]
fn a_registration_is_good_once_and_for_ten_minutes() {
    let world = world(open());
    let mut authenticator = Authenticator::p256();
    let begun = world.party.begin(&person()).unwrap();
    let answer = authenticator.register(&begun.options);
    let finish = |id: &str| world.party.finish(id, answer.as_bytes()).map(drop);
    let unknown = || Err(Fault::RegistrationUnknown.into());
    assert_eq!(finish("another"), unknown());
    assert_eq!(finish(&begun.id), Ok(()));
    assert_eq!(finish(&begun.id), unknown());
    for (late, good) in [(1, true), (0, false)] {
        let mut authenticator = Authenticator::p256();
        let begun = world.party.begin(&person()).unwrap();
        let answer = authenticator.register(&begun.options);
        world.clock.set(begun.expires.minus(Duration::from_millis(late)));
        let outcome = world.party.finish(&begun.id, answer.as_bytes());
        assert_eq!(outcome.is_ok(), good, "{late} ms before its end");
    }
}

#[test]
fn a_credential_is_registered_once_and_a_person_has_sixteen() {
    let world = world(open());
    let mut authenticator = Authenticator::p256();
    world.register(&mut authenticator).unwrap();
    assert_eq!(world.register(&mut authenticator).unwrap_err(), Fault::Registered.into());
    let begun = world.party.begin(&person()).unwrap();
    for _ in 1..MOST_CREDENTIALS {
        world.register(&mut Authenticator::p256()).unwrap();
    }
    let many = Fault::TooMany(MOST_CREDENTIALS);
    assert_eq!(world.party.begin(&person()).unwrap_err(), many.into());
    let answer = Authenticator::p256().register(&begun.options);
    assert_eq!(world.party.finish(&begun.id, answer.as_bytes()).unwrap_err(), many.into());
}

#[test]
fn sixty_four_registrations_wait_and_no_more() {
    let world = world(open());
    for _ in 0..64 {
        world.party.begin(&person()).unwrap();
    }
    assert_eq!(world.party.begin(&person()).unwrap_err(), Fault::Busy.into());
    world.clock.advance(Duration::from_secs(600));
    world.party.begin(&person()).unwrap();
}

#[test]
fn settings_that_cannot_be_used_refuse_everything() {
    let strict = Settings::new(RP, ORIGIN, Level(3), Level(3));
    assert_eq!(strict.check(), Err(Fault::Setting("models")), "no model is listed yet");
    let list = Models::Listed(vec![Aaguid(MODEL)]);
    let listed = Settings { models: list.clone(), ..strict.clone() };
    assert_eq!(listed.check(), Err(Fault::Setting("attestation_roots")));
    assert_eq!(Settings { unattested: true, ..listed }.check(), Ok(()));
    for (settings, name) in [
        (Settings { id: "SSO.example".into(), ..open() }, "id"),
        (Settings { id: String::new(), ..open() }, "id"),
        (Settings { origins: Vec::new(), ..open() }, "origins"),
        (Settings { origins: vec!["https://evilsso.example".into()], ..open() }, "origins"),
        (Settings { origins: vec!["https://sso.example:443".into()], ..open() }, "origins"),
        (Settings { origins: vec!["https://sso.example:0443".into()], ..open() }, "origins"),
        (Settings { origins: vec!["https://x@sso.example".into()], ..open() }, "origins"),
        (Settings { top_origins: vec!["http://portal.example".into()], ..open() }, "top_origins"),
        (Settings { algorithms: Vec::new(), ..open() }, "algorithms"),
        (Settings { authentication: Level(0), ..open() }, "authentication"),
        (Settings { identity: Level(4), ..open() }, "identity"),
    ] {
        assert_eq!(settings.check(), Err(Fault::Setting(name)));
        let store = Arc::new(MemoryStore::new());
        let party = RelyingParty::new(settings, store, Arc::new(ManualClock::new(now())));
        assert_eq!(party.begin(&person()).unwrap_err(), Fault::Setting(name).into());
        let nonce = Nonce::new(&[b"key"]).unwrap();
        assert_eq!(party.accept(b"{}", &nonce).unwrap_err(), Fault::Setting(name).into());
    }
    for origin in ["https://a.sso.example", "https://sso.example:8443", "http://localhost:3000"] {
        let id = if origin.contains("localhost") { "localhost" } else { RP };
        let origins = vec![origin.to_owned()];
        assert_eq!(Settings { id: id.into(), origins, ..open() }.check(), Ok(()), "{origin}");
    }
}

#[test]
fn a_model_is_written_as_a_uuid() {
    let text = "08987058-cadc-4b81-b6e1-30de50dcbe96";
    assert_eq!(Aaguid::parse(text), Some(Aaguid(MODEL)));
    assert_eq!(Aaguid(MODEL).to_string(), text);
    for bad in ["", "0898705-8cadc-4b81-b6e1-30de50dcbe96", &text[1..], &text.replace('0', "g")] {
        assert_eq!(Aaguid::parse(bad), None, "{bad}");
    }
}

#[test]
fn a_row_of_another_program_is_told_and_not_taken_for_one() {
    let world = world(open());
    let mut authenticator = Authenticator::p256();
    world.register(&mut authenticator).unwrap();
    let row = |bytes: &'static [u8]| {
        let id = authenticator.id.clone();
        world.store.transact(&mut |rows| rows.put("webauthn_credentials", &id, bytes)).unwrap();
        world.sign_in(&authenticator).unwrap_err()
    };
    for bytes in [&b""[..], b"\x02", b"\x01555000000001"] {
        assert!(matches!(row(bytes), Refusal::Store(why) if why.contains("another version")));
    }
}
