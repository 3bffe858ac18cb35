//! The endpoint of hosts: SSO agents that control an agent of another process, and the program's
//! own commands.
//!
//! A Unix socket of its own, apart from the applications'. Each message is a length (u32, big
//! endian) and that many bytes of JSON with no unknown member. The server speaks first:
//!
//! ```text
//! server  {"version":1,"challenge":"<64 hex>","secret":true}
//! client  {"version":1,"nonce":"<64 hex>","proof":"<HMAC-SHA-256(secret, label c | challenge | nonce)>"}
//! server  {"version":1,"proof":"<HMAC-SHA-256(secret, label s | challenge | nonce)>"}   or a refusal
//! client  {"cards":{}}                  server  {"cards":[...]}                  and so on
//! ```
//!
//! A host is a process of one of the configured users, none of them the agent's own, or one that
//! knows the configured secret; the secret itself never crosses. Everyone else is refused, slowed
//! down and put on record.

mod client;
pub mod enrol;
mod evidence;
pub mod flow;
mod frame;
mod handshake;
pub(super) mod life;
pub mod message;
mod one_time;
mod room;
pub(super) mod server;

#[cfg(test)]
#[cfg(unix)]
mod tests;

pub use client::{Client, Error};
pub use evidence::{CredentialLine, Piece, RegistrationLine};
pub use handshake::LEAST_SECRET;

use crate::secret::{Access, Secret, files};
use std::{io::Read as _, ops::RangeInclusive, path::Path};

/// Reads the secret of a host from its file, which must be its owner's alone: at least
/// [`LEAST_SECRET`] bytes, all of which count. `openssl rand -out FILE 32` makes one.
///
/// # Errors
/// What is wrong with the file and how to set it right.
pub fn read_secret(path: &Path) -> Result<Secret, String> {
    read_private(path, LEAST_SECRET..=LONGEST_SECRET, || {
        let shown = path.display();
        format!(
            "{shown} must hold {LEAST_SECRET} to {LONGEST_SECRET} random bytes: openssl rand -out {shown} 32"
        )
    })
}

/// Reads a file that must be its owner's alone; `advice` is for one of another length.
///
/// # Errors
/// What is wrong with the file and how to set it right.
pub(super) fn read_private(
    path: &Path,
    lengths: RangeInclusive<usize>,
    advice: impl FnOnce() -> String,
) -> Result<Secret, String> {
    let shown = path.display();
    let mut file =
        files::open_read(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let found = file.metadata().map_err(|error| format!("{shown}: {error}"))?;
    let access = Access::of(&file).map_err(|error| format!("{shown}: {error}"))?;
    if !found.is_file() {
        return Err(format!("{shown} is not a file"));
    }
    if !access.is_private() {
        return Err(format!("{shown} is open to others; {}", files::MAKE_PRIVATE));
    }
    let length = usize::try_from(found.len()).unwrap_or(usize::MAX);
    if !lengths.contains(&length) {
        return Err(advice());
    }
    Secret::filled(length, |bytes| file.read_exact(bytes))
        .map_err(|error| format!("{shown} cannot be read: {error}"))
}

/// A longer file is something else.
const LONGEST_SECRET: usize = 4096;
