//! A client that calls the C functions as an application does, and gives back bytes or the code.

use crate::face::{Face, call, newest};
use cryptoki_sys::*;
use std::{ffi::c_void, ptr::null_mut};

/// A mechanism's parameter, with what its pointers lead to.
pub(crate) enum Given {
    None,
    Bytes(Vec<u8>),
    Number(CK_ULONG),
    Counter(CK_ULONG, [u8; 16]),
    Gcm { iv: Vec<u8>, aad: Vec<u8>, tag_bits: CK_ULONG },
    Pss { hash: CK_ULONG, mgf: CK_ULONG, salt: CK_ULONG },
    Oaep { hash: CK_ULONG, mgf: CK_ULONG, label: Vec<u8> },
    Ecdh { kdf: CK_ULONG, shared: Vec<u8>, point: Vec<u8> },
    Hkdf { hash: CK_ULONG, salt: Vec<u8>, info: Vec<u8> },
}

pub(crate) struct Client {
    pub(crate) face: Face,
    pub(crate) session: CK_SESSION_HANDLE,
}

pub(crate) type Answer = Result<Vec<u8>, CK_RV>;

fn length(bytes: &[u8]) -> CK_ULONG {
    CK_ULONG::try_from(bytes.len()).unwrap()
}

fn pointer(bytes: &[u8]) -> *mut u8 {
    if bytes.is_empty() { null_mut() } else { bytes.as_ptr().cast_mut() }
}

/// Calls with a mechanism that lives as long as the call.
fn with<T>(kind: CK_ULONG, given: &Given, work: impl FnOnce(*mut CK_MECHANISM) -> T) -> T {
    fn go<P, T>(
        kind: CK_ULONG,
        mut parameter: P,
        size: usize,
        work: impl FnOnce(*mut CK_MECHANISM) -> T,
    ) -> T {
        let mut mechanism = CK_MECHANISM {
            mechanism: kind,
            pParameter: (&raw mut parameter).cast(),
            ulParameterLen: CK_ULONG::try_from(size).unwrap(),
        };
        work(&raw mut mechanism)
    }
    match given {
        Given::None => go(kind, (), 0, work),
        Given::Bytes(bytes) => {
            let mut mechanism = CK_MECHANISM {
                mechanism: kind,
                pParameter: pointer(bytes).cast(),
                ulParameterLen: length(bytes),
            };
            work(&raw mut mechanism)
        }
        Given::Number(number) => go(kind, *number, size_of::<CK_ULONG>(), work),
        Given::Counter(bits, block) => {
            let parameter = CK_AES_CTR_PARAMS { ulCounterBits: *bits, cb: *block };
            go(kind, parameter, size_of::<CK_AES_CTR_PARAMS>(), work)
        }
        Given::Gcm { iv, aad, tag_bits } => {
            let parameter = CK_GCM_PARAMS {
                pIv: pointer(iv),
                ulIvLen: length(iv),
                ulIvBits: length(iv) * 8,
                pAAD: pointer(aad),
                ulAADLen: length(aad),
                ulTagBits: *tag_bits,
            };
            go(kind, parameter, size_of::<CK_GCM_PARAMS>(), work)
        }
        Given::Pss { hash, mgf, salt } => {
            let parameter = CK_RSA_PKCS_PSS_PARAMS { hashAlg: *hash, mgf: *mgf, sLen: *salt };
            go(kind, parameter, size_of::<CK_RSA_PKCS_PSS_PARAMS>(), work)
        }
        Given::Oaep { hash, mgf, label } => {
            let parameter = CK_RSA_PKCS_OAEP_PARAMS {
                hashAlg: *hash,
                mgf: *mgf,
                source: CKZ_DATA_SPECIFIED,
                pSourceData: pointer(label).cast(),
                ulSourceDataLen: length(label),
            };
            go(kind, parameter, size_of::<CK_RSA_PKCS_OAEP_PARAMS>(), work)
        }
        Given::Ecdh { kdf, shared, point } => {
            let parameter = CK_ECDH1_DERIVE_PARAMS {
                kdf: *kdf,
                ulSharedDataLen: length(shared),
                pSharedData: pointer(shared),
                ulPublicDataLen: length(point),
                pPublicData: pointer(point),
            };
            go(kind, parameter, size_of::<CK_ECDH1_DERIVE_PARAMS>(), work)
        }
        Given::Hkdf { hash, salt, info } => {
            let parameter = CK_HKDF_PARAMS {
                bExtract: 1,
                bExpand: 1,
                prfHashMechanism: *hash,
                ulSaltType: if salt.is_empty() { CKF_HKDF_SALT_NULL } else { CKF_HKDF_SALT_DATA },
                pSalt: pointer(salt),
                ulSaltLen: length(salt),
                hSaltKey: 0,
                pInfo: pointer(info),
                ulInfoLen: length(info),
            };
            go(kind, parameter, size_of::<CK_HKDF_PARAMS>(), work)
        }
    }
}

