//! The one table of mechanisms (PKCS#11 current mechanisms 2.40, sections 2.1, 2.3, 2.20 to 2.25).
//!
//! Lists, information and operations all read it; nothing else enumerates mechanisms.

use super::{Mechanism, MechanismInfo, MechanismType, Parameter, Result, ck::*};
use crate::crypto::{Hash, KeyKind, Scheme};

/// One mechanism.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) kind: MechanismType,
    recipe: Recipe,
    flags: u64,
}

/// What a mechanism makes of the application's bytes.
#[derive(Clone, Copy, Debug)]
enum Recipe {
    Digest(Hash),
    Pkcs1Raw,
    Pkcs1(Hash),
    PssRaw,
    Pss(Hash),
    EcdsaRaw,
    Ecdsa(Hash),
    KeyPair(Family),
}

/// The kind of key a mechanism works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Rsa,
    Ec,
}

/// A signature or verification, ready to begin: the scheme, and how the message becomes its data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) scheme: Scheme,
    pub(super) message: Intake,
}

/// How the message becomes the scheme's data.
#[derive(Clone, Copy, Debug)]
pub(super) enum Intake {
    /// It is hashed here.
    Hash(Hash),
    /// It is the data already, and may have so many bytes.
    Whole(usize),
}

/// Longest input of CKM_ECDSA, of which the leftmost bits are used.
const ECDSA_INPUT: usize = 1024;

const SIGN: u64 = CKF_SIGN | CKF_VERIFY;
const EC_CURVES: u64 = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
const EC: u64 = SIGN | EC_CURVES;

const fn row(kind: MechanismType, recipe: Recipe, flags: u64) -> Row {
    Row { kind, recipe, flags }
}

/// All mechanisms, in the order in which C_GetMechanismList tells them.
static TABLE: [Row; 25] = [
    row(CKM_RSA_PKCS_KEY_PAIR_GEN, Recipe::KeyPair(Family::Rsa), CKF_GENERATE_KEY_PAIR),
    row(CKM_EC_KEY_PAIR_GEN, Recipe::KeyPair(Family::Ec), EC_CURVES | CKF_GENERATE_KEY_PAIR),
    row(CKM_RSA_PKCS, Recipe::Pkcs1Raw, SIGN | CKF_ENCRYPT | CKF_DECRYPT),
    row(CKM_SHA1_RSA_PKCS, Recipe::Pkcs1(Hash::Sha1), SIGN),
    row(CKM_SHA224_RSA_PKCS, Recipe::Pkcs1(Hash::Sha224), SIGN),
    row(CKM_SHA256_RSA_PKCS, Recipe::Pkcs1(Hash::Sha256), SIGN),
    row(CKM_SHA384_RSA_PKCS, Recipe::Pkcs1(Hash::Sha384), SIGN),
    row(CKM_SHA512_RSA_PKCS, Recipe::Pkcs1(Hash::Sha512), SIGN),
    row(CKM_RSA_PKCS_PSS, Recipe::PssRaw, SIGN),
    row(CKM_SHA1_RSA_PKCS_PSS, Recipe::Pss(Hash::Sha1), SIGN),
    row(CKM_SHA224_RSA_PKCS_PSS, Recipe::Pss(Hash::Sha224), SIGN),
    row(CKM_SHA256_RSA_PKCS_PSS, Recipe::Pss(Hash::Sha256), SIGN),
    row(CKM_SHA384_RSA_PKCS_PSS, Recipe::Pss(Hash::Sha384), SIGN),
    row(CKM_SHA512_RSA_PKCS_PSS, Recipe::Pss(Hash::Sha512), SIGN),
    row(CKM_ECDSA, Recipe::EcdsaRaw, EC),
    row(CKM_ECDSA_SHA1, Recipe::Ecdsa(Hash::Sha1), EC),
    row(CKM_ECDSA_SHA224, Recipe::Ecdsa(Hash::Sha224), EC),
    row(CKM_ECDSA_SHA256, Recipe::Ecdsa(Hash::Sha256), EC),
    row(CKM_ECDSA_SHA384, Recipe::Ecdsa(Hash::Sha384), EC),
    row(CKM_ECDSA_SHA512, Recipe::Ecdsa(Hash::Sha512), EC),
    row(CKM_SHA_1, Recipe::Digest(Hash::Sha1), CKF_DIGEST),
    row(CKM_SHA224, Recipe::Digest(Hash::Sha224), CKF_DIGEST),
    row(CKM_SHA256, Recipe::Digest(Hash::Sha256), CKF_DIGEST),
    row(CKM_SHA384, Recipe::Digest(Hash::Sha384), CKF_DIGEST),
    row(CKM_SHA512, Recipe::Digest(Hash::Sha512), CKF_DIGEST),
];

