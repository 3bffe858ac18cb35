//! Released cards of an agent: on record, told of in time, ended with their enrolment.

use super::*;
use crate::{
    agent::{
        config::EnrolledSettings,
        host::{Client, message::CardLine},
    },
    card::{EnrolmentFault, Shelf, ShelfPolicy},
    pki::{Authority, CertificationRequest, Profile, Validity},
};

const DAY: Duration = Duration::from_secs(86_400);

/// A bench whose agent releases, and the authority of its roots.
struct Ward {
    bench: Bench,
    authority: Authority,
}

impl Ward {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let begin = Time::parse_rfc3339("2026-11-01T00:00:00Z").unwrap();
        let validity = Validity { not_before: begin, not_after: begin.plus(DAY * 3000) };
        let key = PrivateKey::generate(KeyKind::P256).unwrap();
        let authority = Authority::root(key, "NHS Authentication G2", validity).unwrap();
        let roots = vec![authority.certificate().clone()];
        let bench = Bench::new(|config| {
            let folder = config.state.as_ref().unwrap().with_file_name("cards");
            config.enrolled = Some(EnrolledSettings { roots, ..EnrolledSettings::new(folder) });
            config.policy.release = true;
            config.policy.key = KeyKind::P256;
            change(config);
        });
        Self { bench, authority }
    }

    fn agent(&self) -> &Agent {
        self.bench.agent()
    }

    /// Certificates for each key that waits, which end so long from now.
    fn certificates(&self, info: &enrol::EnrolmentInfo, life: Duration) -> Vec<Certificate> {
        let now = self.bench.clock.now();
        let validity = Validity { not_before: now, not_after: now.plus(life) };
        let issue = |(slot, pem): &(KeySlot, String)| {
            let request = CertificationRequest::from_pem(pem).unwrap();
            let profile = match slot {
                KeySlot::Authentication => Profile::cis1_authentication(),
                KeySlot::ContentCommitment => Profile::cis1_content_commitment(),
            };
            self.authority.issue(&profile, &info.person, request.public_key(), validity).unwrap()
        };
        info.requests.iter().map(issue).collect()
    }

    /// Enrols the person of the provider, with certificates that end so long from now.
    fn enrol(&self, life: Duration) -> enrol::EnrolmentInfo {
        let new = self.agent().enrol(&person(), "a test").unwrap();
        let certificates = self.certificates(&new, life);
        self.agent().certify(&person(), &certificates, "a test").unwrap()
    }

    fn release(&self) -> Result<CardInfo, Error> {
        let pending = self.agent().request_release(Seat::user(own()), &person())?;
        let evidence = self.bench.token(&pending.nonce, PERSON);
        self.agent().prove(&pending.request, evidence, given())
    }

    /// How often an event is on record.
    fn times(&self, event: &str) -> usize {
        self.bench.events().iter().filter(|it| *it == event).count()
    }
}

fn person() -> UserId {
    UserId::parse(PERSON).unwrap()
}

/// Signs with the first private key, by ECDSA; the card is in the first slot.
fn sign_ecdsa(cryptoki: &dyn Cryptoki) -> crate::pkcs11::Result<Vec<u8>> {
    let session = cryptoki.open_session(0, CKF_SERIAL_SESSION)?;
    cryptoki.login(session, CKU_USER, Some(PASSCODE))?;
    let private = CKO_PRIVATE_KEY.to_le_bytes().to_vec();
    cryptoki.find_objects_init(session, &[Attribute { kind: CKA_CLASS, value: private }])?;
    let key = *cryptoki.find_objects(session, 1)?.first().unwrap();
    cryptoki.find_objects_final(session)?;
    let mechanism = Mechanism { kind: crate::pkcs11::ck::CKM_ECDSA, parameter: Parameter::None };
    cryptoki.sign_init(session, &mechanism, key)?;
    match cryptoki.sign(session, &[7; 32], Room::Bytes(64))? {
        Filled::Bytes(signature) => Ok(signature),
        other => panic!("{other:?}"),
    }
}

