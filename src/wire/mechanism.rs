//! CK_MECHANISM on the wire, type code `M`: the allow-list of mechanisms and how each one's parameter is written.
//!
//! | version | no parameter possible | parameter possible |
//! |---|---|---|
//! | 0, 1 | type, NULL array (0.25.3 to 0.25.5 leave the array out) | type, parameter |
//! | 2 | type | type, one byte whether there is a parameter, parameter |
//!
//! The pointer NULL, which cancels an operation in PKCS#11 3.0, is a type of its own and is no mechanism of 2.40.

use super::{
    bytes::{ABSENT, Input, Malformed, Output},
    cx::{ARGUMENTS_BAD, Fault, MECHANISM_INVALID, MECHANISM_PARAM_INVALID},
};
use crate::pkcs11::{Mechanism, MechanismType, Parameter, Rv};
use cryptoki_sys::*;

/// CKM_RSA_PKCS_PSS, as wide as a mechanism's type is here.
const PLAIN_PSS: MechanismType = 0x0d;
/// The type that stands for a NULL pointer.
const NULL_MECHANISM: u32 = u32::MAX;

/// How a mechanism's parameter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// It has none.
    None,
    /// CK_RSA_PKCS_PSS_PARAMS: hash, mask, salt length.
    Pss,
    /// CK_RSA_PKCS_OAEP_PARAMS: hash, mask, source, label.
    Oaep,
    /// An initial value of so many bytes.
    Iv(usize),
    /// CK_AES_CTR_PARAMS: counter bits, counter block.
    Counter,
    /// CK_GCM_PARAMS: initial value, its length in bits, additional data, bits of the tag.
    Gcm,
    /// CK_ECDH1_DERIVE_PARAMS: derivation function, shared data, public point.
    Ecdh,
    /// CK_MAC_GENERAL_PARAMS: a length.
    Number,
}

/// The mechanism's shape, or `None` where it does not go over the wire at all.
pub(crate) fn shape(kind: MechanismType) -> Option<Shape> {
    let kind = CK_MECHANISM_TYPE::try_from(kind).ok()?;
    Some(match kind {
        CKM_RSA_PKCS_PSS
        | CKM_SHA1_RSA_PKCS_PSS
        | CKM_SHA224_RSA_PKCS_PSS
        | CKM_SHA256_RSA_PKCS_PSS
        | CKM_SHA384_RSA_PKCS_PSS
        | CKM_SHA512_RSA_PKCS_PSS => Shape::Pss,
        CKM_RSA_PKCS_OAEP => Shape::Oaep,
        CKM_AES_CBC | CKM_AES_CBC_PAD | CKM_AES_OFB | CKM_AES_CFB1 | CKM_AES_CFB8
        | CKM_AES_CFB64 | CKM_AES_CFB128 | CKM_AES_CTS => Shape::Iv(16),
        CKM_DES_CBC | CKM_DES_CBC_PAD | CKM_DES3_CBC | CKM_DES3_CBC_PAD => Shape::Iv(8),
        CKM_AES_CTR => Shape::Counter,
        CKM_SHA_1_HMAC_GENERAL
        | CKM_SHA224_HMAC_GENERAL
        | CKM_SHA256_HMAC_GENERAL
        | CKM_SHA384_HMAC_GENERAL
        | CKM_SHA512_HMAC_GENERAL
        | CKM_AES_MAC_GENERAL
        | CKM_AES_CMAC_GENERAL
        | CKM_DES3_MAC_GENERAL => Shape::Number,
        CKM_AES_GCM => Shape::Gcm,
        CKM_ECDH1_DERIVE => Shape::Ecdh,
        CKM_RSA_PKCS_KEY_PAIR_GEN
        | CKM_RSA_PKCS
        | CKM_RSA_9796
        | CKM_RSA_X_509
        | CKM_MD5_RSA_PKCS
        | CKM_SHA1_RSA_PKCS
        | CKM_SHA224_RSA_PKCS
        | CKM_SHA256_RSA_PKCS
        | CKM_SHA384_RSA_PKCS
        | CKM_SHA512_RSA_PKCS
        | CKM_RSA_X9_31_KEY_PAIR_GEN
        | CKM_RSA_X9_31
        | CKM_SHA1_RSA_X9_31
        | CKM_DSA_KEY_PAIR_GEN
        | CKM_DSA
        | CKM_DSA_SHA1
        | CKM_EC_KEY_PAIR_GEN
        | CKM_ECDSA
        | CKM_ECDSA_SHA1
        | CKM_ECDSA_SHA224
        | CKM_ECDSA_SHA256
        | CKM_ECDSA_SHA384
        | CKM_ECDSA_SHA512
        | CKM_EC_EDWARDS_KEY_PAIR_GEN
        | CKM_DH_PKCS_KEY_PAIR_GEN
        | CKM_DH_PKCS_PARAMETER_GEN
        | CKM_GENERIC_SECRET_KEY_GEN
        | CKM_AES_KEY_GEN
        | CKM_AES_ECB
        | CKM_AES_MAC
        | CKM_AES_CMAC
        | CKM_DES_KEY_GEN
        | CKM_DES2_KEY_GEN
        | CKM_DES3_KEY_GEN
        | CKM_DES_ECB
        | CKM_DES3_ECB
        | CKM_DES_MAC
        | CKM_DES3_MAC
        | CKM_DES3_CMAC
        | CKM_MD5
        | CKM_MD5_HMAC
        | CKM_SHA_1
        | CKM_SHA_1_HMAC
        | CKM_SHA1_KEY_DERIVATION
        | CKM_SHA224
        | CKM_SHA224_HMAC
        | CKM_SHA224_KEY_DERIVATION
        | CKM_SHA256
        | CKM_SHA256_HMAC
        | CKM_SHA256_KEY_DERIVATION
        | CKM_SHA384
        | CKM_SHA384_HMAC
        | CKM_SHA384_KEY_DERIVATION
        | CKM_SHA512
        | CKM_SHA512_HMAC
        | CKM_SHA512_KEY_DERIVATION
        | CKM_RIPEMD160
        | CKM_RIPEMD160_HMAC => Shape::None,
        _ => return None,
    })
}

