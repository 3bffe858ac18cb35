//! The standard's tables of attributes in one (base specification 3.1 section 4, current mechanisms
//! 3.1 sections 2.1, 2.3, 2.6 and 2.8), with their footnotes. What an attribute is, which objects
//! have it, who may say it and when it may change, stands nowhere else.
//!
//! Left out: templates inside templates, other kinds of certificates and keys.

use crate::pkcs11::{AttributeType, ck::*};

/// Which objects: one, or a set of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pkcs11) struct Shape(u16);

impl Shape {
    pub(in crate::pkcs11) const DATA: Self = Self(1);
    pub(in crate::pkcs11) const X509: Self = Self(2);
    pub(in crate::pkcs11) const RSA_PUBLIC: Self = Self(4);
    pub(in crate::pkcs11) const EC_PUBLIC: Self = Self(8);
    pub(in crate::pkcs11) const RSA_PRIVATE: Self = Self(16);
    pub(in crate::pkcs11) const EC_PRIVATE: Self = Self(32);
    pub(in crate::pkcs11) const AES: Self = Self(64);
    /// Generic secrets, and keys of HMAC and HKDF, which are generic secrets by another name.
    pub(in crate::pkcs11) const GENERIC: Self = Self(128);
    pub(in crate::pkcs11) const PROFILE: Self = Self(256);
    const PUBLIC: Self = Self::RSA_PUBLIC.and(Self::EC_PUBLIC);
    const PRIVATE: Self = Self::RSA_PRIVATE.and(Self::EC_PRIVATE);
    const SECRET: Self = Self::AES.and(Self::GENERIC);
    const KEY: Self = Self::PUBLIC.and(Self::PRIVATE).and(Self::SECRET);
    const ANY: Self = Self::KEY.and(Self::DATA).and(Self::X509).and(Self::PROFILE);

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
    pub(in crate::pkcs11) const fn is_private_key(self) -> bool {
        Self::PRIVATE.meets(self)
    }
    pub(in crate::pkcs11) const fn is_secret_key(self) -> bool {
        Self::SECRET.meets(self)
    }
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// CK_BBOOL: one byte, 0 or 1.
    Flag,
    /// CK_ULONG: eight bytes in our templates.
    Number,
    /// CK_DATE: eight digits, or empty.
    Date,
    /// CK_MECHANISM_TYPE, several.
    Mechanisms,
    /// At most so many bytes.
    Bytes(usize),
}

/// The value of an attribute that the template leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preset {
    /// The object does not have the attribute, unless something contributes it.
    None,
    Empty,
    Flag(bool),
    Number(u64),
}

/// Footnotes of the standard's tables, by their numbers where they have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notes(u16);

/// 1: must be specified with C_CreateObject.
pub(super) const CREATE: Notes = Notes(1);
/// 2: must not be specified with C_CreateObject.
pub(super) const NO_CREATE: Notes = Notes(1 << 1);
/// 3: must be specified with C_GenerateKey or C_GenerateKeyPair.
pub(super) const GENERATE: Notes = Notes(1 << 2);
/// 4: must not be specified with those, nor with C_DeriveKey.
pub(super) const NO_GENERATE: Notes = Notes(1 << 3);
/// 6: must not be specified with C_UnwrapKey.
pub(super) const NO_UNWRAP: Notes = Notes(1 << 4);
/// 7: not revealed of a key that is sensitive or not extractable.
pub(super) const SECRET: Notes = Notes(1 << 5);
/// 8: may be changed afterwards, and in a copy.
pub(super) const CHANGES: Notes = Notes(1 << 6);
/// 10: set to CK_TRUE by the security officer alone.
pub(super) const OFFICER: Notes = Notes(1 << 7);
/// 11: stays CK_TRUE.
pub(super) const STAYS_TRUE: Notes = Notes(1 << 8);
/// 12: stays CK_FALSE.
pub(super) const STAYS_FALSE: Notes = Notes(1 << 9);
/// May be another in a copy (section 4.4.1).
pub(super) const COPY: Notes = Notes(1 << 10);
/// No footnote.
const FREE: Notes = Notes(0);
/// 2, 4, 6: the token's to say.
const READ_ONLY: Notes = NO_CREATE.and(NO_GENERATE).and(NO_UNWRAP);
/// 1, 4, 6: what a key is made of.
const PART: Notes = CREATE.and(NO_GENERATE).and(NO_UNWRAP);
/// 1, 4, 6, 7: the same, and secret.
const SECRET_PART: Notes = PART.and(SECRET);
/// 4, 6, 7: the same, and to be left out as one likes.
const SECRET_EXTRA: Notes = NO_GENERATE.and(NO_UNWRAP).and(SECRET);

