//! Passcodes and their shape (NHS: 6 to 8 digits since July 2023, older ones may hold letters).

use super::Secret;
use std::fmt;

/// A passcode in the shape that its [`PasscodeRule`] asks for.
#[derive(Clone, Debug)]
pub struct Passcode(Secret);

impl Passcode {
    /// The UTF-8 bytes.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

/// What a passcode looks like. The default is NHS's: 6 to 8 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasscodeRule {
    /// Fewest characters.
    pub min: usize,
    /// Most characters.
    pub max: usize,
    /// Whether only the digits 0 to 9 may stand in it.
    pub digits_only: bool,
}

impl fmt::Display for PasscodeRule {
    /// `6 to 8 digits`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.digits_only { "digits" } else { "characters" };
        write!(f, "{} to {} {what}", self.min, self.max)
    }
}

impl Default for PasscodeRule {
    fn default() -> Self {
        Self { min: 6, max: 8, digits_only: true }
    }
}

impl PasscodeRule {
    /// A passcode of this shape, or `None` for anything else: not UTF-8, too short or too long in
    /// characters, a control character (NUL too) in it. A wrong shape costs no try, and no copy of
    /// it is made.
    pub fn parse(&self, bytes: &[u8]) -> Option<Passcode> {
        // A character has at most four bytes: what is longer is not even walked through.
        if bytes.len() > self.max.saturating_mul(4) {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let shape = if self.digits_only {
            text.bytes().all(|byte| byte.is_ascii_digit())
        } else {
            text.chars().all(|char| !char.is_control())
        };
        let length = text.chars().count();
        (shape && (self.min..=self.max).contains(&length))
            .then(|| Passcode(Secret::copied_from(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_takes_six_to_eight_digits_and_nothing_else() {
        let rule = PasscodeRule::default();
        for good in ["123456", "1234567", "12345678"] {
            assert_eq!(rule.parse(good.as_bytes()).unwrap().expose(), good.as_bytes());
        }
        for bad in ["", "12345", "123456789", "12345a", "12345 ", "12345\0", "１２３４５６"] {
            assert!(rule.parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
        assert!(rule.parse(&[0xFF; 6]).is_none());
    }

    #[test]
    fn letters_are_counted_as_characters_and_control_characters_refused() {
        let rule = PasscodeRule { min: 4, max: 5, digits_only: false };
        for good in ["äöüß", "ab cd", "🔑🔑🔑🔑🔑"] {
            assert!(rule.parse(good.as_bytes()).is_some(), "{good:?}");
        }
        for bad in ["äöü", "abcdef", "abc\0", "abc\n", "abc\u{7f}", "abc\u{85}"] {
            assert!(rule.parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_rule_says_what_it_asks_for() {
        assert_eq!(PasscodeRule::default().to_string(), "6 to 8 digits");
        let old = PasscodeRule { min: 4, max: 12, digits_only: false };
        assert_eq!(old.to_string(), "4 to 12 characters");
    }

    #[test]
    fn a_passcode_is_not_shown() {
        let passcode = PasscodeRule::default().parse(b"123456").unwrap();
        assert_eq!(format!("{passcode:?}"), "Passcode(Secret(..))");
    }
}
