//! Name constraints of an authority: RFC 5280 section 4.2.1.10, as far as an issuing authority of
//! people needs them.
//!
//! Permitted subtrees of directory names alone. Names are compared as DER, so that a name in other
//! letters or another string type is outside: too strict never lets anybody in. Excluded subtrees,
//! where that would be the other way round, and other forms of names are not processed.

use super::{
    Error,
    asn1::{extension, strict},
    name,
};
use der::asn1::ObjectIdentifier;
use x509_cert::{
    ext::{
        Extension,
        pkix::{
            NameConstraints,
            constraints::name::GeneralSubtree,
            name::{GeneralName, GeneralNames},
        },
    },
    name::Name,
};

pub(super) const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");

/// The subtrees that the subjects below an authority are in.
#[derive(Debug)]
pub(super) struct Permitted(Vec<Name>);

impl Permitted {
    /// Reads the extension; none where it says what is not processed.
    pub(super) fn read(content: &[u8]) -> Result<Option<Self>, Error> {
        let constraints: NameConstraints = strict(content, "nameConstraints")?;
        let (permitted, excluded) = (constraints.permitted_subtrees, constraints.excluded_subtrees);
        // Section 4.2.1.10: neither an empty sequence, nor empty subtrees.
        let some = permitted.as_ref().or(excluded.as_ref());
        if some.is_none_or(Vec::is_empty) {
            return Err(Error::Malformed("nameConstraints"));
        }
        let Some(permitted) = permitted.filter(|_| excluded.is_none()) else { return Ok(None) };
        let subtree = |subtree: GeneralSubtree| match subtree {
            GeneralSubtree {
                base: GeneralName::DirectoryName(name),
                minimum: 0,
                maximum: None,
            } => Some(name),
            _ => None,
        };
        Ok(permitted.into_iter().map(subtree).collect::<Option<_>>().map(Self))
    }

    /// Whether a name is in one of the subtrees.
    pub(super) fn allows(&self, name: &Name) -> bool {
        self.0.iter().any(|base| {
            let (mut own, mut wanted) = (name.iter_rdn(), base.iter_rdn());
            wanted.all(|rdn| own.next() == Some(rdn))
        })
    }
}

/// The directory names among a subject's alternative names.
pub(super) fn directories(names: &GeneralNames) -> Vec<Name> {
    let directory = |name: &GeneralName| match name {
        GeneralName::DirectoryName(name) => Some(name.clone()),
        _ => None,
    };
    names.iter().filter_map(directory).collect()
}

/// The extension for these subtrees, each as parts such as `O=nhs` in encoded order.
pub(super) fn permitting(subtrees: &[Vec<String>]) -> Result<Extension, Error> {
    let subtree = |parts: &Vec<String>| {
        let parts = parts.iter().map(|part| name::part(part)).collect::<Result<Vec<_>, _>>()?;
        let base = GeneralName::DirectoryName(strict(&name::build(parts)?, "a permitted name")?);
        Ok(GeneralSubtree { base, minimum: 0, maximum: None })
    };
    let permitted = subtrees.iter().map(subtree).collect::<Result<Vec<_>, Error>>()?;
    if permitted.is_empty() {
        return Err(Error::Name("name constraints that permit nobody"));
    }
    let constraints =
        NameConstraints { permitted_subtrees: Some(permitted), excluded_subtrees: None };
    extension(NAME_CONSTRAINTS, true, &constraints)
}
