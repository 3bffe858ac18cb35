//! Foreign vectors of what runs over secret keys, and its rules. One implementation serves both back
//! ends.

use super::{
    super::{
        Cipher, CipherMode, Direction, Error, Mac, MacKind, SealKey, SecretKey, Wrap, hkdf_expand,
        hkdf_extract, x963_kdf,
    },
    hex, key,
    vectors::{Record, hash},
};
use crate::{crypto::KeyKind, secret::Secret};

fn secret(text: &str) -> SecretKey {
    SecretKey::from_bytes(&Secret::new(hex(text))).unwrap()
}

fn block(text: &str) -> [u8; 16] {
    hex(text).try_into().unwrap()
}

/// The message in one piece and in pieces of several sizes; each time `needed` told what came.
fn ciphered(
    record: &Record,
    mode: &CipherMode,
    direction: Direction,
    input: &[u8],
) -> Result<Vec<u8>, Error> {
    let new = || Cipher::new(&secret(&record["key"]), mode.clone(), direction);
    let whole = new().and_then(|cipher| {
        let needed = cipher.needed(input, true);
        cipher.whole(input).inspect(|output| assert_eq!(output.len(), needed, "{record:?}"))
    });
    for size in [1, 7, 15, 16, 17, 64] {
        let pieces = new().and_then(|mut cipher| {
            let mut output = Vec::new();
            for piece in input.chunks(size) {
                let needed = cipher.needed(piece, false);
                let some = cipher.update(piece)?;
                assert_eq!(some.len(), needed, "{record:?}");
                output.extend(some);
            }
            let needed = cipher.needed(&[], true);
            output.extend(cipher.finish().inspect(|rest| assert_eq!(rest.len(), needed))?);
            Ok(output)
        });
        assert_eq!(pieces, whole, "{record:?} in pieces of {size}");
    }
    whole
}

/// Both ways, and only one where the ciphertext is wrong.
fn both_ways(record: &Record, mode: &CipherMode) {
    let [plaintext, ciphertext] = ["plaintext", "ciphertext"].map(|name| hex(&record[name]));
    let opened = ciphered(record, mode, Direction::Decrypt, &ciphertext);
    if record.get("result").is_some_and(|result| result == "F") {
        assert!(
            matches!(opened, Err(Error::Ciphertext | Error::DataLength | Error::Parameter)),
            "{record:?}"
        );
        return;
    }
    assert_eq!(opened.unwrap(), plaintext, "{record:?}");
    assert_eq!(ciphered(record, mode, Direction::Encrypt, &plaintext).unwrap(), ciphertext);
}

#[test]
fn aes_modes() {
    for record in vectors!("aes_modes.txt") {
        let mode = match record["mode"].as_str() {
            "ECB" => CipherMode::Ecb,
            "CBC" => CipherMode::Cbc(block(&record["iv"])),
            _ => CipherMode::Ctr { bits: 32, block: block(&record["iv"]) },
        };
        both_ways(&record, &mode);
    }
}

#[test]
fn aes_cbc_pkcs7() {
    for record in vectors!("aes_cbc_pkcs7.txt") {
        both_ways(&record, &CipherMode::CbcPad(block(&record["iv"])));
    }
}

#[test]
fn aes_gcm_wycheproof() {
    for record in vectors!("aes_gcm_wycheproof.txt") {
        let [iv, aad] = ["iv", "aad"].map(|name| hex(&record[name]));
        both_ways(&record, &CipherMode::Gcm { iv, aad, tag: 16 });
    }
}

#[test]
fn aes_gcm_of_nist() {
    for record in vectors!("aes_gcm.txt") {
        let [iv, aad] = ["nonce", "aad"].map(|name| hex(&record[name]));
        both_ways(&record, &CipherMode::Gcm { iv, aad, tag: 16 });
    }
}

#[test]
fn a_short_tag_of_gcm_is_the_front_of_a_long_one() {
    let key = secret("000102030405060708090a0b0c0d0e0f");
    let sealed = |tag| {
        let mode = CipherMode::Gcm { iv: vec![7; 12], aad: vec![1], tag };
        Cipher::new(&key, mode, Direction::Encrypt).unwrap().whole(b"message").unwrap()
    };
    let whole = sealed(16);
    for tag in [4, 8, 12, 13, 14, 15] {
        assert_eq!(sealed(tag), whole[..7 + tag]);
        let mode = CipherMode::Gcm { iv: vec![7; 12], aad: vec![1], tag };
        let open = |bytes: &[u8]| {
            Cipher::new(&key, mode.clone(), Direction::Decrypt).unwrap().whole(bytes)
        };
        assert_eq!(open(&whole[..7 + tag]).unwrap(), b"message");
        let mut wrong = whole[..7 + tag].to_vec();
        wrong[6 + tag] ^= 1;
        assert_eq!(open(&wrong), Err(Error::Ciphertext));
    }
    for tag in [0, 3, 11, 17] {
        let mode = CipherMode::Gcm { iv: vec![7; 12], aad: Vec::new(), tag };
        assert_eq!(Cipher::new(&key, mode, Direction::Encrypt).map(drop), Err(Error::Parameter));
    }
}

