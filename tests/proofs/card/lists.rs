//! Revocation lists: fetched, kept, stale.

use super::*;

#[test]
fn a_revoked_card_is_refused_and_so_is_one_of_a_revoked_authority() {
    let since = Time::parse_rfc3339("2026-12-01T00:00:00Z").unwrap();
    let revoked = |depth| Fault::Path(pki::Error::Revoked { depth, since });
    refuses(revoked(0), |world| world.lists(&[3], FRESH));
    refuses(revoked(1), |world| {
        let issuer = world.root.subject_der();
        world.web.put(ROOT_LIST, der::crl(issuer, &world.root_key, &[2], FRESH));
    });
}

#[test]
fn without_its_list_no_card_is_accepted() {
    refuses(Fault::Lists("it is down".to_owned()), |world| world.web.take_down());
    refuses(Fault::Lists("it is down".to_owned()), |world| {
        world.web.documents.lock().unwrap().remove(ISSUING_LIST);
    });
    // One that another signed is none.
    let unsigned = format!("{ISSUING_LIST}: the list is not signed by the authority that it names");
    refuses(Fault::Lists(unsigned), |world| {
        let issuer = world.issuing.subject_der();
        world.web.put(ISSUING_LIST, der::crl(issuer, &p256(), &[], FRESH));
    });
    let mut unchecked = World::new();
    unchecked.web.take_down();
    unchecked.settings.revocation = Revocation::Unchecked;
    unchecked.accept().unwrap();
    assert_eq!(*unchecked.web.asked.lock().unwrap(), 0);
}

#[test]
fn nothing_is_fetched_for_a_card_that_is_refused_anyway() {
    let mut world = World::new();
    world.card.subject = der::plain("Somebody");
    world.accept().unwrap_err();
    let foreign = World::new();
    world.settings.roots = vec![foreign.root];
    world.card.subject = der::person(PERSON);
    world.accept().unwrap_err();
    assert_eq!(*world.web.asked.lock().unwrap(), 0);
}

#[test]
fn lists_are_fetched_once_an_hour_and_once_a_minute_while_they_cannot_be_had() {
    let world = World::new();
    let verifier = world.verifier();
    let asked = || *world.web.asked.lock().unwrap();
    world.accept_by(&verifier).unwrap();
    world.accept_by(&verifier).unwrap();
    assert_eq!(asked(), 2);
    world.clock.advance(Duration::from_secs(3599));
    world.accept_by(&verifier).unwrap();
    assert_eq!(asked(), 2);
    world.clock.advance(Duration::from_secs(1));
    world.web.take_down();
    // What is at hand holds until its own end, and a newer one is looked for each minute.
    world.accept_by(&verifier).unwrap();
    assert_eq!(asked(), 4);
    world.clock.advance(Duration::from_secs(59));
    world.accept_by(&verifier).unwrap();
    assert_eq!(asked(), 4);
    world.clock.advance(Duration::from_secs(1));
    world.accept_by(&verifier).unwrap();
    assert_eq!(asked(), 6);
    // Back again, with somebody on it.
    world.lists(&[3], ("261201090000Z", "261208000000Z"));
    world.clock.advance(Duration::from_secs(60));
    assert!(matches!(
        world.accept_by(&verifier),
        Err(Refusal::Certificate(Fault::Path(pki::Error::Revoked { depth: 0, .. })))
    ));
}

#[test]
fn an_older_list_never_takes_the_place_of_a_newer_one() {
    let world = World::new();
    let verifier = world.verifier();
    world.lists(&[3], ("261201010000Z", "261208000000Z"));
    world.accept_by(&verifier).unwrap_err();
    world.lists(&[], FRESH);
    world.clock.advance(Duration::from_secs(3600));
    assert!(world.accept_by(&verifier).is_err(), "the list of an hour before was replayed");
}

#[test]
fn past_its_next_update_a_list_serves_as_long_as_the_setting_says_and_is_marked() {
    let outcome = |stale: u64, time: &str| {
        let mut world = World::new();
        world.settings.stale = Duration::from_secs(stale);
        world.clock.set(Time::parse_rfc3339(time).unwrap());
        world.accept().map(|accepted| accepted.assurance.offline)
    };
    assert_eq!(outcome(0, "2026-12-08T00:00:00.999Z"), Ok(false));
    assert!(matches!(
        outcome(0, "2026-12-08T00:00:01Z"),
        Err(Refusal::Certificate(Fault::Path(pki::Error::CrlStale { depth: 1, .. })))
    ));
    assert_eq!(outcome(3600, "2026-12-08T00:00:00.999Z"), Ok(false));
    assert_eq!(outcome(3600, "2026-12-08T00:00:01Z"), Ok(true));
    assert_eq!(outcome(3600, "2026-12-08T01:00:00.999Z"), Ok(true));
    assert!(outcome(3600, "2026-12-08T01:00:01Z").is_err());
    assert!(outcome(3600, "2026-11-30T23:59:59Z").is_err(), "one from the future is none");
    // Somebody on a stale list is revoked all the same.
    let mut world = World::new();
    world.settings.stale = Duration::from_secs(3600);
    world.lists(&[3], FRESH);
    world.clock.set(Time::parse_rfc3339("2026-12-08T00:00:01Z").unwrap());
    assert!(matches!(
        world.accept(),
        Err(Refusal::Certificate(Fault::Path(pki::Error::Revoked { depth: 0, .. })))
    ));
}
