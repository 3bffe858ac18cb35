//! CK_ATTRIBUTE on the wire, type codes `aA` (with values) and `fA` (room for values).
//!
//! An attribute is its type, a byte that says whether there is a value, the value's length in memory, and the value in a
//! form that depends on the type: a byte, a number of eight bytes, a date, a list of mechanisms, or plain bytes.
//! Templates inside templates (CKA_WRAP_TEMPLATE and its like) are read to a fixed depth and refused if they are not empty.

use super::{
    bytes::{Input, Malformed, Output},
    cx::{
        ATTRIBUTE_SENSITIVE, ATTRIBUTE_TYPE_INVALID, ATTRIBUTE_VALUE_INVALID, BUFFER_TOO_SMALL, Cx,
        DEVICE_ERROR, Fault,
    },
};
use crate::pkcs11::{Answer, Answers, Attribute, AttributeType, Query, Rv};
use cryptoki_sys::*;
use zeroize::Zeroize;

/// How deep templates may stand inside templates.
const DEPTH: u8 = 2;
/// Least bytes of an attribute with its value: type and validity.
const LEAST: usize = 5;
/// Bytes of a question: type and length.
const QUESTION: usize = 8;

/// Most attributes of one template: the C face takes no more either. Each question may have a long
/// answer.
const ELEMENTS: usize = 4096;

/// How many elements of a template follow.
fn elements(input: &mut Input<'_>, least: usize) -> Result<usize, Malformed> {
    input.count(least).and_then(|count| if count > ELEMENTS { Err(Malformed) } else { Ok(count) })
}

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Byte,
    Number,
    Date,
    Mechanisms,
    Template,
    Bytes,
}

fn form(kind: AttributeType) -> Form {
    // CK_ULONG has 32 bits elsewhere.
    match CK_ATTRIBUTE_TYPE::try_from(kind).unwrap_or(CK_ATTRIBUTE_TYPE::MAX) {
        CKA_TOKEN
        | CKA_PRIVATE
        | CKA_TRUSTED
        | CKA_SENSITIVE
        | CKA_ENCRYPT
        | CKA_DECRYPT
        | CKA_WRAP
        | CKA_UNWRAP
        | CKA_SIGN
        | CKA_SIGN_RECOVER
        | CKA_VERIFY
        | CKA_VERIFY_RECOVER
        | CKA_DERIVE
        | CKA_EXTRACTABLE
        | CKA_LOCAL
        | CKA_NEVER_EXTRACTABLE
        | CKA_ALWAYS_SENSITIVE
        | CKA_MODIFIABLE
        | CKA_COPYABLE
        | CKA_ALWAYS_AUTHENTICATE
        | CKA_WRAP_WITH_TRUSTED
        | CKA_RESET_ON_INIT
        | CKA_HAS_RESET
        | CKA_COLOR
        | SECONDARY_AUTH => Form::Byte,
        CKA_CLASS
        | CKA_CERTIFICATE_TYPE
        | CKA_CERTIFICATE_CATEGORY
        | CKA_JAVA_MIDP_SECURITY_DOMAIN
        | CKA_KEY_TYPE
        | CKA_MODULUS_BITS
        | CKA_PRIME_BITS
        | CKA_SUBPRIME_BITS
        | CKA_VALUE_BITS
        | CKA_VALUE_LEN
        | CKA_KEY_GEN_MECHANISM
        | CKA_HW_FEATURE_TYPE
        | CKA_PIXEL_X
        | CKA_PIXEL_Y
        | CKA_RESOLUTION
        | CKA_CHAR_ROWS
        | CKA_CHAR_COLUMNS
        | CKA_BITS_PER_PIXEL
        | CKA_MECHANISM_TYPE
        | AUTH_PIN_FLAGS => Form::Number,
        CKA_WRAP_TEMPLATE | CKA_UNWRAP_TEMPLATE | CKA_DERIVE_TEMPLATE => Form::Template,
        CKA_ALLOWED_MECHANISMS => Form::Mechanisms,
        CKA_START_DATE | CKA_END_DATE => Form::Date,
        _ => Form::Bytes,
    }
}

/// CKA_SECONDARY_AUTH, deprecated since 2.40.
const SECONDARY_AUTH: CK_ATTRIBUTE_TYPE = 0x200;
/// CKA_AUTH_PIN_FLAGS, deprecated since 2.40.
const AUTH_PIN_FLAGS: CK_ATTRIBUTE_TYPE = 0x201;

/// Attributes that came from outside and are erased when done with.
#[derive(Debug, Default)]
pub(crate) struct Template(pub(crate) Vec<Attribute>);

impl Drop for Template {
    fn drop(&mut self) {
        for attribute in &mut self.0 {
            attribute.value.zeroize();
        }
    }
}

/// Writes a template.
///
/// # Errors
///
/// CKR_ATTRIBUTE_VALUE_INVALID for a value whose length its type does not allow, CKR_ATTRIBUTE_TYPE_INVALID for a type
/// or a value that the wire cannot carry.
pub(crate) fn put_template(output: &mut Output, template: &[Attribute]) -> Result<(), Rv> {
    output.word(u32::try_from(template.len()).map_err(|_| ATTRIBUTE_VALUE_INVALID)?);
    for attribute in template {
        put_value(output, attribute.kind, &attribute.value)?;
    }
    Ok(())
}

