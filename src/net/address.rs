//! Where something is served, as p11-kit writes it.

use std::{
    ffi::OsString,
    fmt, io,
    net::Ipv6Addr,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

/// Where something is served: `unix:path=/...` as p11-kit writes it, or a bare absolute path; or
/// `tls:HOST:PORT` of an issuer on another machine.
///
/// ```
/// use wardcard::net::Address;
/// let address = Address::parse("unix:path=/run/wardcard/pkcs%31%31").unwrap();
/// assert_eq!(address, Address::Unix("/run/wardcard/pkcs11".into()));
/// assert_eq!(address.to_string(), "unix:path=/run/wardcard/pkcs11");
/// let issuer = Address::parse("tls:ca.trust.example:8443").unwrap();
/// assert_eq!(issuer, Address::Tls { host: "ca.trust.example".to_owned(), port: 8443 });
/// assert_eq!(Address::parse("vsock:cid=2;port=1"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A Unix stream socket.
    Unix(PathBuf),
    /// TCP with TLS on both sides; an IPv6 address stands in brackets when written.
    Tls {
        /// Name or IP address; also what the server's certificate must be for.
        host: String,
        /// TCP port.
        port: u16,
    },
}

/// The longest path that a socket address holds (sun_path, with its end).
const LONGEST: usize = 107;

impl Address {
    /// Reads an address; `None` where the form is another, the path is not absolute, a `%` does not begin an escape of two
    /// hexadecimal digits, or the path is longer than a socket's may be (107 bytes).
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(place) = text.strip_prefix("tls:") {
            return tls(place);
        }
        let path = match text.strip_prefix("unix:path=") {
            Some(escaped) => unescape(escaped.split(';').next()?)?,
            None => text.as_bytes().to_vec(),
        };
        let fits = path.first() == Some(&b'/') && path.len() <= LONGEST && !path.contains(&0);
        fits.then(|| Self::Unix(PathBuf::from(OsString::from_vec(path))))
    }

    /// The socket's path; empty where it is none of a Unix socket.
    pub fn path(&self) -> &Path {
        match self {
            Self::Unix(path) => path,
            Self::Tls { .. } => Path::new(""),
        }
    }
}

/// The longest name of a host (RFC 1035 section 2.3.4).
const LONGEST_HOST: usize = 253;

fn tls(place: &str) -> Option<Address> {
    let (host, port) = place.rsplit_once(':')?;
    let decimal = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| *port != 0 && decimal)?;
    let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok()?.to_string(),
        None => {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
            let fits = (1..=LONGEST_HOST).contains(&host.len()) && host.bytes().all(known);
            fits.then(|| host.to_owned())?
        }
    };
    Some(Address::Tls { host, port })
}

/// Why nothing local is served or asked at an address of another machine.
pub(super) fn not_local(address: &Address) -> io::Error {
    let text = format!("{address} is no Unix socket; write unix:path=/...");
    io::Error::new(io::ErrorKind::InvalidInput, text)
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

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self {
            Self::Unix(path) => path,
            Self::Tls { host, port } if host.contains(':') => {
                return write!(f, "tls:[{host}]:{port}");
            }
            Self::Tls { host, port } => return write!(f, "tls:{host}:{port}"),
        };
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
    fn a_host_and_a_port_go_both_ways() {
        for text in ["tls:ca.trust.example:8443", "tls:127.0.0.1:1", "tls:[::1]:65535"] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(address.path(), Path::new(""));
        }
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
        for text in [
            "tls:",
            "tls:host",
            "tls:host:",
            "tls:host:0",
            "tls:host:65536",
            "tls:host:+1",
            "tls::1",
            "tls:::1:443",
            "tls:[::g]:443",
            "tls:[::1:443",
            "tls:a b:443",
            "tls:user@host:443",
            "tls:host/path:443",
            &format!("tls:{}:1", "a".repeat(254)),
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
        let longest = format!("/{}", "a".repeat(106));
        assert!(Address::parse(&longest).is_some());
        assert_eq!(Address::parse(&format!("{longest}a")), None);
    }
}
