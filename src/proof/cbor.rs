//! CBOR (RFC 8949) read strictly, as far as WebAuthn and COSE use it: every length is stated, no
//! map has a key twice, at most 4 levels. Leaves out floating point numbers and tags, which
//! neither has.
//!
//! That lengths stand in their shortest form is not asked: authenticators are signed for as they
//! write, and two spellings of one map are two proofs only if both are signed.

/// Most levels of arrays and maps: CTAP2 canonical CBOR has the same bound.
const DEPTH: u8 = 4;

/// A value. Bytes and text are those of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A number of major type 0 or 1.
    Integer(i64),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text string.
    Text(&'a str),
    /// An array.
    Array(Vec<Value<'a>>),
    /// A map, in the order of the input; no key stands twice.
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// `true` or `false`.
    Bool(bool),
    /// `null` or `undefined`.
    Null,
}

impl<'a> Value<'a> {
    /// The value of a key of this map.
    pub(super) fn at(&self, key: &Value<'_>) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value of a key that is a text.
    pub(super) fn named(&self, name: &str) -> Option<&Self> {
        self.at(&Value::Text(name))
    }

    /// The bytes that this is.
    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The number that this is.
    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

/// Reads one value and nothing after it.
pub(super) fn whole(bytes: &[u8]) -> Option<Value<'_>> {
    first(bytes).and_then(|(value, rest)| rest.is_empty().then_some(value))
}

/// Reads one value; it and what stands after it.
pub(super) fn first(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(DEPTH)?;
    Some((value, reader.rest))
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: u8) -> Option<Value<'a>> {
        let (major, argument) = self.head()?;
        Some(match major {
            0 => Value::Integer(i64::try_from(argument).ok()?),
            1 => Value::Integer(-1 - i64::try_from(argument).ok()?),
            2 => Value::Bytes(self.take(argument)?),
            3 => Value::Text(std::str::from_utf8(self.take(argument)?).ok()?),
            4 => {
                let depth = depth.checked_sub(1)?;
                // Nothing is allocated for what is announced, only for what is there.
                let mut items = Vec::new();
                for _ in 0..argument {
                    items.push(self.value(depth)?);
                }
                Value::Array(items)
            }
            5 => {
                let depth = depth.checked_sub(1)?;
                let mut entries: Vec<(Value<'a>, Value<'a>)> = Vec::new();
                for _ in 0..argument {
                    let key = match self.value(0)? {
                        key @ (Value::Integer(_) | Value::Text(_)) => key,
                        _ => return None,
                    };
                    if entries.len() >= ENTRIES || entries.iter().any(|(one, _)| *one == key) {
                        return None;
                    }
                    entries.push((key, self.value(depth)?));
                }
                Value::Map(entries)
            }
            7 => match argument {
                20 => Value::Bool(false),
                21 => Value::Bool(true),
                22 | 23 => Value::Null,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Major type and argument (RFC 8949 section 3); an indefinite length has no argument.
    fn head(&mut self) -> Option<(u8, u64)> {
        let initial = *self.take(1)?.first()?;
        let (major, additional) = (initial >> 5, initial & 0x1f);
        let length = match additional {
            0..=23 => return Some((major, u64::from(additional))),
            // A simple value above 23 and a floating point number are not read.
            _ if major == 7 => return None,
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return None,
        };
        let argument = self.take(length)?.iter();
        Some((major, argument.fold(0, |number, byte| number << 8 | u64::from(*byte))))
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }
}

/// Most entries of a map, so that looking for a key twice stays cheap.
const ENTRIES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_every_kind_of_value() {
        let bytes = b"\xa5\x01\x20\x03\x39\x01\x00\x61a\x82\x42\x01\x02\xf6\x61b\xf5\x63key\x61v";
        let value = whole(bytes).unwrap();
        assert_eq!(value.at(&Value::Integer(1)).unwrap().integer(), Some(-1));
        assert_eq!(value.at(&Value::Integer(3)).unwrap().integer(), Some(-257));
        let array = Value::Array(vec![Value::Bytes(&[1, 2]), Value::Null]);
        assert_eq!(value.named("a"), Some(&array));
        assert_eq!(value.named("b"), Some(&Value::Bool(true)));
        assert_eq!(value.named("key"), Some(&Value::Text("v")));
        assert_eq!((value.named("x"), value.bytes(), value.integer()), (None, None, None));
        assert_eq!(array.named("a"), None);
        assert_eq!(first(b"\x01\x02"), Some((Value::Integer(1), &[2_u8][..])));
        assert_eq!(whole(b"\xf4"), Some(Value::Bool(false)));
    }

    #[test]
    fn a_length_that_is_longer_than_needed_is_read() {
        assert_eq!(whole(b"\x18\x01"), Some(Value::Integer(1)));
        assert_eq!(whole(b"\x1a\0\x01\x02\x03"), Some(Value::Integer(0x01_0203)));
        assert_eq!(whole(b"\x1b\0\0\0\0\0\0\0\x01"), Some(Value::Integer(1)));
    }

    #[test]
    fn what_is_not_strict_is_refused() {
        let wrong: [(&[u8], &str); 21] = [
            (b"", "nothing"),
            (b"\x01\x01", "something after it"),
            (b"\x18", "an argument that is cut off"),
            (b"\x42\x01", "bytes that are cut off"),
            (b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", "more bytes than there can be"),
            (b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "more items than there can be"),
            (b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", "more entries than there can be"),
            (b"\x1b\x80\0\0\0\0\0\0\0", "a number beyond 63 bits"),
            (b"\x61\xff", "text that is no UTF-8"),
            (b"\x5f\x41\x01\xff", "bytes of no stated length"),
            (b"\x9f\x01\xff", "an array of no stated length"),
            (b"\xbf\x01\x01\xff", "a map of no stated length"),
            (b"\xa2\x01\x01\x01\x02", "a key twice"),
            (b"\xa2\x01\x01\x18\x01\x02", "a key twice, in another spelling"),
            (b"\xa1\x41\x01\x02", "a key of bytes"),
            (b"\xa1\x80\x02", "a key that is an array"),
            (b"\xc0\x01", "a tag"),
            (b"\xf9\x3c\x00", "a floating point number"),
            (b"\xf8\x20", "a simple value"),
            (b"\xf8\x15", "true in two bytes"),
            (b"\x81\x81\x81\x81\x81\x01", "five levels"),
        ];
        for (bytes, what) in wrong {
            assert_eq!(whole(bytes), None, "{what}");
        }
        assert!(whole(b"\x81\x81\x81\x81\x01").is_some(), "four levels");
    }

    #[test]
    fn sixty_four_entries_and_no_more() {
        let map = |entries: u8| {
            let mut bytes = vec![0xb8, entries];
            bytes.extend((0..entries).flat_map(|key| [0x18, key, 0x01]));
            whole(&bytes).is_some()
        };
        assert!(map(64));
        assert!(!map(65));
    }

    /// What another implementation makes of it, where that is a value that is read here.
    fn theirs(value: &ciborium::Value) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).ok()?;
        Some(bytes)
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = whole(&bytes);
        }

        #[test]
        fn reads_what_another_implementation_writes(
            number in any::<i64>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            text in ".{0,40}",
        ) {
            use ciborium::Value as Theirs;
            let map = Theirs::Map(vec![
                (Theirs::Integer(1.into()), Theirs::Integer(number.into())),
                (Theirs::Text("b".into()), Theirs::Bytes(bytes.clone())),
                (Theirs::Text("t".into()), Theirs::Array(vec![Theirs::Text(text.clone())])),
            ]);
            let written = theirs(&map).unwrap();
            let read = whole(&written).unwrap();
            prop_assert_eq!(read.at(&Value::Integer(1)).unwrap().integer(), Some(number));
            prop_assert_eq!(read.named("b").unwrap().bytes(), Some(bytes.as_slice()));
            let texts = Value::Array(vec![Value::Text(&text)]);
            prop_assert_eq!(read.named("t"), Some(&texts));
        }

        #[test]
        fn what_is_read_here_another_implementation_reads_too(
            bytes in proptest::collection::vec(any::<u8>(), 0..48),
        ) {
            if let Some((_, rest)) = first(&bytes) {
                let length = bytes.len() - rest.len();
                let theirs = ciborium::from_reader::<ciborium::Value, _>(&bytes[..length]);
                prop_assert!(theirs.is_ok(), "{bytes:02x?}");
            }
        }
    }
}