#[test]
fn enrolled_released_used_ended_and_released_again_after_a_restart_by_a_new_proof() {
    let mut ward = Ward::new(|_| {});
    let enrolled = ward.enrol(DAY * 730);
    let key = |ward: &Ward, card: &CardInfo| {
        let chain = ward.agent().certificates(card.id, KeySlot::Authentication).unwrap();
        chain[0].public_key().clone()
    };
    let card = ward.release().unwrap();
    assert_eq!((card.released, card.renewal), (enrolled.card, None));
    let application = ward.bench.application();
    assert_eq!(application.slot_list(true).unwrap(), [0], "no slot of the shelf in ward mode");
    let signature = sign_ecdsa(&application).unwrap();
    let public = key(&ward, &card);
    public.verify(Scheme::Ecdsa, &[7; 32], &signature).unwrap();
    ward.agent().remove(card.id, Removal::TapOut).unwrap();
    assert!(!present(&application));
    ward.agent().reap();
    let listed = ward.agent().enrolments().unwrap();
    assert_eq!(listed[0].released_at, Some(ward.bench.clock.now()));
    assert_eq!((listed[0].by.as_str(), listed[0].renew), ("a test", false));

    ward.bench.start();
    assert!(!present(&ward.bench.application()), "nothing is released by a restart");
    let again = ward.release().unwrap();
    assert_eq!(key(&ward, &again), public);
    sign_ecdsa(&ward.bench.application()).unwrap();
    let status = ward.agent().status();
    assert_eq!((status.enrolments, status.renewals), (1, 0));
    let line = CardLine::from(&again);
    assert_eq!(line.released, enrolled.card.map(|card| card.to_hex()));
    let wanted =
        [("enrolment-begun", 1), ("enrolled", 1), ("card-released", 2), ("card-issued", 0)];
    for (event, times) in wanted {
        assert_eq!(ward.times(event), times, "{event}");
    }
}

#[test]
fn the_host_endpoint_enrols_lists_and_releases() {
    let ward = Ward::new(|_| {});
    let address = ward.bench.config.host.as_ref().unwrap().address.clone();
    let secret = Secret::new(vec![7; 32]);
    let host = Client::connect(&address, &ServerTrust::default(), Some(&secret)).unwrap();
    assert!(host.enrolments().unwrap().is_empty());
    let line = host.enrol(PERSON).unwrap();
    assert_eq!((line.waiting.len(), line.keys.len(), line.ends.clone()), (1, 0, None));
    assert_eq!(line.by, format!("user {}", own()));
    assert!(host.enrol(PERSON).unwrap_err().to_string().contains("enrolled already"));
    let info = ward.agent().enrolment(&person()).unwrap();
    let pem: String = ward.certificates(&info, DAY * 730).iter().map(Certificate::to_pem).collect();
    let done = host.import(PERSON, &pem).unwrap();
    assert_eq!((done.waiting.len(), done.keys.len()), (0, 1));
    assert_eq!(host.enrolment(PERSON).unwrap(), done);
    let listed = host.enrolments().unwrap();
    assert_eq!(listed, [done]);
    let pending = host.request_release(&Seat::user(own()), PERSON).unwrap();
    let token = ward.bench.provider.sign_in(&pending.nonce).sign().unwrap();
    let token = Secret::new(token.into_bytes());
    let passcode = host::message::Passcode::SignIn {};
    let card = host.prove(&pending.request, &token, passcode).unwrap();
    assert_eq!(card.released, listed[0].card);
    host.unenrol(PERSON).unwrap();
    assert!(host.cards().unwrap().is_empty(), "what was released is gone at once");
    let refused = host.request_release(&Seat::user(own()), PERSON).unwrap_err();
    assert!(refused.to_string().contains("no keys of this person"), "{refused}");
    assert!(host.adopt("0123456789abcdef", PERSON, &token, None).is_err());
    assert!(host.enrol("12345").unwrap_err().to_string().contains("12 digits"));
    assert!(ward.bench.log().contains("\"reason\":\"administrator\""));
    assert_eq!(ward.times("enrolment-removed"), 1);
}