fn template(attributes: &[(CK_ULONG, Vec<u8>)]) -> Vec<CK_ATTRIBUTE> {
    attributes
        .iter()
        .map(|(kind, value)| CK_ATTRIBUTE {
            type_: *kind,
            pValue: value.as_ptr().cast_mut().cast::<c_void>(),
            ulValueLen: length(value),
        })
        .collect()
}

pub(crate) fn number(value: CK_ULONG) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

fn told<T>(rv: CK_RV, value: T) -> Result<T, CK_RV> {
    if rv == CKR_OK { Ok(value) } else { Err(rv) }
}

/// Asks for the length, tries with no room at all, and then takes all of it (section 5.2).
fn taken(mut function: impl FnMut(*mut u8, *mut CK_ULONG) -> CK_RV) -> Answer {
    let mut needed = 0;
    told(function(null_mut(), &raw mut needed), ())?;
    let mut output = vec![0xee; usize::try_from(needed).unwrap() + 1];
    let mut size = 0;
    match function(output.as_mut_ptr(), &raw mut size) {
        // What is told is exact, or a bound that a padding makes.
        CKR_BUFFER_TOO_SMALL => assert!(size > 0 && size <= needed, "{size} of {needed}"),
        // There was nothing to give.
        CKR_OK => {
            assert_eq!((size, output[0]), (0, 0xee));
            return Ok(Vec::new());
        }
        rv => return Err(rv),
    }
    size = needed;
    told(function(output.as_mut_ptr(), &raw mut size), ())?;
    assert_eq!(output.pop(), Some(0xee), "more was written than was told");
    output.truncate(usize::try_from(size).unwrap());
    Ok(output)
}

/// What begins with a mechanism and a key, and takes all of its data in one call.
macro_rules! in_one_call {
    ($($name:ident: $init:ident, $call:ident;)*) => {$(
        pub(crate) fn $name(
            &self,
            (kind, given): (CK_ULONG, &Given),
            key: CK_OBJECT_HANDLE,
            data: &[u8],
        ) -> Answer {
            let rv =
                with(kind, given, |mechanism| call!(self.face, $init(self.session, mechanism, key)));
            told(rv, ())?;
            taken(|output, size| {
                call!(self.face, $call(self.session, pointer(data), length(data), output, size))
            })
        }
    )*};
}

impl Client {
    pub(crate) fn new() -> Self {
        let face = Face::initialized();
        let session = face.open();
        Self { face, session }
    }

    pub(crate) fn create(
        &self,
        attributes: &[(CK_ULONG, Vec<u8>)],
    ) -> Result<CK_OBJECT_HANDLE, CK_RV> {
        let mut template = template(attributes);
        let mut handle = 0;
        let rv = call!(
            self.face,
            C_CreateObject(
                self.session,
                template.as_mut_ptr(),
                CK_ULONG::try_from(template.len()).unwrap(),
                &raw mut handle
            )
        );
        told(rv, handle)
    }

    /// A secret key of this type for everything.
    pub(crate) fn secret(&self, key_type: CK_ULONG, value: &[u8]) -> CK_OBJECT_HANDLE {
        let mut all = vec![
            (CKA_CLASS, number(CKO_SECRET_KEY)),
            (CKA_KEY_TYPE, number(key_type)),
            (CKA_VALUE, value.to_vec()),
            (CKA_DERIVE, vec![1]),
        ];
        let uses = [CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_SIGN, CKA_VERIFY];
        all.extend(uses.map(|kind| (kind, vec![1])));
        self.create(&all).unwrap()
    }

    pub(crate) fn destroy(&self, object: CK_OBJECT_HANDLE) {
        assert_eq!(call!(self.face, C_DestroyObject(self.session, object)), CKR_OK);
    }

