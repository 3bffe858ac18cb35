//! Unix sockets, as p11-kit writes them.

use super::Address;
use crate::secret::files;
use std::{
    ffi::OsString,
    fmt,
    fs::DirBuilder,
    io,
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::DirBuilderExt as _,
    },
    path::{Path, PathBuf},
};

/// The longest path that a socket address holds (sun_path, with its end).
const LONGEST: usize = 107;

pub(super) const FORM: &str = "unix:path=/folder/name";
pub(super) const NOT_LOCAL: &str = "no Unix socket; write unix:path=/...";

pub(super) fn parse(text: &str) -> Option<Address> {
    let path = match text.strip_prefix("unix:path=") {
        Some(escaped) => unescape(escaped.split(';').next()?)?,
        None => text.as_bytes().to_vec(),
    };
    let fits = path.first() == Some(&b'/') && path.len() <= LONGEST && !path.contains(&0);
    fits.then(|| Address::Unix(PathBuf::from(OsString::from_vec(path))))
}

pub(super) fn beside(folder: &Path, name: &str) -> Address {
    Address::Unix(folder.join(name))
}

pub(super) fn make_folder(address: &Address, others: bool) -> io::Result<()> {
    match address.path().parent() {
        Some(folder) if folder.exists() => Ok(()),
        Some(folder) if others => DirBuilder::new().mode(0o755).create(folder),
        Some(folder) => files::make_folder(folder),
        None => Ok(()),
    }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            byte
        });
    }
    Some(bytes)
}

pub(super) fn write(path: &Path, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("unix:path=")?;
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                write!(f, "{}", char::from(*byte))?;
            }
            _ => write!(f, "%{byte:02x}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_mean_the_same() {
        let bare = Address::parse("/run/user/1000/wardcard/pkcs11").unwrap();
        assert_eq!(Address::parse("unix:path=/run/user/1000/wardcard/pkcs11"), Some(bare.clone()));
        assert_eq!(Address::parse(&bare.to_string()), Some(bare));
    }

    #[test]
    fn escapes_go_both_ways() {
        let address = Address::Unix("/tmp/a b;c%".into());
        assert_eq!(address.to_string(), "unix:path=/tmp/a%20b%3bc%25");
        assert_eq!(Address::parse(&address.to_string()), Some(address.clone()));
        assert_eq!(Address::parse("/tmp/a b;c%"), Some(address));
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "pkcs11",
            "unix:path=",
            "unix:path=pkcs11",
            "unix:abstract=/x",
            "tcp:host=localhost",
            "unix:path=/a%2",
            "unix:path=/a%zz",
            "unix:path=/a%00",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
        let longest = format!("/{}", "a".repeat(106));
        assert!(Address::parse(&longest).is_some());
        assert_eq!(Address::parse(&format!("{longest}a")), None);
    }
}