#[test]
fn one_is_told_from_ninety_days_before_the_end_once_a_day() {
    let ward = Ward::new(|config| {
        config.policy.cis1_end = Time::parse_rfc3339("2099-12-31T23:59:59Z").unwrap();
    });
    let info = ward.enrol(DAY * 200);
    let end = info.ends.unwrap();
    let at = |time: Time| {
        ward.bench.clock.set(time);
        ward.agent().reap();
        (ward.agent().enrolments().unwrap()[0].renew, ward.times("renewal-due"))
    };
    let first = end.minus(DAY * 90);
    assert_eq!(at(first.minus(Duration::from_secs(3600))), (false, 0));
    assert_eq!(ward.release().unwrap().renewal, None);
    assert_eq!(at(first), (true, 1));
    assert_eq!(at(first.plus(Duration::from_secs(3600 * 23))), (true, 1));
    assert_eq!(at(first.plus(DAY)), (true, 2));
    let card = ward.release().unwrap();
    assert_eq!(card.renewal, Some(end));
    assert_eq!(CardLine::from(&card).renewal, Some(end.to_string()));
    assert_eq!(ward.agent().status().renewals, 1);
    assert!(ward.bench.log().contains(&format!("\"ends\":\"{end}\"")));

    let new = ward.agent().renew(&person(), "a test").unwrap();
    assert!(new.renew && new.card == info.card && new.requests.len() == 1);
    assert!(matches!(
        ward.agent().renew(&person(), "a test"),
        Err(Error::Enrolment(EnrolmentFault::Waits))
    ));
    assert_eq!(ward.release().unwrap().released, info.card, "the old keys until then");
    let certificates = ward.certificates(&new, DAY * 730);
    let renewed = ward.agent().certify(&person(), &certificates, "a test").unwrap();
    assert!(!renewed.renew && renewed.card != info.card);
    assert_eq!(ward.release().unwrap().released, renewed.card);
    assert_eq!((ward.times("renewal-begun"), ward.times("enrolment-renewed")), (1, 1));
}

#[test]
fn the_time_of_notice_is_a_setting_and_survives_a_restart() {
    let mut ward = Ward::new(|config| {
        config.enrolled.as_mut().unwrap().renewal_notice = DAY * 10;
    });
    let end = ward.enrol(DAY * 100).ends.unwrap();
    ward.bench.clock.set(end.minus(DAY * 10));
    ward.agent().reap();
    assert_eq!(ward.times("renewal-due"), 1);
    ward.bench.start();
    ward.agent().reap();
    assert_eq!(ward.times("renewal-due"), 1, "once a day, whatever restarts");
}

#[test]
fn every_problem_of_certificates_is_told_and_nothing_is_taken() {
    let ward = Ward::new(|config| config.policy.content_commitment = true);
    let new = ward.agent().enrol(&person(), "a test").unwrap();
    let good = ward.certificates(&new, DAY * 730);
    let told = |certificates: &[Certificate]| match ward.agent().certify(
        &person(),
        certificates,
        "a test",
    ) {
        Err(Error::Certificates(problems)) => problems,
        other => panic!("{other:?}"),
    };
    assert_eq!(told(&[]).len(), 2, "one for each key");
    let now = ward.bench.clock.now();
    let validity = Validity { not_before: now, not_after: now.plus(DAY) };
    let issue = |by: &Authority, profile: Profile, of: &UserId, key: &Certificate| {
        by.issue(&profile, of, key.public_key(), validity).unwrap()
    };
    let authentication = Profile::cis1_authentication;
    let commitment = Profile::cis1_content_commitment;
    let other = UserId::parse("555000000002").unwrap();
    let key = PrivateKey::generate(KeyKind::P256).unwrap();
    let stranger = Authority::root(key.clone(), "NHS Signing G2", validity).unwrap();
    let own = &ward.authority;
    let cases = [
        (issue(own, authentication(), &other, &good[0]), "not this person's"),
        (issue(own, commitment(), &person(), &good[0]), "keyUsage must say digitalSignature"),
        (issue(&stranger, authentication(), &person(), &good[0]), "not among the trusted roots"),
        (own.issue(&authentication(), &person(), key.public(), validity).unwrap(), "does not wait"),
    ];
    for (wrong, why) in cases {
        let problems = told(&[wrong, good[1].clone()]);
        assert!(problems.iter().any(|problem| problem.contains(why)), "{why}: {problems:?}");
        assert!(!problems.concat().contains("555"), "{problems:?}");
    }
    assert!(told(&[good[0].clone(), good[0].clone(), good[1].clone()])[0].contains("several"));
    ward.bench.clock.advance(DAY * 731);
    assert!(told(&good)[0].contains("expired"), "too late");
    assert!(ward.agent().enrolment(&person()).unwrap().card.is_none());
    assert_eq!(ward.times("enrolled"), 0);
}

