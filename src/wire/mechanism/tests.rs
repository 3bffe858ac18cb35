use super::*;
use crate::wire::codec::{put as role, take as taken};

fn written(version: u8, kind: u64, parameter: Parameter) -> Result<Vec<u8>, Rv> {
    let mut output = Output::default();
    put(&mut output, version, &Mechanism { kind, parameter })?;
    Ok(output.as_slice().to_vec())
}

fn read(version: u8, bytes: &[u8]) -> Result<(Mechanism, bool), Fault> {
    let mut input = Input::new(bytes);
    let mechanism = take(&mut input, version)?;
    Ok((mechanism, input.end().is_ok()))
}

const PSS: Parameter = Parameter::Pss { hash: 1, mgf: 2, salt: 3 };

#[test]
fn forms_differ_by_version_as_published() {
    let none = |version| written(version, 0x40, Parameter::None).unwrap();
    assert_eq!(none(0), [0, 0, 0, 0x40, 255, 255, 255, 255]);
    assert_eq!(none(1), none(0));
    assert_eq!(none(2), [0, 0, 0, 0x40]);
    let pss = |version| written(version, 0x0d, PSS).unwrap();
    assert_eq!(pss(0).len(), 4 + 24);
    assert_eq!(pss(1), pss(0));
    assert_eq!(pss(2).len(), 4 + 1 + 24);
    assert_eq!(pss(2)[4], 1);
    assert_eq!(written(2, 0x0d, Parameter::None).unwrap(), [0, 0, 0, 0x0d, 0]);
    assert_eq!(written(1, 0x0d, Parameter::None), Err(MECHANISM_PARAM_INVALID));
}

#[test]
fn every_shape_comes_back_in_every_version_that_has_it() {
    let oaep = |label: &[u8]| Parameter::Oaep { hash: 1, mgf: 2, source: 3, label: label.into() };
    let gcm = |aad: &[u8]| Parameter::Gcm { iv: vec![7; 12], aad: aad.into(), tag_bits: 128 };
    let ecdh =
        |shared: &[u8]| Parameter::Ecdh { kdf: 1, shared: shared.into(), public: vec![4; 65] };
    for version in 0..=2 {
        for (kind, parameter, since) in [
            (0x40, Parameter::None, 0),
            (0x0d, PSS, 0),
            (0x43, PSS, 1),
            (0x09, oaep(b"label"), 0),
            (0x09, oaep(b""), 0),
            (0x1082, Parameter::Bytes(vec![1; 16]), 0),
            (0x133, Parameter::Bytes(vec![1; 8]), 0),
            (0x1086, Parameter::Bytes((0..24).collect()), 1),
            (0x252, Parameter::Bytes(vec![4, 0, 0, 0, 0, 0, 0, 0]), 1),
            (0x1087, gcm(b"data"), 1),
            (0x1087, gcm(b""), 1),
            (0x1050, ecdh(b"shared"), 1),
            (0x1050, ecdh(b""), 1),
        ] {
            let mechanism = Mechanism { kind, parameter: parameter.clone() };
            assert_eq!(listed(kind, version), version >= since, "{kind:#x} {version}");
            match written(version, kind, parameter) {
                Ok(bytes) => assert_eq!(read(version, &bytes), Ok((mechanism, true))),
                Err(code) => assert_eq!((code, version < since), (MECHANISM_INVALID, true)),
            }
        }
    }
}

#[test]
fn the_array_that_some_releases_leave_out_may_be_missing() {
    let both = [&[0, 0, 0, 0x40][..], &[0, 0, 0, 0x40, 255, 255, 255, 255]];
    for bytes in both {
        assert!(read(1, bytes).unwrap().1);
    }
    assert!(!read(2, both[1]).unwrap().1);
}

