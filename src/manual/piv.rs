//! The card in a reader: what a PC/SC program, OpenSC or a minidriver finds, and what is decided
//! where the standards leave a choice.
//!
//! The card application is PIV (NIST SP 800-73-4); [`crate::piv::Slot`] is a reader's slot over the
//! place where an agent shows a card, or over a card of a store. The same card is seen through
//! PKCS#11: same keys, same gate and audit, same hash policy, same tries, same end.
//!
//! # What is there
//!
//! | key reference | on a derived card | on a card of a store |
//! |---|---|---|
//! | 9A | the authentication key | a key made at 9A, else the first whose certificate allows digitalSignature |
//! | 9C | the content commitment key, where the policy turns it on | a key made at 9C, else the first whose certificate is for nonRepudiation alone; it asks each time |
//! | 9D | the authentication key again, where a setting says so | a key made at 9D, else the first whose certificate is for encryption or agreement alone |
//! | 9E, retired | nothing | nothing |
//!
//! Containers: discovery, CCC, CHUID, certificates (never compressed), key history, printed
//! information and security object. The GUID in the CHUID is a UUID of version 5 of the card's id: it
//! is the token's serial number for OpenSC, another one for each card, and the same for as long as
//! the card is there. CHUID and security object carry no signature: no issuer signs for a card that
//! lives for a session. Who wants to know whose card it is looks at the certificates.
//!
//! # What a key does
//!
//! A PIV client hands over a whole RSA block and does not say what it is for. The card looks:
//!
//! | block | then |
//! |---|---|
//! | PKCS#1 v1.5 type 1 | signed, if the hash policy allows the DigestInfo in it; other content by `raw_blocks` |
//! | EMSA-PSS, by its structure | signed, if the hash policy allows its hash (TLS 1.3 clients send these) |
//! | any other, where `raw_blocks` is on (authentication key) or, on a card of a store, `raw_rsa` | the bare operation |
//! | any other, authentication key or 9D | decrypted: PKCS#1 v1.5 with implicit rejection, so the answer is a well-formed block whatever came, and no oracle |
//! | any other, 9C | 6A80 |
//!
//! So without those switches nobody raises a block of his choice to the private exponent, and clients
//! that unpad OAEP themselves get nothing that they can use. OpenSC's `pkcs11-tool --test` wants the
//! bare operation.
//!
//! # PIN state
//!
//! The passcode is padded with FF to eight bytes; a longer one cannot be told to a PIV card. A wrong
//! *shape* answers 6A80 and costs no try. Verification counts for this power-up alone and ends with
//! reset, power-off, P1=FF, lock, suspension and removal of the card, a wrong passcode, and two
//! minutes without use (a setting; reading what anybody may read is no use). It is **not** bound to a
//! program: within one power-up every program that pcscd lets in shares it, as with a real card.
//!
//! Key 9C takes VERIFY as the command just before, and the gate's step-up besides.
//!
//! A no of the gate (consent, application, step-up) is 6985 and not 6982, since clients answer 6982
//! by asking for the passcode again. A card whose passcode stands aside answers 9000 to the question
//! whether verification is needed.
//!
//! # The card manager
//!
//! PUT DATA and GENERATE ASYMMETRIC KEY PAIR work on a card of a store, for who has shown to have the
//! card management key 9B. That key comes from the configuration and from nowhere else: there is no
//! well-known one, no command changes it, and without one nobody is manager. AES of any length;
//! three-key TDEA only where the configuration asks for it, for tools that know nothing else.
//!
//! Who makes a key has verified the passcode too. The standard asks for the manager alone; here every
//! private key is sealed under the passcode and the store's key, so the manager alone could not keep
//! one, nor open one. The PUK is the security officer's passcode.
//!
//! Keys, certificates and containers are written as PKCS#11 objects with the ids 1 to 4, so the
//! module shows what a registration tool has put on the card, and the other way round.
//!
//! A derived card is complete when it comes: nothing is written on it (6982, nobody is its manager),
//! its passcode is not changed (6A81), and it has no PUK.
//!
//! # What a reader cannot promise
//!
//! A reader of pcscd is shown to every local user, and which program asks is hidden. So readers are
//! for seats of one person or one reader per session, the application is known as "PC/SC" only, and
//! the promise is the one above about the PIN state and no more.