#[test]
fn where_release_is_switched_off_what_a_passcode_opens_is_closed_to_it_on_record() {
    let mut ward = Ward::new(|_| {});
    ward.enrol(DAY * 730);
    ward.bench.config.policy.release = false;
    ward.bench.start();
    assert!(matches!(ward.release(), Err(Error::Refused(derive::Refusal::ReleaseOff))));
    let begun = ward.agent().enrol(&person(), "a test");
    assert!(matches!(begun, Err(Error::Enrolment(EnrolmentFault::Enrolled | EnrolmentFault::Off))));
    ward.bench.config.policy.release = true;
    ward.bench.start();
    ward.release().expect("keys that nothing else opens are there again");
}

#[test]
fn without_roots_nothing_is_begun_and_another_key_of_release_opens_nothing() {
    let mut ward = Ward::new(|_| {});
    ward.enrol(DAY * 730);
    let file = ward.bench.folder.path().join("state/release.key");
    assert!(file.exists(), "a key file of its own");
    std::fs::write(&file, [7; 32]).unwrap();
    ward.bench.start();
    let refused = ward.release().unwrap_err();
    assert!(refused.to_string().contains("key of release"), "{refused}");
    assert_eq!(ward.times("proof-refused"), 1);

    let ward = Ward::new(|config| config.enrolled.as_mut().unwrap().roots.clear());
    let refused = ward.agent().enrol(&person(), "a test").unwrap_err();
    assert!(refused.to_string().contains("roots_file in [enrolled] and restart"), "{refused}");
    assert!(ward.agent().enrolments().unwrap().is_empty(), "no keys are made");
}

/// What an agent says that does not start.
fn refused(ward: &mut Ward) -> String {
    ward.bench.agent = None;
    let issuer = Arc::clone(&ward.bench.issuer) as Arc<dyn Issuer>;
    let parts = AgentParts { issuer: Some(issuer), ..AgentParts::default() };
    Agent::start(ward.bench.config.clone(), parts).expect_err("refused").to_string()
}

#[test]
fn a_lost_key_is_never_made_anew_while_anything_is_enrolled() {
    let mut ward = Ward::new(|_| {});
    let state = ward.bench.folder.path().join("state");
    let (release, key) = (state.join("release.key"), state.join("store.key"));
    // Nothing is enrolled: nothing is lost with it.
    std::fs::remove_file(&release).unwrap();
    ward.bench.start();
    assert!(release.exists());
    ward.agent().enrol(&person(), "a test").unwrap();
    let kept = state.with_file_name("kept");
    for (file, part) in [(&release, "the key of release: "), (&key, "the store's key: ")] {
        std::fs::rename(file, &kept).unwrap();
        let said = refused(&mut ward);
        let named = format!("{part}the key file {} is missing", file.display());
        assert!(said.starts_with(&named) && said.contains("backup"), "{said}");
        assert!(!file.exists(), "{said}");
        std::fs::rename(&kept, file).unwrap();
        ward.bench.start();
    }
    // The whole state folder is gone: no key is made that the cards' store does not open with.
    ward.bench.agent = None;
    std::fs::rename(&state, &kept).unwrap();
    assert!(refused(&mut ward).contains("store.key is missing"));
    assert!(!state.exists(), "nothing is written");
    std::fs::rename(&kept, &state).unwrap();
    // The way on without a backup.
    std::fs::remove_file(&release).unwrap();
    ward.bench.config.policy.release = false;
    ward.bench.start();
    ward.agent().unenrol(&person(), "a test").unwrap();
    ward.bench.config.policy.release = true;
    ward.bench.start();
    ward.agent().enrol(&person(), "a test").unwrap();
}

