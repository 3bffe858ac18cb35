//! Which scheme goes with which key and data, what is refused, what never shows.

use super::super::*;
use super::super::{
    backend::Backend,
    key::{Private, Public},
    rustcrypto::RustCrypto,
};
use super::{KINDS, key, pkcs8, read};
use proptest::prelude::*;
use std::thread;

/// Signs under one back end and verifies under another.
fn across<S: Backend, V: Backend>() {
    for kind in KINDS {
        let der = pkcs8(kind);
        let private = Private::<S>::from_pkcs8(&der).unwrap();
        let public = Public::<V>::from_spki(key(kind).public().spki()).unwrap();
        assert_eq!(private.to_pkcs8().unwrap().expose(), der);
        for hash in Hash::ALL {
            let digest = digest(hash, b"message");
            let schemes = if kind.is_rsa() {
                vec![
                    Scheme::Pkcs1(hash),
                    Scheme::Pkcs1Raw,
                    Scheme::Pss { hash, mgf: hash, salt: hash.len() },
                    Scheme::Pss { hash, mgf: Hash::Sha1, salt: 0 },
                    Scheme::Pss { hash, mgf: Hash::Sha512, salt: 254 - hash.len() },
                ]
            } else {
                vec![Scheme::Ecdsa]
            };
            for scheme in schemes {
                let mut signature = private.sign(scheme, &digest).unwrap();
                assert_eq!(signature.len(), kind.signature_len());
                assert_eq!(public.verify(scheme, &digest, &signature), Ok(()), "{scheme:?}");
                let mut other = digest.clone();
                other[0] ^= 1;
                assert_eq!(public.verify(scheme, &other, &signature), Err(Error::Signature));
                signature[9] ^= 1;
                assert_eq!(public.verify(scheme, &digest, &signature), Err(Error::Signature));
                assert_eq!(public.verify(scheme, &digest, &signature[1..]), Err(Error::Signature));
                assert_eq!(public.verify(scheme, &digest, &[]), Err(Error::Signature));
                let ones = vec![0xff; kind.signature_len()];
                assert_eq!(public.verify(scheme, &digest, &ones), Err(Error::Signature));
                let zeros = vec![0x00; kind.signature_len()];
                assert_eq!(public.verify(scheme, &digest, &zeros), Err(Error::Signature));
            }
        }
        if kind.is_rsa() {
            let ciphertext = public.encrypt(&Padding::Pkcs1, b"session").unwrap();
            assert_eq!(private.decrypt_pkcs1(&ciphertext).unwrap().expose(), b"session");
        }
    }
}

#[test]
fn signatures_and_ciphertexts_are_the_same_thing_under_both_back_ends() {
    across::<Chosen, RustCrypto>();
    across::<RustCrypto, Chosen>();
}

#[test]
fn every_kind_is_generated_sealed_and_read_again() {
    let seal = SealKey::generate().unwrap();
    for kind in [KeyKind::Rsa3072, KeyKind::Rsa4096].into_iter().chain(KINDS) {
        let key = PrivateKey::generate(kind).unwrap();
        assert_eq!((key.kind(), key.public().kind()), (kind, kind));
        let sealed = key.seal(&seal, b"slot 1").unwrap();
        let again = PrivateKey::unseal(&seal, b"slot 1", &sealed).unwrap();
        assert_eq!(again.public(), key.public());
        let public = PublicKey::from_spki(key.public().spki()).unwrap();
        assert_eq!(&public, key.public());
        match kind.is_rsa() {
            true => {
                let (n, e) = public.rsa().unwrap();
                assert_eq!((n.len(), e), (kind.bytes(), &[1, 0, 1][..]));
                assert_eq!(PublicKey::from_rsa(&[&[0], n].concat(), e).unwrap(), public);
                assert_eq!(public.ec_point(), None);
            }
            false => {
                let point = public.ec_point().unwrap();
                assert_eq!(PublicKey::from_ec_point(kind, point).unwrap(), public);
                assert_eq!(public.rsa(), None);
            }
        }
    }
}

