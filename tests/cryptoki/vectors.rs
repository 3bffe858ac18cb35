//! Foreign test vectors (tests/vectors, origins in its README) through the `C_` functions.

use crate::client::{Client, Given, number};
use cryptoki_sys::*;
use rsa::{
    RsaPrivateKey,
    pkcs8::DecodePrivateKey,
    traits::{PrivateKeyParts, PublicKeyParts},
};
use std::collections::HashMap;

type Record = HashMap<String, String>;

macro_rules! vectors {
    ($name:literal) => {
        records(include_str!(concat!("../vectors/", $name)))
    };
}

fn records(text: &str) -> Vec<Record> {
    let plain: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let records: Vec<Record> = plain
        .split(|line| line.trim().is_empty())
        .filter(|lines| !lines.is_empty())
        .map(|lines| {
            lines
                .iter()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
                .collect()
        })
        .collect();
    assert!(records.len() > 2);
    records
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn fields<const N: usize>(record: &Record, names: [&str; N]) -> [Vec<u8>; N] {
    names.map(|name| hex(&record[name]))
}

fn is_good(record: &Record) -> bool {
    record["result"].starts_with('P')
}

/// Digest mechanism, MGF1, HMAC, and HMAC cut short.
fn hash(name: &str) -> [CK_ULONG; 4] {
    match name {
        "SHA-1" => [CKM_SHA_1, CKG_MGF1_SHA1, CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL],
        "SHA-224" => [CKM_SHA224, CKG_MGF1_SHA224, CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL],
        "SHA-256" => [CKM_SHA256, CKG_MGF1_SHA256, CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL],
        "SHA-384" => [CKM_SHA384, CKG_MGF1_SHA384, CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL],
        "SHA-512" => [CKM_SHA512, CKG_MGF1_SHA512, CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL],
        "SHA3-224" => [CKM_SHA3_224, 0, CKM_SHA3_224_HMAC, CKM_SHA3_224_HMAC_GENERAL],
        "SHA3-256" => [CKM_SHA3_256, 0, CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL],
        "SHA3-384" => [CKM_SHA3_384, 0, CKM_SHA3_384_HMAC, CKM_SHA3_384_HMAC_GENERAL],
        "SHA3-512" => [CKM_SHA3_512, 0, CKM_SHA3_512_HMAC, CKM_SHA3_512_HMAC_GENERAL],
        other => panic!("{other}"),
    }
}

/// CKM_SHAxxx_RSA_PKCS, CKM_SHAxxx_RSA_PKCS_PSS, CKM_ECDSA_SHAxxx.
fn signatures(name: &str) -> [CK_ULONG; 3] {
    match name {
        "SHA-1" => [CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_ECDSA_SHA1],
        "SHA-224" => [CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKM_ECDSA_SHA224],
        "SHA-256" => [CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA_SHA256],
        "SHA-384" => [CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKM_ECDSA_SHA384],
        "SHA-512" => [CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKM_ECDSA_SHA512],
        other => panic!("{other}"),
    }
}

fn curve(name: &str) -> Vec<u8> {
    match name {
        "P-256" => hex("06082a8648ce3d030107"),
        _ => hex("06052b81040022"),
    }
}

impl Client {
    /// The keys of a file, and private ones where it states them: by names.
    fn rsa_keys(&self, records: &[Record]) -> HashMap<String, [Option<CK_OBJECT_HANDLE>; 2]> {
        let named = records.iter().filter(|record| record.contains_key("n"));
        named
            .map(|record| {
                let [n, e] = fields(record, ["n", "e"]);
                let common =
                    [(CKA_KEY_TYPE, number(CKK_RSA)), (CKA_MODULUS, n), (CKA_PUBLIC_EXPONENT, e)];
                let class = |class| vec![(CKA_CLASS, number(class))];
                let public = self.create(&[&common[..], &class(CKO_PUBLIC_KEY)].concat()).unwrap();
                let private = record.get("d").map(|d| {
                    let private = [
                        (CKA_PRIVATE_EXPONENT, hex(d)),
                        (CKA_PRIME_1, hex(&record["p"])),
                        (CKA_PRIME_2, hex(&record["q"])),
                    ];
                    let all = [&common[..], &class(CKO_PRIVATE_KEY), &private].concat();
                    self.create(&all).unwrap()
                });
                (record["name"].clone(), [Some(public), private])
            })
            .collect()
    }
}

#[test]
fn rsa_pkcs1_signatures() {
    let client = Client::new();
    let records = vectors!("rsa_pkcs1.txt");
    let keys = client.rsa_keys(&records);
    let mut signed = 0;
    for record in records.iter().filter(|record| record.contains_key("key")) {
        let [public, private] = keys[&record["key"]];
        let [message, signature] = fields(record, ["message", "signature"]);
        let by = (signatures(&record["hash"])[0], &Given::None);
        let rv = client.verify(by, public.unwrap(), &message, &signature);
        assert_eq!(rv, if is_good(record) { CKR_OK } else { CKR_SIGNATURE_INVALID }, "{record:?}");
        if let (Some(private), true) = (private, is_good(record)) {
            assert_eq!(client.sign(by, private, &message), Ok(signature));
            signed += 1;
        }
    }
    assert!(signed >= 15);
}

#[test]
fn rsa_pss_signatures() {
    let client = Client::new();
    let records = vectors!("rsa_pss.txt");
    let keys = client.rsa_keys(&records);
    let mut signed = 0;
    for record in records.iter().filter(|record| record.contains_key("key")) {
        let [public, private] = keys[&record["key"]];
        let [message, salt, signature] = fields(record, ["message", "salt", "signature"]);
        let [hash, mgf, ..] = hash(&record["hash"]);
        let given = Given::Pss { hash, mgf, salt: CK_ULONG::try_from(salt.len()).unwrap() };
        let by = (signatures(&record["hash"])[1], &given);
        let rv = client.verify(by, public.unwrap(), &message, &signature);
        assert_eq!(rv, if is_good(record) { CKR_OK } else { CKR_SIGNATURE_INVALID }, "{record:?}");
        if let Some(private) = private {
            let again = client.sign(by, private, &message).unwrap();
            assert_eq!(client.verify(by, public.unwrap(), &message, &again), CKR_OK);
            signed += 1;
        }
    }
    assert!(signed >= 15);
}

#[test]
fn rsa_oaep() {
    let client = Client::new();
    let mut keys = HashMap::new();
    let mut opened = 0;
    for record in vectors!("rsa_oaep.txt") {
        if let Some(name) = record.get("name") {
            let key = RsaPrivateKey::from_pkcs8_der(&hex(&record["der"])).unwrap();
            // Without its primes, which are then found.
            let template = [
                (CKA_CLASS, number(CKO_PRIVATE_KEY)),
                (CKA_KEY_TYPE, number(CKK_RSA)),
                (CKA_MODULUS, key.n_bytes().to_vec()),
                (CKA_PUBLIC_EXPONENT, key.e_bytes().to_vec()),
                (CKA_PRIVATE_EXPONENT, key.d().to_be_bytes().to_vec()),
            ];
            keys.insert(name.clone(), client.create(&template).unwrap());
            continue;
        }
        let [label, message, ciphertext] = fields(&record, ["label", "message", "ciphertext"]);
        let ([hash, ..], [_, mgf, ..]) = (hash(&record["hash"]), hash(&record["mgf"]));
        let given = Given::Oaep { hash, mgf, label };
        let found = client.decrypt((CKM_RSA_PKCS_OAEP, &given), keys[&record["key"]], &ciphertext);
        if is_good(&record) {
            assert_eq!(found, Ok(message), "{record:?}");
            opened += 1;
        } else {
            let codes = [CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE];
            assert!(codes.contains(&found.unwrap_err()), "{record:?}");
        }
    }
    assert!(opened >= 20, "{opened}");
}

#[test]
fn ecdsa() {
    let client = Client::new();
    for record in vectors!("ecdsa.txt") {
        let template = [
            (CKA_CLASS, number(CKO_PUBLIC_KEY)),
            (CKA_KEY_TYPE, number(CKK_EC)),
            (CKA_EC_PARAMS, curve(&record["curve"])),
            (CKA_EC_POINT, hex(&record["point"])),
        ];
        let key = match client.create(&template) {
            Ok(key) => key,
            // "Q changed": the point is no longer on the curve.
            Err(rv) => {
                assert!(!is_good(&record), "{record:?}: {rv:#x}");
                continue;
            }
        };
        let [message, signature] = fields(&record, ["message", "signature"]);
        let by = (signatures(&record["hash"])[2], &Given::None);
        let rv = client.verify(by, key, &message, &signature);
        assert_eq!(rv, if is_good(&record) { CKR_OK } else { CKR_SIGNATURE_INVALID });
        // The digest made before, and CKM_ECDSA.
        let digest = client.digest(hash(&record["hash"])[0], &message).unwrap();
        assert_eq!(client.verify((CKM_ECDSA, &Given::None), key, &digest, &signature), rv);
        client.destroy(key);
    }
}

#[test]
fn ecdh() {
    let client = Client::new();
    for record in vectors!("ecdh.txt") {
        let [private, point, shared] = fields(&record, ["private", "point", "shared"]);
        let base = client
            .create(&[
                (CKA_CLASS, number(CKO_PRIVATE_KEY)),
                (CKA_KEY_TYPE, number(CKK_EC)),
                (CKA_EC_PARAMS, curve(&record["curve"])),
                (CKA_VALUE, private),
                (CKA_DERIVE, vec![1]),
            ])
            .unwrap();
        let wish = [
            (CKA_CLASS, number(CKO_SECRET_KEY)),
            (CKA_KEY_TYPE, number(CKK_GENERIC_SECRET)),
            (CKA_SENSITIVE, vec![0]),
            (CKA_EXTRACTABLE, vec![1]),
        ];
        // Bare, and in its DER OCTET STRING.
        let der = [&[4, u8::try_from(point.len() % 256).unwrap()], &point[..]].concat();
        for point in [point, der] {
            let given = Given::Ecdh { kdf: CKD_NULL, shared: Vec::new(), point };
            match client.derive((CKM_ECDH1_DERIVE, &given), base, &wish) {
                Ok(key) => {
                    assert!(is_good(&record), "{record:?}");
                    assert_eq!(client.value(key), shared);
                    client.destroy(key);
                }
                Err(rv) => {
                    assert!(!is_good(&record), "{record:?}: {rv:#x}");
                    assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID);
                }
            }
        }
        client.destroy(base);
    }
}

