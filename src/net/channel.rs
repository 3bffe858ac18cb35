//! A connection of either kind, for a protocol that does not mind which.

use super::Connection;
#[cfg(feature = "tls")]
use super::tls::TlsConnection;
use std::{io, time::Duration};

/// A connection that a protocol of questions and answers runs over.
#[derive(Debug)]
pub enum Channel {
    /// Within this machine.
    Unix(Connection),
    /// To another one.
    #[cfg(feature = "tls")]
    Tls(Box<TlsConnection>),
}

impl Channel {
    /// Fills `bytes`, within the read timeout as a whole.
    ///
    /// # Errors
    /// UnexpectedEof where the other end is done, TimedOut, or what the system or TLS says.
    pub fn read_exact(&self, bytes: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Unix(connection) => connection.read_exact(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(connection) => connection.read_exact(bytes),
        }
    }

    /// Sends all of `bytes`, within the write timeout as a whole.
    ///
    /// # Errors
    /// TimedOut, or what the system or TLS says.
    pub fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Unix(connection) => connection.write_all(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(connection) => connection.write_all(bytes),
        }
    }

    /// Limits each read; `None` waits without end.
    ///
    /// # Errors
    /// None now.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Unix(connection) => connection.set_read_timeout(limit),
            #[cfg(feature = "tls")]
            Self::Tls(connection) => {
                connection.set_read_timeout(limit);
                Ok(())
            }
        }
    }

    /// Limits each write; `None` waits without end.
    ///
    /// # Errors
    /// None now.
    pub fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Unix(connection) => connection.set_write_timeout(limit),
            #[cfg(feature = "tls")]
            Self::Tls(connection) => {
                connection.set_write_timeout(limit);
                Ok(())
            }
        }
    }

    /// Ends both directions; blocked reads and writes of other threads return.
    pub fn shutdown(&self) {
        match self {
            Self::Unix(connection) => connection.shutdown(),
            #[cfg(feature = "tls")]
            Self::Tls(connection) => connection.shutdown(),
        }
    }
}