#[test]
fn data_at_the_limits() {
    let rsa = key(KeyKind::Rsa2048);
    for length in [0, 1, 244, 245] {
        let data = vec![0x5a; length];
        let signature = rsa.sign(Scheme::Pkcs1Raw, &data).unwrap();
        rsa.public().verify(Scheme::Pkcs1Raw, &data, &signature).unwrap();
        let ciphertext = rsa.public().encrypt_pkcs1(&data).unwrap();
        assert_eq!(rsa.decrypt_pkcs1(&ciphertext).unwrap().expose(), data);
    }
    let data = [0x5a; 246];
    assert_eq!(rsa.sign(Scheme::Pkcs1Raw, &data), Err(Error::DataLength));
    assert_eq!(rsa.public().verify(Scheme::Pkcs1Raw, &data, &[0; 256]), Err(Error::DataLength));
    assert_eq!(rsa.public().encrypt_pkcs1(&data), Err(Error::DataLength));

    let pss = |salt| Scheme::Pss { hash: Hash::Sha256, mgf: Hash::Sha256, salt };
    assert!(rsa.sign(pss(222), &[1; 32]).is_ok());
    for salt in [223, usize::MAX] {
        assert_eq!(rsa.sign(pss(salt), &[1; 32]), Err(Error::DataLength));
        let refused = rsa.public().verify(pss(salt), &[1; 32], &[0; 256]);
        assert_eq!(refused, Err(Error::DataLength));
    }
    for scheme in [pss(32), Scheme::Pkcs1(Hash::Sha256)] {
        for length in [0, 31, 33] {
            let data = vec![1; length];
            assert_eq!(rsa.sign(scheme, &data), Err(Error::DataLength));
            let refused = rsa.public().verify(scheme, &data, &[0; 256]);
            assert_eq!(refused, Err(Error::DataLength));
        }
    }

    for kind in [KeyKind::P256, KeyKind::P384] {
        let ec = key(kind);
        assert_eq!(ec.sign(Scheme::Ecdsa, &[]), Err(Error::DataLength));
        for length in [1, 20, 32, 48, 64, 200] {
            let data: Vec<u8> = (1..=length).collect();
            let signature = ec.sign(Scheme::Ecdsa, &data).unwrap();
            ec.public().verify(Scheme::Ecdsa, &data, &signature).unwrap();
            // Only the leftmost bits count, and leading zeros of a short one do not.
            let same = data.get(..kind.bytes()).unwrap_or(&data);
            ec.public().verify(Scheme::Ecdsa, same, &signature).unwrap();
        }
    }
}

#[test]
fn a_scheme_of_another_kind_of_key_is_refused() {
    let pss = Scheme::Pss { hash: Hash::Sha256, mgf: Hash::Sha256, salt: 32 };
    for kind in KINDS {
        let key = key(kind);
        for scheme in [Scheme::Pkcs1(Hash::Sha256), Scheme::Pkcs1Raw, pss, Scheme::Ecdsa] {
            if kind.is_rsa() != (scheme == Scheme::Ecdsa) {
                continue;
            }
            assert_eq!(key.sign(scheme, &[1; 32]), Err(Error::SchemeKey));
            let refused = key.public().verify(scheme, &[1; 32], &[0; 64]);
            assert_eq!(refused, Err(Error::SchemeKey));
        }
        if !kind.is_rsa() {
            assert_eq!(key.public().encrypt_pkcs1(b"x"), Err(Error::SchemeKey));
            assert_eq!(key.decrypt_pkcs1(&[1; 256]).unwrap_err(), Error::SchemeKey);
        }
    }
}

#[test]
fn nothing_shows_in_debug() {
    for kind in KINDS {
        assert_eq!(format!("{:?}", key(kind)), format!("PrivateKey({kind:?})"));
        assert_eq!(format!("{:?}", key(kind).public()), format!("PublicKey({kind:?})"));
    }
    assert_eq!(format!("{:?}", SealKey::generate().unwrap()), "SealKey(..)");
    let mut hasher = Hasher::new(Hash::Sha256);
    hasher.update(b"secret");
    assert_eq!(format!("{hasher:?}"), "Hasher(Sha256)");
}