/// Decrypts in one piece and in several, and encrypts again what was right.
fn ciphered(client: &Client, record: &Record, by: (CK_ULONG, &Given)) {
    let [key, plaintext, ciphertext] = fields(record, ["key", "plaintext", "ciphertext"]);
    let key = client.secret(CKK_AES, &key);
    let found = client.decrypt(by, key, &ciphertext);
    for piece in [1, 16, 33] {
        assert_eq!(client.decrypt_pieces(by, key, &ciphertext, piece), found, "{record:?}");
    }
    if record.get("result").is_none_or(|result| result == "P") {
        assert_eq!(found.as_ref(), Ok(&plaintext), "{record:?}");
        assert_eq!(client.encrypt(by, key, &plaintext), Ok(ciphertext));
    } else {
        let codes =
            [CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_MECHANISM_PARAM_INVALID];
        assert!(codes.contains(&found.unwrap_err()), "{record:?}");
    }
    client.destroy(key);
}

#[test]
fn aes_gcm() {
    let client = Client::new();
    for record in vectors!("aes_gcm_wycheproof.txt") {
        let [iv, aad] = fields(&record, ["iv", "aad"]);
        ciphered(&client, &record, (CKM_AES_GCM, &Given::Gcm { iv, aad, tag_bits: 128 }));
    }
    for record in vectors!("aes_gcm.txt") {
        let [iv, aad] = fields(&record, ["nonce", "aad"]);
        ciphered(&client, &record, (CKM_AES_GCM, &Given::Gcm { iv, aad, tag_bits: 128 }));
    }
}

