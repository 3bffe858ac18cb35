//! Where a bound of WebAuthn lies, on both sides of it.

use super::*;

#[test]
fn two_security_keys_may_sign_for_one_request() {
    let world = world(open());
    let (mut one, mut two) = (Authenticator::p256(), Authenticator::p256());
    world.register(&mut one).unwrap();
    world.register(&mut two).unwrap();
    (one.shape.counter, two.shape.counter) = (3, 4);
    let verify = |of| world.verify(of, &Nonce::new(&[b"key"]).unwrap()).unwrap();
    world.used.first_use_of_all(&[verify(&one), verify(&two)], now()).unwrap();
    let mut counters: Vec<u32> = world.kept().iter().map(|one| one.counter).collect();
    counters.sort_unstable();
    assert_eq!(counters, [3, 4]);
}

#[test]
fn one_of_a_persons_credentials_is_removed_and_the_others_stay() {
    let world = world(open());
    let (mut one, mut two) = (Authenticator::p256(), Authenticator::p256());
    world.register(&mut one).unwrap();
    world.register(&mut two).unwrap();
    let credentials = world.party.credentials();
    assert_eq!(credentials.remove(&person(), &one.id), Ok(true));
    assert_eq!(credentials.remove(&person(), &one.id), Ok(false), "it is gone");
    assert_eq!(world.kept().iter().map(|one| &one.id).collect::<Vec<_>>(), [&two.id]);
    world.sign_in(&two).unwrap();
}

#[test]
fn an_answer_has_64_kib_and_no_more() {
    let world = world(open());
    let mut authenticator = Authenticator::p256();
    world.register(&mut authenticator).unwrap();
    let nonce = Nonce::new(&[b"key"]).unwrap();
    let options = world.party.sign_in_options(nonce.as_str(), Some(&person())).unwrap();
    let answer = authenticator.assert(&options);
    let padded = |length: usize| format!("{answer}{}", " ".repeat(length - answer.len()));
    assert!(world.party.accept(padded(64 * 1024).as_bytes(), &nonce).is_ok());
    let longer = world.party.accept(padded(64 * 1024 + 1).as_bytes(), &nonce);
    assert_eq!(longer.unwrap_err(), Refusal::TooLong);
}

#[test]
fn a_relying_party_has_a_domain_and_a_name_that_a_browser_takes() {
    for id in [".sso.example", "sso.example.", "sso..example", "sso_example"] {
        let settings = Settings { id: id.to_owned(), ..open() };
        assert_eq!(settings.check(), Err(Fault::Setting("id")), "{id}");
    }
    let named = |length| Settings { name: "n".repeat(length), ..open() }.check();
    assert_eq!((named(1), named(64)), (Ok(()), Ok(())));
    let refused = Err(Fault::Setting("name"));
    assert_eq!((named(0), named(65)), (refused, refused));
}