impl Notes {
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    pub(super) const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// One attribute of some objects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) kind: AttributeType,
    shapes: Shape,
    pub(super) form: Form,
    pub(super) notes: Notes,
    pub(super) default: Preset,
}

/// Longest text: objects of one connection are bounded in number and size.
const TEXT: Form = Form::Bytes(1024);
/// Longest certificate or datum.
const VALUE: Form = Form::Bytes(1 << 16);
/// Longest number or point: a modulus of 4096 bits and a leading zero.
const INTEGER: Form = Form::Bytes(513);
const EMPTY: Preset = Preset::Empty;
const NONE: Preset = Preset::None;
const TRUE: Preset = Preset::Flag(true);
const FALSE: Preset = Preset::Flag(false);
const UNSPECIFIED: Preset = Preset::Number(0);
const SHA1: Preset = Preset::Number(CKM_SHA_1);

const fn row(kind: AttributeType, shapes: Shape, form: Form, notes: Notes, default: Preset) -> Row {
    Row { kind, shapes, form, notes, default }
}

const ANY: Shape = Shape::ANY;
const DATA: Shape = Shape::DATA;
const X509: Shape = Shape::X509;
const KEY: Shape = Shape::KEY;
const PUBLIC: Shape = Shape::PUBLIC;
const PRIVATE: Shape = Shape::PRIVATE;
const SECRETS: Shape = Shape::SECRET;
/// Keys that do what RSA and AES do.
const ENCRYPTING: Shape = Shape::RSA_PUBLIC.and(Shape::AES);
const DECRYPTING: Shape = Shape::RSA_PRIVATE.and(Shape::AES);
const NOT_ENCRYPTING: Shape = Shape::EC_PUBLIC.and(Shape::GENERIC);
const NOT_DECRYPTING: Shape = Shape::EC_PRIVATE.and(Shape::GENERIC);

use Form::{Date, Flag, Mechanisms, Number};