#[test]
fn a_counter_never_wraps() {
    let key = secret("000102030405060708090a0b0c0d0e0f");
    let cipher =
        |bits, block| Cipher::new(&key, CipherMode::Ctr { bits, block }, Direction::Encrypt);
    for bits in [1, 8, 32, 64, 127, 128] {
        // Two blocks are left.
        let mut last = [0xff; 16];
        last[15] = 0xfe;
        if bits == 1 {
            last[15] = 0;
        }
        let mut some = cipher(bits, last).unwrap();
        assert_eq!(some.update(&[0; 31]).unwrap().len(), 31, "{bits}");
        assert_eq!(some.update(&[0; 2]), Err(Error::DataLength), "{bits}");
        assert_eq!(some.update(&[0; 1]).unwrap().len(), 1, "a refusal changed something");
        assert_eq!(cipher(bits, last).unwrap().whole(&[0; 33]), Err(Error::DataLength));
    }
    for bits in [0, 129, u32::MAX] {
        assert_eq!(cipher(bits, [0; 16]).map(drop), Err(Error::Parameter));
    }
}

#[test]
fn a_counter_leaves_the_bits_alone_that_do_not_count() {
    // 8 bits that count: the second block of the stream is that of the block one higher.
    let key = secret("000102030405060708090a0b0c0d0e0f");
    let mut first = [0xff; 16];
    first[15] = 0x10;
    let mut second = first;
    second[15] = 0x11;
    let stream = |block, length: usize| {
        let mode = CipherMode::Ctr { bits: 8, block };
        Cipher::new(&key, mode, Direction::Encrypt).unwrap().whole(&vec![0; length]).unwrap()
    };
    assert_eq!(stream(first, 32)[16..], stream(second, 16));
    // Beyond one batch, the same as block by block.
    let long = stream([0; 16], 200 * 16);
    for (at, piece) in (0u8..200).zip(long.chunks(16)) {
        let mut block = [0; 16];
        block[15] = at;
        assert_eq!(stream(block, 16), piece);
    }
}

#[test]
fn whole_blocks_are_asked_for() {
    let key = secret("000102030405060708090a0b0c0d0e0f");
    for mode in [CipherMode::Ecb, CipherMode::Cbc([0; 16])] {
        for direction in [Direction::Encrypt, Direction::Decrypt] {
            let cipher = || Cipher::new(&key, mode.clone(), direction).unwrap();
            assert_eq!(cipher().whole(&[0; 17]), Err(Error::DataLength));
            assert!(cipher().whole(&[]).unwrap().is_empty());
        }
    }
    let unpadded = Cipher::new(&key, CipherMode::CbcPad([0; 16]), Direction::Decrypt).unwrap();
    assert_eq!(unpadded.whole(&[]), Err(Error::DataLength));
    for length in [1, 15, 17, 33] {
        let short = SecretKey::generate(length).unwrap();
        assert_eq!(
            Cipher::new(&short, CipherMode::Ecb, Direction::Encrypt).map(drop),
            Err(Error::Key)
        );
        assert_eq!(Mac::new(&short, MacKind::Cmac).map(drop), Err(Error::Key));
    }
}

fn authenticated(record: &Record, kind: MacKind) {
    let [message, tag] = ["message", "tag"].map(|name| hex(&record[name]));
    let mac = || {
        let mut mac = Mac::new(&secret(&record["key"]), kind).unwrap();
        message.chunks(11).for_each(|piece| mac.update(piece));
        mac
    };
    assert_eq!(mac().finish().len(), kind.len());
    match record["result"].as_str() {
        "P" => {
            assert_eq!(mac().finish()[..tag.len()], tag);
            assert_eq!(mac().verify(&tag), Ok(()));
        }
        _ => assert_eq!(mac().verify(&tag), Err(Error::Signature)),
    }
    assert_eq!(mac().verify(&[]), Err(Error::DataLength));
    assert_eq!(mac().verify(&[0; 65]), Err(Error::DataLength));
}

#[test]
fn hmac() {
    for record in vectors!("hmac.txt") {
        authenticated(&record, MacKind::Hmac(hash(&record)));
    }
}

#[test]
fn cmac() {
    for record in vectors!("aes_cmac.txt") {
        // AES has no key of such a length.
        if !matches!(record["key"].len(), 32 | 48 | 64) {
            assert_eq!(record["result"], "F");
            continue;
        }
        authenticated(&record, MacKind::Cmac);
    }
}

