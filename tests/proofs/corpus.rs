//! The seeds of the fuzz targets of proofs, each through its target.

#[path = "../../fuzz/harness/proofs.rs"]
mod harness;

use std::{fs, path::Path};

#[test]
fn every_seed_is_judged_without_a_panic() {
    type Target = fn(&[u8]);
    let targets: [(&str, Target); 3] = [
        ("webauthn", harness::webauthn),
        ("card", harness::card),
        ("attestation", harness::attestation),
    ];
    for (name, target) in targets {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
        let mut count = 0;
        for seed in fs::read_dir(&folder).unwrap() {
            let input = fs::read(seed.unwrap().path()).unwrap();
            target(&input);
            // Cut short, and with a byte of the middle changed, each seed breaks in its own way.
            for length in 0..input.len().min(300) {
                target(&input[..length]);
            }
            let mut bent = input.clone();
            if let Some(byte) = bent.get_mut(input.len() / 2) {
                *byte ^= 0x40;
            }
            target(&bent);
            count += 1;
        }
        assert!(count >= 5, "{name} has {count} seeds");
    }
}
