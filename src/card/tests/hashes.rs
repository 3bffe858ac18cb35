//! The hash policy (design rule 6), over every way to say SHA-1.

use super::{
    super::hashes::{Strength, of_data, of_scheme},
    *,
};
use crate::crypto::tests::encodings::digest_info_block;

const ALL: [Hash; 5] = [Hash::Sha1, Hash::Sha224, Hash::Sha256, Hash::Sha384, Hash::Sha512];
const NONE: HashPolicy =
    HashPolicy { sha1_authentication: false, sha1_content_commitment: false, raw_blocks: false };

/// All ways to sign a SHA-1 digest with an RSA key, with their data.
fn sha1_ways() -> Vec<(Scheme, Vec<u8>)> {
    vec![
        (Scheme::Pkcs1(Hash::Sha1), vec![0x5A; 20]),
        (Scheme::Pss { hash: Hash::Sha1, mgf: Hash::Sha1, salt: 20 }, vec![0x5A; 20]),
        (Scheme::Pkcs1Raw, digest_info_block(Hash::Sha1, true)),
        (Scheme::Pkcs1Raw, digest_info_block(Hash::Sha1, false)),
    ]
}

#[test]
fn sha1_is_refused_by_the_default_policy_however_it_is_said() {
    assert_eq!(HashPolicy::default(), NONE);
    let desk = Desk::with(301, |spec| spec.hashes = NONE);
    for (scheme, data) in sha1_ways() {
        for slot in [AUTH, SIGN] {
            let result = desk.sign_with(slot, scheme, &data);
            assert!(matches!(result, Err(Error::HashRefused)), "{slot:?} {scheme:?}");
        }
    }
    assert_eq!(desk.card.sha1_count(), 0);
    // What the scheme says already is refused before anyone is asked.
    assert_eq!(locked(&desk.gate.uses).len(), 4);
}

#[test]
fn sha1_is_signed_by_the_authentication_key_and_counted() {
    assert_eq!(HashPolicy::cis1(), HashPolicy { sha1_authentication: true, ..NONE });
    let desk = Desk::new(302);
    for (count, (scheme, data)) in (1..).zip(sha1_ways()) {
        let signature = desk.sign_with(AUTH, scheme, &data).unwrap();
        identity().rsa.public().verify(scheme, &data, &signature).unwrap();
        assert_eq!(desk.card.sha1_count(), count);
        assert!(matches!(desk.sign_with(SIGN, scheme, &data), Err(Error::HashRefused)));
    }
    desk.sign_with(AUTH, Scheme::Pkcs1(Hash::Sha256), &[1; 32]).unwrap();
    desk.sign_with(AUTH, Scheme::Pkcs1(Hash::Sha1), &[1; 19]).unwrap_err();
    assert_eq!(desk.card.sha1_count(), 4);
}

#[test]
fn sha1_with_the_content_commitment_key_has_a_switch_of_its_own() {
    let desk = Desk::with(303, |spec| {
        spec.hashes = HashPolicy { sha1_content_commitment: true, ..NONE };
    });
    for (scheme, data) in sha1_ways() {
        desk.sign_with(SIGN, scheme, &data).unwrap();
        assert!(matches!(desk.sign_with(AUTH, scheme, &data), Err(Error::HashRefused)));
    }
    assert_eq!(desk.card.sha1_count(), 4);
}

#[test]
fn sha2_is_signed_by_both_keys() {
    let desk = Desk::with(304, |spec| spec.hashes = NONE);
    for slot in [AUTH, SIGN] {
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let digest = vec![0x5A; hash.len()];
            desk.sign_with(slot, Scheme::Pkcs1(hash), &digest).unwrap();
            let pss = Scheme::Pss { hash, mgf: hash, salt: hash.len() };
            desk.sign_with(slot, pss, &digest).unwrap();
            desk.sign_with(slot, Scheme::Pkcs1Raw, &digest_info_block(hash, true)).unwrap();
        }
    }
    assert_eq!(desk.card.sha1_count(), 0);
}

