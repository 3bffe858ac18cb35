//! Private keys from components that fit each other, and from such that do not.

use super::{
    super::{Error, KeyKind, PrivateKey, RsaComponents, Scheme},
    hex, key, pkcs8,
    vectors::records,
};
use crate::secret::Secret;
use pkcs8::PrivateKeyInfoRef;
use rsa::pkcs1;

/// n, e, d, p, q, dP, dQ, qInv of a key.
fn parts() -> [Vec<u8>; 8] {
    let der = pkcs8(KeyKind::Rsa2048);
    let info = PrivateKeyInfoRef::try_from(der.as_slice()).unwrap();
    let key = pkcs1::RsaPrivateKey::<der::asn1::UintRef<'_>>::try_from(info.private_key.as_bytes())
        .unwrap();
    [
        key.modulus,
        key.public_exponent,
        key.private_exponent,
        key.prime1,
        key.prime2,
        key.exponent1,
        key.exponent2,
        key.coefficient,
    ]
    .map(|number| number.as_bytes().to_vec())
}

fn whole(parts: &[Vec<u8>; 8]) -> Result<PrivateKey, Error> {
    let [_, _, d, p, q, dp, dq, qinv] = parts.clone().map(Secret::new);
    PrivateKey::from_rsa_components(&RsaComponents {
        n: &parts[0],
        e: &parts[1],
        d: &d,
        primes: Some((&p, &q)),
        exponents: [Some(&dp), Some(&dq), Some(&qinv)],
    })
}

fn bare(n: &[u8], e: &[u8], d: &[u8]) -> Result<PrivateKey, Error> {
    let d = Secret::copied_from(d);
    let exponents = [None; 3];
    PrivateKey::from_rsa_components(&RsaComponents { n, e, d: &d, primes: None, exponents })
}

#[test]
fn an_rsa_key_comes_from_its_components_with_and_without_primes() {
    let parts = parts();
    let digest = [7; 32];
    let scheme = Scheme::Pkcs1(crate::crypto::Hash::Sha256);
    let expected = key(KeyKind::Rsa2048).sign(scheme, &digest).unwrap();
    let padded = parts.clone().map(|part| [vec![0; 3], part].concat());
    let made = [whole(&parts), whole(&padded), bare(&parts[0], &parts[1], &parts[2])];
    for made in made {
        assert_eq!(made.unwrap().sign(scheme, &digest).unwrap(), expected);
    }
}

#[test]
fn rsa_components_that_do_not_fit_are_refused() {
    let parts = parts();
    for at in 0..parts.len() {
        for change in [
            |part: &mut Vec<u8>| part[0] ^= 0x40,
            |part: &mut Vec<u8>| *part.last_mut().unwrap() ^= 0x02,
            |part: &mut Vec<u8>| *part.last_mut().unwrap() ^= 0x01,
            |part: &mut Vec<u8>| part.clear(),
            |part: &mut Vec<u8>| *part = vec![1],
            |part: &mut Vec<u8>| *part = vec![0xff; 600],
        ] {
            let mut wrong = parts.clone();
            change(&mut wrong[at]);
            assert_eq!(whole(&wrong).map(drop), Err(Error::Key), "part {at}");
            if at < 3 {
                let [n, e, d, ..] = &wrong;
                assert_eq!(bare(n, e, d).map(drop), Err(Error::Key), "part {at}, bare");
            }
        }
    }
    let [n, e, _, p, q, ..] = &parts;
    // Short, long and odd exponents that belong to no key: none of them makes the search panic.
    for d in [vec![1], vec![3], vec![0x01, 0x00, 0x01], n.clone(), p.clone(), vec![0xff; 256]] {
        assert_eq!(bare(n, e, &d).map(drop), Err(Error::Key));
    }
    let half = RsaComponents {
        n,
        e,
        d: &Secret::copied_from(&parts[2]),
        primes: None,
        exponents: [Some(&Secret::copied_from(q)), None, None],
    };
    assert_eq!(PrivateKey::from_rsa_components(&half).map(drop), Err(Error::Key));
    assert_eq!(format!("{half:?}"), "RsaComponents(256 bytes)");
}

#[test]
fn an_ec_key_comes_from_its_scalar() {
    let scalar = |text: &str| Secret::new(hex(text));
    let records = records(include_str!("../../../tests/vectors/ecdh.txt"));
    let one = records.iter().find(|one| one["curve"] == "P-256" && one["result"] == "P").unwrap();
    let made = PrivateKey::from_ec_scalar(KeyKind::P256, &scalar(&one["private"])).unwrap();
    assert_eq!(made.agree(&hex(&one["point"])).unwrap().expose(), hex(&one["shared"]));

    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    for text in ["", "00", order, &"ff".repeat(32), &"01".repeat(33)] {
        let made = PrivateKey::from_ec_scalar(KeyKind::P256, &scalar(text));
        assert_eq!(made.map(drop), Err(Error::Key), "{text}");
    }
    let short = PrivateKey::from_ec_scalar(KeyKind::P384, &scalar("05")).unwrap();
    let long =
        PrivateKey::from_ec_scalar(KeyKind::P384, &scalar(&format!("{:0>100}", "5"))).unwrap();
    assert_eq!(short.public(), long.public());
    let rsa = PrivateKey::from_ec_scalar(KeyKind::Rsa2048, &scalar("05"));
    assert_eq!(rsa.map(drop), Err(Error::Key));
    let point = short.public().ec_point().unwrap();
    assert_eq!(key(KeyKind::Rsa2048).agree(point).map(drop), Err(Error::SchemeKey));
    assert_eq!(key(KeyKind::P256).agree(point).map(drop), Err(Error::Key));
}
