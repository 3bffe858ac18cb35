use super::*;
use crate::pkcs11::{HkdfSalt, Parameter};

fn found(kind: MechanismType, flag: u64) -> &'static Row {
    find(kind, flag, true).unwrap()
}

#[test]
fn no_mechanism_stands_twice_in_the_table() {
    let mut kinds = all(true);
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), TABLE.len());
}

#[test]
fn bare_rsa_is_there_only_where_the_policy_says_so() {
    assert!(!all(false).contains(&CKM_RSA_X_509));
    assert_eq!(find(CKM_RSA_X_509, CKF_SIGN, false).map(drop), Err(CKR_MECHANISM_INVALID));
    assert!(all(true).contains(&CKM_RSA_X_509));
    assert_eq!(all(true).len(), all(false).len() + 1);
    for kind in [KeyKind::Rsa2048, KeyKind::P256] {
        assert!(of_card(kind).all(|one| one != CKM_RSA_X_509));
    }
}

#[test]
fn every_flag_of_every_mechanism_makes_an_operation() {
    let parameter = |row: &Row| match row.recipe {
        Recipe::PssRaw => Parameter::Pss { hash: CKM_SHA256, mgf: CKG_MGF1_SHA256, salt: 32 },
        Recipe::Pss(hash) => {
            let number = [CKM_SHA_1, CKM_SHA224, CKM_SHA256, CKM_SHA384, CKM_SHA512];
            let at = Hash::ALL.iter().position(|one| *one == hash).unwrap();
            Parameter::Pss { hash: number[at], mgf: CKG_MGF1_SHA1, salt: 0 }
        }
        Recipe::Oaep => Parameter::Oaep {
            hash: CKM_SHA_1,
            mgf: CKG_MGF1_SHA1,
            source: CKZ_DATA_SPECIFIED,
            label: vec![],
        },
        Recipe::Aes(Aes::Cbc | Aes::CbcPad) => Parameter::Bytes(vec![0; 16]),
        Recipe::Aes(Aes::Ctr) => Parameter::Bytes([&128_u64.to_le_bytes()[..], &[0; 16]].concat()),
        Recipe::Aes(Aes::Gcm) => Parameter::Gcm { iv: vec![0; 12], aad: vec![], tag_bits: 128 },
        Recipe::HmacGeneral(_) | Recipe::CmacGeneral => {
            Parameter::Bytes(16_u64.to_le_bytes().to_vec())
        }
        Recipe::Ecdh => Parameter::Ecdh { kdf: CKD_NULL, shared: vec![], public: vec![4; 65] },
        Recipe::Hkdf | Recipe::HkdfData => Parameter::Hkdf {
            extract: true,
            expand: true,
            hash: CKM_SHA256,
            salt: HkdfSalt::Null,
            info: vec![],
        },
        _ => Parameter::None,
    };
    for row in &TABLE {
        let mechanism = Mechanism { kind: row.kind, parameter: parameter(row) };
        let key = row.takes(CKK_RSA).then_some(KeyKind::Rsa2048);
        let signs = row.signature(&mechanism, key).is_ok();
        assert_eq!(signs, row.flags & CKF_SIGN != 0, "{row:?}");
        assert_eq!(row.cipher(&mechanism).is_ok(), row.flags & CKF_ENCRYPT != 0, "{row:?}");
        assert_eq!(row.digest(&mechanism).is_ok(), row.flags & CKF_DIGEST != 0, "{row:?}");
        assert_eq!(row.makes(&mechanism).is_ok(), row.flags & CKF_GENERATE != 0, "{row:?}");
        assert_eq!(row.derivation(&mechanism).is_ok(), row.flags & CKF_DERIVE != 0, "{row:?}");
        assert!(row.flags & CKF_WRAP == 0 || row.cipher(&mechanism).is_ok(), "{row:?}");
        // With a parameter that it does not have, none of them is made.
        let wrong = Parameter::Bytes(vec![0; 5]);
        let mechanism = Mechanism { kind: row.kind, parameter: wrong };
        assert!(row.signature(&mechanism, key).is_err(), "{row:?}");
        assert!(row.cipher(&mechanism).is_err(), "{row:?}");
        assert!(row.digest(&mechanism).is_err(), "{row:?}");
        assert!(row.makes(&mechanism).is_err(), "{row:?}");
        assert!(row.derivation(&mechanism).is_err(), "{row:?}");
        let info = row.info();
        assert_eq!(info.flags, row.flags);
        assert_eq!(info.max_key == 0, row.flags == CKF_DIGEST, "{row:?}");
    }
}

