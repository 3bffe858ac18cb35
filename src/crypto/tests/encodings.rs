//! Keys from outside: which are refused.

use super::super::*;
use super::super::{backend::Backend, key::Private, rustcrypto::RustCrypto};
use super::{KINDS, key, pkcs8, read};
use der::{Decode, Encode, asn1::BitStringRef};
use pkcs8::PrivateKeyInfoRef;
use spki::SubjectPublicKeyInfoRef;

#[test]
fn malformed_private_keys_are_refused() {
    for kind in KINDS {
        let der = pkcs8(kind);
        assert_eq!(read(der.clone()).unwrap().public(), key(kind).public());
        assert_eq!(read([&der[..], &[0]].concat()).unwrap_err(), Error::Key);
        for length in 0..der.len() {
            assert_eq!(read(der[..length].to_vec()).unwrap_err(), Error::Key);
        }
    }
    assert_eq!(read(vec![]).unwrap_err(), Error::Key);
}

/// Changes the last byte of each component in turn: no relation goes unchecked.
fn inconsistent_components<B: Backend>() {
    for kind in KINDS {
        let der = pkcs8(kind);
        let mut refused = 0;
        for at in (der.len() / 8..der.len()).step_by(7) {
            let mut broken = der.clone();
            broken[at] ^= 0x04;
            match Private::<B>::from_pkcs8(&broken) {
                Err(error) => assert_eq!(error, Error::Key),
                Ok(_) => panic!("{kind:?}: byte {at} of {} is not checked", der.len()),
            }
            refused += 1;
        }
        assert!(refused > 10);
    }
}

#[test]
fn inconsistent_private_keys_are_refused() {
    inconsistent_components::<Chosen>();
    inconsistent_components::<RustCrypto>();
}

#[test]
fn rsa_keys_of_other_sizes_and_exponents_are_refused() {
    let public = key(KeyKind::Rsa2048).public();
    let (n, e) = public.rsa().unwrap();
    assert!(PublicKey::from_rsa(n, e).is_ok());
    assert!(PublicKey::from_rsa(n, &[1, 0, 0, 0, 1]).is_ok());
    for exponent in
        [&[][..], &[0], &[3], &[0xff, 0xff], &[1, 0, 0], &[1, 0, 2], &[2, 0, 0, 0, 1], &[0x11; 9]]
    {
        assert_eq!(PublicKey::from_rsa(n, exponent), Err(Error::Key), "{exponent:?}");
    }
    let mut even = n.to_vec();
    even[255] ^= 1;
    let mut short = n.to_vec();
    short[0] &= 0x7f;
    for modulus in [&n[1..], &even, &short, &[n, &[1]].concat(), &[0xff; 128], &[]] {
        assert_eq!(PublicKey::from_rsa(modulus, e), Err(Error::Key));
    }
    let small =
        rsa::RsaPrivateKey::new(&mut getrandom::rand_core::UnwrapErr(getrandom::SysRng), 1024)
            .unwrap();
    let der = pkcs8::EncodePrivateKey::to_pkcs8_der(&small).unwrap();
    assert_eq!(read(der.as_bytes().to_vec()).unwrap_err(), Error::Key);
}

#[test]
fn points_off_the_curve_are_refused() {
    for kind in [KeyKind::P256, KeyKind::P384] {
        let public = key(kind).public();
        let point = public.ec_point().unwrap();
        let mut off = point.to_vec();
        off[kind.bytes()] ^= 1;
        assert_eq!(PublicKey::from_ec_point(kind, &off), Err(Error::Key));
        let mut spki = public.spki().to_vec();
        let last = spki.len() - 1;
        spki[last] ^= 1;
        assert_eq!(PublicKey::from_spki(&spki), Err(Error::Key));
        for wrong in [&point[1..], &point[..kind.bytes() + 1], &[0], &[]] {
            assert_eq!(PublicKey::from_ec_point(kind, wrong), Err(Error::Key));
        }
        let mut compressed = point[..kind.bytes() + 1].to_vec();
        compressed[0] = 2 + (point[point.len() - 1] & 1);
        assert_eq!(PublicKey::from_ec_point(kind, &compressed), Err(Error::Key));
        assert_eq!(PublicKey::from_ec_point(KeyKind::Rsa2048, point), Err(Error::Key));
    }
    let p256 = key(KeyKind::P256).public();
    assert_eq!(PublicKey::from_ec_point(KeyKind::P384, p256.ec_point().unwrap()), Err(Error::Key));
}

