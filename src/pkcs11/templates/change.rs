//! Copies and changes of objects (base specification sections 4.1.2 and 4.1.3), and what
//! attributes must not contradict.

use super::{
    Given, NewObject,
    table::{self, Shape},
};
use crate::pkcs11::{
    Attribute, AttributeType, Result,
    ck::*,
    objects::{Attributes, Object},
};

/// The copy of an object that a template asks for (C_CopyObject).
///
/// # Errors
/// CKR_ACTION_PROHIBITED where CKA_COPYABLE is false, the codes of section 4.1.2 for the template.
pub(in crate::pkcs11) fn copied(object: &Object, template: &[Attribute]) -> Result<NewObject> {
    if !object.is_true(CKA_COPYABLE) {
        return Err(CKR_ACTION_PROHIBITED);
    }
    let mut attributes = with(object, template, table::CHANGES.and(table::COPY))?;
    // Nothing that took a login may be had without one through its copy.
    if object.is_private() && !attributes.is_true(CKA_PRIVATE) {
        return Err(CKR_TEMPLATE_INCONSISTENT);
    }
    attributes.unset(CKA_UNIQUE_ID);
    let (material, shape) = (object.material.clone(), object.shape);
    NewObject { attributes, material, shape }.consistent()
}

/// The attributes of an object after the change that a template asks for (C_SetAttributeValue):
/// all of it, or none.
///
/// # Errors
/// CKR_ACTION_PROHIBITED where CKA_MODIFIABLE is false, the codes of section 4.1.2 for the template.
pub(in crate::pkcs11) fn changed(object: &Object, template: &[Attribute]) -> Result<Attributes> {
    if !object.is_true(CKA_MODIFIABLE) {
        return Err(CKR_ACTION_PROHIBITED);
    }
    let attributes = with(object, template, table::CHANGES)?;
    consistent(&attributes, object.shape)?;
    Ok(attributes)
}

fn with(object: &Object, template: &[Attribute], may: table::Notes) -> Result<Attributes> {
    let mut attributes = object.attributes.clone();
    for (kind, value) in Given::read(template)?.iter() {
        let row = table::find(kind, object.shape).ok_or(CKR_TEMPLATE_INCONSISTENT)?;
        let was = attributes.value(kind);
        if !row.notes.any(may)
            || row.notes.any(table::STAYS_TRUE) && was == Some(&[1]) && value != [1]
            || row.notes.any(table::STAYS_FALSE) && was == Some(&[0]) && value != [0]
        {
            return Err(CKR_ATTRIBUTE_READ_ONLY);
        }
        attributes.set(kind, value);
    }
    Ok(attributes)
}

/// Whether attributes can be true together. Beyond the standard's own rules, a private key is
/// always sensitive here, and one that asks for the passcode each time stays on a card.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT.
pub(super) fn consistent(attributes: &Attributes, shape: Shape) -> Result<()> {
    let date = |kind: AttributeType| attributes.value(kind).filter(|date| !date.is_empty());
    let reversed = match (date(CKA_START_DATE), date(CKA_END_DATE)) {
        (Some(start), Some(end)) => start > end,
        _ => false,
    };
    let open = attributes.value(CKA_PRIVATE) == Some(&[0]);
    let always = attributes.is_true(CKA_ALWAYS_AUTHENTICATE);
    let readable = shape.is_private_key() && !attributes.is_true(CKA_SENSITIVE);
    if reversed || readable || always && (open || !attributes.is_true(CKA_TOKEN)) {
        return Err(CKR_TEMPLATE_INCONSISTENT);
    }
    Ok(())
}
