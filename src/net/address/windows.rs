//! Named pipes of this machine.

use super::Address;
use std::{io, path::Path};

/// What stands before a pipe's name.
pub(in crate::net) const PIPES: &str = r"\\.\pipe\";
/// The longest name, with what stands before it (CreateNamedPipe).
const LONGEST: usize = 256;

pub(super) const FORM: &str = "pipe:NAME";
pub(super) const NOT_LOCAL: &str = "no named pipe; write pipe:NAME";

/// Letters, digits and `-_.` alone: a name that needs no quoting anywhere.
pub(super) fn parse(text: &str) -> Option<Address> {
    let name = text.strip_prefix("pipe:").or_else(|| text.strip_prefix(PIPES))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = !name.is_empty() && PIPES.len() + name.len() <= LONGEST && name.bytes().all(plain);
    fits.then(|| Address::Pipe(name.to_owned()))
}

pub(super) fn beside(folder: &Path, name: &str) -> Address {
    let folder = folder.file_name().unwrap_or_default().to_string_lossy();
    let plain = folder.chars().filter(char::is_ascii_alphanumeric).take(LONGEST / 2);
    Address::Pipe(format!("wardcard-{}-{name}", plain.collect::<String>()))
}

pub(super) fn make_folder(_: &Address, _: bool) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_mean_the_same_and_others_are_refused() {
        let pipe = Address::Pipe("wardcard-pkcs11".to_owned());
        assert_eq!(Address::parse("pipe:wardcard-pkcs11"), Some(pipe.clone()));
        assert_eq!(Address::parse(r"\\.\pipe\wardcard-pkcs11"), Some(pipe.clone()));
        assert_eq!(pipe.to_string(), "pipe:wardcard-pkcs11");
        assert!(pipe.is_local());
        let long = format!("pipe:{}", "a".repeat(248));
        for text in
            ["", "pipe:", "pipe:a b", r"pipe:a\b", r"\\other\pipe\a", "unix:path=/a", "/a", &long]
        {
            assert_eq!(Address::parse(text), None, "{text}");
        }
        assert!(Address::parse(&long[..long.len() - 1]).is_some());
    }
}