#[test]
fn public_keys_have_one_encoding() {
    for kind in KINDS {
        let spki = key(kind).public().spki();
        assert_eq!(PublicKey::from_spki(&[spki, &[0]].concat()), Err(Error::Key));
        for length in 0..spki.len() {
            assert_eq!(PublicKey::from_spki(&spki[..length]), Err(Error::Key));
        }
    }
    assert_ne!(key(KeyKind::P256).public(), key(KeyKind::P384).public());
}

#[test]
fn a_stated_public_key_must_be_the_keys_own() {
    for kind in KINDS {
        let der = pkcs8(kind);
        let info = SubjectPublicKeyInfoRef::from_der(key(kind).public().spki()).unwrap();
        let mut bits = info.subject_public_key.as_bytes().unwrap().to_vec();
        let stated = |bits: &[u8]| {
            let mut info = PrivateKeyInfoRef::from_der(&der).unwrap();
            info.public_key = Some(BitStringRef::from_bytes(bits).unwrap());
            read(info.to_der().unwrap())
        };
        assert_eq!(stated(&bits).unwrap().public(), key(kind).public());
        let last = bits.len() - 1;
        bits[last] ^= 1;
        assert_eq!(stated(&bits).unwrap_err(), Error::Key);
    }
}

#[test]
fn algorithms_are_named_with_their_parameters() {
    for kind in KINDS {
        let mut spki = SubjectPublicKeyInfoRef::from_der(key(kind).public().spki()).unwrap();
        let mut private = pkcs8(kind);
        // The last arc of the algorithm or curve: another algorithm.
        let oid: &[u8] = match kind {
            KeyKind::P256 => &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
            KeyKind::P384 => &[0x2b, 0x81, 0x04, 0x00, 0x22],
            _ => &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01],
        };
        let at = private.windows(oid.len()).position(|window| window == oid).unwrap();
        private[at + oid.len() - 1] ^= 0x08;
        assert_eq!(read(private).unwrap_err(), Error::Key);
        spki.algorithm.parameters = None;
        assert_eq!(PublicKey::from_spki(&spki.to_der().unwrap()), Err(Error::Key));
    }
}

/// A DigestInfo made by hand, with or without its NULL.
pub(crate) fn digest_info_block(hash: Hash, null: bool) -> Vec<u8> {
    let identifier: &[u8] = match hash {
        Hash::Sha1 => &[0x06, 5, 0x2B, 14, 3, 2, 26],
        Hash::Sha224 => &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4],
        Hash::Sha256 => &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1],
        Hash::Sha384 => &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2],
        Hash::Sha512 => &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3],
        Hash::Sha3_224 => &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 7],
        Hash::Sha3_256 => &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 8],
        Hash::Sha3_384 => &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 9],
        Hash::Sha3_512 => &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 10],
    };
    let mut algorithm = identifier.to_vec();
    if null {
        algorithm.extend([5, 0]);
    }
    let mut inner = vec![0x30, algorithm.len() as u8];
    inner.extend(algorithm);
    inner.extend([0x04, hash.len() as u8]);
    inner.extend(vec![0x5A; hash.len()]);
    let mut whole = vec![0x30, inner.len() as u8];
    whole.extend(inner);
    whole
}

#[test]
fn strict_digest_infos_are_known_with_null_and_without() {
    for hash in [Hash::Sha1, Hash::Sha224, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        for null in [true, false] {
            let block = digest_info_block(hash, null);
            assert_eq!(digest_info_hash(&block), Some(hash));
            // Each byte of the head matters, and so does the length.
            for place in 0..block.len() - hash.len() {
                let mut other = block.clone();
                other[place] ^= 0x40;
                assert_eq!(digest_info_hash(&other), None, "{hash:?} byte {place}");
            }
            assert_eq!(digest_info_hash(&block[..block.len() - 1]), None);
            assert_eq!(digest_info_hash(&[&block[..], &[0]].concat()), None);
        }
    }
    for raw in [&[][..], &[0x30], &[0x5A; 16], &[0x5A; 20], &[0x5A; 32], &[0x5A; 36]] {
        assert_eq!(digest_info_hash(raw), None);
    }
    // SHA-1 with a length in two bytes is not strict.
    let mut long = digest_info_block(Hash::Sha1, true);
    long.splice(1..2, [0x81, 0x21]);
    assert_eq!(digest_info_hash(&long), None);
    // MD5.
    let mut md5 =
        vec![0x30, 0x20, 0x30, 0x0C, 6, 8, 0x2A, 0x86, 0x48, 0x86, 0xF7, 13, 2, 5, 5, 0, 4, 16];
    md5.extend([0x5A; 16]);
    assert_eq!(digest_info_hash(&md5), None);
}
