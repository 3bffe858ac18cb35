use super::*;
use std::ptr::{from_ref, null_mut};

fn read<T>(kind: CK_MECHANISM_TYPE, given: &T) -> Result<Parameter> {
    sized(kind, from_ref(given).cast(), size_of::<T>())
}

fn sized(kind: CK_MECHANISM_TYPE, given: *const c_void, length: usize) -> Result<Parameter> {
    let by = CK_MECHANISM {
        mechanism: kind,
        pParameter: given.cast_mut(),
        ulParameterLen: CK_ULONG::try_from(length).unwrap(),
    };
    // SAFETY: the parameter has the length that is said, or is refused unread.
    unsafe { mechanism(&raw const by) }.map(|mechanism| mechanism.parameter)
}

const INVALID: Result<Parameter> = Err(CKR_MECHANISM_PARAM_INVALID);

fn gcm(iv: &mut [u8], aad: &mut [u8]) -> CK_GCM_PARAMS {
    CK_GCM_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: iv.len() as CK_ULONG,
        ulIvBits: 0,
        pAAD: aad.as_mut_ptr(),
        ulAADLen: aad.len() as CK_ULONG,
        ulTagBits: 128,
    }
}

#[test]
fn gcm_is_read_with_and_without_the_bits_of_its_iv() {
    let (mut iv, mut aad) = ([1_u8; 12], [2_u8; 3]);
    let expected = Parameter::Gcm { iv: iv.to_vec(), aad: aad.to_vec(), tag_bits: 128 };
    let mut given = gcm(&mut iv, &mut aad);
    for bits in [0, 96, 4711] {
        given.ulIvBits = bits;
        assert_eq!(read(CKM_AES_GCM, &given), Ok(expected.clone()));
    }
    let short: [usize; 5] = [given.pIv as usize, 12, given.pAAD as usize, 3, 128];
    #[cfg(all(not(windows), target_pointer_width = "64"))]
    assert_eq!(read(CKM_AES_GCM, &short), Ok(expected));
    let given = [given; 2];
    assert_eq!(sized(CKM_AES_GCM, given.as_ptr().cast(), size_of_val(&given) - 1), INVALID);
    assert_eq!(sized(CKM_AES_GCM, short.as_ptr().cast(), size_of_val(&short) - 1), INVALID);
    assert_eq!(sized(CKM_AES_GCM, null_mut(), size_of::<CK_GCM_PARAMS>()), INVALID);
}

#[test]
fn inner_pointers_without_bytes_and_lengths_without_end_are_invalid() {
    let (mut iv, mut aad) = ([1_u8; 12], [2_u8; 3]);
    let good = gcm(&mut iv, &mut aad);
    let nowhere = null_mut();
    for bad in [
        CK_GCM_PARAMS { pIv: nowhere, ..good },
        CK_GCM_PARAMS { pAAD: nowhere, ..good },
        CK_GCM_PARAMS { ulIvLen: CK_ULONG::MAX, ..good },
        CK_GCM_PARAMS { ulAADLen: 1 << 31, ..good },
    ] {
        assert_eq!(read(CKM_AES_GCM, &bad), INVALID);
    }
    let none = CK_GCM_PARAMS { pAAD: nowhere, ulAADLen: 0, ..good };
    assert!(read(CKM_AES_GCM, &none).is_ok(), "no additional data is data too");

    let mut point = [4_u8; 65];
    let good = CK_ECDH1_DERIVE_PARAMS {
        kdf: CKD_NULL,
        ulSharedDataLen: 0,
        pSharedData: nowhere,
        ulPublicDataLen: 65,
        pPublicData: point.as_mut_ptr(),
    };
    let expected =
        Parameter::Ecdh { kdf: wide(CKD_NULL), shared: Vec::new(), public: point.to_vec() };
    assert_eq!(read(CKM_ECDH1_DERIVE, &good), Ok(expected));
    for bad in [
        CK_ECDH1_DERIVE_PARAMS { pPublicData: nowhere, ..good },
        CK_ECDH1_DERIVE_PARAMS { ulPublicDataLen: CK_ULONG::MAX, ..good },
        CK_ECDH1_DERIVE_PARAMS { ulSharedDataLen: 1, ..good },
    ] {
        assert_eq!(read(CKM_ECDH1_DERIVE, &bad), INVALID);
    }

    let mut label = *b"label";
    let good = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: label.as_mut_ptr().cast(),
        ulSourceDataLen: 5,
    };
    assert!(
        matches!(read(CKM_RSA_PKCS_OAEP, &good), Ok(Parameter::Oaep { label, .. }) if label == b"label")
    );
    for bad in [
        CK_RSA_PKCS_OAEP_PARAMS { pSourceData: nowhere.cast(), ..good },
        CK_RSA_PKCS_OAEP_PARAMS { ulSourceDataLen: CK_ULONG::MAX, ..good },
    ] {
        assert_eq!(read(CKM_RSA_PKCS_OAEP, &bad), INVALID);
    }
}

