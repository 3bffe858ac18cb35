//! Foreign vectors (tests/vectors, origins in its README), over both back ends.

use super::super::{
    Error, Hash, KeyKind, Oaep, Padding, Scheme, SealKey,
    backend::{self, Backend},
    ecdsa_from_der, ecdsa_to_der,
    key::{Private, Public},
    rustcrypto::RustCrypto,
    seal, stretch,
};
use super::{hex, rsa_pkcs8};
use crate::secret::Secret;
use aes_gcm::aead::{Aead, Payload};
use std::collections::HashMap;

pub(super) type Record = HashMap<String, String>;

macro_rules! vectors {
    ($name:literal) => {
        $crate::crypto::tests::vectors::records(include_str!(concat!(
            "../../../tests/vectors/",
            $name
        )))
    };
}

/// Runs a generic test under each back end that is compiled in.
macro_rules! over_both {
    ($($name:ident),* $(,)?) => {
        mod rustcrypto {
            $(#[test] fn $name() { super::$name::<super::RustCrypto>(); })*
        }
        #[cfg(feature = "aws-lc")]
        mod aws_lc {
            $(#[test] fn $name() { super::$name::<super::super::super::aws_lc::AwsLc>(); })*
        }
    };
}

over_both!(pkcs1, pss, decrypt, implicit_rejection, oaep, ecdsa, ecdsa_wycheproof, ecdh, sha);

pub(super) fn records(text: &str) -> Vec<Record> {
    let text: String =
        text.lines().filter(|line| !line.starts_with('#')).fold(String::new(), |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        });
    let records: Vec<Record> = text
        .split("\n\n")
        .filter(|record| !record.trim().is_empty())
        .map(|record| {
            record
                .lines()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                .collect()
        })
        .collect();
    assert!(!records.is_empty());
    records
}

pub(super) fn hash(record: &Record) -> Hash {
    by_name(&record["hash"])
}

fn by_name(name: &str) -> Hash {
    match name {
        "SHA-1" => Hash::Sha1,
        "SHA-224" => Hash::Sha224,
        "SHA-256" => Hash::Sha256,
        "SHA-384" => Hash::Sha384,
        "SHA-512" => Hash::Sha512,
        "SHA3-224" => Hash::Sha3_224,
        "SHA3-256" => Hash::Sha3_256,
        "SHA3-384" => Hash::Sha3_384,
        "SHA3-512" => Hash::Sha3_512,
        other => panic!("{other}"),
    }
}

fn expected(record: &Record) -> Result<(), Error> {
    if record["result"].starts_with('P') { Ok(()) } else { Err(Error::Signature) }
}

/// The keys of a file, and private ones where it states them.
fn rsa_keys<B: Backend>(records: &[Record]) -> HashMap<&str, (Public<B>, Option<Private<B>>)> {
    records
        .iter()
        .filter(|record| record.contains_key("n"))
        .map(|record| {
            let [n, e] = ["n", "e"].map(|name| hex(&record[name]));
            let public = Public::from_rsa(&n, &e).unwrap();
            let private = record.get("d").map(|d| {
                let pkcs8 = rsa_pkcs8(&n, &e, &hex(d), &hex(&record["p"]), &hex(&record["q"]));
                Private::from_pkcs8(&pkcs8).unwrap()
            });
            (record["name"].as_str(), (public, private))
        })
        .collect()
}

fn pkcs1<B: Backend>() {
    let records = vectors!("rsa_pkcs1.txt");
    let keys = rsa_keys::<B>(&records);
    let mut signed = 0;
    for record in records.iter().filter(|record| record.contains_key("key")) {
        let (public, private) = &keys[record["key"].as_str()];
        let digest = backend::digest::<B>(hash(record), &[&hex(&record["message"])]);
        let signature = hex(&record["signature"]);
        let scheme = Scheme::Pkcs1(hash(record));
        assert_eq!(public.verify(scheme, &digest, &signature), expected(record), "{record:?}");
        if let (Some(private), Ok(())) = (private, expected(record)) {
            assert_eq!(private.sign(scheme, &digest).unwrap(), signature);
            signed += 1;
        }
    }
    assert!(signed >= 15, "{signed}");
}

fn pss<B: Backend>() {
    let records = vectors!("rsa_pss.txt");
    let keys = rsa_keys::<B>(&records);
    let mut signed = 0;
    for record in records.iter().filter(|record| record.contains_key("key")) {
        let (public, private) = &keys[record["key"].as_str()];
        let hash = hash(record);
        let digest = backend::digest::<B>(hash, &[&hex(&record["message"])]);
        let salt = hex(&record["salt"]).len();
        let scheme = Scheme::Pss { hash, mgf: hash, salt };
        let signature = hex(&record["signature"]);
        assert_eq!(public.verify(scheme, &digest, &signature), expected(record), "{record:?}");
        let other = Scheme::Pss { hash, mgf: hash, salt: salt + 1 };
        assert_eq!(public.verify(other, &digest, &signature), Err(Error::Signature));
        if let Some(private) = private {
            let again = private.sign(scheme, &digest).unwrap();
            assert_eq!(public.verify(scheme, &digest, &again), Ok(()));
            signed += 1;
        }
    }
    assert!(signed >= 15, "{signed}");
}

fn decrypt<B: Backend>() {
    let records = vectors!("rsa_decrypt.txt");
    let keys = rsa_keys::<B>(&records);
    for record in records.iter().filter(|record| record.contains_key("key")) {
        let private = keys[record["key"].as_str()].1.as_ref().unwrap();
        let plaintext = private.decrypt_pkcs1(&hex(&record["ciphertext"])).unwrap();
        assert_eq!(plaintext.expose(), hex(&record["message"]));
    }
}

fn implicit_rejection<B: Backend>() {
    let records = vectors!("rsa_implicit_rejection.txt");
    let keys: HashMap<&str, Private<B>> = records
        .iter()
        .filter_map(|record| record.get("name").map(|name| (name.as_str(), record)))
        .map(|(name, record)| (name, Private::from_pkcs8(&hex(&record["der"])).unwrap()))
        .collect();
    let mut invalid = 0;
    for record in records.iter().filter(|record| record.contains_key("key")) {
        let plaintext =
            keys[record["key"].as_str()].decrypt_pkcs1(&hex(&record["ciphertext"])).unwrap();
        assert_eq!(plaintext.expose(), hex(&record["message"]), "{}", record["id"]);
        invalid += usize::from(record["valid"] == "false");
    }
    assert!(invalid >= 20, "{invalid}");
}

fn oaep<B: Backend>() {
    let records = vectors!("rsa_oaep.txt");
    let keys: HashMap<&str, Private<B>> = records
        .iter()
        .filter_map(|record| record.get("name").map(|name| (name.as_str(), record)))
        .map(|(name, record)| (name, Private::from_pkcs8(&hex(&record["der"])).unwrap()))
        .collect();
    for record in records.iter().filter(|record| record.contains_key("key")) {
        let key = &keys[record["key"].as_str()];
        let [label, message, ciphertext] =
            ["label", "message", "ciphertext"].map(|name| hex(&record[name]));
        let oaep = Oaep { hash: hash(record), mgf: by_name(&record["mgf"]), label };
        let padding = Padding::Oaep(oaep);
        let found = key.decrypt(&padding, &ciphertext);
        if record["result"] == "F" {
            let (n, _) = key.public().rsa().unwrap();
            let number = ciphertext.len() == n.len() && ciphertext.as_slice() < n;
            let error = if number { Error::Ciphertext } else { Error::DataLength };
            assert_eq!(found.map(drop), Err(error), "{record:?}");
            continue;
        }
        assert_eq!(found.unwrap().expose(), message);
        let again = key.public().encrypt(&padding, &message).unwrap();
        assert_eq!(key.decrypt(&padding, &again).unwrap().expose(), message);
    }
}

fn ecdh<B: Backend>() {
    for record in vectors!("ecdh.txt") {
        let kind = if record["curve"] == "P-256" { KeyKind::P256 } else { KeyKind::P384 };
        let bytes = hex(&record["private"]);
        // Some are written with a zero before, as numbers of DER are.
        let scalar = &bytes[bytes.len().saturating_sub(kind.bytes())..];
        let scalar = [vec![0; kind.bytes() - scalar.len()], scalar.to_vec()].concat();
        let key = Private::<B>::from_scalar(kind, &Secret::new(scalar)).unwrap();
        let found = key.agree(&hex(&record["point"]));
        match record["result"].as_str() {
            "P" => assert_eq!(found.unwrap().expose(), hex(&record["shared"]), "{record:?}"),
            _ => assert_eq!(found.map(drop), Err(Error::Key), "{record:?}"),
        }
    }
}

fn ecdsa_key<B: Backend>(record: &Record) -> Result<(KeyKind, Public<B>), Error> {
    let kind = if record["curve"] == "P-256" { KeyKind::P256 } else { KeyKind::P384 };
    Ok((kind, Public::from_ec_point(kind, &hex(&record["point"]))?))
}

fn ecdsa<B: Backend>() {
    for record in vectors!("ecdsa.txt") {
        let (kind, public) = match ecdsa_key::<B>(&record) {
            Ok(found) => found,
            // "Q changed": the point is no longer on the curve.
            Err(error) => {
                assert_eq!((error, expected(&record)), (Error::Key, Err(Error::Signature)));
                continue;
            }
        };
        let digest = backend::digest::<B>(hash(&record), &[&hex(&record["message"])]);
        let signature = hex(&record["signature"]);
        assert_eq!(public.verify(Scheme::Ecdsa, &digest, &signature), expected(&record));
        let der = ecdsa_to_der(&signature).unwrap();
        assert_eq!(ecdsa_from_der(&der, kind).unwrap(), signature);
    }
}

fn ecdsa_wycheproof<B: Backend>() {
    for record in vectors!("ecdsa_wycheproof.txt") {
        let (kind, public) = ecdsa_key::<B>(&record).unwrap();
        let digest = backend::digest::<B>(hash(&record), &[&hex(&record["message"])]);
        let found = ecdsa_from_der(&hex(&record["der"]), kind)
            .and_then(|signature| public.verify(Scheme::Ecdsa, &digest, &signature));
        assert_eq!(found, expected(&record), "{record:?}");
    }
}

fn sha<B: Backend>() {
    for record in vectors!("sha.txt").into_iter().chain(vectors!("sha3.txt")) {
        let message = hex(&record["message"]);
        let hash = hash(&record);
        let (left, right) = message.split_at(message.len() / 3);
        assert_eq!(backend::digest::<B>(hash, &[left, right]), hex(&record["digest"]));
        assert_eq!(hash.len(), hex(&record["digest"]).len());
    }
}

#[test]
fn aes_gcm() {
    for record in vectors!("aes_gcm.txt") {
        let key = SealKey::from_bytes(&Secret::new(hex(&record["key"]))).unwrap();
        let nonce: [u8; 12] = hex(&record["nonce"]).try_into().unwrap();
        let (aad, ciphertext) = (hex(&record["aad"]), hex(&record["ciphertext"]));
        let found =
            key.cipher().decrypt(&nonce.into(), Payload { msg: &ciphertext, aad: &aad }).ok();
        let plaintext = (record["result"] == "P").then(|| hex(&record["plaintext"]));
        assert_eq!(found, plaintext);
    }
}

#[test]
fn hkdf() {
    for record in vectors!("hkdf.txt") {
        let [material, salt, info, okm] =
            ["ikm", "salt", "info", "okm"].map(|name| hex(&record[name]));
        let mut output = vec![0; okm.len()];
        seal::hkdf(Some(&salt), &material, &[&info], &mut output).unwrap();
        assert_eq!(output, okm);
    }
}

#[test]
fn argon2id() {
    for record in vectors!("argon2id.txt") {
        let [passcode, salt, output] =
            ["passcode", "salt", "output"].map(|name| hex(&record[name]));
        let cost = super::super::Stretch {
            memory_kib: record["memory"].parse().unwrap(),
            passes: record["passes"].parse().unwrap(),
        };
        let found = stretch::argon2id(&passcode, &salt, cost, output.len()).unwrap();
        assert_eq!(found.expose(), output);
    }
}
