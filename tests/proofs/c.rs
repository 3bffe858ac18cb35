//! The C interface of proofs, called as C calls it: register, sign in, list, remove.
#![allow(unsafe_code, reason = "what is tested is called by pointers")]

use crate::{
    authenticator::{Authenticator, ORIGIN, RP},
    common::host::Surroundings,
};
use serde_json::{Value, json};
use std::{
    ffi::c_char,
    ptr::{null, null_mut},
};
use wardcard::ffi::host::{
    agent::*, callbacks::wardcard_callbacks, card::*, evidence::*, request::*, result::*,
};

const PERSON: &str = "555000000001";

/// The output of a call, whose length is asked for first.
fn output(call: impl Fn(*mut c_char, usize, *mut usize) -> wardcard_result) -> Result<String, u32> {
    let mut length = 0;
    assert_eq!(call(null_mut(), 0, &raw mut length), WARDCARD_ERROR_BUFFER_TOO_SMALL);
    let mut room = vec![0_u8; length];
    match call(room.as_mut_ptr().cast(), room.len(), &raw mut length) {
        WARDCARD_OK => Ok(String::from_utf8(room[..length].to_vec()).unwrap()),
        result => Err(result),
    }
}

fn pointer(text: &str) -> *const c_char {
    text.as_ptr().cast()
}

#[test]
fn a_host_in_c_registers_a_credential_and_signs_a_person_in_with_it() {
    let around = Surroundings::new();
    let mut configuration = std::fs::read_to_string(around.configuration("c")).unwrap();
    // The issuer has rules of its own.
    let rules = around.folder().join("c/ca/ca.toml");
    let text = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, text + "\n[[rules.source]]\nkind = \"webauthn\"\n").unwrap();
    configuration.push_str(&format!(
        "[[policy.source]]\nkind = \"webauthn\"\n\
         [webauthn]\nid = \"{RP}\"\norigins = [\"{ORIGIN}\"]\nany_model = true\n\
         authentication = 3\nidentity = 3\n"
    ));
    let mut agent: *mut wardcard_agent = null_mut();
    let callbacks: *const wardcard_callbacks = null();
    // SAFETY: text and place live here.
    let made = unsafe {
        wardcard_agent_new(pointer(&configuration), configuration.len(), callbacks, &raw mut agent)
    };
    assert_eq!(made, WARDCARD_OK);

    let mut registration: *mut wardcard_registration = null_mut();
    let begin = |person: &str, out: *mut *mut wardcard_registration| {
        // SAFETY: the handle is live, text and place live in the caller.
        unsafe { wardcard_registration_new(agent, pointer(person), person.len(), out) }
    };
    assert_eq!(begin("55500000000x", &raw mut registration), WARDCARD_ERROR_ARGUMENT);
    assert_eq!(begin(PERSON, &raw mut registration), WARDCARD_OK);
    // SAFETY: the handle is live, the room is the helper's.
    let options = output(|out, room, length| unsafe {
        wardcard_registration_options(registration, out, room, length)
    });
    let mut authenticator = Authenticator::p256();
    let answer = authenticator.register(&options.unwrap());
    // SAFETY: the handle is live, the text lives here.
    let finish =
        || unsafe { wardcard_registration_finish(registration, pointer(&answer), answer.len()) };
    assert_eq!(finish(), WARDCARD_OK);
    assert_eq!(finish(), WARDCARD_ERROR_PROOF, "it is used up");
    // SAFETY: the handle is live and not used again.
    unsafe { wardcard_registration_free(registration) };

    let mut request: *mut wardcard_request = null_mut();
    let uid = rustix::process::geteuid().as_raw();
    // SAFETY: the handle is live, the place lives here.
    let made = unsafe { wardcard_request_new(agent, uid, null(), 0, &raw mut request) };
    assert_eq!(made, WARDCARD_OK);
    // SAFETY: the handle is live, the room is the helper's.
    let challenge = output(|out, room, length| unsafe {
        wardcard_request_card_challenge(request, out.cast(), room, length)
    });
    let read = |out, room, length| {
        // SAFETY: the handle is live, the room is the helper's.
        unsafe { wardcard_request_nonce(request, out, room, length) }
    };
    let nonce = output(read);
    assert!(challenge.unwrap().ends_with(&nonce.unwrap()));
    // SAFETY: the handle is live, text and room live here.
    let options = output(|out, room, length| unsafe {
        let (person, many) = (pointer(PERSON), PERSON.len());
        wardcard_request_webauthn_options(request, person, many, out, room, length)
    });
    let evidence = json!({"webauthn": authenticator.assert(&options.unwrap())}).to_string();
    let given = wardcard_passcode {
        size: size_of::<wardcard_passcode>(),
        source: WARDCARD_PASSCODE_GIVEN,
        passcode: pointer("135790"),
        passcode_length: 6,
    };
    let mut card: *mut wardcard_card = null_mut();
    // SAFETY: the handle is live; text, structure and place live here.
    let prove = |evidence: &str, card: *mut *mut wardcard_card| unsafe {
        wardcard_request_prove_by(
            request,
            pointer(evidence),
            evidence.len(),
            &raw const given,
            card,
        )
    };
    assert_eq!(prove("{\"several\": 1}", &raw mut card), WARDCARD_ERROR_ARGUMENT);
    assert!(card.is_null(), "nothing was looked at, so the request waits still");
    assert_eq!(prove(&evidence, &raw mut card), WARDCARD_OK);
    assert_eq!(prove(&evidence, &raw mut card), WARDCARD_ERROR_REQUEST);

    let list = |out, room, length| {
        let (person, many) = (pointer(PERSON), PERSON.len());
        // SAFETY: the handle is live, text and room live here.
        unsafe { wardcard_agent_credentials(agent, person, many, out, room, length) }
    };
    let credentials = || output(list);
    let listed: Value = serde_json::from_str(&credentials().unwrap()).unwrap();
    let id = listed[0]["credential"].as_str().unwrap().to_owned();
    assert!(listed[0]["used"].is_string());
    let remove = |id: &str| {
        let (person, many) = (pointer(PERSON), PERSON.len());
        // SAFETY: the handle is live, the texts live here and in the caller.
        unsafe { wardcard_agent_remove_credential(agent, person, many, pointer(id), id.len()) }
    };
    assert_eq!(remove("%"), WARDCARD_ERROR_ARGUMENT);
    assert_eq!(remove("AAAA"), WARDCARD_ERROR_PROOF);
    assert_eq!(remove(&id), WARDCARD_OK);
    assert_eq!(remove(""), WARDCARD_OK, "all, of which there are none");
    assert_eq!(credentials().unwrap(), "[]");

    // SAFETY: each handle is live and not used again.
    unsafe { wardcard_card_free(card) };
    // SAFETY: as above.
    unsafe { wardcard_request_free(request) };
    // SAFETY: as above.
    unsafe { wardcard_agent_free(agent) };
}
