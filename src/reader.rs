//! Readers: each translates one way of reaching a card into the few verbs of an [`Icc`].
//!
//! | module | way in | who uses it |
//! |---|---|---|
//! | [`ifd`] | the frame between the IFD handler in our library (inside pcscd) and the agent | Linux and macOS desktops |
//! | [`vpcd`] | a connection to the driver of `vsmartcard-vpcd` | machines without our handler |
//! | [`ccid`] | a USB CCID device, as a state machine without I/O | what serves USB |
//! | [`usbip`] | that device over USB/IP | Linux `vhci-hcd`, USB/IP drivers for Windows |
//! | [`vscard`] | QEMU's and SPICE's `ccid-card-passthru` | virtual desktops |
//!
//! Each is started with an `Icc` and gives a [`Running`], which ends it when dropped. Whoever speaks
//! to a reader is known as "PC/SC" and no more: the manual says what follows from that.
//!
//! The state of the passcode ends when a connection does: every reader powers the card off then.

pub mod ccid;
#[cfg(unix)]
pub mod ifd;
mod intake;
mod running;
pub mod usbip;
pub mod vpcd;
pub mod vscard;

pub use running::Running;

#[cfg(test)]
#[allow(unreachable_pub, reason = "shared with the integration tests")]
#[path = "../tests/common/slot.rs"]
pub(crate) mod slot;

use crate::{apdu::Icc, net::Connection, secret::User};

/// The longest command: extended, with both lengths (ISO/IEC 7816-4 section 5.2).
pub const LONGEST_COMMAND: usize = 4 + 3 + 65_535 + 2;
/// The longest response: extended, with its status.
pub const LONGEST_RESPONSE: usize = 65_536 + 2;

/// Which users may connect to a reader's endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admits {
    /// Users besides root (pcscd is root's) and the one that this process runs as.
    pub users: Vec<User>,
}

impl Admits {
    /// Whether this user may connect; one who is not known may not.
    pub fn admits(&self, user: Option<User>) -> bool {
        user.is_some_and(|user| user.is_root() || user == User::own() || self.users.contains(&user))
    }
}

/// Takes the power away when a connection ends, however it does.
struct PowerOff<'a>(&'a dyn Icc);

impl Drop for PowerOff<'_> {
    fn drop(&mut self) {
        self.0.power_off();
    }
}

/// For fuzzers: a connection with this to read and then the end, and its other end, which has to stay.
fn one_that_says(input: &[u8]) -> Option<(Connection, Connection)> {
    let (here, there) = Connection::pair().ok()?;
    there.write_all(input.get(..65_536).unwrap_or(input)).ok()?;
    // A pipe of Windows has no half to shut.
    if cfg!(windows) {
        there.shutdown();
    } else {
        there.shutdown_writes();
    }
    Some((here, there))
}
