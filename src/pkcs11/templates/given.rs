//! A template as it was given: its attributes known, each once, each of its form (base
//! specification section 4.1.1, items 1, 2, 5 and 6).

use super::table::{self, Form, Shape};
use crate::pkcs11::{Attribute, AttributeType, Result, ck::*};

/// A template that has been read. What of it goes with which object is not known yet.
#[derive(Clone, Copy, Debug)]
pub(in crate::pkcs11) struct Given<'a>(&'a [Attribute]);

impl<'a> Given<'a> {
    /// # Errors
    /// CKR_ATTRIBUTE_TYPE_INVALID for an attribute that nothing here has,
    /// CKR_ATTRIBUTE_VALUE_INVALID for a value that its attribute cannot have,
    /// CKR_TEMPLATE_INCONSISTENT for an attribute that stands twice.
    pub(in crate::pkcs11) fn read(template: &'a [Attribute]) -> Result<Self> {
        for (at, attribute) in template.iter().enumerate() {
            // The first one to stand twice ends this: the work is bounded by the table's length.
            if template.iter().take(at).any(|earlier| earlier.kind == attribute.kind) {
                return Err(CKR_TEMPLATE_INCONSISTENT);
            }
            let form = table::form(attribute.kind).ok_or(CKR_ATTRIBUTE_TYPE_INVALID)?;
            if !fits(form, &attribute.value) {
                return Err(CKR_ATTRIBUTE_VALUE_INVALID);
            }
        }
        Ok(Self(template))
    }

    pub(super) fn iter(self) -> impl Iterator<Item = (AttributeType, &'a [u8])> {
        self.0.iter().map(|attribute| (attribute.kind, attribute.value.as_slice()))
    }

    /// The value of an attribute.
    pub(in crate::pkcs11) fn value(self, kind: AttributeType) -> Option<&'a [u8]> {
        self.iter().find_map(|(one, value)| (one == kind).then_some(value))
    }

    /// The value of an attribute that must be there.
    pub(in crate::pkcs11) fn needed(self, kind: AttributeType) -> Result<&'a [u8]> {
        self.value(kind).ok_or(CKR_TEMPLATE_INCOMPLETE)
    }

    /// The value of a CK_BBOOL.
    pub(in crate::pkcs11) fn flag(self, kind: AttributeType) -> Option<bool> {
        self.value(kind).map(|value| value == [1])
    }

    /// The value of a CK_ULONG.
    pub(in crate::pkcs11) fn number(self, kind: AttributeType) -> Option<u64> {
        self.value(kind).and_then(|value| value.try_into().ok()).map(u64::from_le_bytes)
    }

    /// A CK_ULONG that must be there.
    pub(in crate::pkcs11) fn needed_number(self, kind: AttributeType) -> Result<u64> {
        self.number(kind).ok_or(CKR_TEMPLATE_INCOMPLETE)
    }

    /// The number, which a function contributes too: the template may only agree.
    pub(in crate::pkcs11) fn agreed(self, kind: AttributeType, value: u64) -> Result<()> {
        match self.number(kind) {
            Some(said) if said != value => Err(CKR_TEMPLATE_INCONSISTENT),
            _ => Ok(()),
        }
    }

    /// Only attributes of this shape, none of which this function forbids, and all that it wants.
    pub(super) fn suits(
        self,
        shape: Shape,
        forbidden: table::Notes,
        wanted: Option<table::Notes>,
    ) -> Result<()> {
        for (kind, _) in self.iter() {
            let row = table::find(kind, shape).ok_or(CKR_TEMPLATE_INCONSISTENT)?;
            if row.notes.any(forbidden) {
                return Err(CKR_ATTRIBUTE_READ_ONLY);
            }
        }
        let missing = |row: &&table::Row| {
            wanted.is_some_and(|wanted| row.notes.any(wanted)) && self.value(row.kind).is_none()
        };
        if table::rows(shape).any(|row| missing(&row)) {
            return Err(CKR_TEMPLATE_INCOMPLETE);
        }
        Ok(())
    }
}

fn fits(form: Form, value: &[u8]) -> bool {
    match form {
        Form::Flag => matches!(value, [0 | 1]),
        Form::Number => value.len() == size_of::<u64>(),
        Form::Date => value.is_empty() || is_date(value),
        Form::Mechanisms => value.len().is_multiple_of(size_of::<u64>()) && value.len() <= 1024,
        Form::Bytes(most) => value.len() <= most,
    }
}

/// CK_DATE: year, month and day in digits.
fn is_date(value: &[u8]) -> bool {
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |sum, digit| {
            digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0'))
        })
    };
    let [year @ .., _, _, _, _] = value else { return false };
    let (Some((_, month)), Some((_, day))) = (value.split_at_checked(4), value.split_at_checked(6))
    else {
        return false;
    };
    value.len() == 8
        && number(year).is_some()
        && month.get(..2).and_then(number).is_some_and(|month| (1..=12).contains(&month))
        && number(day).is_some_and(|day| (1..=31).contains(&day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_form_of_their_attribute() {
        for (form, good, bad) in [
            (Form::Flag, vec![&[0][..], &[1]], vec![&[][..], &[2], &[1, 0], &[1, 0, 0, 0]]),
            (Form::Number, vec![&[0; 8]], vec![&[], &[0; 4], &[0; 9]]),
            (
                Form::Date,
                vec![b"", b"20261122", b"00001231"],
                vec![b"2026112", b"20261322", b"20260022", b"20261100", b"20261132", b"2026112x"],
            ),
            (Form::Mechanisms, vec![&[], &[0; 16]], vec![&[0; 7], &[0; 1032]]),
            (Form::Bytes(2), vec![&[], &[1, 2]], vec![&[1, 2, 3]]),
        ] {
            good.iter().for_each(|value| assert!(fits(form, value), "{form:?} {value:?}"));
            bad.iter().for_each(|value| assert!(!fits(form, value), "{form:?} {value:?}"));
        }
    }

    #[test]
    fn what_is_wrong_with_a_template_is_told_by_its_code() {
        let twice = [Attribute::flag(CKA_TOKEN, true), Attribute::flag(CKA_TOKEN, true)];
        let read = |template: &[Attribute]| Given::read(template).map(drop);
        assert_eq!(read(&twice), Err(CKR_TEMPLATE_INCONSISTENT));
        assert_eq!(read(&twice[..1]), Ok(()));
        let unknown = [Attribute::flag(0x8123_4567, true)];
        assert_eq!(read(&unknown), Err(CKR_ATTRIBUTE_TYPE_INVALID));
        let long = [Attribute::bytes(CKA_LABEL, vec![b'x'; 1025])];
        assert_eq!(read(&long), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        let many: Vec<_> = (0..100_000).map(|_| Attribute::flag(CKA_TOKEN, true)).collect();
        assert_eq!(read(&many), Err(CKR_TEMPLATE_INCONSISTENT), "and soon");
    }
}
