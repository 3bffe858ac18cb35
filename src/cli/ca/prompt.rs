//! A passphrase asked for at the terminal, not shown while it is typed.

#[cfg_attr(unix, path = "prompt/unix.rs")]
#[cfg_attr(windows, path = "prompt/windows.rs")]
mod system;

use super::Error;
pub(super) use system::passphrase;
