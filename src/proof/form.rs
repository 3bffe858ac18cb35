//! Names and values as a query or a posted form carries them
//! (`application/x-www-form-urlencoded`, RFC 6749 appendix B).

use zeroize::Zeroizing;

/// Longest query or form that is looked at, in bytes: a logout token fits.
pub const LONGEST: usize = 80 * 1024;

/// Most pairs of one.
const MOST: usize = 64;

/// Names with their values, in their order; erased on drop.
pub type Pairs = Vec<(Zeroizing<String>, Zeroizing<String>)>;

/// Takes a query or form apart, or `None` if it is none: too long, too many, not percent-encoded
/// UTF-8.
pub fn pairs(text: &[u8]) -> Option<Pairs> {
    if text.len() > LONGEST {
        return None;
    }
    let mut pairs = Pairs::new();
    for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        if pairs.len() >= MOST {
            return None;
        }
        let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at_checked(equals)?;
        pairs.push((decode(name)?, decode(value.strip_prefix(b"=").unwrap_or(value))?));
    }
    Some(pairs)
}

/// A name that may stand once stands twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twice;

/// The value of the one pair of this name, if there is one (RFC 6749 section 3.1).
///
/// # Errors
/// [`Twice`] if there are more.
pub fn once<'a>(pairs: &'a Pairs, name: &str) -> Result<Option<&'a str>, Twice> {
    let mut found = pairs.iter().filter(|(other, _)| other.as_str() == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Ok(Some(value.as_str())),
        (None, _) => Ok(None),
        _ => Err(Twice),
    }
}

/// Writes pairs as a query or form.
pub fn written(pairs: &[(&str, &str)]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(1024));
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode(name, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

/// Writes one value. A space is `%20`, which everyone reads.
pub fn encode(value: &str, text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push('%');
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(*DIGITS.get(usize::from(digit)).unwrap_or(&b'0')));
            }
        }
    }
}

fn decode(value: &[u8]) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            other => *other,
        });
    }
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<Vec<(String, String)>> {
        let owned = |text: &Zeroizing<String>| text.as_str().to_owned();
        Some(pairs(text.as_bytes())?.iter().map(|(n, v)| (owned(n), owned(v))).collect())
    }

    #[test]
    fn pairs_are_read_in_every_spelling() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read(""), Some(vec![]));
        assert_eq!(read("a=b&c=d"), Some(vec![pair("a", "b"), pair("c", "d")]));
        assert_eq!(read("&a=&&b"), Some(vec![pair("a", ""), pair("b", "")]));
        assert_eq!(read("a%3d=%20x+y%c3%A9=="), Some(vec![pair("a=", " x y\u{e9}==")]));
        for wrong in ["a=%", "a=%1", "a=%zz", "%ff=1", "a=%+1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_too_long_or_too_much_is_none() {
        let longest = format!("a={}", "x".repeat(LONGEST - 2));
        assert!(read(&longest).is_some());
        assert!(read(&format!("{longest}x")).is_none());
        assert_eq!(read(&["a=1"; MOST].join("&")).unwrap().len(), MOST);
        assert!(read(&["a=1"; MOST + 1].join("&")).is_none());
    }

    #[test]
    fn a_name_that_stands_twice_has_no_value() {
        let pairs = pairs(b"a=1&b=2&%61=3").unwrap();
        assert_eq!(once(&pairs, "a"), Err(Twice));
        assert_eq!(once(&pairs, "b"), Ok(Some("2")));
        assert_eq!(once(&pairs, "c"), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(name in "\\PC{0,20}", value in "\\PC{0,60}") {
            let text = written(&[(&name, &value), ("z", "")]);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(read(&text), Some(vec![(name, value), ("z".to_owned(), String::new())]));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = pairs(&bytes);
        }
    }
}
