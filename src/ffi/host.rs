//! `wardcard.h`: a virtual NHS smartcard for hosts (SSO agents). ABI 0: it may change until it is
//! declared stable. Licence: MIT OR Apache-2.0.
//!
//! Conventions:
//!
//! - Names are `wardcard_<noun>_<verb>`. Every fallible call returns a [`wardcard_result`]; numbers
//!   are never used again for something else.
//! - Inputs stand before outputs. Outputs are written only on success, except a needed length.
//! - Text and bytes are a pointer and a length; text is UTF-8; `(NULL, 0)` is empty. Where there is
//!   too little room for an output, its length is written, and nothing else.
//! - Handles are opaque: `_new` makes, `_free` ends, once, and `_free(NULL)` is nothing. A handle is
//!   used from any thread, but not while or after it is freed.
//! - Structures that callers fill begin with their size, `sizeof` as the caller was compiled.
//! - Callbacks get `userdata` first, are called with no lock held, and may call back in. What they
//!   are asked may be answered later, by number, from any thread.
//!
//! The header is generated from `src/ffi/host`; `tests/header.rs` does it, and compares.

pub mod agent;
pub mod callbacks;
pub mod card;
pub mod evidence;
pub mod flow;
mod handles;
pub mod life;
pub mod one_time;
pub mod release;
pub mod request;
pub mod result;

#[doc(inline)]
pub use result::wardcard_result;
