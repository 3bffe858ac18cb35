//! All mechanisms, in the order in which C_GetMechanismList tells them.

use super::{Aes, Recipe, Row};
use crate::{crypto::Hash, pkcs11::ck::*};
use Hash::*;

const PAIR: u64 = CKF_GENERATE_KEY_PAIR;
const MAKE: u64 = CKF_GENERATE;
const SIGN: u64 = CKF_SIGN | CKF_VERIFY;
const RECOVER: u64 = CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER;
const CIPHER: u64 = CKF_ENCRYPT | CKF_DECRYPT;
const WRAP: u64 = CKF_WRAP | CKF_UNWRAP;
const CURVES: u64 = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;

const fn row(kind: u64, recipe: Recipe, flags: u64) -> Row {
    Row { kind, recipe, flags }
}

#[rustfmt::skip]
pub(super) static TABLE: [Row; 66] = [
    // Current mechanisms 3.1 section 2.1, RSA.
    row(CKM_RSA_PKCS_KEY_PAIR_GEN, Recipe::RsaPair, PAIR),
    row(CKM_RSA_PKCS, Recipe::Pkcs1Raw, SIGN | RECOVER | CIPHER | WRAP),
    row(CKM_RSA_X_509, Recipe::RsaRaw, SIGN | RECOVER | CIPHER),
    row(CKM_RSA_PKCS_OAEP, Recipe::Oaep, CIPHER | WRAP),
    row(CKM_SHA1_RSA_PKCS, Recipe::Pkcs1(Sha1), SIGN),
    row(CKM_SHA224_RSA_PKCS, Recipe::Pkcs1(Sha224), SIGN),
    row(CKM_SHA256_RSA_PKCS, Recipe::Pkcs1(Sha256), SIGN),
    row(CKM_SHA384_RSA_PKCS, Recipe::Pkcs1(Sha384), SIGN),
    row(CKM_SHA512_RSA_PKCS, Recipe::Pkcs1(Sha512), SIGN),
    row(CKM_RSA_PKCS_PSS, Recipe::PssRaw, SIGN),
    row(CKM_SHA1_RSA_PKCS_PSS, Recipe::Pss(Sha1), SIGN),
    row(CKM_SHA224_RSA_PKCS_PSS, Recipe::Pss(Sha224), SIGN),
    row(CKM_SHA256_RSA_PKCS_PSS, Recipe::Pss(Sha256), SIGN),
    row(CKM_SHA384_RSA_PKCS_PSS, Recipe::Pss(Sha384), SIGN),
    row(CKM_SHA512_RSA_PKCS_PSS, Recipe::Pss(Sha512), SIGN),
    // Section 2.3, elliptic curves.
    row(CKM_EC_KEY_PAIR_GEN, Recipe::EcPair, PAIR | CURVES),
    row(CKM_ECDSA, Recipe::EcdsaRaw, SIGN | CURVES),
    row(CKM_ECDSA_SHA1, Recipe::Ecdsa(Sha1), SIGN | CURVES),
    row(CKM_ECDSA_SHA224, Recipe::Ecdsa(Sha224), SIGN | CURVES),
    row(CKM_ECDSA_SHA256, Recipe::Ecdsa(Sha256), SIGN | CURVES),
    row(CKM_ECDSA_SHA384, Recipe::Ecdsa(Sha384), SIGN | CURVES),
    row(CKM_ECDSA_SHA512, Recipe::Ecdsa(Sha512), SIGN | CURVES),
    row(CKM_ECDH1_DERIVE, Recipe::Ecdh, CKF_DERIVE | CURVES),
    row(CKM_ECDH1_COFACTOR_DERIVE, Recipe::Ecdh, CKF_DERIVE | CURVES),
    // Sections 2.20 to 2.26, SHA-1 and SHA-2; 2.28 to 2.31, SHA-3.
    row(CKM_SHA_1, Recipe::Digest(Sha1), CKF_DIGEST),
    row(CKM_SHA224, Recipe::Digest(Sha224), CKF_DIGEST),
    row(CKM_SHA256, Recipe::Digest(Sha256), CKF_DIGEST),
    row(CKM_SHA384, Recipe::Digest(Sha384), CKF_DIGEST),
    row(CKM_SHA512, Recipe::Digest(Sha512), CKF_DIGEST),
    row(CKM_SHA3_224, Recipe::Digest(Sha3_224), CKF_DIGEST),
    row(CKM_SHA3_256, Recipe::Digest(Sha3_256), CKF_DIGEST),
    row(CKM_SHA3_384, Recipe::Digest(Sha3_384), CKF_DIGEST),
    row(CKM_SHA3_512, Recipe::Digest(Sha3_512), CKF_DIGEST),
    row(CKM_SHA_1_HMAC, Recipe::Hmac(Sha1), SIGN),
    row(CKM_SHA224_HMAC, Recipe::Hmac(Sha224), SIGN),
    row(CKM_SHA256_HMAC, Recipe::Hmac(Sha256), SIGN),
    row(CKM_SHA384_HMAC, Recipe::Hmac(Sha384), SIGN),
    row(CKM_SHA512_HMAC, Recipe::Hmac(Sha512), SIGN),
    row(CKM_SHA3_224_HMAC, Recipe::Hmac(Sha3_224), SIGN),
    row(CKM_SHA3_256_HMAC, Recipe::Hmac(Sha3_256), SIGN),
    row(CKM_SHA3_384_HMAC, Recipe::Hmac(Sha3_384), SIGN),
    row(CKM_SHA3_512_HMAC, Recipe::Hmac(Sha3_512), SIGN),
    row(CKM_SHA_1_HMAC_GENERAL, Recipe::HmacGeneral(Sha1), SIGN),
    row(CKM_SHA224_HMAC_GENERAL, Recipe::HmacGeneral(Sha224), SIGN),
    row(CKM_SHA256_HMAC_GENERAL, Recipe::HmacGeneral(Sha256), SIGN),
    row(CKM_SHA384_HMAC_GENERAL, Recipe::HmacGeneral(Sha384), SIGN),
    row(CKM_SHA512_HMAC_GENERAL, Recipe::HmacGeneral(Sha512), SIGN),
    row(CKM_SHA3_224_HMAC_GENERAL, Recipe::HmacGeneral(Sha3_224), SIGN),
    row(CKM_SHA3_256_HMAC_GENERAL, Recipe::HmacGeneral(Sha3_256), SIGN),
    row(CKM_SHA3_384_HMAC_GENERAL, Recipe::HmacGeneral(Sha3_384), SIGN),
    row(CKM_SHA3_512_HMAC_GENERAL, Recipe::HmacGeneral(Sha3_512), SIGN),
    // Section 2.8, generic secrets.
    row(CKM_GENERIC_SECRET_KEY_GEN, Recipe::GenericKey, MAKE),
    // Sections 2.11 to 2.13 and 2.16, AES, its MACs and key wrapping.
    row(CKM_AES_KEY_GEN, Recipe::AesKey, MAKE),
    row(CKM_AES_ECB, Recipe::Aes(Aes::Ecb), CIPHER | WRAP),
    row(CKM_AES_CBC, Recipe::Aes(Aes::Cbc), CIPHER | WRAP),
    row(CKM_AES_CBC_PAD, Recipe::Aes(Aes::CbcPad), CIPHER | WRAP),
    row(CKM_AES_CTR, Recipe::Aes(Aes::Ctr), CIPHER),
    row(CKM_AES_GCM, Recipe::Aes(Aes::Gcm), CIPHER | WRAP),
    row(CKM_AES_CMAC, Recipe::Cmac, SIGN),
    row(CKM_AES_CMAC_GENERAL, Recipe::CmacGeneral, SIGN),
    row(CKM_AES_KEY_WRAP, Recipe::Aes(Aes::Kw), CIPHER | WRAP),
    row(CKM_AES_KEY_WRAP_PAD, Recipe::Aes(Aes::Kwp), CIPHER | WRAP),
    row(CKM_AES_KEY_WRAP_KWP, Recipe::Aes(Aes::Kwp), CIPHER | WRAP),
    // Section 2.62, HKDF.
    row(CKM_HKDF_DERIVE, Recipe::Hkdf, CKF_DERIVE),
    row(CKM_HKDF_DATA, Recipe::HkdfData, CKF_DERIVE),
    row(CKM_HKDF_KEY_GEN, Recipe::HkdfKey, MAKE),
];