#[test]
fn aes_modes() {
    let client = Client::new();
    for record in vectors!("aes_modes.txt") {
        let iv = record.get("iv").map_or_else(Vec::new, |iv| hex(iv));
        let (kind, given) = match record["mode"].as_str() {
            "ECB" => (CKM_AES_ECB, Given::None),
            "CBC" => (CKM_AES_CBC, Given::Bytes(iv)),
            _ => (CKM_AES_CTR, Given::Counter(32, iv.try_into().unwrap())),
        };
        ciphered(&client, &record, (kind, &given));
    }
    for record in vectors!("aes_cbc_pkcs7.txt") {
        ciphered(&client, &record, (CKM_AES_CBC_PAD, &Given::Bytes(hex(&record["iv"]))));
    }
}

#[test]
fn aes_key_wrap() {
    let client = Client::new();
    let kinds = [(CKM_AES_KEY_WRAP, "aes_kw"), (CKM_AES_KEY_WRAP_KWP, "aes_kwp")];
    for (kind, name) in kinds {
        let file = match name {
            "aes_kw" => vectors!("aes_kw.txt"),
            _ => vectors!("aes_kwp.txt"),
        };
        for record in file {
            let [key, plaintext, ciphertext] = fields(&record, ["key", "plaintext", "ciphertext"]);
            let key = client.secret(CKK_AES, &key);
            let wish = [
                (CKA_CLASS, number(CKO_SECRET_KEY)),
                (CKA_KEY_TYPE, number(CKK_GENERIC_SECRET)),
                (CKA_SENSITIVE, vec![0]),
                (CKA_EXTRACTABLE, vec![1]),
            ];
            let by = (kind, &Given::None);
            match client.unwrap(by, key, &ciphertext, &wish) {
                Ok(inner) => {
                    assert!(is_good(&record), "{record:?}");
                    assert_eq!(client.value(inner), plaintext);
                    assert_eq!(client.wrap(by, key, inner), Ok(ciphertext));
                    client.destroy(inner);
                }
                Err(rv) => {
                    assert!(!is_good(&record), "{record:?}: {rv:#x}");
                    // No data at all is a wrong argument already.
                    let codes =
                        [CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE, CKR_ARGUMENTS_BAD];
                    assert!(codes.contains(&rv), "{record:?}: {rv:#x}");
                }
            }
            client.destroy(key);
        }
    }
}