/// Whether a mechanism can be used over a wire of this version, as C_GetMechanismList tells.
///
/// Peers of version 0 know two mechanisms with structures, CKM_RSA_PKCS_PSS and CKM_RSA_PKCS_OAEP, and take all other
/// parameters for an array of bytes.
pub(crate) fn listed(kind: MechanismType, version: u8) -> bool {
    match shape(kind) {
        None => false,
        Some(Shape::None | Shape::Oaep | Shape::Iv(_)) => true,
        Some(Shape::Pss) => version > 0 || kind == PLAIN_PSS,
        Some(Shape::Counter | Shape::Gcm | Shape::Ecdh | Shape::Number) => version > 0,
    }
}

/// Writes a mechanism.
///
/// # Errors
///
/// CKR_MECHANISM_INVALID for one that is not on the list, CKR_MECHANISM_PARAM_INVALID for a parameter that cannot be written.
pub(crate) fn put(output: &mut Output, version: u8, mechanism: &Mechanism) -> Result<(), Rv> {
    let shape = shape(mechanism.kind).ok_or(MECHANISM_INVALID)?;
    let kind = u32::try_from(mechanism.kind).map_err(|_| MECHANISM_INVALID)?;
    if !listed(mechanism.kind, version) {
        return Err(MECHANISM_INVALID);
    }
    output.word(kind);
    if shape == Shape::None {
        if mechanism.parameter != Parameter::None {
            return Err(MECHANISM_PARAM_INVALID);
        }
        if version < 2 {
            output.word(ABSENT);
        }
        return Ok(());
    }
    if version >= 2 {
        output.byte(u8::from(mechanism.parameter != Parameter::None));
        if mechanism.parameter == Parameter::None {
            return Ok(());
        }
    }
    put_parameter(output, shape, &mechanism.parameter)
}