    pub(crate) fn value(&self, object: CK_OBJECT_HANDLE) -> Vec<u8> {
        let mut value = vec![0; 8192];
        let mut wanted =
            CK_ATTRIBUTE { type_: CKA_VALUE, pValue: value.as_mut_ptr().cast(), ulValueLen: 8192 };
        let rv = call!(self.face, C_GetAttributeValue(self.session, object, &raw mut wanted, 1));
        assert_eq!(rv, CKR_OK);
        let told = wanted.ulValueLen;
        value.truncate(usize::try_from(told).unwrap());
        value
    }

    in_one_call! {
        encrypt: C_EncryptInit, C_Encrypt;
        decrypt: C_DecryptInit, C_Decrypt;
        sign: C_SignInit, C_Sign;
    }

    /// In pieces of this many bytes.
    pub(crate) fn decrypt_pieces(
        &self,
        (kind, given): (CK_ULONG, &Given),
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        piece: usize,
    ) -> Answer {
        let rv = with(kind, given, |mechanism| {
            call!(self.face, C_DecryptInit(self.session, mechanism, key))
        });
        told(rv, ())?;
        let mut all = Vec::new();
        for part in data.chunks(piece) {
            all.extend(taken(|output, size| {
                let (part, count) = (pointer(part), length(part));
                call!(self.face, C_DecryptUpdate(self.session, part, count, output, size))
            })?);
        }
        all.extend(taken(|output, size| {
            call!(self.face, C_DecryptFinal(self.session, output, size))
        })?);
        Ok(all)
    }

    pub(crate) fn digest(&self, kind: CK_ULONG, data: &[u8]) -> Answer {
        let rv = with(kind, &Given::None, |mechanism| {
            call!(self.face, C_DigestInit(self.session, mechanism))
        });
        told(rv, ())?;
        taken(|output, size| {
            call!(self.face, C_Digest(self.session, pointer(data), length(data), output, size))
        })
    }

    /// By C_Verify and by C_VerifySignature, which must say the same.
    pub(crate) fn verify(
        &self,
        (kind, given): (CK_ULONG, &Given),
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        signature: &[u8],
    ) -> CK_RV {
        let (face, session) = (&self.face, self.session);
        let begun = with(kind, given, |by| call!(face, C_VerifyInit(session, by, key)));
        let found = match begun {
            CKR_OK => call!(
                face,
                C_Verify(
                    session,
                    pointer(data),
                    length(data),
                    pointer(signature),
                    length(signature)
                )
            ),
            rv => rv,
        };
        let (sign, size) = (pointer(signature), length(signature));
        let begun = with(kind, given, |by| {
            newest!(face, C_VerifySignatureInit(session, by, key, sign, size))
        });
        let again = match begun {
            CKR_OK => {
                newest!(face, C_VerifySignature(session, pointer(data), length(data)))
            }
            rv => rv,
        };
        assert_eq!(found, again);
        found
    }

    pub(crate) fn unwrap(
        &self,
        (kind, given): (CK_ULONG, &Given),
        key: CK_OBJECT_HANDLE,
        wrapped: &[u8],
        attributes: &[(CK_ULONG, Vec<u8>)],
    ) -> Result<CK_OBJECT_HANDLE, CK_RV> {
        let mut template = template(attributes);
        let count = CK_ULONG::try_from(template.len()).unwrap();
        let (mut handle, first) = (0, template.as_mut_ptr());
        let rv = with(kind, given, |by| {
            call!(
                self.face,
                C_UnwrapKey(
                    self.session,
                    by,
                    key,
                    pointer(wrapped),
                    length(wrapped),
                    first,
                    count,
                    &raw mut handle
                )
            )
        });
        told(rv, handle)
    }

    pub(crate) fn wrap(
        &self,
        (kind, given): (CK_ULONG, &Given),
        wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
    ) -> Answer {
        taken(|output, size| {
            with(kind, given, |by| {
                call!(self.face, C_WrapKey(self.session, by, wrapping, key, output, size))
            })
        })
    }

    pub(crate) fn derive(
        &self,
        (kind, given): (CK_ULONG, &Given),
        base: CK_OBJECT_HANDLE,
        attributes: &[(CK_ULONG, Vec<u8>)],
    ) -> Result<CK_OBJECT_HANDLE, CK_RV> {
        let mut template = template(attributes);
        let count = CK_ULONG::try_from(template.len()).unwrap();
        let (mut handle, first) = (0, template.as_mut_ptr());
        let rv = with(kind, given, |by| {
            call!(self.face, C_DeriveKey(self.session, by, base, first, count, &raw mut handle))
        });
        told(rv, handle)
    }
}