#[test]
fn what_is_not_on_the_list_or_has_the_wrong_form_is_refused() {
    let refused = |version, bytes: &[u8]| match read(version, bytes) {
        Err(Fault::Refused(code)) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(2, &[0x80, 0, 0, 1]), MECHANISM_INVALID);
    assert_eq!(refused(1, &[255; 4]), ARGUMENTS_BAD);
    assert_eq!(refused(0, &[0, 0, 0x10, 0x82, 0, 0, 0, 1, 7]), MECHANISM_PARAM_INVALID);
    assert_eq!(refused(0, &[0, 0, 0x10, 0x82, 255, 255, 255, 255]), MECHANISM_PARAM_INVALID);
    let mut counter = vec![0, 0, 0x10, 0x86, 1, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 15];
    counter.extend([0; 15]);
    assert_eq!(refused(2, &counter), MECHANISM_PARAM_INVALID);
    // CKM_AES_KEY_WRAP, CKM_HKDF_DERIVE, CKM_SHA3_256 and CKM_EDDSA are not on p11-kit's list.
    for kind in [0x2109, 0x402a, 0x2b0, 0x1057, 0x8000_0001, u64::MAX] {
        assert!(!listed(kind, 2), "{kind:#x}");
        assert_eq!(written(2, kind, Parameter::None), Err(MECHANISM_INVALID), "{kind:#x}");
    }
    assert_eq!(written(2, 0x1087, Parameter::Bytes(vec![0; 48])), Err(MECHANISM_PARAM_INVALID));
    assert_eq!(written(2, 0x1086, Parameter::Bytes(vec![0; 23])), Err(MECHANISM_PARAM_INVALID));
    assert_eq!(written(2, 0x252, Parameter::Bytes(vec![0; 7])), Err(MECHANISM_PARAM_INVALID));
    assert_eq!(written(2, 0x40, Parameter::Bytes(vec![0])), Err(MECHANISM_PARAM_INVALID));
    assert_eq!(written(2, 0x1082, Parameter::Bytes(vec![0; 8])), Err(MECHANISM_PARAM_INVALID));
}

#[test]
fn gcm_and_ecdh_are_written_as_published() {
    let gcm = Parameter::Gcm { iv: vec![7; 2], aad: vec![9], tag_bits: 96 };
    let expected = [
        &[0, 0, 0x10, 0x87][..],
        &[0, 0, 0, 2, 7, 7],
        &[0, 0, 0, 0, 0, 0, 0, 16],
        &[0, 0, 0, 1, 9],
        &[0, 0, 0, 0, 0, 0, 0, 96],
    ]
    .concat();
    assert_eq!(written(1, 0x1087, gcm).unwrap(), expected);
    let ecdh = Parameter::Ecdh { kdf: 1, shared: Vec::new(), public: vec![4, 5] };
    let expected = [
        &[0, 0, 0x10, 0x50, 1][..],
        &[0, 0, 0, 0, 0, 0, 0, 1],
        &[255, 255, 255, 255],
        &[0, 0, 0, 2, 4, 5],
    ]
    .concat();
    assert_eq!(written(2, 0x1050, ecdh).unwrap(), expected);
}

#[test]
fn every_cut_of_a_parameter_is_malformed() {
    for (version, kind, parameter) in [
        (0, 0x0d, PSS),
        (2, 0x0d, PSS),
        (2, 0x252, Parameter::Bytes(vec![1; 8])),
        (1, 0x1087, Parameter::Gcm { iv: vec![1; 12], aad: vec![2; 3], tag_bits: 128 }),
        (2, 0x1050, Parameter::Ecdh { kdf: 1, shared: vec![1], public: vec![4; 65] }),
    ] {
        let bytes = written(version, kind, parameter).unwrap();
        for length in 0..bytes.len() {
            assert_eq!(read(version, &bytes[..length]), Err(Fault::Malformed), "{length}");
        }
    }
    // The roles of the table go the same way.
    let cx = crate::wire::cx::Cx::server(2);
    let mut output = Output::default();
    let mechanism = Mechanism { kind: 0x0d, parameter: PSS };
    role::mechanism(&mut output, cx, &mechanism).unwrap();
    let mut input = Input::new(output.as_slice());
    assert_eq!(taken::mechanism(&mut input, cx), Ok(mechanism));
}