fn put_parameter(output: &mut Output, shape: Shape, parameter: &Parameter) -> Result<(), Rv> {
    let invalid = |_: Malformed| MECHANISM_PARAM_INVALID;
    match (shape, parameter) {
        (Shape::Pss, Parameter::Pss { hash, mgf, salt }) => {
            for number in [hash, mgf, salt] {
                output.long(*number);
            }
            Ok(())
        }
        (Shape::Oaep, Parameter::Oaep { hash, mgf, source, label }) => {
            for number in [hash, mgf, source] {
                output.long(*number);
            }
            output.array((!label.is_empty()).then_some(label)).map_err(invalid)
        }
        (Shape::Iv(length), Parameter::Bytes(bytes)) if bytes.len() == length => {
            output.array(Some(bytes)).map_err(invalid)
        }
        (Shape::Counter, Parameter::Bytes(bytes)) => {
            let (bits, block) = bytes.split_first_chunk::<8>().ok_or(MECHANISM_PARAM_INVALID)?;
            if block.len() != 16 {
                return Err(MECHANISM_PARAM_INVALID);
            }
            output.long(u64::from_le_bytes(*bits));
            output.array(Some(block)).map_err(invalid)
        }
        (Shape::Gcm, Parameter::Gcm { iv, aad, tag_bits }) => {
            let bits = u64::try_from(iv.len()).map_or(u64::MAX, |length| length.saturating_mul(8));
            output.array(Some(iv)).map_err(invalid)?;
            output.long(bits);
            output.array((!aad.is_empty()).then_some(aad)).map_err(invalid)?;
            output.long(*tag_bits);
            Ok(())
        }
        (Shape::Ecdh, Parameter::Ecdh { kdf, shared, public }) => {
            output.long(*kdf);
            output.array((!shared.is_empty()).then_some(shared)).map_err(invalid)?;
            output.array(Some(public)).map_err(invalid)
        }
        (Shape::Number, Parameter::Bytes(bytes)) => {
            let number: [u8; 8] =
                bytes.as_slice().try_into().map_err(|_| MECHANISM_PARAM_INVALID)?;
            output.long(u64::from_le_bytes(number));
            Ok(())
        }
        _ => Err(MECHANISM_PARAM_INVALID),
    }
}

/// Reads a mechanism.
///
/// # Errors
///
/// [`Fault::Refused`] with CKR_MECHANISM_INVALID or CKR_MECHANISM_PARAM_INVALID for what cannot be read, or CKR_ARGUMENTS_BAD
/// for the pointer NULL; [`Fault::Malformed`] where bytes are missing.
pub(crate) fn take(input: &mut Input<'_>, version: u8) -> Result<Mechanism, Fault> {
    let kind = input.word()?;
    if kind == NULL_MECHANISM {
        return Err(Fault::Refused(ARGUMENTS_BAD));
    }
    let kind = u64::from(kind);
    let shape = shape(kind).ok_or(Fault::Refused(MECHANISM_INVALID))?;
    if shape == Shape::None {
        if version < 2 {
            input.skip_word(ABSENT);
        }
        return Ok(Mechanism { kind, parameter: Parameter::None });
    }
    if version >= 2 && input.byte()? == 0 {
        return Ok(Mechanism { kind, parameter: Parameter::None });
    }
    Ok(Mechanism { kind, parameter: take_parameter(input, shape)? })
}

fn take_parameter(input: &mut Input<'_>, shape: Shape) -> Result<Parameter, Fault> {
    Ok(match shape {
        Shape::None => Parameter::None,
        Shape::Pss => {
            Parameter::Pss { hash: input.long()?, mgf: input.long()?, salt: input.long()? }
        }
        Shape::Oaep => Parameter::Oaep {
            hash: input.long()?,
            mgf: input.long()?,
            source: input.long()?,
            label: input.array()?.unwrap_or_default().to_vec(),
        },
        Shape::Iv(length) => match input.array()? {
            Some(bytes) if bytes.len() == length => Parameter::Bytes(bytes.to_vec()),
            _ => return Err(Fault::Refused(MECHANISM_PARAM_INVALID)),
        },
        Shape::Counter => {
            let bits = input.long()?;
            match input.array()? {
                Some(block) if block.len() == 16 => {
                    Parameter::Bytes([&bits.to_le_bytes(), block].concat())
                }
                _ => return Err(Fault::Refused(MECHANISM_PARAM_INVALID)),
            }
        }
        Shape::Gcm => {
            let iv = input.array()?.unwrap_or_default().to_vec();
            // The length of the initial value in bits, which its length in bytes says already.
            input.long()?;
            let aad = input.array()?.unwrap_or_default().to_vec();
            Parameter::Gcm { iv, aad, tag_bits: input.long()? }
        }
        Shape::Ecdh => Parameter::Ecdh {
            kdf: input.long()?,
            shared: input.array()?.unwrap_or_default().to_vec(),
            public: input.array()?.unwrap_or_default().to_vec(),
        },
        Shape::Number => Parameter::Bytes(input.long()?.to_le_bytes().to_vec()),
    })
}

#[cfg(test)]
mod tests;