#[test]
fn two_releases_at_once_leave_one_card_that_works() {
    let ward = Ward::new(|_| {});
    ward.enrol(DAY * 730);
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| ward.release())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(ward.agent().cards().len(), 1);
    sign_ecdsa(&ward.bench.application()).unwrap();
}

#[test]
fn the_agents_shelf_needs_its_own_key_of_release() {
    let ward = Ward::new(|_| {});
    let enrolled = ward.enrol(DAY * 730);
    // Who has the store and the store's key: a registration tool, or a thief of both.
    let settings = ward.bench.config.enrolled.as_ref().unwrap();
    let key = ward.bench.folder.path().join("state/store.key");
    let store = super::super::state::open_store(&settings.store, &key).unwrap();
    let policy = ShelfPolicy {
        blank: true,
        import_private: true,
        hashes: ward.bench.config.policy.hashes.clone(),
        ..ShelfPolicy::default()
    };
    let shelf = Shelf::new(store, policy).unwrap();
    let found = shelf.enrolment(&enrolled.person).unwrap().unwrap();
    let slots = [KeySlot::Authentication];
    assert!(matches!(shelf.release(&found, &slots), Err(EnrolmentFault::Off)));
    let guess = crate::crypto::SealKey::generate().unwrap();
    let refused = shelf.with_release(&guess).release(&found, &slots);
    assert!(matches!(refused, Err(EnrolmentFault::Sealed)));
}

#[test]
fn who_is_taken_off_the_roster_loses_the_enrolment_and_who_is_disabled_keeps_it_unreleased() {
    use crate::derive::roster;
    let ward = Ward::new(|_| {});
    let enrolled = ward.enrol(DAY * 730);
    let entry = |state| roster::Entry {
        person: person(),
        account: "ward7".to_owned(),
        kind: roster::Kind::Staff,
        valid_from: None,
        valid_to: None,
        state,
    };
    let import = |entries: &[roster::Entry]| {
        let now = ward.bench.clock.now();
        ward.agent().roster().import(entries, true, "a test", now).unwrap();
        // The agent may just have looked.
        ward.bench.clock.advance(Duration::from_secs(61));
        ward.agent().reap();
    };
    import(&[entry(roster::State::Disabled)]);
    assert!(matches!(ward.release(), Err(Error::Refused(derive::Refusal::Roster(_)))));
    assert_eq!(ward.agent().enrolment(&person()).unwrap().card, enrolled.card);
    import(&[entry(roster::State::Enabled)]);
    ward.release().expect("enabled again");
    import(&[]);
    assert!(ward.agent().enrolments().unwrap().is_empty());
    assert!(ward.agent().cards().is_empty());
    assert_eq!(ward.times("enrolment-removed"), 1);
    // Enrolled anew, they are not dropped for what was before.
    ward.bench.clock.advance(Duration::from_secs(61));
    ward.enrol(DAY * 730);
    ward.agent().reap();
    assert_eq!(ward.agent().enrolments().unwrap().len(), 1);
}

#[test]
fn nobody_is_enrolled_whom_the_roster_refuses_and_a_robot_with_one_key_alone() {
    use crate::derive::roster;
    let ward = Ward::new(|config| config.policy.content_commitment = true);
    let entry = |kind, state| roster::Entry {
        person: person(),
        account: "ward7".to_owned(),
        kind,
        valid_from: None,
        valid_to: None,
        state,
    };
    let import = |entry| {
        let now = ward.bench.clock.now();
        ward.agent().roster().import(&[entry], true, "a test", now).unwrap();
    };
    import(entry(roster::Kind::Staff, roster::State::Disabled));
    assert!(matches!(ward.agent().enrol(&person(), "x"), Err(Error::Refused(_))));
    import(entry(roster::Kind::Robot, roster::State::Enabled));
    let slots: Vec<_> = ward
        .agent()
        .enrol(&person(), "x")
        .unwrap()
        .requests
        .into_iter()
        .map(|(slot, _)| slot)
        .collect();
    assert_eq!(slots, [KeySlot::Authentication]);
}