fn wrapped(record: &Record, wrap: &Wrap) {
    let [plaintext, ciphertext] = ["plaintext", "ciphertext"].map(|name| hex(&record[name]));
    match (record["result"].as_str(), wrap.open(&ciphertext)) {
        ("P", Ok(opened)) => {
            assert_eq!(opened.expose(), plaintext);
            assert_eq!(wrap.bytes(&plaintext).unwrap(), ciphertext);
        }
        ("F", Err(Error::Ciphertext | Error::DataLength)) => {}
        (_, found) => panic!("{record:?}: {found:?}"),
    }
}

#[test]
fn aes_kw() {
    for record in vectors!("aes_kw.txt") {
        wrapped(&record, &Wrap::Kw(secret(&record["key"])));
    }
}

#[test]
fn aes_kwp() {
    for record in vectors!("aes_kwp.txt") {
        wrapped(&record, &Wrap::Kwp(secret(&record["key"])));
    }
}

#[test]
fn keys_come_out_of_their_wrapping_as_they_went_in() {
    let under = secret("000102030405060708090a0b0c0d0e0f1011121314151617");
    let other = secret("100102030405060708090a0b0c0d0e0f1011121314151617");
    let wraps = |key: SecretKey| {
        [
            Wrap::Kwp(key.clone()),
            Wrap::Cipher(key.clone(), CipherMode::CbcPad([3; 16])),
            Wrap::Cipher(key, CipherMode::Gcm { iv: vec![1; 12], aad: vec![], tag: 16 }),
        ]
    };
    for (wrap, wrong) in wraps(under.clone()).iter().zip(wraps(other)) {
        for kind in [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P384] {
            let made = wrap.private(key(kind)).unwrap();
            assert_eq!(wrap.open_private(&made).unwrap().public(), key(kind).public());
            assert!(wrong.open_private(&made).is_err());
        }
        for length in [1, 16, 20, 32] {
            let secret = SecretKey::generate(length).unwrap();
            let made = wrap.secret(&secret).unwrap();
            assert_eq!(wrap.open_secret(&made).unwrap().expose(), secret.expose());
            assert_eq!(wrap.open_private(&made).map(drop), Err(Error::Key));
        }
    }
    let kw = Wrap::Kw(under);
    for length in [1, 8, 17, 20] {
        let secret = SecretKey::generate(length).unwrap();
        assert_eq!(kw.secret(&secret).map(drop), Err(Error::DataLength));
    }
}

#[test]
fn hkdf_wycheproof() {
    for record in vectors!("hkdf_wycheproof.txt") {
        let [material, salt, info, okm] =
            ["ikm", "salt", "info", "okm"].map(|name| hex(&record[name]));
        let length = record["length"].parse().unwrap();
        let key = hkdf_extract(hash(&record), Some(&salt), &material);
        match (record["result"].as_str(), hkdf_expand(hash(&record), key.expose(), &info, length)) {
            ("P", Ok(found)) => assert_eq!(found.expose(), okm),
            ("F", Err(Error::DataLength)) => {}
            (_, found) => panic!("{record:?}: {found:?}"),
        }
    }
}

#[test]
fn x963() {
    for record in vectors!("x963_kdf.txt") {
        let [secret, shared, expected] = ["secret", "shared", "key"].map(|name| hex(&record[name]));
        let found = x963_kdf(hash(&record), &Secret::new(secret), &shared, expected.len());
        assert_eq!(found.unwrap().expose(), expected, "{record:?}");
    }
}

#[test]
fn a_secret_key_has_its_length_its_check_value_and_no_face() {
    // The first block of NIST SP 800-38A appendix F.1 would need its plaintext: zeros it is, as
    // FIPS 197 encrypts them under a key of zeros.
    let key = secret("00000000000000000000000000000000");
    assert_eq!(key.check_value(true), Ok([0x66, 0xe9, 0x4b]));
    assert_eq!(secret("616263").check_value(false), Ok([0xa9, 0x99, 0x3e]));
    assert_eq!(secret("616263").check_value(true), Err(Error::Key));
    assert_eq!(format!("{key:?}"), "SecretKey(16 bytes)");
    assert_eq!(SecretKey::generate(0).map(drop), Err(Error::Key));
    assert_eq!(SecretKey::generate(SecretKey::MOST + 1).map(drop), Err(Error::Key));
    assert_ne!(
        SecretKey::generate(32).unwrap().expose(),
        SecretKey::generate(32).unwrap().expose()
    );

    let seal = SealKey::generate().unwrap();
    let sealed = key.seal(&seal, b"here").unwrap();
    assert_eq!(SecretKey::unseal(&seal, b"here", &sealed).unwrap().expose(), key.expose());
    assert_eq!(SecretKey::unseal(&seal, b"there", &sealed).map(drop), Err(Error::Unseal));
}
