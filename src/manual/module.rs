//! The PKCS#11 module: what a program that loads it finds, and what is decided where the standard
//! leaves a choice.
//!
//! # Which cards
//!
//! | environment | cards |
//! |---|---|
//! | `WARDCARD_STORE=DIR` | the enrolled cards of that store, in the program's own process, and a blank one after them |
//! | `WARDCARD_AGENT=unix:path=...` | those that the agent there shows to this user |
//! | neither | those of the agent at `/run/wardcard/pkcs11`, else at `$XDG_RUNTIME_DIR/wardcard/pkcs11`; while there is none, one empty slot |
//!
//! A process with raised privileges (AT_SECURE) believes no variable. PKCS#11 can answer a number
//! only: with `WARDCARD_DEBUG=1` the reason of a refusal by C_Initialize, and why a slot is empty since no
//! agent is reached, is one line on the standard error.
//!
//! # Enrolled cards
//!
//! A registration tool makes one of the blank card (C_InitToken, C_InitPIN, C_SetPIN), generates
//! keys on it, has requests certified and writes the certificates in:
//!
//! ```sh
//! export WARDCARD_STORE=$HOME/cards
//! pkcs11-tool --module libwardcard.so --init-token --label ward-7 --so-pin 87654321
//! pkcs11-tool --module libwardcard.so --token-label ward-7 --init-pin \
//!     --login --login-type so --so-pin 87654321 --new-pin 482915
//! pkcs11-tool --module libwardcard.so --token-label ward-7 --login --pin 482915 \
//!     --keypairgen --key-type rsa:2048 --id 01 --label authentication
//! ```
//!
//! Such a card lasts. `DIR/store.sqlite` holds it, everything in it sealed. The store's key is the
//! file that `WARDCARD_STORE_KEY` names, else `wardcard/store.key` below `$XDG_STATE_HOME`
//! (`~/.local/state`); it is made with mode 0600 at first use, and without it the store does not
//! open. Keys and private objects open only with a passcode **and** that key. Three wrong passcodes
//! block the card's user or its security officer, whichever it was, also across processes; the
//! security officer's C_InitPIN clears the user's. Nobody clears the security officer's.
//!
//! A store of one's own signs SHA-1 and raw blocks and lets private keys be written in (they are then
//! not CKA_LOCAL); `DIR/policy.toml` with `raw_rsa = true` adds CKM_RSA_X_509. It writes no audit
//! log: cards whose use is to be accounted for are shown by an agent.
//!
//! SQLite is not used on both sides of a fork: a child that calls C_Initialize gets the store anew.
//! If another thread of the parent was in the middle of a change at the moment of the fork, the
//! child's C_Initialize is refused.
//!
//! Such a card can also be enrolled for a named person (`wardcard enrol adopt`) and released by
//! that person's sign-in; C_InitToken ends that. Cards that `wardcard enrol new` makes have no
//! passcode and no slot: they are seen as released cards only.
//!
//! # Choices
//!
//! | where | is so | since |
//! |---|---|---|
//! | a derived card's objects | every change answers CKR_ACTION_PROHIBITED | its content is the sign-in's |
//! | CKF_HW of mechanisms | not set | the keys are in software; `pkcs11-tool --test` tests signatures only with `--allow-sw` |
//! | keys of the card, private session keys | always sensitive, never in clear | only secret keys can be read, if their template says so |
//! | operation state | CKR_STATE_UNSAVEABLE | it would take secrets out of the process |
//! | mechanisms that p11-kit's RPC cannot carry | not listed through an agent, refused at Init | the other end could not tell what was meant |
//! | message-based encryption, KEM, asynchronous calls of 3.0 and 3.2 | CKR_FUNCTION_NOT_SUPPORTED | no card's application asks for them |
//!
//! # Programs
//!
//! | program | note |
//! |---|---|
//! | Java's keytool | `-providerName SunPKCS11-<name>` makes keys on the card; without it they are made in Java's memory and brought in (not CKA_LOCAL) |
//! | OpenSSH | `ssh-add -s` needs an agent started with `-P` and the module's path |
//! | p11-kit's own client | reads a card through the agent without a module of ours |
