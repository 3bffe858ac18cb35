//! X.509 certificates (base specification section 4.6.3).

use super::{
    Given, NewObject, filled,
    table::{self, Shape},
};
use crate::{
    crypto::{self, Hash},
    pkcs11::{
        Result,
        ck::*,
        objects::{Attributes, Material, date},
    },
    pki::Certificate,
};

/// The certificate that a template describes. Its value is the application's to judge: what reads
/// as a certificate fills the attributes that the template leaves out.
pub(super) fn certificate(template: Given<'_>) -> Result<NewObject> {
    if template.needed_number(CKA_CERTIFICATE_TYPE)? != CKC_X_509 {
        return Err(CKR_ATTRIBUTE_VALUE_INVALID);
    }
    template.suits(Shape::X509, table::NO_CREATE, Some(table::CREATE))?;
    let given = |kind| template.value(kind).unwrap_or_default();
    let (value, url) = (given(CKA_VALUE), given(CKA_URL));
    let hashes = [CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CKA_HASH_OF_ISSUER_PUBLIC_KEY].map(given);
    // Footnotes of the table: a value or where it is, and there with the hashes to know it by.
    if value.is_empty() && (url.is_empty() || hashes.contains(&&[][..])) {
        return Err(CKR_TEMPLATE_INCOMPLETE);
    }
    let attributes = filled(template, Shape::X509);
    let mut object = NewObject { attributes, material: Material::None, shape: Shape::X509 };
    if let Ok(certificate) = Certificate::from_der(value) {
        read_from(&certificate, template, &mut object.attributes);
    }
    if !value.is_empty() {
        let digest = crypto::digest(Hash::Sha1, value);
        check_value(&mut object.attributes, digest.get(..3).unwrap_or_default())?;
    }
    object.consistent()
}

fn read_from(certificate: &Certificate, template: Given<'_>, attributes: &mut Attributes) {
    for (kind, value) in [
        (CKA_ISSUER, certificate.issuer_der().to_vec()),
        (CKA_SERIAL_NUMBER, certificate.serial_der().to_vec()),
        (CKA_START_DATE, date(certificate.not_before())),
        (CKA_END_DATE, date(certificate.not_after())),
        (CKA_PUBLIC_KEY_INFO, certificate.public_key().spki().to_vec()),
    ] {
        if template.value(kind).is_none() {
            attributes.set(kind, value);
        }
    }
}

/// CKA_CHECK_VALUE: a template that gives an empty one wants none, any other must be right
/// (section 4.10.2, and for certificates 4.6.2).
pub(super) fn check_value(attributes: &mut Attributes, right: &[u8]) -> Result<()> {
    match attributes.value(CKA_CHECK_VALUE) {
        Some([]) => attributes.unset(CKA_CHECK_VALUE),
        Some(said) if said != right => return Err(CKR_ATTRIBUTE_VALUE_INVALID),
        _ => attributes.set(CKA_CHECK_VALUE, right),
    }
    Ok(())
}