#[test]
fn signature_forms_are_strict() {
    assert_eq!(ecdsa_to_der(&[]), Err(Error::DataLength));
    assert_eq!(ecdsa_to_der(&[1; 63]), Err(Error::DataLength));
    assert_eq!(ecdsa_to_der(&[1; 134]), Err(Error::DataLength));
    let raw = [&[0u8; 31][..], &[0x80], &[0xff; 32]].concat();
    let der = ecdsa_to_der(&raw).unwrap();
    assert_eq!(der[..6], [0x30, 39, 0x02, 0x02, 0x00, 0x80]);
    assert_eq!(ecdsa_from_der(&der, KeyKind::P256).unwrap(), raw);
    assert_eq!(ecdsa_from_der(&der, KeyKind::Rsa2048), Err(Error::SchemeKey));
    for broken in [
        &[][..],
        &[0x30, 0x00],
        &[0x30, 0x06, 2, 1, 0xff, 2, 1, 1],
        &[0x30, 0x07, 2, 2, 0, 1, 2, 1, 1],
        &[0x30, 0x06, 2, 1, 1, 2, 1, 1, 0],
        &[0x30, 0x81, 0x06, 2, 1, 1, 2, 1, 1],
        &[0x30, 0x09, 2, 1, 1, 2, 1, 1, 2, 1, 1],
    ] {
        assert_eq!(ecdsa_from_der(broken, KeyKind::P256), Err(Error::Signature), "{broken:?}");
    }
    let long = ecdsa_to_der(&[0x11; 96]).unwrap();
    assert_eq!(ecdsa_from_der(&long, KeyKind::P256), Err(Error::Signature));
    assert!(ecdsa_from_der(&long, KeyKind::P384).is_ok());
}

#[test]
fn digests_in_parts_and_random() {
    for hash in Hash::ALL {
        let mut hasher = Hasher::new(hash);
        assert_eq!(hasher.hash(), hash);
        hasher.update(b"mess");
        let fork = hasher.clone();
        hasher.update(b"age");
        assert_eq!(hasher.finish(), digest(hash, b"message"));
        assert_eq!(fork.finish(), digest(hash, b"mess"));
    }
    let mut bytes = [[0u8; 32]; 2];
    for bytes in &mut bytes {
        random(bytes).unwrap();
    }
    assert_ne!(bytes[0], bytes[1]);
    assert!(!backend().is_empty());
}

#[test]
fn many_threads_share_a_key() {
    for kind in KINDS {
        let key = PrivateKey::generate(kind).unwrap();
        let scheme = if kind.is_rsa() { Scheme::Pkcs1(Hash::Sha256) } else { Scheme::Ecdsa };
        thread::scope(|scope| {
            for at in 0..4u8 {
                let key = key.clone();
                scope.spawn(move || {
                    for _ in 0..5 {
                        let signature = key.sign(scheme, &[at; 32]).unwrap();
                        key.public().verify(scheme, &[at; 32], &signature).unwrap();
                    }
                    if kind.is_rsa() {
                        let ciphertext = key.public().encrypt_pkcs1(&[at]).unwrap();
                        assert_eq!(key.decrypt_pkcs1(&ciphertext).unwrap().expose(), [at]);
                    }
                });
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Bad padding is no error, whatever is wrong; only what the ciphertext itself shows is.
    #[test]
    fn bad_padding_never_tells(mut block in proptest::collection::vec(any::<u8>(), 256), form in 0..4) {
        match form {
            0 => block[..2].copy_from_slice(&[0, 2]),
            1 => block[..12].copy_from_slice(&[0, 2, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1]),
            2 => block.iter_mut().for_each(|byte| *byte |= 1),
            _ => {}
        }
        block[0] = 0;
        let key = key(KeyKind::Rsa2048);
        // The signature's inverse: a ciphertext whose block is exactly this one.
        let public = rustcrypto_public(key);
        let ciphertext = RustCrypto::rsa_public_block(&public, &block).unwrap();
        let first = key.decrypt_pkcs1(&ciphertext).unwrap();
        prop_assert!(first.len() <= 245);
        prop_assert!(first.matches(key.decrypt_pkcs1(&ciphertext).unwrap().expose()));
    }

    #[test]
    fn parsers_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = PublicKey::from_spki(&bytes);
        let _ = read(bytes.clone());
        let _ = ecdsa_from_der(&bytes, KeyKind::P384);
        let _ = ecdsa_to_der(&bytes);
        let _ = PublicKey::from_rsa(&bytes, &bytes);
        let _ = key(KeyKind::Rsa2048).decrypt_pkcs1(&bytes);
    }
}

fn rustcrypto_public(key: &PrivateKey) -> rsa::RsaPublicKey {
    let (n, e) = key.public().rsa().unwrap();
    RustCrypto::rsa_public(n, e, &[]).unwrap()
}

#[test]
fn only_the_length_and_size_of_a_ciphertext_are_errors() {
    let key = key(KeyKind::Rsa2048);
    for length in [0, 255, 257] {
        assert_eq!(key.decrypt_pkcs1(&vec![1; length]).unwrap_err(), Error::DataLength);
    }
    let (n, _) = key.public().rsa().unwrap();
    assert_eq!(key.decrypt_pkcs1(n).unwrap_err(), Error::DataLength);
    assert!(key.decrypt_pkcs1(&[0; 256]).is_ok());
}
