//! p11-kit's RPC: a server over any `Cryptoki`, a client that is one.
//!
//! A connection begins with a byte of version each way. Then come frames: a number that matches an answer to its call,
//! the length of options (ignored), the length of a message, and both. A message is the number of a call, its signature,
//! and its arguments or results (`calls` has the table). All numbers are most significant byte first.
//!
//! Versions 0 (all of PKCS#11 2.40), 1 and 2 (other forms of three arguments; what a card can do of 3.0 and 3.2) are
//! spoken at both ends; the other calls of 3.0 and 3.2 answer CKR_FUNCTION_NOT_SUPPORTED. Mechanisms go by an allow-list.

mod attribute;
mod bytes;
mod calls;
mod client;
mod codec;
mod cx;
mod frame;
mod mechanism;
mod serve;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

pub use client::{Client, Endpoint};
pub use serve::{Factory, Limits, Server};

/// How many threads run at once.
fn processors() -> usize {
    static COUNT: LazyLock<usize> =
        LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));
    *COUNT
}

/// One message as a client may send it, for fuzzing: read, run against `cryptoki`, answered.
#[cfg(fuzzing)]
pub fn fuzz_message(body: &[u8], version: u8, cryptoki: &dyn crate::pkcs11::Cryptoki) {
    serve::fuzz_message(body, version, cryptoki);
}
