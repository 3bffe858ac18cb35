//! The `cryptoki` crate's own tests, in its published version that we use, on cards in a store.

use crate::{common::workplace::Workplace, suites::built};

/// Tests that are not about a module like this one, and why.
const ELSEWHERE: [(&str, &[&str]); 8] = [
    ("want C_WaitForSlotEvent to be missing", &["get_slot_event", "wait_for_slot_event"]),
    ("wants a token that cannot be taken out", &["get_slot_info_test"]),
    ("wants C_SeedRandom to be heeded", &["generate_random_test"]),
    (
        "write 8192 one-bits in as an RSA modulus, which we refuse to hold",
        &["import_export", "ro_rw_session_test"],
    ),
    ("wants CKR_ATTRIBUTE_TYPE_INVALID where section 4.1.1 has READ_ONLY", &["unique_id"]),
    (
        "need curves of Edwards and Montgomery",
        &[
            "derive_key_sp800",
            "sign_verify_eddsa",
            "sign_verify_eddsa_with_ed25519_schemes",
            "sign_verify_eddsa_with_ed448_schemes",
        ],
    ),
    (
        "need the message functions of 3.0",
        &["encrypt_decrypt_gcm_message_no_aad", "encrypt_decrypt_gcm_message_with_aad"],
    ),
    (
        "need derivations by SP 800-108, concatenation, XOR, extraction and AES-CBC",
        &[
            "derive_key_concatenation_key_and_data",
            "derive_key_concatenation_two_keys",
            "derive_key_extract_from_key",
            "derive_key_xor_key_and_data",
            "ekdf_aes_cbc_encrypt_data",
            "kbkdf_additional_keys_counter_mode",
            "kbkdf_additional_keys_double_pipeline_mode",
            "kbkdf_additional_keys_feedback_mode",
            "kbkdf_counter_mode",
            "kbkdf_double_pipeline_mode",
            "kbkdf_feedback_mode",
            "kbkdf_invalid_data_params_counter_mode",
            "kbkdf_invalid_data_params_feedback_mode",
        ],
    ),
];

/// Tests that make their key by a mechanism for each hash, unless they believe that the module is
/// one which has CKM_GENERIC_SECRET_KEY_GEN only.
const HMAC: [&str; 5] = [
    "sign_verify_sha1_hmac",
    "sign_verify_sha224_hmac",
    "sign_verify_sha256_hmac",
    "sign_verify_sha384_hmac",
    "sign_verify_sha512_hmac",
];

/// Runs a program of tests on a blank card and answers the names of those that passed.
fn passed(program: &str, pretend: &str, options: &[&str]) -> Vec<String> {
    let place = Workplace::blank();
    let program = built(&format!("cryptoki/{program}")).display().to_string();
    let module = [("TEST_PKCS11_MODULE", place.module.as_str()), ("TEST_PRETEND_LIBRARY", pretend)];
    // One process per run, one test after another: they share the library's state.
    let arguments = [&[program.as_str(), "--test-threads=1"], options].concat();
    let said = place.run_with(&module, &arguments, b"").ok().out;
    said.lines()
        .filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... ok"))
        .map(str::to_owned)
        .collect()
}

#[test]
#[ignore = "needs the cryptoki crate's tests"]
fn the_cryptoki_crates_tests_pass() {
    let program = built("cryptoki/basic").display().to_string();
    let listed = Workplace::blank().run(&[&program, "--list"]).ok().out;
    let mut all: Vec<&str> =
        listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    all.sort_unstable();
    for name in ELSEWHERE.iter().flat_map(|(_, names)| *names).chain(&HMAC) {
        let at = all.iter().position(|one| one == name);
        all.remove(at.unwrap_or_else(|| panic!("{name} is no test of the crate any more")));
    }
    assert!(all.len() > 40, "{all:?}");
    // In several runs, each far from the end that every foreign program has.
    for some in all.chunks(12) {
        let mut done = passed("basic", "", &[&["--exact"], some].concat());
        done.sort_unstable();
        assert_eq!(done, some);
    }

    let done = passed("basic", "softhsm", &[&["--exact"], &HMAC[..]].concat());
    assert_eq!(done, HMAC);
    // Its other test is about the message functions.
    let done = passed("wycheproof", "", &["--exact", "aes_gcm_wycheproof"]);
    assert_eq!(done, ["aes_gcm_wycheproof"]);
}
