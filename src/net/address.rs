//! Where something is served, as p11-kit writes it.

#[cfg_attr(unix, path = "address/unix.rs")]
#[cfg_attr(windows, path = "address/windows.rs")]
pub(in crate::net) mod local;

#[cfg(unix)]
use std::path::PathBuf;
use std::{fmt, io, net::Ipv6Addr, path::Path};

/// Where something is served: `unix:path=/...` as p11-kit writes it, or a bare absolute path; on
/// Windows `pipe:NAME`, or `\\.\pipe\NAME`; or `tls:HOST:PORT` of an issuer on another machine.
///
#[cfg_attr(unix, doc = "```")]
#[cfg_attr(windows, doc = "```ignore")]
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
    #[cfg(unix)]
    Unix(PathBuf),
    /// A named pipe of this machine: its name, without `\\.\pipe\`.
    #[cfg(windows)]
    Pipe(String),
    /// TCP with TLS on both sides; an IPv6 address stands in brackets when written.
    Tls {
        /// Name or IP address; also what the server's certificate must be for.
        host: String,
        /// TCP port.
        port: u16,
    },
}

/// How an address of this machine is written.
pub const LOCAL_FORM: &str = local::FORM;

impl Address {
    /// Reads an address; `None` where the form is another, the path is not absolute, a `%` does not begin an escape of two
    /// hexadecimal digits, or the path is longer than a socket's may be (107 bytes).
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(place) = text.strip_prefix("tls:") {
            return tls(place);
        }
        local::parse(text)
    }

    /// An address of this machine for what lives in a private folder: a socket of this name in it; on
    /// Windows a pipe that is named after the folder and this name.
    pub fn beside(folder: &Path, name: &str) -> Self {
        local::beside(folder, name)
    }

    /// Whether it is of this machine, where the system tells who is at the other end.
    pub fn is_local(&self) -> bool {
        !matches!(self, Self::Tls { .. })
    }

    /// Makes the last folder of the way to a socket that is about to be bound, if it is not there:
    /// this user's alone, or for `others` to enter. A pipe has no folder.
    ///
    /// # Errors
    /// What the system says.
    pub fn make_folder(&self, others: bool) -> io::Result<()> {
        local::make_folder(self, others)
    }

    /// The socket's path; empty where it is none of a Unix socket.
    pub fn path(&self) -> &Path {
        match self {
            #[cfg(unix)]
            Self::Unix(path) => path,
            #[cfg(windows)]
            Self::Pipe(_) => Path::new(""),
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
    let text = format!("{address} is {}", local::NOT_LOCAL);
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls { host, port } if host.contains(':') => write!(f, "tls:[{host}]:{port}"),
            Self::Tls { host, port } => write!(f, "tls:{host}:{port}"),
            #[cfg(unix)]
            Self::Unix(path) => local::write(path, f),
            #[cfg(windows)]
            Self::Pipe(name) => write!(f, "pipe:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
