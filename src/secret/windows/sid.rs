//! Security identifiers (MS-DTYP section 2.4.2): who somebody is.

use std::fmt;

/// The most numbers behind the authority.
const MOST: usize = 15;
/// The bytes before those numbers.
const HEAD: usize = 8;

/// A security identifier.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sid {
    authority: u64,
    count: u8,
    /// Zero beyond `count`.
    numbers: [u32; MOST],
}

impl Sid {
    /// Nobody (S-1-0-0).
    pub(crate) const NOBODY: Self = Self::of(0, &[0]);
    /// The system itself (S-1-5-18).
    pub(crate) const SYSTEM: Self = Self::of(5, &[18]);
    /// The group of the administrators (S-1-5-32-544).
    pub(crate) const ADMINISTRATORS: Self = Self::of(5, &[32, 544]);
    /// The system's own installer (`NT SERVICE\\TrustedInstaller`), which is named in the lists of what
    /// lies below its folders.
    pub(crate) const TRUSTED_INSTALLER: Self =
        Self::of(5, &[80, 956008885, 3418522649, 1831038044, 1853292631, 2271478464]);
    /// In a folder's list: whoever makes something in it (S-1-3-0).
    pub(super) const CREATOR_OWNER: Self = Self::of(3, &[0]);
    /// In a list: whoever the thing belongs to (S-1-3-4).
    pub(super) const OWNER_RIGHTS: Self = Self::of(3, &[4]);

    const fn of(authority: u64, given: &[u32]) -> Self {
        let mut numbers = [0; MOST];
        let mut at = 0;
        while at < given.len() {
            numbers[at] = given[at];
            at += 1;
        }
        Self { authority, count: at as u8, numbers }
    }

    /// Reads `S-1-5-...`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("S-1-")?.split('-');
        let authority = match parts.next()? {
            hex if hex.starts_with("0x") => u64::from_str_radix(hex.get(2..)?, 16).ok()?,
            decimal => plain(decimal)?,
        };
        let mut numbers = [0; MOST];
        let mut count = 0;
        for part in parts {
            *numbers.get_mut(usize::from(count))? = u32::try_from(plain(part)?).ok()?;
            count += 1;
        }
        (authority < 1 << 48 && count > 0).then_some(Self { authority, count, numbers })
    }

    /// Reads the form that the system keeps; more may stand behind it.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
        let [1, count, a, b, c, d, e, f] = *head else { return None };
        let mut numbers = [0; MOST];
        let places = numbers.get_mut(..usize::from(count))?;
        let mut words = rest.as_chunks::<4>().0.iter();
        for place in places {
            *place = u32::from_le_bytes(*words.next()?);
        }
        Some(Self { authority: u64::from_be_bytes([0, 0, a, b, c, d, e, f]), count, numbers })
    }
}

fn plain(decimal: &str) -> Option<u64> {
    let digits = !decimal.is_empty() && decimal.bytes().all(|byte| byte.is_ascii_digit());
    decimal.parse().ok().filter(|_| digits)
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.authority {
            small if small < 1 << 32 => write!(f, "S-1-{small}")?,
            large => write!(f, "S-1-{large:#014x}")?,
        }
        self.numbers.iter().take(usize::from(self.count)).try_for_each(|one| write!(f, "-{one}"))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_written_and_read_as_the_system_does() {
        for text in ["S-1-5-18", "S-1-5-21-3623811015-3361044348-30300820-1013", "S-1-1-0"] {
            assert_eq!(Sid::parse(text).unwrap().to_string(), text);
        }
        let large = Sid::parse("S-1-0x010203040506-7").unwrap();
        assert_eq!(large.to_string(), "S-1-0x010203040506-7");
        let bytes = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0, 0xEE];
        assert_eq!(Sid::from_bytes(&bytes), Some(Sid::ADMINISTRATORS));
        assert_eq!(Sid::parse("S-1-5-32-544"), Some(Sid::ADMINISTRATORS));
        for length in 0..16 {
            assert_eq!(Sid::from_bytes(&bytes[..length]), None);
        }
        assert_eq!(Sid::from_bytes(&[1, 16].repeat(99)), None);
    }

    #[test]
    fn other_texts_are_none() {
        let long = format!("S-1-5{}", "-1".repeat(16));
        for text in ["", "S-1", "S-1-5", "S-2-5-1", "S-1-5-", "S-1-5-+1", "S-1-5-4294967296", &long]
        {
            assert_eq!(Sid::parse(text), None, "{text}");
        }
        assert_eq!(Sid::parse("S-1-281474976710656-1"), None);
    }
}