/// The types of all mechanisms.
pub(super) fn all() -> Vec<MechanismType> {
    TABLE.iter().map(|row| row.kind).collect()
}

/// The mechanisms that go with a key of this family. Which hashes a card signs with which key is
/// its own policy, told when it is asked to sign.
pub(super) fn of_family(family: Family) -> impl Iterator<Item = MechanismType> {
    TABLE
        .iter()
        .filter(move |row| row.family() == Some(family) && row.flags & CKF_GENERATE_KEY_PAIR == 0)
        .map(|row| row.kind)
}

/// The mechanism of this type that does what `flag` says; CKR_MECHANISM_INVALID if there is none.
pub(super) fn find(kind: MechanismType, flag: u64) -> Result<&'static Row> {
    TABLE
        .iter()
        .find(|row| row.kind == kind && row.flags & flag == flag)
        .ok_or(CKR_MECHANISM_INVALID)
}

impl Family {
    pub(super) fn of(key: KeyKind) -> Self {
        match key {
            KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => Self::Rsa,
            KeyKind::P256 | KeyKind::P384 => Self::Ec,
        }
    }
}

/// Bytes of the modulus, or of the order.
pub(super) fn key_bytes(key: KeyKind) -> usize {
    match key {
        KeyKind::Rsa2048 => 256,
        KeyKind::Rsa3072 => 384,
        KeyKind::Rsa4096 => 512,
        KeyKind::P256 => 32,
        KeyKind::P384 => 48,
    }
}

/// Bytes of a signature by this kind of key.
pub(super) fn signature_bytes(key: KeyKind) -> usize {
    match Family::of(key) {
        Family::Rsa => key_bytes(key),
        Family::Ec => 2 * key_bytes(key),
    }
}

impl Row {
    /// CK_MECHANISM_INFO.
    pub(super) fn info(&self) -> MechanismInfo {
        let (min_key, max_key) = match self.family() {
            Some(Family::Rsa) => (2048, 4096),
            Some(Family::Ec) => (256, 384),
            None => (0, 0),
        };
        MechanismInfo { min_key, max_key, flags: self.flags }
    }

    fn family(&self) -> Option<Family> {
        match self.recipe {
            Recipe::Digest(_) => None,
            Recipe::Pkcs1Raw | Recipe::Pkcs1(_) | Recipe::PssRaw | Recipe::Pss(_) => {
                Some(Family::Rsa)
            }
            Recipe::EcdsaRaw | Recipe::Ecdsa(_) => Some(Family::Ec),
            Recipe::KeyPair(family) => Some(family),
        }
    }

    /// The hash of a digest mechanism.
    pub(super) fn digest(&self, mechanism: &Mechanism) -> Result<Hash> {
        no_parameter(mechanism)?;
        match self.recipe {
            Recipe::Digest(hash) => Ok(hash),
            _ => Err(CKR_MECHANISM_INVALID),
        }
    }

    /// RSAES-PKCS1-v1_5, the one cipher so far, with this kind of key.
    pub(super) fn cipher(&self, mechanism: &Mechanism, key: KeyKind) -> Result<()> {
        self.goes_with(key)?;
        no_parameter(mechanism)
    }