fn put_value(output: &mut Output, kind: AttributeType, value: &[u8]) -> Result<(), Rv> {
    let wire_kind = u32::try_from(kind).map_err(|_| ATTRIBUTE_TYPE_INVALID)?;
    let length = u32::try_from(value.len()).map_err(|_| ATTRIBUTE_VALUE_INVALID)?;
    let form = form(kind);
    let allowed = match form {
        Form::Byte => value.len() <= 1,
        Form::Number => value.len() <= 8,
        Form::Date => matches!(value.len(), 0 | 8),
        Form::Mechanisms => value.len().is_multiple_of(8),
        Form::Template => value.is_empty(),
        Form::Bytes => true,
    };
    if !allowed {
        return Err(if form == Form::Template {
            ATTRIBUTE_TYPE_INVALID
        } else {
            ATTRIBUTE_VALUE_INVALID
        });
    }
    output.word(wire_kind);
    output.byte(1);
    output.word(length);
    match form {
        Form::Byte => output.byte(value.first().copied().unwrap_or(0)),
        Form::Number => {
            let mut number = [0; 8];
            for (to, from) in number.iter_mut().zip(value) {
                *to = *from;
            }
            output.long(u64::from_le_bytes(number));
            number.zeroize();
        }
        Form::Mechanisms => {
            output.word(length / 8);
            for number in value.as_chunks::<8>().0 {
                output.long(u64::from_le_bytes(*number));
            }
        }
        Form::Template => output.word(0),
        Form::Date | Form::Bytes => {
            output.array(Some(value)).map_err(|_| ATTRIBUTE_VALUE_INVALID)?;
        }
    }
    Ok(())
}

/// Writes that an attribute has `length` bytes, without them.
fn put_length(output: &mut Output, kind: u32, length: u32) {
    output.word(kind);
    output.byte(1);
    output.word(length);
    match form(u64::from(kind)) {
        Form::Byte => output.byte(0),
        Form::Number => output.long(0),
        Form::Mechanisms | Form::Template => output.word(0),
        Form::Date | Form::Bytes => output.word(super::bytes::ABSENT),
    }
}

/// What was read of one attribute.
enum Value {
    Absent,
    Length(u32),
    Bytes(Vec<u8>),
}

fn take_one(input: &mut Input<'_>, depth: u8) -> Result<(u32, Value), Fault> {
    let kind = input.word()?;
    if input.byte()? == 0 {
        return Ok((kind, Value::Absent));
    }
    let length = input.word()?;
    let value = match form(u64::from(kind)) {
        Form::Byte => short(length, &[input.byte()?])?,
        Form::Number => short(length, &input.long()?.to_le_bytes())?,
        Form::Mechanisms => {
            let count = input.count(8)?;
            let mut bytes = Vec::with_capacity(count * 8);
            for _ in 0..count {
                bytes.extend_from_slice(&input.long()?.to_le_bytes());
            }
            match u32::try_from(bytes.len()) {
                Ok(same) if same == length => Value::Bytes(bytes),
                Ok(0) => Value::Length(length),
                _ => return Err(Fault::Malformed),
            }
        }
        Form::Template => {
            let inner = take_nested(input, depth)?;
            if inner != 0 {
                return Err(Fault::Refused(ATTRIBUTE_TYPE_INVALID));
            }
            if length == 0 { Value::Bytes(Vec::new()) } else { Value::Length(length) }
        }
        form @ (Form::Date | Form::Bytes) => match input.array()? {
            None if length == 0 => Value::Bytes(Vec::new()),
            None => Value::Length(length),
            Some(bytes) => {
                if form == Form::Date && !matches!(bytes.len(), 0 | 8) {
                    return Err(Fault::Malformed);
                }
                if u32::try_from(bytes.len()) != Ok(length) {
                    return Err(Fault::Malformed);
                }
                Value::Bytes(bytes.to_vec())
            }
        },
    };
    Ok((kind, value))
}

/// The first `length` bytes of a value of fixed size.
fn short(length: u32, bytes: &[u8]) -> Result<Value, Malformed> {
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    bytes.get(..length).map(|bytes| Value::Bytes(bytes.to_vec())).ok_or(Malformed)
}

/// Reads over a template inside a template; how many attributes stood in it.
fn take_nested(input: &mut Input<'_>, depth: u8) -> Result<usize, Fault> {
    if depth >= DEPTH {
        return Err(Fault::Malformed);
    }
    let count = elements(input, LEAST)?;
    for _ in 0..count {
        match take_one(input, depth + 1) {
            Ok(_) | Err(Fault::Refused(_)) => {}
            Err(Fault::Malformed) => return Err(Fault::Malformed),
        }
    }
    Ok(count)
}

