//! Distinguished names: built part by part in encoded order, and read as CIS1 clients read them.
//!
//! RFC 5280 section 4.1.2.4. One attribute to an RDN when building; reading takes any.

use super::{Error, UserId, asn1::encoded};
use der::{
    Tag, Tagged,
    asn1::{
        Any, Ia5StringRef, ObjectIdentifier, PrintableStringRef, TeletexStringRef, Utf8StringRef,
    },
};
use x509_cert::{
    attr::AttributeTypeAndValue,
    name::{Name, RdnSequence, RelativeDistinguishedName},
};

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const DOMAIN_COMPONENT: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25");
/// Short names of attributes, as RFC 4514 section 3 and common usage have them.
const ATTRIBUTES: [(&str, ObjectIdentifier); 9] = [
    ("C", COUNTRY),
    ("ST", ObjectIdentifier::new_unwrap("2.5.4.8")),
    ("L", ObjectIdentifier::new_unwrap("2.5.4.7")),
    ("O", ObjectIdentifier::new_unwrap("2.5.4.10")),
    ("OU", ObjectIdentifier::new_unwrap("2.5.4.11")),
    ("CN", COMMON_NAME),
    ("serialNumber", ObjectIdentifier::new_unwrap("2.5.4.5")),
    ("UID", ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1")),
    ("DC", DOMAIN_COMPONENT),
];
/// The upper bound of most attributes (RFC 5280 appendix A.1, `ub-common-name` and its like).
const MAX_VALUE: usize = 64;

/// Splits `O=nhs` into attribute and value.
pub(super) fn part(text: &str) -> Result<(ObjectIdentifier, &str), Error> {
    let (attribute, value) = text.split_once('=').ok_or(Error::Name("a part without `=`"))?;
    let known = ATTRIBUTES.iter().find(|(name, _)| *name == attribute);
    let (_, oid) = known.ok_or(Error::Name("a part of unknown type"))?;
    Ok((*oid, value))
}

/// DER of a name, one RDN for each part, in the order given.
///
/// PrintableString where the characters admit it, else UTF8String; IA5String for DC.
pub(super) fn build<'a>(
    parts: impl IntoIterator<Item = (ObjectIdentifier, &'a str)>,
) -> Result<Vec<u8>, Error> {
    let mut name = RdnSequence::default();
    for (oid, value) in parts {
        let whole = value.trim() == value && !value.chars().any(char::is_control);
        let length = value.chars().count();
        let country =
            oid != COUNTRY || (length == 2 && value.bytes().all(|b| b.is_ascii_uppercase()));
        if length == 0 || length > MAX_VALUE || !whole || !country {
            return Err(Error::Name("a part of a name"));
        }
        let tag = match oid {
            DOMAIN_COMPONENT if value.is_ascii() => Tag::Ia5String,
            DOMAIN_COMPONENT => return Err(Error::Name("a domain component")),
            _ if PrintableStringRef::new(value).is_ok() => Tag::PrintableString,
            _ => Tag::Utf8String,
        };
        let value = Any::new(tag, value.as_bytes()).map_err(|_| Error::Name("a part of a name"))?;
        let mut rdn = RelativeDistinguishedName::default();
        rdn.insert(AttributeTypeAndValue { oid, value })
            .map_err(|_| Error::Name("a part of a name"))?;
        name.push(rdn);
    }
    encoded(&name)
}

/// The value of an attribute if it is one of the string types in use.
fn string(value: &Any) -> Option<&str> {
    match value.tag() {
        Tag::PrintableString => PrintableStringRef::try_from(value).ok().map(|s| s.as_str()),
        Tag::Utf8String => Utf8StringRef::try_from(value).ok().map(|s| s.as_str()),
        Tag::Ia5String => Ia5StringRef::try_from(value).ok().map(|s| s.as_str()),
        Tag::TeletexString => TeletexStringRef::try_from(value).ok().map(|s| s.as_str()),
        _ => None,
    }
}

/// Short name (or dotted identifier) and value of each attribute that is a text, in encoded order.
pub(super) fn parts(name: &Name) -> Vec<(String, String)> {
    let attributes = name.iter_rdn().flat_map(RelativeDistinguishedName::iter);
    let part = |attribute: &AttributeTypeAndValue| {
        let short = ATTRIBUTES.iter().find(|(_, oid)| *oid == attribute.oid);
        let kind = short.map_or_else(|| attribute.oid.to_string(), |(name, _)| (*name).to_owned());
        Some((kind, string(&attribute.value)?.to_owned()))
    };
    attributes.filter_map(part).collect()
}

/// `O=nhs, OU=people, CN=555000000001`, in encoded order, several attributes of an RDN joined by `+`.
/// Characters that could be taken for a separator are escaped as RFC 4514 section 2.4 does.
pub(super) fn text(name: &Name) -> String {
    let mut out = String::new();
    for rdn in name.iter_rdn() {
        for (place, attribute) in rdn.iter().enumerate() {
            match place {
                0 if out.is_empty() => {}
                0 => out.push_str(", "),
                _ => out.push('+'),
            }
            match ATTRIBUTES.iter().find(|(_, oid)| *oid == attribute.oid) {
                Some((short, _)) => out.push_str(short),
                None => out.push_str(&attribute.oid.to_string()),
            }
            out.push('=');
            match string(&attribute.value) {
                Some(value) => escape(value, &mut out),
                None => {
                    out.push('#');
                    out.extend(attribute.value.value().iter().map(|byte| format!("{byte:02x}")));
                }
            }
        }
    }
    out
}

fn escape(value: &str, out: &mut String) {
    for character in value.chars() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => {
                out.push('\\');
                out.push(character);
            }
            _ if character.is_control() => {
                let mut bytes = [0; 4];
                let bytes = character.encode_utf8(&mut bytes).bytes();
                out.extend(bytes.map(|byte| format!("\\{byte:02x}")));
            }
            _ => out.push(character),
        }
    }
}

/// The 12 digits in the third RDN, where CIS1 clients look, if that is one common name.
pub(super) fn user_id(name: &Name) -> Option<UserId> {
    let rdn = name.iter_rdn().nth(2)?;
    let mut attributes = rdn.iter();
    let attribute = attributes.next()?;
    if attributes.next().is_some() || attribute.oid != COMMON_NAME {
        return None;
    }
    UserId::parse(string(&attribute.value)?)
}