/// Usage flags are CK_TRUE by default where the key can do it (footnote 9: the token's choice):
/// Java and NSS leave them out and expect a key that works. CKA_PRIVATE's default depends on the
/// session and CKA_UNIQUE_ID's on the object; both come when an object is put in its place.
#[rustfmt::skip]
static TABLE: [Row; 83] = [
    // Section 4.2, common; 4.4, storage objects.
    row(CKA_CLASS, ANY, Number, FREE, NONE),
    row(CKA_TOKEN, ANY, Flag, COPY, FALSE),
    row(CKA_PRIVATE, ANY, Flag, COPY, NONE),
    row(CKA_MODIFIABLE, ANY, Flag, COPY, TRUE),
    row(CKA_LABEL, ANY, TEXT, CHANGES, EMPTY),
    row(CKA_COPYABLE, ANY, Flag, CHANGES.and(STAYS_FALSE), TRUE),
    row(CKA_DESTROYABLE, ANY, Flag, COPY, TRUE),
    row(CKA_UNIQUE_ID, ANY, TEXT, READ_ONLY, NONE),
    // Section 4.5, data.
    row(CKA_APPLICATION, DATA, TEXT, CHANGES, EMPTY),
    row(CKA_OBJECT_ID, DATA, TEXT, CHANGES, EMPTY),
    row(CKA_VALUE, DATA, VALUE, CHANGES, EMPTY),
    // Section 4.6, certificates.
    row(CKA_CERTIFICATE_TYPE, X509, Number, CREATE, NONE),
    row(CKA_TRUSTED, X509, Flag, CHANGES.and(OFFICER), FALSE),
    row(CKA_CERTIFICATE_CATEGORY, X509, Number, FREE, UNSPECIFIED),
    row(CKA_CHECK_VALUE, X509, TEXT, FREE, NONE),
    row(CKA_START_DATE, X509, Date, FREE, EMPTY),
    row(CKA_END_DATE, X509, Date, FREE, EMPTY),
    row(CKA_PUBLIC_KEY_INFO, X509, VALUE, FREE, EMPTY),
    row(CKA_SUBJECT, X509, TEXT, CREATE, NONE),
    row(CKA_ID, X509, TEXT, CHANGES, EMPTY),
    row(CKA_ISSUER, X509, TEXT, CHANGES, EMPTY),
    row(CKA_SERIAL_NUMBER, X509, TEXT, CHANGES, EMPTY),
    row(CKA_VALUE, X509, VALUE, FREE, EMPTY),
    row(CKA_URL, X509, TEXT, FREE, EMPTY),
    row(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, X509, TEXT, FREE, EMPTY),
    row(CKA_HASH_OF_ISSUER_PUBLIC_KEY, X509, TEXT, FREE, EMPTY),
    row(CKA_JAVA_MIDP_SECURITY_DOMAIN, X509, Number, FREE, UNSPECIFIED),
    row(CKA_NAME_HASH_ALGORITHM, X509, Number, FREE, SHA1),
    // Section 4.7, keys.
    row(CKA_KEY_TYPE, KEY, Number, CREATE, NONE),
    row(CKA_ID, KEY, TEXT, CHANGES, EMPTY),
    row(CKA_START_DATE, KEY, Date, CHANGES, EMPTY),
    row(CKA_END_DATE, KEY, Date, CHANGES, EMPTY),
    row(CKA_DERIVE, KEY, Flag, CHANGES, FALSE),
    row(CKA_LOCAL, KEY, Flag, READ_ONLY, NONE),
    row(CKA_KEY_GEN_MECHANISM, KEY, Number, READ_ONLY, NONE),
    row(CKA_ALLOWED_MECHANISMS, KEY, Mechanisms, FREE, NONE),
    // Sections 4.8 and 4.9, public and private keys; 4.10, secret keys.
    row(CKA_SUBJECT, PUBLIC, TEXT, CHANGES, EMPTY),
    row(CKA_SUBJECT, PRIVATE, TEXT, CHANGES, EMPTY),
    row(CKA_PUBLIC_KEY_INFO, PUBLIC, VALUE, FREE, NONE),
    row(CKA_PUBLIC_KEY_INFO, PRIVATE, VALUE, FREE, NONE),
    row(CKA_TRUSTED, PUBLIC, Flag, CHANGES.and(OFFICER), FALSE),
    row(CKA_TRUSTED, SECRETS, Flag, CHANGES.and(OFFICER), FALSE),
    row(CKA_ENCRYPT, ENCRYPTING, Flag, CHANGES, TRUE),
    row(CKA_ENCRYPT, NOT_ENCRYPTING, Flag, CHANGES, FALSE),
    row(CKA_WRAP, ENCRYPTING, Flag, CHANGES, TRUE),
    row(CKA_WRAP, NOT_ENCRYPTING, Flag, CHANGES, FALSE),
    row(CKA_DECRYPT, DECRYPTING, Flag, CHANGES, TRUE),
    row(CKA_DECRYPT, NOT_DECRYPTING, Flag, CHANGES, FALSE),
    row(CKA_UNWRAP, DECRYPTING, Flag, CHANGES, TRUE),
    row(CKA_UNWRAP, NOT_DECRYPTING, Flag, CHANGES, FALSE),
    row(CKA_VERIFY, PUBLIC, Flag, CHANGES, TRUE),
    row(CKA_VERIFY, SECRETS, Flag, CHANGES, TRUE),
    row(CKA_VERIFY_RECOVER, PUBLIC, Flag, CHANGES, FALSE),
    row(CKA_SIGN, PRIVATE, Flag, CHANGES, TRUE),
    row(CKA_SIGN, SECRETS, Flag, CHANGES, TRUE),
    row(CKA_SIGN_RECOVER, PRIVATE, Flag, CHANGES, FALSE),
    row(CKA_SENSITIVE, PRIVATE, Flag, CHANGES.and(STAYS_TRUE), TRUE),
    row(CKA_SENSITIVE, SECRETS, Flag, CHANGES.and(STAYS_TRUE), TRUE),
    row(CKA_EXTRACTABLE, PRIVATE, Flag, CHANGES.and(STAYS_FALSE), FALSE),
    row(CKA_EXTRACTABLE, SECRETS, Flag, CHANGES.and(STAYS_FALSE), FALSE),
    row(CKA_ALWAYS_SENSITIVE, PRIVATE.and(SECRETS), Flag, READ_ONLY, NONE),
    row(CKA_NEVER_EXTRACTABLE, PRIVATE.and(SECRETS), Flag, READ_ONLY, NONE),
    row(CKA_WRAP_WITH_TRUSTED, PRIVATE.and(SECRETS), Flag, CHANGES.and(STAYS_TRUE), FALSE),
    row(CKA_ALWAYS_AUTHENTICATE, PRIVATE, Flag, FREE, FALSE),
    row(CKA_CHECK_VALUE, SECRETS, TEXT, FREE, NONE),
    // Current mechanisms 2.1.2 and 2.1.3, RSA.
    row(CKA_MODULUS, Shape::RSA_PUBLIC, INTEGER, CREATE.and(NO_GENERATE), NONE),
    row(CKA_MODULUS_BITS, Shape::RSA_PUBLIC, Number, GENERATE, NONE),
    row(CKA_PUBLIC_EXPONENT, Shape::RSA_PUBLIC, INTEGER, CREATE, NONE),
    row(CKA_MODULUS, Shape::RSA_PRIVATE, INTEGER, PART, NONE),
    row(CKA_PUBLIC_EXPONENT, Shape::RSA_PRIVATE, INTEGER, NO_UNWRAP, NONE),
    row(CKA_PRIVATE_EXPONENT, Shape::RSA_PRIVATE, INTEGER, SECRET_PART, NONE),
    row(CKA_PRIME_1, Shape::RSA_PRIVATE, INTEGER, SECRET_EXTRA, NONE),
    row(CKA_PRIME_2, Shape::RSA_PRIVATE, INTEGER, SECRET_EXTRA, NONE),
    row(CKA_EXPONENT_1, Shape::RSA_PRIVATE, INTEGER, SECRET_EXTRA, NONE),
    row(CKA_EXPONENT_2, Shape::RSA_PRIVATE, INTEGER, SECRET_EXTRA, NONE),
    row(CKA_COEFFICIENT, Shape::RSA_PRIVATE, INTEGER, SECRET_EXTRA, NONE),
    // 2.3.3 and 2.3.4, elliptic curves.
    row(CKA_EC_PARAMS, Shape::EC_PUBLIC, TEXT, CREATE.and(GENERATE), NONE),
    row(CKA_EC_POINT, Shape::EC_PUBLIC, INTEGER, CREATE.and(NO_GENERATE), NONE),
    row(CKA_EC_PARAMS, Shape::EC_PRIVATE, TEXT, CREATE.and(NO_UNWRAP), NONE),
    row(CKA_VALUE, Shape::EC_PRIVATE, VALUE, SECRET_PART, NONE),
    // 2.6.2 and 2.8.2, generic secrets and AES.
    row(CKA_VALUE, SECRETS, VALUE, SECRET_PART, NONE),
    row(CKA_VALUE_LEN, SECRETS, Number, GENERATE, NONE),
    // Section 4.12, profiles.
    row(CKA_PROFILE_ID, Shape::PROFILE, Number, READ_ONLY, NONE),
];

