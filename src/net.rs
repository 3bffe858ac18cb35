//! Addresses, listeners, connections and who is at the other end: Unix sockets, named pipes on
//! Windows, TCP on the loopback address for readers, and TLS between machines that know each other's
//! roots.
//!
//! A server's folder is checked before anything is bound in it, and a client checks the folder and the server's user
//! before it sends a byte. Sends never raise SIGPIPE and nothing is inherited over exec.

// What the two systems do differently stands in files of the same names, and has the same face.
#[cfg_attr(windows, path = "net/windows/account.rs")]
mod account;
mod address;
mod channel;
#[cfg_attr(windows, path = "net/windows/connection.rs")]
mod connection;
#[cfg_attr(windows, path = "net/windows/descriptor.rs")]
mod descriptor;
mod hang_up;
#[cfg_attr(windows, path = "net/windows/listener.rs")]
mod listener;
#[cfg_attr(windows, path = "net/windows/peer.rs")]
mod peer;
pub mod places;
#[cfg_attr(windows, path = "net/windows/stoppable.rs")]
mod stoppable;
mod tcp;
#[cfg(feature = "tls")]
pub mod tls;
mod trust;
#[cfg_attr(windows, path = "net/windows/watch.rs")]
mod watch;
#[cfg(windows)]
mod windows;

pub use account::account_name;
pub use address::{Address, LOCAL_FORM};
pub use channel::Channel;
pub use connection::Connection;
pub(crate) use descriptor::Inherited;
pub(crate) use hang_up::hang_up;
pub use listener::Listener;
pub use peer::Peer;
#[cfg(unix)]
#[doc(hidden)]
pub use tcp::fuzz_table;
pub use tcp::{TcpAddress, TcpSocket, listening_user};
pub use trust::ServerTrust;
pub(crate) use watch::{Bell, Watch};
#[cfg(all(windows, feature = "cli"))]
pub(crate) use windows::interrupts::Interrupts;
#[cfg(windows)]
use windows::{event, pipe, tcp_table, waiting};