#[test]
fn hkdf_has_one_of_three_salts() {
    let (salt, info) = ([5_u8; 4], [6_u8; 2]);
    let given = |kind| CK_HKDF_PARAMS {
        bExtract: 1,
        bExpand: 0,
        prfHashMechanism: CKM_SHA256,
        ulSaltType: kind,
        pSalt: salt.as_ptr().cast_mut(),
        ulSaltLen: 4,
        hSaltKey: 77,
        pInfo: info.as_ptr().cast_mut(),
        ulInfoLen: 2,
    };
    for (kind, expected) in [
        (CKF_HKDF_SALT_NULL, HkdfSalt::Null),
        (CKF_HKDF_SALT_DATA, HkdfSalt::Data(salt.to_vec())),
        (CKF_HKDF_SALT_KEY, HkdfSalt::Key(77)),
    ] {
        let expected = Parameter::Hkdf {
            extract: true,
            expand: false,
            hash: wide(CKM_SHA256),
            salt: expected,
            info: info.to_vec(),
        };
        assert_eq!(read(CKM_HKDF_DERIVE, &given(kind)), Ok(expected));
    }
    for kind in [0, 3, 8, CK_ULONG::MAX] {
        assert_eq!(read(CKM_HKDF_DERIVE, &given(kind)), INVALID);
    }
    let nowhere = CK_HKDF_PARAMS { pSalt: null_mut(), ..given(CKF_HKDF_SALT_DATA) };
    assert_eq!(read(CKM_HKDF_DATA, &nowhere), INVALID);
    // What the type of salt leaves out is not looked at.
    let nowhere = CK_HKDF_PARAMS { pSalt: null_mut(), ..given(CKF_HKDF_SALT_KEY) };
    assert!(read(CKM_HKDF_DERIVE, &nowhere).is_ok());
}

#[test]
fn counters_numbers_and_ivs_have_eight_bytes_a_number() {
    let given = CK_AES_CTR_PARAMS { ulCounterBits: 32, cb: [7; 16] };
    let expected = [&32_u64.to_le_bytes()[..], &[7; 16]].concat();
    assert_eq!(read(CKM_AES_CTR, &given), Ok(Parameter::Bytes(expected)));
    assert_eq!(sized(CKM_AES_CTR, from_ref(&given).cast(), 16), INVALID);
    let number: CK_ULONG = 20;
    let expected = Parameter::Bytes(20_u64.to_le_bytes().to_vec());
    assert_eq!(read(CKM_SHA256_HMAC_GENERAL, &number), Ok(expected));
    assert_eq!(read(CKM_SHA256_HMAC_GENERAL, &[0_u8; 3]), INVALID);
    assert_eq!(read(CKM_AES_CBC, &[9_u8; 16]), Ok(Parameter::Bytes(vec![9; 16])));
    assert_eq!(sized(CKM_AES_CBC, null_mut(), 16), INVALID);
    assert_eq!(sized(CKM_AES_CBC, from_ref(&number).cast(), MOST_BYTES + 1), INVALID);
    assert_eq!(sized(CKM_AES_CBC, null_mut(), 0), Ok(Parameter::None));
}

#[test]
fn structures_are_read_from_any_address() {
    let mut room = [0_u8; size_of::<CK_RSA_PKCS_PSS_PARAMS>() + 1];
    let crooked = room.as_mut_ptr().wrapping_add(1);
    let given = CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA384, mgf: CKG_MGF1_SHA384, sLen: 48 };
    // SAFETY: inside `room`.
    unsafe { crooked.cast::<CK_RSA_PKCS_PSS_PARAMS>().write_unaligned(given) };
    let expected = Parameter::Pss { hash: wide(CKM_SHA384), mgf: wide(CKG_MGF1_SHA384), salt: 48 };
    let read = sized(CKM_SHA384_RSA_PKCS_PSS, crooked.cast(), size_of_val(&given));
    assert_eq!(read, Ok(expected));
}
