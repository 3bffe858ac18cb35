//! Records of an enrolled card that another face writes, as objects that this one shows.

use super::{
    Attribute, AttributeType, MechanismType, Result,
    ck::*,
    objects::Material,
    templates::{self, Given, PairWish},
    token::{content, new_record},
};
use crate::{
    card::{NewRecord, Record, Verb},
    crypto::{PrivateKey, Scheme},
    pki::Certificate,
};

fn attribute(kind: AttributeType, value: impl Into<Vec<u8>>) -> Attribute {
    Attribute { kind, value: value.into() }
}

fn flag(kind: AttributeType, value: bool) -> Attribute {
    attribute(kind, [u8::from(value)])
}

fn number(kind: AttributeType, value: u64) -> Attribute {
    attribute(kind, value.to_le_bytes())
}

/// A certificate as a token object found by `id`.
///
/// # Errors
/// The codes of section 4.1.1, which a certificate that was read does not bring about.
pub fn certificate_record(id: &[u8], label: &str, certificate: &Certificate) -> Result<NewRecord> {
    let template = [
        number(CKA_CLASS, CKO_CERTIFICATE),
        number(CKA_CERTIFICATE_TYPE, CKC_X_509),
        flag(CKA_TOKEN, true),
        flag(CKA_PRIVATE, false),
        attribute(CKA_ID, id),
        attribute(CKA_LABEL, label),
        attribute(CKA_SUBJECT, certificate.subject_der()),
        attribute(CKA_VALUE, certificate.der()),
    ];
    new_record(&templates::created(Given::read(&template)?)?)
}

/// A data object, found by application and object identifier (in DER).
///
/// # Errors
/// The codes of section 4.1.1.
pub fn data_record(
    application: &str,
    identifier: &[u8],
    value: &[u8],
    private: bool,
) -> Result<NewRecord> {
    let template = [
        number(CKA_CLASS, CKO_DATA),
        flag(CKA_TOKEN, true),
        flag(CKA_PRIVATE, private),
        attribute(CKA_LABEL, application),
        attribute(CKA_APPLICATION, application),
        attribute(CKA_OBJECT_ID, identifier),
        attribute(CKA_VALUE, value),
    ];
    new_record(&templates::created(Given::read(&template)?)?)
}

/// What a key pair that was made elsewhere in this process is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct PairUses {
    /// Whether it asks for the passcode each time (CKA_ALWAYS_AUTHENTICATE).
    pub each_time: bool,
    /// Whether it decrypts, or agrees on secrets, besides signing.
    pub confidential: bool,
}

/// Both halves of a key pair as token objects found by `id`, as C_GenerateKeyPair leaves them.
///
/// # Errors
/// The codes of section 4.1.1.
pub fn pair_records(
    id: &[u8],
    label: &str,
    key: &PrivateKey,
    uses: PairUses,
) -> Result<[NewRecord; 2]> {
    let kind = key.public().kind();
    let rsa = kind.is_rsa();
    let mut public = vec![
        flag(CKA_TOKEN, true),
        flag(CKA_PRIVATE, false),
        attribute(CKA_ID, id),
        attribute(CKA_LABEL, label),
        flag(CKA_VERIFY, true),
    ];
    let mechanism = if rsa {
        public.push(number(CKA_MODULUS_BITS, kind.bits() as u64));
        public.push(flag(CKA_ENCRYPT, uses.confidential));
        CKM_RSA_PKCS_KEY_PAIR_GEN
    } else {
        public.push(attribute(CKA_EC_PARAMS, super::objects::curve(kind)));
        CKM_EC_KEY_PAIR_GEN
    };
    let mut private = vec![
        flag(CKA_TOKEN, true),
        flag(CKA_PRIVATE, true),
        attribute(CKA_ID, id),
        attribute(CKA_LABEL, label),
        flag(CKA_SENSITIVE, true),
        flag(CKA_EXTRACTABLE, false),
        flag(CKA_SIGN, true),
        flag(CKA_ALWAYS_AUTHENTICATE, uses.each_time),
    ];
    private.push(flag(if rsa { CKA_DECRYPT } else { CKA_DERIVE }, uses.confidential));
    let wish = PairWish::read(mechanism, Given::read(&public)?, Given::read(&private)?)?;
    let (public, private) = templates::pair(wish, key.clone())?;
    Ok([new_record(&public)?, new_record(&private)?])
}

/// The SubjectPublicKeyInfo of the public key that a record holds.
pub fn public_key_of(record: &Record) -> Option<Vec<u8>> {
    let object = content::object(record).ok()?;
    let public = object.attributes.value(CKA_CLASS) == Some(&CKO_PUBLIC_KEY.to_le_bytes());
    let plain = matches!(object.material, Material::None);
    let spki = object.attributes.value(CKA_PUBLIC_KEY_INFO).filter(|_| public && plain);
    spki.map(<[u8]>::to_vec)
}

