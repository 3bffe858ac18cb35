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
//! | Why is the key of release a file of its own? | Derived from the store's key, it would come with every copy of that: who may initialise cards could then open them without a passcode. |
//! | Why does a renewal make another card? | The old card is opened for a proof alone; new keys need no look into it. |
//! | Why RSA-2048? | The CIS1 profiles ask for it; `policy.key` takes RSA-3072, RSA-4096, P-256 and P-384 where applications can use them. |
//! | Why is the verification of WebAuthn our own, and the CBOR under it? | The maintained crate brings 168 others; of the small CBOR crates one has a licence that is not on our list, and the other three packages for numbers that no credential has. The reader is a hundred lines, refuses what WebAuthn has no use for, and is tested beside another implementation. |
//! | Why is a foreign card's middleware loaded by `wardcard card-proof` alone? | It is code of others in our memory: it gets a process that holds no key. |
