//! One signature, step by step.
//!
//! 1. The application calls `C_Sign` of the loaded module. [`crate::ffi`] stops panics at the
//!    boundary and turns pointers into slices and a room for the output
//!    ([`crate::pkcs11::Room`]).
//! 2. The [`crate::pkcs11::Cryptoki`] in use is [`crate::wire::Client`]. It writes one frame of
//!    p11-kit's RPC on its one connection and waits for the answer with the same call id. It starts
//!    no thread: whoever waits first reads for all.
//! 3. In the agent, [`crate::wire::Server`] reads the frame and calls this connection's
//!    [`crate::pkcs11::Module`]. Slow calls run beside each other; calls of one session keep their
//!    order.
//! 4. The module takes the session's operation and asks [`crate::card::Card::admit`] for a permit.
//!    The card checks life cycle, login and usage, then asks the agent's [`crate::card::Gate`],
//!    which writes the audit record *before* the key is used.
//! 5. [`crate::card::Card::sign`] takes the permit: it parses a raw block as DigestInfo, applies
//!    the hash policy, clones the prepared key, signs without holding a lock, and looks again
//!    whether the card is still the same. A result for a card that has gone is thrown away.
//! 6. The gate hears the outcome. The signature goes back the same way; the output room is filled
//!    by the one rule of PKCS#11 v2.40 section 5.2.
