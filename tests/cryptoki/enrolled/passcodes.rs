//! Passcodes of user and security officer, their logins and tries, and initialisation again (base
//! specification sections 5.5.7 to 5.5.9 and 5.6).

use super::*;

#[test]
fn passcodes_go_their_way_from_the_officer_to_the_user() {
    let cabinet = Cabinet::new();
    let module = cabinet.connect();
    module.init_token(0, Some(SO), &label("a card")).unwrap();
    let session = open_in(&module, 0);
    let state = || module.session_info(session).unwrap().state;
    let initialized = || module.token_info(0).unwrap().flags & CKF_USER_PIN_INITIALIZED != 0;
    // Section 5.6.8: "the normal user's PIN has never been initialized".
    let early = module.login(session, CKU_USER, Some(PIN));
    assert_eq!(early, Err(CKR_USER_PIN_NOT_INITIALIZED));
    // 5.5.8: "can only be called in the R/W SO Functions state".
    assert_eq!(module.init_pin(session, Some(PIN)), Err(CKR_USER_NOT_LOGGED_IN));
    assert_eq!(module.login(session, CKU_SO, Some(PIN)), Err(CKR_PIN_INCORRECT));
    module.login(session, CKU_SO, Some(SO)).unwrap();
    assert_eq!(state(), CKS_RW_SO_FUNCTIONS);
    assert_eq!(module.init_pin(session, None), Err(CKR_ARGUMENTS_BAD));
    assert_eq!(module.init_pin(session, Some(b"abc")), Err(CKR_PIN_LEN_RANGE));
    assert!(!initialized());
    module.init_pin(session, Some(PIN)).unwrap();
    assert!(initialized());

    // Who is in keeps others out.
    let login = |user, pin| module.login(session, user, Some(pin));
    assert_eq!(login(CKU_SO, SO), Err(CKR_USER_ALREADY_LOGGED_IN));
    assert_eq!(login(CKU_USER, PIN), Err(CKR_USER_ANOTHER_ALREADY_LOGGED_IN));
    // Section 5.6.1: "there is an SO session, so no read-only session can be opened".
    let read_only = module.open_session(0, CKF_SERIAL_SESSION);
    assert_eq!(read_only, Err(CKR_SESSION_READ_WRITE_SO_EXISTS));
    module.set_pin(session, Some(SO), Some(b"officer's new")).unwrap();
    assert_eq!(state(), CKS_RW_SO_FUNCTIONS, "still logged in");
    module.logout(session).unwrap();
    assert_eq!(login(CKU_SO, SO), Err(CKR_PIN_INCORRECT));

    // 5.6.8: "a read-only session already exists, so the SO cannot be logged in".
    let read_only = module.open_session(0, CKF_SERIAL_SESSION).unwrap();
    assert_eq!(login(CKU_SO, b"officer's new"), Err(CKR_SESSION_READ_ONLY_EXISTS));
    login(CKU_USER, PIN).unwrap();
    assert_eq!(state(), CKS_RW_USER_FUNCTIONS);
    assert_eq!(module.session_info(read_only).unwrap().state, CKS_RO_USER_FUNCTIONS);
    assert_eq!(login(CKU_SO, SO), Err(CKR_USER_ANOTHER_ALREADY_LOGGED_IN));
    assert_eq!(module.init_pin(session, Some(PIN)), Err(CKR_USER_NOT_LOGGED_IN));
    // 5.5.9: not in read-only sessions.
    let changed = module.set_pin(read_only, Some(PIN), Some(b"another"));
    assert_eq!(changed, Err(CKR_SESSION_READ_ONLY));
    let set = |old: &[u8], new: &[u8]| module.set_pin(session, Some(old), Some(new));
    assert_eq!(set(b"wrong one", b"another"), Err(CKR_PIN_INCORRECT));
    assert_eq!(set(PIN, b"a"), Err(CKR_PIN_LEN_RANGE));
    assert_eq!(module.set_pin(session, None, Some(PIN)), Err(CKR_ARGUMENTS_BAD));
    set(PIN, b"another").unwrap();
    assert_eq!(state(), CKS_RW_USER_FUNCTIONS, "still logged in");
    module.logout(session).unwrap();
    // In a public session it is the user's.
    set(b"another", PIN).unwrap();
    assert_eq!(state(), CKS_RW_PUBLIC_SESSION);
    login(CKU_USER, PIN).unwrap();
}