/// The rows of objects of this shape.
pub(super) fn rows(shape: Shape) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.shapes.meets(shape))
}

/// The row of this attribute in objects of this shape.
pub(super) fn find(kind: AttributeType, shape: Shape) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.kind == kind && row.shapes.meets(shape))
}

/// What values of this attribute look like in any object.
pub(super) fn form(kind: AttributeType) -> Option<Form> {
    TABLE.iter().find(|row| row.kind == kind).map(|row| row.form)
}

/// Whether this attribute is a secret part of objects of this shape; of a private key every secret
/// part of any, so that nobody has to know what kind of key it is to be told no.
pub(in crate::pkcs11) fn is_secret(kind: AttributeType, shape: Shape) -> bool {
    let shape = if shape.is_private_key() { PRIVATE } else { shape };
    rows(shape).any(|row| row.kind == kind && row.notes.any(SECRET))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_has_one_row_a_shape_and_one_form() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(form(row.kind), Some(row.form), "{:#x}", row.kind);
            let again = TABLE
                .iter()
                .skip(at + 1)
                .find(|other| other.kind == row.kind && other.shapes.meets(row.shapes));
            assert!(again.is_none(), "{again:?}");
        }
    }

    #[test]
    fn what_is_secret_has_no_default_and_never_changes() {
        for row in TABLE.iter().filter(|row| row.notes.any(SECRET)) {
            assert_eq!(row.default, Preset::None);
            assert!(!row.notes.any(CHANGES.and(COPY)));
        }
    }
}
