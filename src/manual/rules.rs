//! The design rules that comments name by number, and the words that mean one thing only.
//!
//! 1. **Private key bytes never leave [`crate::crypto`]**: sealing and unsealing happen there;
//!    erased on drop; never in a log, an error or a Debug. The agent's process is hardened: not
//!    dumpable, no core; its whole memory locked only with CAP_IPC_LOCK or no limit, else the pages
//!    of [`crate::secret`].
//! 2. **A proof is made for one request.** Its nonce is base64url of SHA-256 over a domain label,
//!    the sorted SPKI hashes of the request's keys, and 32 random bytes. It comes back in the proof
//!    ([`super::proofs`]). Each proof works once, across restarts, keyed by what was signed.
//! 3. **A card never outlives its reasons**: the least of the policy's lifetime from the time of
//!    authentication, the issuer's end, the person's time on the roster, and the end of CIS1. A token's `exp` limits its acceptance,
//!    not the card. When a reason ends early the card is gone from every face at once.
//! 4. **Login belongs to one connection, tries to the person, the lock to the card.** Blocked is
//!    cleared only by a new strong proof, at a limited rate. On a locked card a live connection goes
//!    on after verifying again; a new one never skips it.
//! 5. **Two keys, two meanings.** Authentication works for the session after one verification.
//!    Content commitment is off unless the policy turns it on, and asks the person each time.
//!    Exactly one key has CKA_DECRYPT.
//! 6. **The hash policy sits in [`crate::card::Card::sign`]**, where the DigestInfo is parsed, so
//!    that no face goes round it: SHA-1 for the authentication key only, and counted; raw blocks
//!    that are no DigestInfo by a switch of their own.
//! 7. **No lock is held during a private-key operation or a host's callback.** The card's
//!    generation is checked again afterwards: a result for a card that is gone is discarded.
//! 8. **Errors are the card's own** and carry no code of any standard. Each face has one total
//!    match, without a wildcard.
//! 9. **Nothing is believed that a client says about itself**: the operating system is asked who is
//!    there. That is for attribution, not a barrier against code of the same user.
//! 10. **Parsers are total**: bytes from outside never panic, recurse only to a fixed depth, and
//!     never allocate more than they carry. Connections are bounded per user.
//! 11. **With the passcode standing aside** (primary sign-in in its place) an application is
//!     admitted only if it is listed.
//!
//! # Where a passcode comes from
//!
//! Per person, set at first use and kept as an Argon2id verifier (at least 19 MiB and 2 passes); or
//! given by the host with the request; or none, where the primary sign-in stands for it; or one-time.
//! A one-time code is bound to its card, the application and one login; a client that presents a
//! used one again on the same connection (drivers cache PINs) is refused without losing a try.
//!
//! # Words
//!
//! | word | means |
//! |---|---|
//! | card | the core thing; token, slot, session, object are PKCS#11's words only |
//! | proof, assurance | what shows who signed in; what a proof is worth |
//! | request | a card that is being derived or released |
//! | passcode | what NHS calls the PIN (`pin` only where a standard's name has it) |
//! | application, host | a legacy program that uses a card; the SSO agent |
//! | blocked | the tries are used up |
//! | locked | the person is away: verify again to go on |
//! | suspended | by policy or an administrator |
//! | removed | no card is there |
