//! Every key of a policy, and what makes no sense.

use super::*;

fn read(text: &str) -> Result<Policy, String> {
    toml::from_str::<PolicySettings>(text).map(Policy::from).map_err(|error| error.to_string())
}

#[test]
fn an_empty_table_is_the_default_policy() {
    assert_eq!(read(""), Ok(Policy::default()));
    assert_eq!(Policy::default().cis1_end.to_string(), "2027-02-28T23:59:59Z");
}

#[test]
fn every_field_can_be_set() {
    let policy = read(
        r#"
        least_authentication = 2
        least_identity = 1
        accepted_acr = ["AAL2_ANY"]
        largest_age = "90s"
        lifetime = "10h"
        cis1_end = "2028-01-01T00:00:00Z"
        key = "p256"
        content_commitment = true
        release = true
        sha1_authentication = false
        sha1_content_commitment = true
        raw_blocks = true
        passcode_length = [4, 12]
        passcode_digits_only = false
        tries = 5
        clears_per_hour = 1
        request_life = "2m"
        "#,
    );
    let expected = Policy {
        least_authentication: Level(2),
        least_identity: Level(1),
        accepted_acr: vec!["AAL2_ANY".to_owned()],
        largest_age: Duration::from_secs(90),
        lifetime: Duration::from_secs(36_000),
        cis1_end: Time::parse_rfc3339("2028-01-01T00:00:00Z").unwrap(),
        key: KeyKind::P256,
        content_commitment: true,
        release: true,
        hashes: HashPolicy {
            sha1_authentication: false,
            sha1_content_commitment: true,
            raw_blocks: true,
        },
        passcode: PasscodeRule { min: 4, max: 12, digits_only: false },
        tries: 5,
        clears_per_hour: 1,
        request_life: Duration::from_secs(120),
        ..Policy::default()
    };
    assert_eq!(policy, Ok(expected));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_line() {
    for text in [
        "least_authentication = 0",
        "least_identity = 4",
        "largest_age = \"5\"",
        "largest_age = \"0s\"",
        "lifetime = \"-1h\"",
        "lifetime = \"12 h\"",
        "lifetime = \"99999999999999999999h\"",
        "lifetime = \"9223372036854775807d\"",
        "lifetime = \"3661d\"",
        "request_life = \"\"",
        "cis1_end = \"2027-02-29T00:00:00Z\"",
        "key = \"rsa1024\"",
        "passcode_length = [3, 8]",
        "passcode_length = [8, 6]",
        "passcode_length = [6, 65]",
        "tries = 0",
        "tries = 16",
        "lifetimes = \"1h\"",
    ] {
        let error = read(&format!("\n{text}\n")).unwrap_err();
        assert!(error.contains("line 2"), "{text}: {error}");
    }
}

#[test]
fn every_rule_can_be_set() {
    let policy = read(
        r#"
        accepted_amr = ["fido2"]
        content_commitment_least_authentication = 2
        content_commitment_least_identity = 1
        content_commitment_step_up = "5m"
        grace = "1h"
        idle_lock = "15m"
        passcode_sources = ["sign-in", "kept"]
        cards_per_person = 2
        claims_at_most = 1
        revoke_at_end = true
        [[source]]
        kind = "host"
        name = "badge"
        least_authentication = 1
        least_identity = 2
        largest_age = "1m"
        accepted_acr = ["a"]
        accepted_amr = ["pin"]
        highest = 2
        unbound = true
        offline = true
        [[source]]
        kind = "webauthn"
        [[combination]]
        of = ["webauthn", "host"]
        authentication = 3
        each_at_least = 2
        [[combination]]
        of = ["webauthn", "certificate"]
        authentication = 3
        "#,
    );
    let expected = Policy {
        accepted_amr: vec!["fido2".to_owned()],
        content_commitment_least_authentication: Level(2),
        content_commitment_least_identity: Level(1),
        content_commitment_step_up: StepUp::Within(Duration::from_secs(300)),
        grace: Some(Duration::from_secs(3600)),
        idle_lock: Some(Duration::from_secs(900)),
        passcode_sources: vec![PasscodeFrom::SignIn, PasscodeFrom::Kept],
        cards_per_person: 2,
        claims_at_most: Level(1),
        revoke_at_end: true,
        sources: vec![
            SourceRule {
                name: Some("badge".to_owned()),
                least_authentication: Some(Level(1)),
                least_identity: Some(Level(2)),
                largest_age: Some(Duration::from_secs(60)),
                accepted_acr: Some(vec!["a".to_owned()]),
                accepted_amr: Some(vec!["pin".to_owned()]),
                highest: Some(Level(2)),
                unbound: true,
                offline: true,
                ..SourceRule::new(SourceKind::Host)
            },
            SourceRule::new(SourceKind::WebAuthn),
        ],
        combinations: vec![
            Combination {
                of: vec![SourceKind::WebAuthn, SourceKind::Host],
                authentication: Level(3),
                each_at_least: Level(2),
            },
            Combination {
                of: vec![SourceKind::WebAuthn, SourceKind::Certificate],
                authentication: Level(3),
                each_at_least: Level(1),
            },
        ],
        ..Policy::default()
    };
    assert_eq!(policy, Ok(expected));
}

#[test]
fn numbers_of_a_policy_have_their_limits() {
    for (good, bad) in [
        ("claims_at_most = 1", "claims_at_most = 0"),
        ("claims_at_most = 2", "claims_at_most = 3"),
        ("cards_per_person = 1", "cards_per_person = 0"),
        ("cards_per_person = 16", "cards_per_person = 17"),
        ("tries = 15", "tries = 16"),
        ("passcode_length = [4, 64]", "passcode_length = [3, 64]"),
        ("content_commitment_step_up = \"each\"", "content_commitment_step_up = \"once\""),
        ("content_commitment_least_identity = 3", "content_commitment_least_identity = 4"),
        ("idle_lock = \"1s\"", "idle_lock = \"0s\""),
        ("lifetime = \"3660d\"", "lifetime = \"3661d\""),
        ("passcode_sources = [\"kept\"]", "passcode_sources = []"),
    ] {
        read(good).expect(good);
        read(bad).expect_err(bad);
    }
}

/// What contradicts itself, as `key[number]`.
fn contradictions(text: &str) -> Vec<String> {
    let all = toml::from_str::<PolicySettings>(text).expect(text).contradictions();
    let shown = |one: Contradiction| match one.number {
        Some(number) => format!("{}[{number}]", one.key),
        None => one.key.to_owned(),
    };
    all.into_iter().map(shown).collect()
}

#[test]
fn what_contradicts_itself_is_told_and_its_edge_is_not() {
    let host = "[[source]]\nkind = \"host\"\n";
    let badge = format!("{host}name = \"badge\"\n");
    let together = "[[combination]]\nof = [\"oidc\", \"host\"]\nauthentication =";
    let cases = [
        ("lifetime = \"5m\"".to_owned(), vec![]),
        ("lifetime = \"299s\"".to_owned(), vec!["largest_age"]),
        ("idle_lock = \"719m\"\ngrace = \"719m\"".to_owned(), vec![]),
        ("idle_lock = \"12h\"\ngrace = \"12h\"".to_owned(), vec!["idle_lock", "grace"]),
        ("passcode_sources = [\"sign-in\"]".to_owned(), vec![]),
        (
            "content_commitment = true\npasscode_sources = [\"sign-in\"]".to_owned(),
            vec!["passcode_sources"],
        ),
        (format!("{host}highest = 3"), vec![]),
        (format!("{host}highest = 2"), vec!["source[1]"]),
        (format!("{host}highest = 2\nleast_authentication = 2"), vec![]),
        (format!("{host}highest = 2\n{together} 3"), vec![]),
        (format!("{host}{host}name = \"badge\""), vec![]),
        (format!("{host}{host}"), vec!["source[2]"]),
        (format!("{host}largest_age = \"12h\""), vec![]),
        (format!("{host}largest_age = \"13h\""), vec!["source[1]"]),
        (format!("{host}unbound = true"), vec![]),
        ("[[source]]\nkind = \"webauthn\"\nunbound = true".to_owned(), vec!["source[1]"]),
        (format!("{badge}least_identity = 2\nbreak_glass = \"719m\""), vec![]),
        (format!("{badge}least_authentication = 2\nbreak_glass = \"1s\""), vec![]),
        (format!("{badge}least_identity = 2\nbreak_glass = \"12h\""), vec!["source[1]"]),
        (format!("{badge}break_glass = \"30m\""), vec!["source[1]"]),
        (format!("{host}least_identity = 2\nbreak_glass = \"30m\""), vec!["source[1]"]),
        (
            format!("{badge}least_identity = 2\nunbound = true\nbreak_glass = \"30m\""),
            vec!["source[1]"],
        ),
        (format!("{together} 3"), vec!["combination[1]"]),
        (format!("{host}{together} 2"), vec!["combination[1]"]),
        (format!("{host}{together} 3\n{together} 3"), vec!["combination[2]"]),
    ];
    for (text, expected) in cases {
        assert_eq!(contradictions(&text), expected, "{text}");
    }
}