/// Reads a template with values.
pub(crate) fn take_template(input: &mut Input<'_>) -> Result<Template, Fault> {
    let count = elements(input, LEAST)?;
    let mut template = Template(Vec::with_capacity(count));
    for _ in 0..count {
        let (kind, value) = take_one(input, 0)?;
        let Value::Bytes(value) = value else {
            return Err(Fault::Refused(ATTRIBUTE_VALUE_INVALID));
        };
        template.0.push(Attribute { kind: u64::from(kind), value });
    }
    Ok(template)
}

/// Writes what is asked of an object.
///
/// # Errors
///
/// CKR_ATTRIBUTE_TYPE_INVALID for a type that has no room on the wire.
pub(crate) fn put_queries(output: &mut Output, queries: &[Query]) -> Result<(), Rv> {
    output.word(u32::try_from(queries.len()).map_err(|_| ATTRIBUTE_TYPE_INVALID)?);
    for query in queries {
        output.word(u32::try_from(query.kind).map_err(|_| ATTRIBUTE_TYPE_INVALID)?);
        // A template's value cannot be carried: ask for its length alone.
        let room = match form(query.kind) {
            Form::Template => 0,
            _ => query.room.unwrap_or(0),
        };
        output.word(u32::try_from(room).unwrap_or(0x7fff_ffff).min(0x7fff_ffff));
    }
    Ok(())
}

/// Reads what is asked of an object.
pub(crate) fn take_queries(input: &mut Input<'_>, cx: Cx) -> Result<Vec<Query>, Fault> {
    let count = elements(input, QUESTION)?;
    let mut queries = Vec::with_capacity(count);
    for _ in 0..count {
        let kind = input.word()?;
        let room = input.word()?;
        if form(u64::from(kind)) == Form::Template && room != 0 && cx.version > 0 {
            skip_nested_queries(input, 0)?;
        }
        let room = match room {
            0 => None,
            room => Some(usize::try_from(room).map_err(|_| Malformed)?),
        };
        queries.push(Query { kind: u64::from(kind), room });
    }
    Ok(queries)
}

fn skip_nested_queries(input: &mut Input<'_>, depth: u8) -> Result<(), Malformed> {
    if depth >= DEPTH {
        return Err(Malformed);
    }
    for _ in 0..elements(input, QUESTION)? {
        let kind = input.word()?;
        let room = input.word()?;
        if form(u64::from(kind)) == Form::Template && room != 0 {
            skip_nested_queries(input, depth + 1)?;
        }
    }
    Ok(())
}

/// Writes the answers to `queries` and the code that goes with them.
///
/// # Errors
///
/// The answers' own code where it is one that fills no template.
pub(crate) fn put_answers(
    output: &mut Output,
    queries: &[Query],
    answers: &Answers,
) -> Result<(), Rv> {
    let code = match answers.code {
        None => 0,
        Some(code @ (ATTRIBUTE_SENSITIVE | ATTRIBUTE_TYPE_INVALID | BUFFER_TOO_SMALL)) => code.0,
        Some(code) => return Err(code),
    };
    if queries.len() != answers.answers.len() {
        return Err(DEVICE_ERROR);
    }
    output.word(u32::try_from(queries.len()).map_err(|_| DEVICE_ERROR)?);
    for (query, answer) in queries.iter().zip(&answers.answers) {
        let kind = u32::try_from(query.kind).map_err(|_| DEVICE_ERROR)?;
        let start = output.len();
        let written = match answer {
            Answer::Unavailable => false,
            Answer::Length(length) => {
                u32::try_from(*length).map(|length| put_length(output, kind, length)).is_ok()
            }
            Answer::Value(value) => put_value(output, query.kind, value).is_ok(),
        };
        if !written {
            output.truncate(start);
            output.word(kind);
            output.byte(0);
        }
    }
    output.long(code);
    Ok(())
}

/// Reads the answers to `queries`.
pub(crate) fn take_answers(input: &mut Input<'_>, queries: &[Query]) -> Result<Answers, Fault> {
    if input.count(LEAST)? != queries.len() {
        return Err(Fault::Malformed);
    }
    let mut answers = Vec::with_capacity(queries.len());
    let mut too_small = false;
    for query in queries {
        let (kind, value) = take_one(input, 0)?;
        if u64::from(kind) != query.kind {
            return Err(Fault::Malformed);
        }
        answers.push(match (value, query.room) {
            (Value::Absent, _) => Answer::Unavailable,
            (Value::Length(length), None) => {
                Answer::Length(usize::try_from(length).map_err(|_| Malformed)?)
            }
            (Value::Bytes(bytes), None) => Answer::Length(bytes.len()),
            (Value::Bytes(bytes), Some(room)) if bytes.len() <= room => Answer::Value(bytes),
            (Value::Bytes(_) | Value::Length(_), Some(_)) => {
                too_small = true;
                Answer::Unavailable
            }
        });
    }
    let code = match Rv(input.long()?) {
        Rv(0) if too_small => Some(BUFFER_TOO_SMALL),
        Rv(0) => None,
        code => Some(code),
    };
    Ok(Answers { code, answers })
}

#[cfg(test)]
mod tests;
