//! Setting up an agent, an issuer and applications.
//!
//! # Try it
//!
//! `wardcard demo --keep` starts a provider, an issuer and an agent on this machine, derives a
//! card for the test identity 555000000001, and prints the commands to use it.
//!
//! # An issuer
//!
//! 1. `wardcard ca init DIR` makes a root and two issuing authorities. Move the root's folder
//!    offline.
//! 2. `wardcard ca serve DIR --listen unix:path=/run/wardcard-ca/socket` under a user of its own.
//! 3. `wardcard ca show DIR`, `wardcard ca crl DIR` for what it issued and what it revoked.
//!
//! # An agent
//!
//! `examples/agent.toml` is a commented configuration. `wardcard agent --config FILE --check`
//! reads it as a whole and names every mistake with its line; `wardcard agent --config FILE`
//! serves until SIGTERM; `wardcard doctor --config FILE` says what is wrong on this machine and
//! what to do about it.
//!
//! *Personal mode* serves the user it runs as. *Ward mode* runs under a user of its own and shows
//! each logged-on user that user's card alone.
//!
//! A personal agent may show *enrolled cards* too, whose keys last: the table `[enrolled]` of the
//! configuration names the folder of their store. They are used after login, under the same policy
//! of hashes, gate and audit as the person's own. New cards and keys that were made elsewhere are
//! allowed by name only.
//!
//! # Applications
//!
//! An application loads `libwardcard.so` as its PKCS#11 module. It finds the agent at
//! `$WARDCARD_AGENT`, else at `/run/wardcard/pkcs11`, else at `$XDG_RUNTIME_DIR/wardcard/pkcs11`.
//! Applications that already speak p11-kit's RPC (`p11-kit-client.so` with
//! `P11_KIT_SERVER_ADDRESS=unix:path=...`) need no module of ours.
//!
//! A client believes a server that runs as its own user, as root, as the owner of
//! `/run/wardcard`, or as a user named in `/etc/wardcard/client.toml`:
//!
//! ```toml
//! servers = [990]
//! ```
