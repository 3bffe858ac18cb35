//! The manual: documentation only.
//!
//! | chapter | read it when |
//! |---|---|
//! | [`signature`] | you want to follow one signature from the application to the key and back |
//! | [`threat_model`] | you review security: assets, attackers, what each face trusts, what is out of scope |
//! | [`claims`] | you decide what Wardcard may be used for: assurance levels and approvals |
//! | [`deployment`] | you set up an agent, an issuer, and applications |
//! | [`proofs`] | you choose what may show who signed in, or hand such a proof in |
//! | [`module`] | you load the PKCS#11 module, enrol cards with it, or wonder why it answers what it answers |
//! | [`piv`] | you use the card through a reader, or wonder why it answers a command as it does |
//! | [`readers`] | you put the card into a reader: pcscd, USB, a virtual machine |
//! | [`windows`] | you set up an agent, or applications, on Windows |
//! | [`rules`] | a comment names a design rule by its number |
//! | [`decisions`] | you wonder why something is as it is |

pub mod claims;
pub mod decisions;
pub mod deployment;
pub mod module;
pub mod piv;
pub mod proofs;
pub mod readers;
pub mod rules;
pub mod signature;
pub mod threat_model;
pub mod windows;
