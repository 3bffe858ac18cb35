//! One JSON object (RFC 8259) read strictly: no member twice at any depth (RFC 8725 section 2.4
//! and RFC 7515 section 4), at most 16 levels, nothing after its end. Text is erased on drop.

use super::{Document, Refusal};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::{collections::BTreeMap, fmt};
use zeroize::Zeroizing;

/// Most levels of arrays and objects.
const DEPTH: u8 = 16;

/// The members of an object.
pub(super) type Object = BTreeMap<String, Value>;

/// A JSON value.
#[derive(Clone)]
pub(super) enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that is an integer of 64 bits.
    Integer(i64),
    /// Any other number.
    Fraction(f64),
    /// A string.
    Text(Zeroizing<String>),
    /// An array.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

impl fmt::Debug for Value {
    /// The kind alone: values belong to persons.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Bool(_) => "Bool(..)",
            Self::Integer(_) | Self::Fraction(_) => "Number(..)",
            Self::Text(_) => "Text(..)",
            Self::Array(_) => "Array(..)",
            Self::Object(_) => "Object(..)",
        })
    }
}

impl Value {
    /// The string that this is.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The strings that this array holds and nothing else, or the one string that this is.
    pub(super) fn texts(&self) -> Option<Vec<&str>> {
        match self {
            Self::Text(text) => Some(vec![text]),
            Self::Array(values) => values.iter().map(Self::text).collect(),
            _ => None,
        }
    }
}

/// Reads `bytes` as one object.
pub(super) fn object(bytes: &[u8], document: Document) -> Result<Object, Refusal> {
    let mut twice = false;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Seed { depth: DEPTH, twice: &mut twice }.deserialize(&mut reader);
    match (value, reader.end()) {
        (Ok(Value::Object(object)), Ok(())) => Ok(object),
        _ if twice => Err(Refusal::Duplicate(document)),
        _ => Err(Refusal::NotJson(document)),
    }
}

/// Reads one value with so many levels left; `twice` tells a member that stands twice from every
/// other fault.
struct Seed<'a> {
    depth: u8,
    twice: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Fraction(number as f64), Value::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Fraction(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = deeper(self.depth)?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Seed { depth, twice: self.twice })? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let depth = deeper(self.depth)?;
        let mut object = Object::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Seed { depth, twice: self.twice })?;
            if object.insert(name, value).is_some() {
                *self.twice = true;
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

fn deeper<E: serde::de::Error>(depth: u8) -> Result<u8, E> {
    depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Object, Refusal> {
        object(text.as_bytes(), Document::Claims)
    }

    fn nested(levels: usize) -> String {
        format!("{{\"a\":{}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
    }

    #[test]
    fn reads_every_kind_of_value() {
        let object = read(
            r#" {"t":"x\u00e9","i":-5,"big":18446744073709551615,"f":1.5,"a":["p","q"],
                "o":{"a":null},"b":true} "#,
        )
        .unwrap();
        assert_eq!(object["t"].text(), Some("x\u{e9}"));
        assert_eq!(object["t"].texts(), Some(vec!["x\u{e9}"]));
        assert!(matches!(object["i"], Value::Integer(-5)));
        assert!(matches!(object["big"], Value::Fraction(f) if f > 1e19));
        assert!(matches!(object["f"], Value::Fraction(f) if (f - 1.5).abs() < 1e-9));
        assert_eq!(object["a"].texts(), Some(vec!["p", "q"]));
        assert_eq!(object["a"].text(), None);
        assert_eq!(object["i"].texts(), None);
        assert!(matches!(&object["o"], Value::Object(o) if matches!(o["a"], Value::Null)));
        assert!(matches!(object["b"], Value::Bool(true)));
    }

    #[test]
    fn a_member_twice_is_refused_at_any_depth_and_however_it_is_written() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"\u0061":3}"#,
            r#"{"o":{"a":1,"a":2}}"#,
            r#"{"l":[1,{"a":1,"a":2}]}"#,
        ] {
            assert_eq!(read(text).unwrap_err(), Refusal::Duplicate(Document::Claims), "{text}");
        }
        assert!(read(r#"{"a":{"a":1},"A":2}"#).is_ok());
    }

    #[test]
    fn sixteen_levels_and_no_more() {
        assert!(read(&nested(16)).is_ok());
        assert_eq!(read(&nested(17)).unwrap_err(), Refusal::NotJson(Document::Claims));
        assert!(read(&nested(30_000)).is_err());
        let objects =
            |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        assert!(read(&objects(16)).is_ok());
        assert!(read(&objects(17)).is_err());
    }

    #[test]
    fn what_is_not_exactly_one_object_is_refused() {
        for text in [
            "",
            "[]",
            "1",
            "\"a\"",
            "null",
            "{",
            "{}}",
            "{} {}",
            "{}x",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":NaN}",
            "{\"a\":1e999}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\n\"}",
            "\u{feff}{}",
            "{}//",
        ] {
            assert_eq!(read(text).unwrap_err(), Refusal::NotJson(Document::Claims), "{text}");
        }
        let not_utf8 = object(b"{\"a\":\"\xff\"}", Document::Header);
        assert_eq!(not_utf8.unwrap_err(), Refusal::NotJson(Document::Header));
    }

    #[test]
    fn debug_shows_no_values() {
        let shown = format!("{:?}", read(r#"{"sub":"555000000001","n":[555000000001]}"#).unwrap());
        assert!(!shown.contains("555"), "{shown}");
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = object(&bytes, Document::Claims);
        }

        #[test]
        fn nearly_json_never_panics(text in "[\\[\\]{}:,\"\\\\u0-9a-fA-F.eE+tr nl-]{0,200}") {
            let _ = object(text.as_bytes(), Document::Claims);
        }
    }
}
