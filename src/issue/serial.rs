//! Serial numbers as records, commands and the protocol write them (RFC 5280 section 4.1.2.2).

use crate::pki::Certificate;
use std::fmt;

/// The serial number of a certificate: lower-case hexadecimal without leading zero octets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(String);

impl Serial {
    /// That of a certificate.
    pub fn of(certificate: &Certificate) -> Self {
        Self(serial_hex(certificate.serial_der()))
    }

    /// Reads hexadecimal, colons allowed as `openssl` and browsers write them; `None` for anything
    /// else and for more than the 20 octets that RFC 5280 allows.
    pub fn parse(text: &str) -> Option<Self> {
        // Nothing of the right length is longer, colons and all.
        if text.len() > 64 {
            return None;
        }
        let plain: String = text.chars().filter(|char| *char != ':').collect();
        let plain = plain.trim_start_matches("00").to_ascii_lowercase();
        let shape = plain.bytes().all(|byte| byte.is_ascii_hexdigit());
        let fits = plain.len().is_multiple_of(2) && (2..=40).contains(&plain.len());
        (shape && fits).then_some(Self(plain))
    }

    /// The hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The DER INTEGER, tag and length included, as [`Certificate::serial_der`] gives it.
    pub(super) fn der(&self) -> Vec<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|one| u8::try_from(one).ok());
        let octet = |[high, low]: &[u8; 2]| Some((digit(*high)? << 4) | digit(*low)?);
        // A value of this type has hexadecimal digits alone, in pairs.
        let mut octets: Vec<u8> =
            self.0.as_bytes().as_chunks::<2>().0.iter().filter_map(octet).collect();
        if octets.first().is_some_and(|first| *first >= 0x80) {
            octets.insert(0, 0);
        }
        let length = u8::try_from(octets.len()).unwrap_or(u8::MAX);
        octets.splice(0..0, [0x02, length]);
        octets
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The serial of a DER INTEGER (tag and length included) as lower-case hexadecimal.
pub fn serial_hex(serial_der: &[u8]) -> String {
    magnitude(serial_der).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The octets of a positive DER INTEGER of short length, without its sign octet.
fn magnitude(serial_der: &[u8]) -> &[u8] {
    match serial_der {
        [0x02, _, 0x00, rest @ ..] if !rest.is_empty() => rest,
        [0x02, _, rest @ ..] => rest,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_read_as_programs_write_it_and_comes_back_as_der() {
        for (text, der) in [
            ("01", &[2, 1, 1][..]),
            ("00:FF", &[2, 2, 0, 0xff]),
            ("7f:00", &[2, 2, 0x7f, 0]),
            ("80ab", &[2, 3, 0, 0x80, 0xab]),
        ] {
            let serial = Serial::parse(text).unwrap();
            assert_eq!(serial.der(), der, "{text}");
            assert_eq!(serial_hex(der), serial.as_str());
        }
        let longest = "ab".repeat(20);
        assert!(Serial::parse(&longest).is_some());
        // Leading zeros are no part of it, up to a bound.
        let zeros = |octets| Serial::parse(&format!("{}{longest}", "00".repeat(octets)));
        assert_eq!((zeros(12), zeros(13)), (Serial::parse(&longest), None));
        assert_eq!(serial_hex(&[2, 1, 0]), "00");
        for bad in ["", "0", "xyz", "00", "1234567", &format!("{longest}ab"), &":".repeat(100)] {
            assert_eq!(Serial::parse(bad), None, "{bad}");
        }
    }
}
