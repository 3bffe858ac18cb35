//! A policy in a file of its own (TOML), and what it makes of a sign-in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::time::Duration;
use wardcard::{
    agent::config::read_policy,
    card::KeySlot,
    clock::Time,
    derive::{SourceKind, roster::Standing},
    pki::UserId,
    proof::{Assurance, Binding, Level, Source},
};

fuzz_target!(|text: &str| {
    let policy = match read_policy(text) {
        Ok(policy) => policy,
        Err(problems) => {
            assert!(!problems.problems.is_empty());
            let lines = text.lines().count() + 1;
            assert!(problems.problems.iter().all(|one| (1..=lines).contains(&one.line)));
            return;
        }
    };
    let now = Time::from_unix_seconds(1_800_000_000);
    let slots = [KeySlot::Authentication, KeySlot::ContentCommitment];
    let Some(person) = UserId::parse("555000000001") else { return };
    let one = |kind: SourceKind, binding, age| Assurance {
        person: person.clone(),
        authentication: Level(3),
        identity: Level(3),
        context: None,
        methods: Vec::new(),
        authenticated_at: now.minus(Duration::from_secs(age)),
        source: Source::named(kind.name(), "a".to_owned()).unwrap_or(Source::Host("a".to_owned())),
        binding,
        session: None,
        beside: Vec::new(),
        offline: false,
    };
    for kind in SourceKind::ALL {
        for (binding, age) in [(Binding::Nonce, 0), (Binding::Unbound, 61), (Binding::Unbound, 0)] {
            let each = [one(kind, binding, age)];
            let judged = policy.judge(&each, &slots, &Standing::default(), now);
            let Ok(admitted) = judged.outcome else { continue };
            // Whatever the policy says (design rules 2 and 3).
            assert!(binding != Binding::Unbound || age <= 60);
            assert!(binding != Binding::Unbound || admitted.slots == [KeySlot::Authentication]);
            assert!(now < admitted.end && admitted.end <= policy.cis1_end);
        }
    }
});
