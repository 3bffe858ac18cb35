//! What is refused: certificates that do not belong, proofs of others, stores without their keys.

use super::*;
use std::sync::Arc;
use wardcard::{
    card::{EnrolmentFault, KeySlot, Shelf, ShelfPolicy},
    pki::UserId,
    store::{SqliteStore, key_file},
};

const OTHER: &str = "555000000002";
const BOTH: [KeySlot; 2] = [KeySlot::Authentication, KeySlot::ContentCommitment];

#[test]
#[ignore = "needs openssl"]
fn certificates_of_others_and_of_another_make_are_refused_with_every_problem() {
    let ward = Ward::new();
    ward.enrol(&["new", PERSON]).ok();
    let [good, commitment] = ward.certificates();
    let request = ward.request("authentication");
    let certify = |profile, order: Order<'_>| ward.authority.certify(profile, &request, &order);
    let usual = Order::default();
    let subject = format!("/O=nhs/OU=people/CN={OTHER}");
    let other =
        certify(Profile::Authentication, Order { subject: Some(&subject), ..usual.clone() });
    let shape = format!("/C=GB/O=nhs/CN={PERSON}");
    let shape = certify(Profile::Authentication, Order { subject: Some(&shape), ..usual.clone() });
    let over = ("20200101000000Z", "20220101000000Z");
    let over = certify(Profile::Authentication, Order { dates: Some(over), ..usual.clone() });
    let ahead = ("20900101000000Z", "20920101000000Z");
    let ahead = certify(Profile::Authentication, Order { dates: Some(ahead), ..usual.clone() });
    let usage = certify(Profile::ContentCommitment, usual.clone());
    // A key of somebody's, under the right name.
    ward.authority.openssl(&["genrsa", "-out", "stray.key", "2048"]);
    let subject = format!("/O=nhs/OU=people/CN={PERSON}");
    let stray = ["req", "-new", "-key", "stray.key", "-config", "openssl.cnf", "-subj", &subject];
    ward.authority.openssl(&[&stray[..], &["-out", "stray.csr"]].concat());
    let key = ward.authority.certify(Profile::Authentication, "stray.csr", &usual);
    // An authority of the same names with keys of its own.
    let strangers = Authority::new();
    let stranger = strangers.certify(Profile::Authentication, &request, &usual);
    let cases = [
        (&other, "authentication: it is not this person's"),
        (&other, "subject is not the one"),
        (&shape, "subject is not the one"),
        (&over, "expired"),
        (&ahead, "valid from"),
        (&usage, "keyUsage must say digitalSignature"),
        (&key, "certificate 1: it is for a key that does not wait"),
        (&stranger, "does not validate"),
    ];
    for (wrong, why) in cases {
        let run = ward.import(&[wrong, &commitment]);
        assert!(!run.success && run.err.contains(why), "{why}: {}", run.err);
    }
    // Both are wrong: both are told.
    let run = ward.import(&[&over]);
    assert!(
        run.err.contains("authentication: ") && run.err.contains("content-commitment: "),
        "{run:?}"
    );
    // The certificate without the authorities that lead to the root.
    let run = ward.enrol(&["import", PERSON, &good, &commitment]);
    assert!(!run.success && run.err.contains("not among the trusted roots"), "{}", run.err);
    assert!(ward.release().is_err(), "nothing of it was taken");
    ward.import(&[&good, &commitment]).ok();
    ward.release().unwrap();
}

#[test]
#[ignore = "needs openssl"]
fn another_persons_proof_and_a_used_one_release_nothing() {
    let ward = Ward::new();
    ward.enrolled();
    let refused = ward.release_for(OTHER).unwrap_err().to_string();
    assert!(refused.contains("not of the person whose card"), "{refused}");
    assert!(!refused.contains("555"), "{refused}");
    let host = ward.station.host();
    let seat = Seat::user(ward.station.uid());
    let pending = host.request_release(&seat, PERSON).unwrap();
    let token = ward.station.token(&pending, PERSON);
    let card = host.prove(&pending.request, &token, given(PASSCODE)).unwrap();
    ward.station.tap_out(&card);
    assert!(host.prove(&pending.request, &token, given(PASSCODE)).is_err(), "the request is gone");
    let next = host.request_release(&seat, PERSON).unwrap();
    let replayed = host.prove(&next.request, &token, given(PASSCODE)).unwrap_err().to_string();
    assert!(replayed.contains("nonce"), "{replayed}");
    assert!(host.request_release(&seat, OTHER).is_err(), "nobody else is enrolled");
    assert!(host.cards().unwrap().is_empty());
}

#[test]
fn without_the_table_or_the_policy_nothing_is_enrolled_or_released() {
    let station = Station::start();
    let host = station.host();
    let seat = Seat::user(station.uid());
    for refused in [
        host.request_release(&seat, PERSON).map(|_| ()),
        host.enrol(PERSON).map(|_| ()),
        host.enrolments().map(|_| ()),
    ] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("release = true"), "{refused}");
    }
}

/// A store's cards with these keys, as far as they open.
fn shelf(
    store: &std::path::Path,
    key: &std::path::Path,
    release: &std::path::Path,
) -> Option<Shelf> {
    let store = SqliteStore::open(store, &key_file(key).unwrap()).ok()?;
    let policy = ShelfPolicy::default();
    let shelf = Shelf::new(Arc::new(store), policy).unwrap();
    Some(shelf.with_release(&key_file(release).unwrap()))
}

#[test]
#[ignore = "needs openssl"]
fn a_store_that_is_copied_to_another_machine_opens_with_all_its_keys_alone() {
    let mut ward = Ward::new();
    ward.enrolled();
    ward.station.end_agent("TERM");
    let own = ward.station.path().join("own");
    let [store, key, release] =
        ["cards/store.sqlite", "state/store.key", "state/release.key"].map(|name| own.join(name));
    let copy = ward.file("copy");
    fs::create_dir(&copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o700)).unwrap();
    fs::copy(&store, copy.join("store.sqlite")).unwrap();
    let there = copy.join("store.sqlite");
    let person = UserId::parse(PERSON).unwrap();
    let released = |shelf: &Shelf| {
        let enrolment = shelf.enrolment(&person).unwrap().unwrap();
        shelf.release(&enrolment, &BOTH).map(|keys| keys.len())
    };
    assert!(shelf(&there, &copy.join("new.key"), &release).is_none(), "without the store's key");
    let without = shelf(&there, &key, &copy.join("new-release.key")).unwrap();
    assert!(matches!(released(&without), Err(EnrolmentFault::Sealed)), "without that of release");
    drop(without);
    let whole = shelf(&there, &key, &release).unwrap();
    assert_eq!(released(&whole).unwrap(), 2, "with both it is a backup");
    drop(whole);

    // On disk, the row of a card in the place of another's opens nothing.
    let connection = rusqlite::Connection::open(&there).unwrap();
    let swapped = connection.execute(
        "UPDATE rows SET value = (SELECT other.value FROM rows other WHERE other.tbl = rows.tbl \
         AND other.key <> rows.key LIMIT 1) WHERE tbl = 'objects'",
        [],
    );
    assert_eq!(swapped.unwrap(), 2, "both keys of the card change places");
    drop(connection);
    let tampered = shelf(&there, &key, &release).unwrap();
    assert!(matches!(released(&tampered), Err(EnrolmentFault::Card(_))));
}
