//! One record on its way into the log: fields in a fixed order, each value as JSON.

use super::LineHash;
use crate::clock::Time;
use std::fmt::Write as _;

/// The event of a record and its fields. Keys are the program's own words; values may be anything.
#[derive(Clone, Debug)]
pub struct Entry {
    body: String,
}

impl Entry {
    /// A record of this event.
    pub fn new(event: &'static str) -> Self {
        Self { body: String::with_capacity(256) }.text("event", event)
    }

    /// Adds a text.
    #[must_use]
    pub fn text(mut self, key: &'static str, value: &str) -> Self {
        self.key(key);
        quote(&mut self.body, value);
        self
    }

    /// Adds a text where there is one.
    #[must_use]
    pub fn some_text(self, key: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self,
        }
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, key: &'static str, value: u64) -> Self {
        self.key(key);
        // Writing into a String never fails.
        let _ = write!(self.body, "{value}");
        self
    }

    /// Adds a number where there is one.
    #[must_use]
    pub fn some_number(self, key: &'static str, value: Option<u64>) -> Self {
        match value {
            Some(value) => self.number(key, value),
            None => self,
        }
    }

    /// Adds `true` or `false`.
    #[must_use]
    pub fn flag(mut self, key: &'static str, value: bool) -> Self {
        self.key(key);
        self.body.push_str(if value { "true" } else { "false" });
        self
    }

    /// Adds a list of texts.
    #[must_use]
    pub fn texts<'v>(
        mut self,
        key: &'static str,
        values: impl IntoIterator<Item = &'v str>,
    ) -> Self {
        self.key(key);
        self.body.push('[');
        for (place, value) in values.into_iter().enumerate() {
            if place > 0 {
                self.body.push(',');
            }
            quote(&mut self.body, value);
        }
        self.body.push(']');
        self
    }

    /// The whole line, without its line feed.
    pub(super) fn line(&self, seq: u64, time: Time, prev: &LineHash) -> String {
        let mut line = String::with_capacity(self.body.len() + 160);
        // Writing into a String never fails.
        let _ = write!(line, "{{\"seq\":{seq},\"time\":\"{time}\",\"prev\":\"");
        line.push_str(&hex(prev));
        line.push('"');
        line.push_str(&self.body);
        line.push('}');
        line
    }

    fn key(&mut self, key: &'static str) {
        self.body.push(',');
        quote(&mut self.body, key);
        self.body.push(':');
    }
}

/// Longest value that is kept; a longer one is cut and marked, so that a record stays one line of
/// bounded length whatever the other side is called.
const LONGEST: usize = 1024;

fn quote(into: &mut String, value: &str) {
    into.push('"');
    for (count, letter) in value.chars().enumerate() {
        if count == LONGEST {
            into.push('…');
            break;
        }
        match letter {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            control if control < ' ' || control == '\u{7f}' => {
                // Writing into a String never fails.
                let _ = write!(into, "\\u{:04x}", u32::from(control));
            }
            other => into.push(other),
        }
    }
    into.push('"');
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS[usize::from(nibble)]));
        }
    }
    text
}

/// Exactly `N` bytes of lower-case hexadecimal.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != N * 2 {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind_come_back_from_the_line() {
        let entry = Entry::new("use")
            .text("exe", "/opt/a \"b\"\\\n\u{7f}é")
            .number("pid", 7)
            .flag("sha1", true)
            .texts("methods", ["pwd", "hwk"]);
        let line = entry.line(3, Time::from_unix_seconds(0), &[0xab; 32]);
        assert!(!line.contains('\n'));
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["seq"], 3);
        assert_eq!(read["time"], "1970-01-01T00:00:00Z");
        assert_eq!(read["prev"], "ab".repeat(32));
        assert_eq!(read["exe"], "/opt/a \"b\"\\\n\u{7f}é");
        assert_eq!(read["pid"], 7);
        assert_eq!(read["sha1"], true);
        assert_eq!(read["methods"][1], "hwk");
    }

    #[test]
    fn a_value_of_any_length_makes_a_line_of_bounded_length() {
        let line =
            Entry::new("x").text("exe", &"y".repeat(1 << 20)).line(1, Time::default(), &[0; 32]);
        assert!(line.len() < 2048);
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
    }

    #[test]
    fn hexadecimal_comes_back_and_nothing_else_is_taken() {
        assert_eq!(unhex::<2>(&hex(&[0x0f, 0xa0])), Some([0x0f, 0xa0]));
        for bad in ["", "0fa", "0fa0a0", "0FA0", "0fag"] {
            assert_eq!(unhex::<2>(bad), None, "{bad}");
        }
    }
}
