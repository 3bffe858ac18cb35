//! Objects on a card: changed, found, and kept from those without a login.

use super::*;

#[test]
fn rule_04_an_object_of_the_card_changes_all_or_not_at_all() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    let (_, key) = pair(&module, session, b"one", &[]).unwrap();
    let set = |change: &[Attribute]| module.set_attribute_value(session, key, change);
    let of = |kind| attribute(&*module, session, key, kind);
    set(&[Attribute::bytes(CKA_ID, b"two"), Attribute::bytes(CKA_LABEL, b"label")]).unwrap();
    let class = of_class(CKO_PRIVATE_KEY);
    let found = |id: &[u8]| find(&*module, session, &[Attribute::bytes(CKA_ID, id), class.clone()]);
    assert_eq!((found(b"one"), found(b"two")), (vec![], vec![key]));
    for (change, code) in [
        (Attribute::flag(CKA_SENSITIVE, false), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_EXTRACTABLE, true), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_COPYABLE, true), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_TOKEN, false), CKR_ATTRIBUTE_READ_ONLY),
        (Attribute::flag(CKA_VERIFY, true), CKR_TEMPLATE_INCONSISTENT),
    ] {
        assert_eq!(set(&[Attribute::bytes(CKA_LABEL, b"no"), change]), Err(code));
        assert_eq!(of(CKA_LABEL), b"label");
    }
    // Others see it at once.
    let other = cabinet.connect();
    let theirs = user(&other, 0);
    assert_eq!(find(&*other, theirs, &[Attribute::bytes(CKA_LABEL, b"label")]).len(), 1);
    set(&[Attribute::bytes(CKA_LABEL, b"later")]).unwrap();
    assert_eq!(find(&*other, theirs, &[Attribute::bytes(CKA_LABEL, b"label")]).len(), 0);
    let key_of_theirs = find(&*other, theirs, &[Attribute::bytes(CKA_LABEL, b"later")])[0];
    other.destroy_object(theirs, key_of_theirs).unwrap();
    assert_eq!(module.object_size(session, key), Err(CKR_OBJECT_HANDLE_INVALID));
    let signed = sign(&*module, session, CKM_ECDSA_SHA256, key, b"x");
    assert_eq!(signed, Err(CKR_KEY_HANDLE_INVALID));

    // Only read-write sessions change the card.
    let read_only = module.open_session(0, CKF_SERIAL_SESSION).unwrap();
    let public = found_public(&module, session);
    let label = [Attribute::bytes(CKA_LABEL, b"x")];
    assert_eq!(module.set_attribute_value(read_only, public, &label), Err(CKR_SESSION_READ_ONLY));
    assert_eq!(module.destroy_object(read_only, public), Err(CKR_SESSION_READ_ONLY));
    assert_eq!(module.create_object(read_only, &datum(b"x", 1)), Err(CKR_SESSION_READ_ONLY));
    assert_eq!(pair(&module, read_only, b"x", &[]), Err(CKR_SESSION_READ_ONLY));
    module.destroy_object(session, public).unwrap();
    assert!(find(&*module, read_only, &[of_class(CKO_PUBLIC_KEY)]).is_empty());
}

fn found_public(module: &Module, session: SessionHandle) -> ObjectHandle {
    find(module, session, &[of_class(CKO_PUBLIC_KEY)])[0]
}

#[test]
fn what_takes_a_login_is_not_done_without_one() {
    let (_cabinet, module, session) = Cabinet::new().with_card();
    module.logout(session).unwrap();
    assert_eq!(pair(&module, session, b"x", &[]), Err(CKR_USER_NOT_LOGGED_IN));
    let private = [datum(b"x", 1), vec![Attribute::flag(CKA_PRIVATE, true)]].concat();
    assert_eq!(module.create_object(session, &private), Err(CKR_USER_NOT_LOGGED_IN));
    // Public objects of the token are anybody's with a read-write session (section 5.6, table of
    // sessions and access).
    let public = module.create_object(session, &datum(b"x", 1)).unwrap();
    module.destroy_object(session, public).unwrap();
    // The officer works on public objects only, and says whom to trust.
    module.login(session, CKU_SO, Some(SO)).unwrap();
    assert_eq!(pair(&module, session, b"x", &[]), Err(CKR_USER_NOT_LOGGED_IN));
    assert_eq!(module.create_object(session, &private), Err(CKR_USER_NOT_LOGGED_IN));
    let trusted = [datum(b"root", 2), vec![Attribute::flag(CKA_TRUSTED, true)]].concat();
    let root = module.create_object(session, &trusted).unwrap();
    module.logout(session).unwrap();
    module.login(session, CKU_USER, Some(PIN)).unwrap();
    let no = [Attribute::flag(CKA_TRUSTED, false)];
    assert_eq!(module.set_attribute_value(session, root, &no), Err(CKR_ATTRIBUTE_READ_ONLY));
    assert_eq!(module.create_object(session, &trusted), Err(CKR_ATTRIBUTE_READ_ONLY));
}

#[test]
fn rule_14_finding_by_id_costs_the_same_with_ten_thousand_objects_on_the_card() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    let cards = Shelf::new(Arc::clone(&cabinet.store), cabinet.policy.clone()).unwrap();
    let rate = |module: &Module, session, ids: u32| {
        let begin = Instant::now();
        for id in (0..ids).cycle().take(2000) {
            assert_eq!(find(module, session, &[with_id(id)]).len(), 1);
        }
        begin.elapsed()
    };
    for id in 0..4 {
        module.create_object(session, &datum(b"one", id)).unwrap();
    }
    let few = rate(&module, session, 4);
    for id in 4..10_000 {
        module.create_object(session, &datum(b"one of many", id)).unwrap();
    }
    // With what was read, and without: an application that has just come.
    let fresh = cabinet.connect();
    let theirs = open_in(&fresh, 0);
    let many = rate(&fresh, theirs, 2000);
    let again = rate(&fresh, theirs, 2000);
    assert_eq!(cards.cards().unwrap()[0].records(None).unwrap().len(), 10_000);
    let bound = Duration::from_millis(200);
    assert!(many < few * 30 + bound, "{few:?} with four, {many:?} with ten thousand");
    assert!(again < few * 10 + bound, "{few:?} with four, {again:?} with ten thousand");
}