/// Whether the private key that a record holds may be used so by another face, as it may by this one:
/// by CKA_SIGN, CKA_DECRYPT or CKA_DERIVE, and by CKA_ALLOWED_MECHANISMS where there is one. What is
/// hashed elsewhere counts as the mechanism that takes a digest.
pub fn key_allows(record: &Record, verb: Verb) -> bool {
    let (usage, mechanisms): (_, &[MechanismType]) = match verb {
        Verb::Sign(Scheme::Pkcs1Raw) => (CKA_SIGN, &[CKM_RSA_PKCS]),
        Verb::Sign(Scheme::PssBlock(_)) => (CKA_SIGN, &[CKM_RSA_PKCS_PSS]),
        Verb::Sign(Scheme::Raw) => (CKA_SIGN, &[CKM_RSA_X_509]),
        Verb::Sign(Scheme::Ecdsa) => (CKA_SIGN, &[CKM_ECDSA]),
        Verb::Decrypt => (CKA_DECRYPT, &[CKM_RSA_PKCS]),
        Verb::DecryptRaw => (CKA_DECRYPT, &[CKM_RSA_X_509]),
        Verb::Agree => (CKA_DERIVE, &[CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE]),
        _ => return false,
    };
    content::object(record).is_ok_and(|object| {
        object.is_true(usage) && mechanisms.iter().any(|one| object.allows(*one))
    })
}

/// Object identifier and value of the data object that a record holds for that application.
pub fn data_of(record: &Record, application: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let object = content::object(record).ok()?;
    let attribute = |kind| object.attributes.value(kind);
    let data = attribute(CKA_CLASS) == Some(&CKO_DATA.to_le_bytes())
        && attribute(CKA_APPLICATION) == Some(application.as_bytes());
    let identifier = attribute(CKA_OBJECT_ID).filter(|_| data)?;
    Some((identifier.to_vec(), attribute(CKA_VALUE)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        card::{KeyType, NewKey},
        crypto::KeyKind,
    };

    /// The private half of a pair as its card shows it.
    fn shown([_, new]: [NewRecord; 2]) -> Record {
        let Some(NewKey::Private { key, .. }) = &new.key else { panic!("no private key") };
        let key = Some(KeyType::Private(key.public().kind()));
        let NewRecord { private, id, content, each_time, .. } = new;
        Record { number: 1, private, id, content, key, each_time }
    }

    const SIGN: Verb = Verb::Sign(Scheme::Ecdsa);

    #[test]
    fn a_key_is_used_as_its_record_says() {
        let key = PrivateKey::generate(KeyKind::P256).unwrap();
        let pair = |uses| shown(pair_records(&[1], "key", &key, uses).unwrap());
        let signs = pair(PairUses::default());
        assert!(key_allows(&signs, SIGN) && !key_allows(&signs, Verb::Agree));
        let both = pair(PairUses { confidential: true, ..PairUses::default() });
        assert!(key_allows(&both, SIGN) && key_allows(&both, Verb::Agree));
        assert!(!key_allows(&both, Verb::Secret));
    }

    #[test]
    fn a_key_that_could_once_leave_is_not_one_that_never_was_elsewhere() {
        let key = PrivateKey::generate(KeyKind::P256).unwrap();
        let made = shown(pair_records(&[1], "key", &key, PairUses::default()).unwrap());
        assert!(super::super::is_local(&made));
        let public = [attribute(CKA_EC_PARAMS, super::super::objects::curve(KeyKind::P256))];
        let private = [flag(CKA_TOKEN, true), flag(CKA_EXTRACTABLE, true)];
        let (public, private) = (Given::read(&public).unwrap(), Given::read(&private).unwrap());
        let wish = PairWish::read(CKM_EC_KEY_PAIR_GEN, public, private).unwrap();
        let (public, private) = templates::pair(wish, key).unwrap();
        let left = shown([new_record(&public).unwrap(), new_record(&private).unwrap()]);
        assert!(!super::super::is_local(&left), "it is local, and was extractable");
    }

    #[test]
    fn allowed_mechanisms_count_where_there_are_some() {
        let key = PrivateKey::generate(KeyKind::P256).unwrap();
        for (mechanism, signs, agrees) in [
            (CKM_ECDSA, true, false),
            (CKM_ECDH1_DERIVE, false, true),
            (CKM_ECDSA_SHA256, false, false),
        ] {
            let public = [
                flag(CKA_TOKEN, true),
                attribute(CKA_EC_PARAMS, super::super::objects::curve(KeyKind::P256)),
            ];
            let private = [
                flag(CKA_TOKEN, true),
                flag(CKA_SIGN, true),
                flag(CKA_DERIVE, true),
                number(CKA_ALLOWED_MECHANISMS, mechanism),
            ];
            let (public, private) = (Given::read(&public).unwrap(), Given::read(&private).unwrap());
            let wish = PairWish::read(CKM_EC_KEY_PAIR_GEN, public, private).unwrap();
            let (public, private) = templates::pair(wish, key.clone()).unwrap();
            let pair = [new_record(&public).unwrap(), new_record(&private).unwrap()];
            let record = shown(pair);
            assert_eq!(
                (key_allows(&record, SIGN), key_allows(&record, Verb::Agree)),
                (signs, agrees)
            );
        }
    }
}
