//! Addresses, listeners, connections and who is at the other end: Unix sockets, TCP on the loopback
//! address for readers, and TLS between machines that know each other's roots. Named pipes later.
//!
//! A server's folder is checked before anything is bound in it, and a client checks the folder and the server's user
//! before it sends a byte. Sends never raise SIGPIPE and nothing is inherited over exec.

mod account;
mod address;
mod channel;
mod connection;
mod descriptor;
mod listener;
mod peer;
mod tcp;
#[cfg(feature = "tls")]
pub mod tls;
mod trust;
mod watch;

pub use account::account_name;
pub use address::Address;
pub use channel::Channel;
pub use connection::Connection;
pub(crate) use descriptor::abandon;
pub use listener::Listener;
pub use peer::Peer;
#[doc(hidden)]
pub use tcp::fuzz_table;
pub use tcp::{TcpAddress, TcpSocket, listening_user};
pub use trust::ServerTrust;
pub(crate) use watch::Watch;