    /// The signature or verification that this mechanism is, with this kind of key.
    pub(super) fn plan(&self, mechanism: &Mechanism, key: KeyKind) -> Result<Plan> {
        self.goes_with(key)?;
        if !matches!(self.recipe, Recipe::PssRaw | Recipe::Pss(_)) {
            no_parameter(mechanism)?;
        }
        let (scheme, message) = match self.recipe {
            Recipe::Digest(_) | Recipe::KeyPair(_) => return Err(CKR_MECHANISM_INVALID),
            Recipe::Pkcs1Raw => (Scheme::Pkcs1Raw, Intake::Whole(key_bytes(key) - 11)),
            Recipe::Pkcs1(hash) => (Scheme::Pkcs1(hash), Intake::Hash(hash)),
            Recipe::PssRaw => {
                let (scheme, hash) = pss(&mechanism.parameter, key)?;
                (scheme, Intake::Whole(hash.len()))
            }
            Recipe::Pss(hash) => match pss(&mechanism.parameter, key)? {
                (scheme, named) if named == hash => (scheme, Intake::Hash(hash)),
                _ => return Err(CKR_MECHANISM_PARAM_INVALID),
            },
            Recipe::EcdsaRaw => (Scheme::Ecdsa, Intake::Whole(ECDSA_INPUT)),
            Recipe::Ecdsa(hash) => (Scheme::Ecdsa, Intake::Hash(hash)),
        };
        Ok(Plan { scheme, message })
    }

    /// CKR_KEY_TYPE_INCONSISTENT for the other kind of key.
    pub(super) fn goes_with(&self, key: KeyKind) -> Result<()> {
        match self.family() {
            Some(family) if family == Family::of(key) => Ok(()),
            _ => Err(CKR_KEY_TYPE_INCONSISTENT),
        }
    }
}

fn no_parameter(mechanism: &Mechanism) -> Result<()> {
    match mechanism.parameter {
        Parameter::None => Ok(()),
        _ => Err(CKR_MECHANISM_PARAM_INVALID),
    }
}

/// CK_RSA_PKCS_PSS_PARAMS: known hashes, and a salt that leaves room (RFC 8017 section 9.1.1).
fn pss(parameter: &Parameter, key: KeyKind) -> Result<(Scheme, Hash)> {
    let Parameter::Pss { hash, mgf, salt } = *parameter else {
        return Err(CKR_MECHANISM_PARAM_INVALID);
    };
    let hash = [
        (CKM_SHA_1, Hash::Sha1),
        (CKM_SHA224, Hash::Sha224),
        (CKM_SHA256, Hash::Sha256),
        (CKM_SHA384, Hash::Sha384),
        (CKM_SHA512, Hash::Sha512),
    ]
    .into_iter()
    .find_map(|(number, value)| (number == hash).then_some(value));
    let mgf = [
        (CKG_MGF1_SHA1, Hash::Sha1),
        (CKG_MGF1_SHA224, Hash::Sha224),
        (CKG_MGF1_SHA256, Hash::Sha256),
        (CKG_MGF1_SHA384, Hash::Sha384),
        (CKG_MGF1_SHA512, Hash::Sha512),
    ]
    .into_iter()
    .find_map(|(number, value)| (number == mgf).then_some(value));
    let (Some(hash), Some(mgf), Ok(salt)) = (hash, mgf, usize::try_from(salt)) else {
        return Err(CKR_MECHANISM_PARAM_INVALID);
    };
    if salt > key_bytes(key) - hash.len() - 2 {
        return Err(CKR_MECHANISM_PARAM_INVALID);
    }
    Ok((Scheme::Pss { hash, mgf, salt }, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mechanism_stands_twice_in_the_table() {
        let mut kinds = all();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), TABLE.len());
    }

    #[test]
    fn a_pss_salt_leaves_room_in_the_block() {
        let row = find(CKM_RSA_PKCS_PSS, CKF_SIGN).unwrap();
        let with = |hash, mgf, salt| Mechanism {
            kind: CKM_RSA_PKCS_PSS,
            parameter: Parameter::Pss { hash, mgf, salt },
        };
        let plan = |mechanism: &Mechanism| row.plan(mechanism, KeyKind::Rsa2048).map(drop);
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
        let row = find(CKM_SHA256_RSA_PKCS_PSS, CKF_VERIFY).unwrap();
        let mechanism = |hash| Mechanism {
            kind: CKM_SHA256_RSA_PKCS_PSS,
            parameter: Parameter::Pss { hash, mgf: CKG_MGF1_SHA256, salt: 32 },
        };
        assert!(row.plan(&mechanism(CKM_SHA256), KeyKind::Rsa3072).is_ok());
        assert_eq!(
            row.plan(&mechanism(CKM_SHA384), KeyKind::Rsa3072).map(drop),
            Err(CKR_MECHANISM_PARAM_INVALID)
        );
    }
}