#[test]
fn rule_16_tries_of_both_passcodes_are_told_and_outlast_the_application() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    module.logout(session).unwrap();
    let told = |module: &Module, low: u64| -> Vec<u32> {
        let flags = module.token_info(0).unwrap().flags;
        (0..3).filter(|bit| flags & low << bit != 0).collect()
    };
    let wrong = |module: &Module, who| {
        let session = open_in(module, 0);
        module.login(session, who, Some(b"wrong one"))
    };
    let (one, two) = (cabinet.connect(), cabinet.connect());
    assert_eq!(told(&module, CKF_USER_PIN_COUNT_LOW), [0; 0]);
    assert_eq!(wrong(&one, CKU_USER), Err(CKR_PIN_INCORRECT));
    assert_eq!(told(&module, CKF_USER_PIN_COUNT_LOW), [0], "CKF_USER_PIN_COUNT_LOW");
    assert_eq!(wrong(&two, CKU_USER), Err(CKR_PIN_INCORRECT));
    assert_eq!(told(&module, CKF_USER_PIN_COUNT_LOW), [0, 1], "and CKF_USER_PIN_FINAL_TRY");
    assert_eq!(wrong(&one, CKU_USER), Err(CKR_PIN_LOCKED));
    assert_eq!(told(&cabinet.connect(), CKF_USER_PIN_COUNT_LOW), [2], "CKF_USER_PIN_LOCKED");
    assert_eq!(module.login(session, CKU_USER, Some(PIN)), Err(CKR_PIN_LOCKED));
    // The officer's are his own, and he gives the user new ones.
    assert_eq!(told(&module, CKF_SO_PIN_COUNT_LOW), [0; 0]);
    assert_eq!(wrong(&two, CKU_SO), Err(CKR_PIN_INCORRECT));
    assert_eq!(told(&module, CKF_SO_PIN_COUNT_LOW), [0]);
    module.login(session, CKU_SO, Some(SO)).unwrap();
    assert_eq!(told(&module, CKF_SO_PIN_COUNT_LOW), [0; 0]);
    module.init_pin(session, Some(PIN)).unwrap();
    module.logout(session).unwrap();
    assert_eq!(told(&module, CKF_USER_PIN_COUNT_LOW), [0; 0]);
    module.login(session, CKU_USER, Some(PIN)).unwrap();
}

#[test]
fn initialising_a_card_again_takes_its_officer_and_leaves_nothing() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    let (public, _) = pair(&module, session, b"one", &[]).unwrap();
    let serial = module.token_info(0).unwrap().serial;
    let init = |module: &Module, pin| module.init_token(0, Some(pin), &label("again"));
    // Section 5.5.7: "no application may have open sessions".
    assert_eq!(init(&module, SO), Err(CKR_SESSION_EXISTS));
    module.close_all_sessions(0).unwrap();
    assert_eq!(init(&module, b"wrong one"), Err(CKR_PIN_INCORRECT));
    assert_eq!(init(&module, b"x"), Err(CKR_PIN_INCORRECT));
    assert_eq!(module.token_info(0).unwrap().label, "a card");
    // An application that is still there loses its login and its objects, not its session.
    let other = cabinet.connect();
    let theirs = user(&other, 0);
    let key = find(&*other, theirs, &[of_class(CKO_PRIVATE_KEY)])[0];
    init(&module, SO).unwrap();
    let info = module.token_info(0).unwrap();
    assert_eq!((info.label.as_str(), info.serial), ("again", serial));
    assert_eq!(info.flags & CKF_USER_PIN_INITIALIZED, 0);
    assert_eq!(other.session_info(theirs).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert!(sign(&*other, theirs, CKM_ECDSA_SHA256, key, b"x").is_err());
    assert!(find(&*other, theirs, &[of_class(CKO_PUBLIC_KEY)]).is_empty());
    let session = open_in(&module, 0);
    assert_eq!(module.object_size(session, public), Err(CKR_OBJECT_HANDLE_INVALID));
    assert!(find(&*module, session, &[of_class(CKO_PUBLIC_KEY)]).is_empty());
}

#[test]
fn rule_11_a_login_is_of_one_application_and_of_one_token() {
    let (cabinet, module, session) = Cabinet::new().with_card();
    make_card(&module, 1);
    let second = open_in(&module, 1);
    assert_eq!(module.session_info(second).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert_eq!(module.session_info(session).unwrap().state, CKS_RW_USER_FUNCTIONS);
    let other = cabinet.connect();
    let theirs = open_in(&other, 0);
    assert_eq!(other.session_info(theirs).unwrap().state, CKS_RW_PUBLIC_SESSION);
    // Another passcode ends logins made with the old one, everywhere but where it was changed.
    other.set_pin(theirs, Some(PIN), Some(b"another")).unwrap();
    assert_eq!(module.session_info(session).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert_eq!(module.login(session, CKU_USER, Some(PIN)), Err(CKR_PIN_INCORRECT));
    module.login(session, CKU_USER, Some(b"another")).unwrap();
}