fn authenticated(client: &Client, record: &Record, key: CK_OBJECT_HANDLE, by: (CK_ULONG, &Given)) {
    let [message, tag] = fields(record, ["message", "tag"]);
    let rv = client.verify(by, key, &message, &tag);
    if is_good(record) {
        assert_eq!(rv, CKR_OK, "{record:?}");
        assert_eq!(client.sign(by, key, &message), Ok(tag));
    } else {
        assert_eq!(rv, CKR_SIGNATURE_INVALID, "{record:?}");
    }
}

#[test]
fn hmac() {
    let client = Client::new();
    for record in vectors!("hmac.txt") {
        let [key, tag] = fields(&record, ["key", "tag"]);
        let key = client.secret(CKK_GENERIC_SECRET, &key);
        let [_, _, whole, general] = hash(&record["hash"]);
        let size = CK_ULONG::try_from(tag.len()).unwrap();
        authenticated(&client, &record, key, (general, &Given::Number(size)));
        let other = client.verify((whole, &Given::None), key, b"another message", &tag);
        assert!([CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE].contains(&other));
        if other == CKR_SIGNATURE_INVALID {
            authenticated(&client, &record, key, (whole, &Given::None));
        }
        client.destroy(key);
    }
}

#[test]
fn aes_cmac() {
    let client = Client::new();
    for record in vectors!("aes_cmac.txt") {
        let [key] = fields(&record, ["key"]);
        // AES has no key of such a length, and none is made.
        if ![16, 24, 32].contains(&key.len()) {
            continue;
        }
        let key = client.secret(CKK_AES, &key);
        authenticated(&client, &record, key, (CKM_AES_CMAC, &Given::None));
        authenticated(&client, &record, key, (CKM_AES_CMAC_GENERAL, &Given::Number(16)));
        client.destroy(key);
    }
}

#[test]
fn hkdf() {
    let client = Client::new();
    for record in vectors!("hkdf_wycheproof.txt") {
        let [material, salt, info, okm] = fields(&record, ["ikm", "salt", "info", "okm"]);
        let base = client.secret(CKK_HKDF, &material);
        let given = Given::Hkdf { hash: hash(&record["hash"])[0], salt, info };
        let size: CK_ULONG = record["length"].parse().unwrap();
        let wish = [
            (CKA_CLASS, number(CKO_SECRET_KEY)),
            (CKA_KEY_TYPE, number(CKK_GENERIC_SECRET)),
            (CKA_VALUE_LEN, number(size)),
            (CKA_SENSITIVE, vec![0]),
            (CKA_EXTRACTABLE, vec![1]),
        ];
        let key = client.derive((CKM_HKDF_DERIVE, &given), base, &wish);
        let datum = [(CKA_VALUE_LEN, number(size))];
        let data = client.derive((CKM_HKDF_DATA, &given), base, &datum);
        if is_good(&record) {
            for object in [key.unwrap(), data.unwrap()] {
                assert_eq!(client.value(object), okm);
                client.destroy(object);
            }
        } else {
            assert!([CKR_KEY_SIZE_RANGE, CKR_ATTRIBUTE_VALUE_INVALID].contains(&key.unwrap_err()));
            assert_eq!(data, Err(CKR_KEY_SIZE_RANGE));
        }
        client.destroy(base);
    }
}

#[test]
fn digests() {
    let client = Client::new();
    for record in vectors!("sha.txt").into_iter().chain(vectors!("sha3.txt")) {
        let [message, digest] = fields(&record, ["message", "digest"]);
        assert_eq!(client.digest(hash(&record["hash"])[0], &message), Ok(digest));
    }
}
