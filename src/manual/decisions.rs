//! Why things are as they are.
//!
//! | question | answer |
//! |---|---|
//! | Why is the verification of ID tokens our own? | The crates for it bring a second generation of the cryptographic crates or accept duplicate claims; over [`crate::crypto`] with a strict parser it is a few hundred lines that can be read. |
//! | Why is PKCS#1 v1.5 decryption on the `rsa` crate under both back ends? | The other back end reports bad padding, which is an oracle. Here a wrong padding yields a pseudo-random message. |
//! | Why does the client start no thread? | A legacy process pays only for what it uses, and a thread of ours could outlive `dlclose`. |
//! | Why is the audit record written before the use? | A record after it would be missing exactly when it matters: when the process is ended in between. |
//! | Why is a try spent before the passcode is looked at? | Otherwise a process ended between the look and the record would have a free try. |
//! | Why may the whole heap of the program be erased on free? | Big-number arithmetic and parsers make copies that no owner erases. It costs little next to a signature. |
//! | Why RSA-2048? | The CIS1 profiles ask for it; `policy.key` takes RSA-3072, RSA-4096, P-256 and P-384 where applications can use them. |
