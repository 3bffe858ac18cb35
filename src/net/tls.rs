//! TLS 1.3 (RFC 8446) between two machines that each know the other's root: the way to an issuer.
//!
//! Both sides show a certificate. The server hears clients by the names in its configuration
//! (dNSName, RFC 6125), never by a name alone: the chain leads to the configured root. The files
//! are read again when they have changed, so that certificates are replaced without a restart.
//! Left out: session tickets and early data, which would let a client in without its certificate.

mod connection;
mod files;
mod listener;

pub use connection::TlsConnection;
pub use files::TlsFiles;
pub use listener::{TlsListener, TlsVisitor};

/// What a TLS endpoint says of something that rustls refused.
fn invalid(error: impl std::fmt::Display) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, error.to_string())
}