#[test]
fn a_pss_salt_leaves_room_in_the_block() {
    let row = found(CKM_RSA_PKCS_PSS, CKF_SIGN);
    let with = |hash, mgf, salt| Mechanism {
        kind: CKM_RSA_PKCS_PSS,
        parameter: Parameter::Pss { hash, mgf, salt },
    };
    let plan = |mechanism: &Mechanism| row.signature(mechanism, Some(KeyKind::Rsa2048)).map(drop);
    assert_eq!(plan(&with(CKM_SHA256, CKG_MGF1_SHA256, 222)), Ok(()));
    for bad in [
        with(CKM_SHA256, CKG_MGF1_SHA256, 223),
        with(CKM_SHA256, CKG_MGF1_SHA256, u64::MAX),
        with(CKM_SHA256, 77, 32),
        with(CKM_RSA_PKCS, CKG_MGF1_SHA256, 32),
        Mechanism::plain(CKM_RSA_PKCS_PSS),
        Mechanism { kind: CKM_RSA_PKCS_PSS, parameter: Parameter::Bytes(vec![0; 24]) },
    ] {
        assert_eq!(plan(&bad), Err(CKR_MECHANISM_PARAM_INVALID), "{bad:?}");
    }
}

#[test]
fn a_hash_and_its_pss_parameter_must_agree() {
    let row = found(CKM_SHA256_RSA_PKCS_PSS, CKF_VERIFY);
    let mechanism = |hash| Mechanism {
        kind: CKM_SHA256_RSA_PKCS_PSS,
        parameter: Parameter::Pss { hash, mgf: CKG_MGF1_SHA256, salt: 32 },
    };
    let plan = |hash| row.signature(&mechanism(hash), Some(KeyKind::Rsa3072)).map(drop);
    assert_eq!(plan(CKM_SHA256), Ok(()));
    assert_eq!(plan(CKM_SHA384), Err(CKR_MECHANISM_PARAM_INVALID));
}

#[test]
fn parameters_have_the_values_that_their_mechanisms_have() {
    let bad = |kind, parameter: Parameter| {
        let row = found(kind, 0);
        let mechanism = Mechanism { kind, parameter };
        let signature = row.signature(&mechanism, None).map(drop);
        let cipher = row.cipher(&mechanism).map(drop);
        let derivation = row.derivation(&mechanism).map(drop);
        let all = [signature, cipher, derivation];
        assert!(all.contains(&Err(CKR_MECHANISM_PARAM_INVALID)), "{mechanism:?}");
        assert!(!all.contains(&Ok(())), "{mechanism:?}");
    };
    let number = |number: u64| Parameter::Bytes(number.to_le_bytes().to_vec());
    for length in [0, 33, u64::MAX] {
        bad(CKM_SHA256_HMAC_GENERAL, number(length));
    }
    bad(CKM_AES_CMAC_GENERAL, number(17));
    bad(CKM_AES_CBC, Parameter::None);
    bad(CKM_AES_CBC, Parameter::Bytes(vec![0; 15]));
    for bits in [0_u64, 129, u64::MAX] {
        bad(CKM_AES_CTR, Parameter::Bytes([&bits.to_le_bytes()[..], &[0; 16]].concat()));
    }
    for tag_bits in [0, 8, 31, 127, 129, 136, u64::MAX] {
        bad(CKM_AES_GCM, Parameter::Gcm { iv: vec![0; 12], aad: vec![], tag_bits });
    }
    bad(CKM_AES_GCM, Parameter::Gcm { iv: vec![], aad: vec![], tag_bits: 128 });
    bad(CKM_AES_KEY_WRAP, Parameter::Bytes(vec![0xa5; 8]));
    bad(CKM_AES_KEY_WRAP_KWP, Parameter::Bytes(vec![0xa6; 8]));
    let oaep = |hash, source, label: &[u8]| Parameter::Oaep {
        hash,
        mgf: CKG_MGF1_SHA1,
        source,
        label: label.to_vec(),
    };
    bad(CKM_RSA_PKCS_OAEP, oaep(CKM_RSA_PKCS, CKZ_DATA_SPECIFIED, b""));
    bad(CKM_RSA_PKCS_OAEP, oaep(CKM_SHA_1, 0, b"label"));
    bad(CKM_RSA_PKCS_OAEP, oaep(CKM_SHA_1, 2, b""));
    let ecdh =
        |kdf, shared: &[u8]| Parameter::Ecdh { kdf, shared: shared.to_vec(), public: vec![4; 65] };
    bad(CKM_ECDH1_DERIVE, ecdh(CKD_NULL, b"shared"));
    bad(CKM_ECDH1_DERIVE, ecdh(0, b""));
    bad(CKM_ECDH1_DERIVE, ecdh(u64::MAX, b""));
    let hkdf = |extract, expand, hash| Parameter::Hkdf {
        extract,
        expand,
        hash,
        salt: HkdfSalt::Null,
        info: vec![],
    };
    bad(CKM_HKDF_DERIVE, hkdf(false, false, CKM_SHA256));
    bad(CKM_HKDF_DATA, hkdf(true, true, CKM_SHA256_HMAC));
}
