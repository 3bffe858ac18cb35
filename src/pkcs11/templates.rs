//! From a template to a complete object, and from an object to a changed one (base specification
//! sections 4.1.1 to 4.1.3).
//!
//! ```text
//!   template ──read──> Given ──created, pair, private, secret──> NewObject ──Session::add──> Object
//!                            ──copied, changed (of an Object)──┘
//! ```
//!
//! Everything that a template can get wrong is told here, before anything has been made. What
//! depends on the session (CKA_PRIVATE where the template is silent, CKA_TRUSTED, token objects) is
//! settled when the object is put in its place.

mod certificates;
mod change;
mod given;
mod keys;
mod secrets;
mod table;

use super::{
    MechanismType, Result,
    ck::*,
    objects::{Attributes, Material},
};
use table::Preset;

pub(super) use change::{changed, copied};
pub(super) use given::Given;
pub(super) use keys::private;
pub(super) use keys::{PairWish, pair};
pub(super) use secrets::{SecretWish, secret};
pub(super) use table::{Shape, is_secret};

/// How a key came to be: what CKA_LOCAL, CKA_KEY_GEN_MECHANISM, CKA_ALWAYS_SENSITIVE and
/// CKA_NEVER_EXTRACTABLE tell (sections 4.7 to 4.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Made here by this mechanism.
    Generated(MechanismType),
    /// C_CreateObject.
    Imported,
    /// C_UnwrapKey.
    Unwrapped,
    /// C_DeriveKey, from a key with these attributes.
    Derived {
        /// CKA_ALWAYS_SENSITIVE of the base key.
        always_sensitive: bool,
        /// CKA_NEVER_EXTRACTABLE of the base key.
        never_extractable: bool,
    },
}

/// An object that is complete but for its place.
#[derive(Debug)]
pub(super) struct NewObject {
    pub(super) attributes: Attributes,
    pub(super) material: Material,
    pub(super) shape: Shape,
}

/// C_CreateObject: an object of any class that applications make.
///
/// # Errors
/// The codes of section 4.1.1; CKR_ATTRIBUTE_VALUE_INVALID for a class or type that is not offered;
/// CKR_CURVE_NOT_SUPPORTED.
pub(super) fn created(template: Given<'_>) -> Result<NewObject> {
    match template.needed_number(CKA_CLASS)? {
        CKO_DATA => data(template),
        CKO_CERTIFICATE => certificates::certificate(template),
        CKO_PUBLIC_KEY => keys::public(template),
        CKO_PRIVATE_KEY => keys::imported(template),
        CKO_SECRET_KEY => secrets::imported(template),
        _ => Err(CKR_ATTRIBUTE_VALUE_INVALID),
    }
}

fn data(template: Given<'_>) -> Result<NewObject> {
    template.suits(Shape::DATA, table::NO_CREATE, Some(table::CREATE))?;
    let attributes = filled(template, Shape::DATA);
    NewObject { attributes, material: Material::None, shape: Shape::DATA }.consistent()
}

/// What the template says, and the standard's defaults for the rest. Secret parts stay out.
fn filled(template: Given<'_>, shape: Shape) -> Attributes {
    let mut attributes = Attributes::default();
    for row in table::rows(shape).filter(|row| !row.notes.any(table::SECRET)) {
        match (template.value(row.kind), row.default) {
            (Some(value), _) => attributes.set(row.kind, value),
            (None, Preset::None) => {}
            (None, Preset::Empty) => attributes.set(row.kind, []),
            (None, Preset::Flag(flag)) => attributes.set(row.kind, [u8::from(flag)]),
            (None, Preset::Number(number)) => attributes.set(row.kind, number.to_le_bytes()),
        }
    }
    attributes
}

impl NewObject {
    /// Whether the object is to outlast the session.
    pub(super) fn is_token(&self) -> bool {
        self.attributes.is_true(CKA_TOKEN)
    }

    /// Bytes that its values take.
    pub(super) fn size(&self) -> usize {
        self.attributes.size() + self.material.size()
    }

    /// What is settled by the object itself; the template may only have agreed.
    fn contribute(&mut self, kind: u64, value: impl Into<Vec<u8>>) -> Result<()> {
        let value = value.into();
        match self.attributes.value(kind) {
            Some(said) if said != value => Err(CKR_TEMPLATE_INCONSISTENT),
            _ => {
                self.attributes.set(kind, value);
                Ok(())
            }
        }
    }

    /// The same if its attributes can be true together (section 4.1.1 item 5).
    fn consistent(self) -> Result<Self> {
        change::consistent(&self.attributes, self.shape).map(|()| self)
    }
}
