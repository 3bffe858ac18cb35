//! Being told to end: SIGTERM and SIGINT, on Windows Ctrl-C and the end of the console, for the
//! commands that serve until then.

#[cfg_attr(unix, path = "signals/unix.rs")]
#[cfg_attr(windows, path = "signals/windows.rs")]
mod system;

pub(super) use system::signals;