#[test]
fn raw_blocks_have_a_switch_for_the_authentication_key_alone() {
    let blocks = [&[0x5A; 36][..], &[0x5A; 20], &[0x5A; 32], b"", &[0x30, 0x21, 0x30]];
    let strict = Desk::new(305);
    let open = Desk::with(306, |spec| {
        spec.hashes = HashPolicy { raw_blocks: true, ..NONE };
    });
    for block in blocks {
        for slot in [AUTH, SIGN] {
            let result = strict.sign_with(slot, Scheme::Pkcs1Raw, block);
            assert!(matches!(result, Err(Error::RawRefused)));
        }
        let signature = open.sign_with(AUTH, Scheme::Pkcs1Raw, block).unwrap();
        identity().rsa.public().verify(Scheme::Pkcs1Raw, block, &signature).unwrap();
        assert!(matches!(open.sign_with(SIGN, Scheme::Pkcs1Raw, block), Err(Error::RawRefused)));
    }
    // A DigestInfo of SHA-1 is SHA-1, also where raw blocks are allowed.
    let result = open.sign_with(AUTH, Scheme::Pkcs1Raw, &digest_info_block(Hash::Sha1, true));
    assert!(matches!(result, Err(Error::HashRefused)));
    let refused = strict.gate.outcomes();
    assert!(refused.iter().all(|(_, outcome)| *outcome == Outcome::Failed));
}

#[test]
fn ecdsa_data_is_known_by_its_length() {
    let ec = |number, hashes: HashPolicy| {
        Desk::with(number, |spec| {
            spec.keys[0] = card_key(&person(number), AUTH, &identity().ec);
            spec.hashes = hashes;
        })
    };
    let strict = ec(307, NONE);
    let sign =
        |desk: &Desk, length: usize| desk.sign_with(AUTH, Scheme::Ecdsa, &vec![0x5A; length]);
    assert!(matches!(sign(&strict, 20), Err(Error::HashRefused)));
    for length in [28, 32, 48, 64] {
        sign(&strict, length).unwrap();
    }
    for length in [16, 36, 65] {
        assert!(matches!(sign(&strict, length), Err(Error::RawRefused)));
    }
    let cis1 = ec(308, HashPolicy::cis1());
    sign(&cis1, 20).unwrap();
    assert_eq!(cis1.card.sha1_count(), 1);
}

/// ECDSA signs a number: a SHA-1 digest behind zeros gives the signature of the digest itself.
#[test]
fn a_weak_digest_behind_zeros_is_no_sha2_digest() {
    for hashes in [NONE, HashPolicy::cis1()] {
        let desk = Desk::with(309, |spec| {
            spec.keys[0] = card_key(&person(309), AUTH, &identity().ec);
            spec.keys[1] = card_key(&person(309), SIGN, &identity().ec);
            spec.hashes = hashes.clone();
        });
        for (zeros, after) in [(8, 0), (12, 0), (12, 16), (28, 0), (28, 16), (12, 32)] {
            let data = [vec![0; zeros], vec![0x5A; 20], vec![1; after]].concat();
            for slot in [AUTH, SIGN] {
                let result = desk.sign_with(slot, Scheme::Ecdsa, &data);
                assert!(matches!(result, Err(Error::RawRefused)), "{zeros} {after}");
            }
        }
        let data = [vec![0; 7], vec![0x5A; 25]].concat();
        desk.sign_with(AUTH, Scheme::Ecdsa, &data).unwrap();
    }
}

#[test]
fn every_scheme_has_its_strength() {
    for hash in ALL {
        let strength = if hash == Hash::Sha1 { Strength::Sha1 } else { Strength::Sha2 };
        assert_eq!(of_scheme(Scheme::Pkcs1(hash)), Some(strength));
        let pss = Scheme::Pss { hash, mgf: Hash::Sha256, salt: 0 };
        assert_eq!(of_scheme(pss), Some(strength));
        let pss = Scheme::Pss { hash: Hash::Sha256, mgf: hash, salt: 0 };
        assert_eq!(of_scheme(pss), Some(strength));
        assert_eq!(of_data(pss, &[]), strength);
        assert_eq!(of_data(Scheme::Pkcs1(hash), &[]), strength);
    }
    assert_eq!(of_scheme(Scheme::Pkcs1Raw), None);
    assert_eq!(of_scheme(Scheme::Ecdsa), None);
}
