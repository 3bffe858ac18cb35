//! What shows who signed in, and what each kind of proof is held to.
//!
//! | kind | signed by | bound to the request by | configured in | policy rule |
//! |---|---|---|---|---|
//! | ID token | an OpenID provider | its nonce, `s_hash`, or a host's word | `[[provider]]` | `oidc` |
//! | WebAuthn assertion | a security key or passkey | its challenge, which is the nonce | `[webauthn]` | `webauthn` |
//! | existing card | the card's authentication key | the challenge that it signs | `[certificate]` | `certificate` |
//! | word of a host | a configured key of the host | its nonce | `[[attesting_host]]` | `host` |
//!
//! Each works once, across restarts, keyed by what was signed: an ECDSA signature has a twin, and so
//! has a certificate. Several of one person may be handed in together; they are used together or
//! not at all, and the policy says what they are worth. Every kind but the first needs a
//! `[[policy.source]]`, a `[[rules.source]]` of the issuer, and says in the configuration which
//! levels it stands for.
//!
//! # WebAuthn
//!
//! A host registers credentials: `webauthn_begin` gives the options for
//! `navigator.credentials.create`, `webauthn_finish` takes the answer's `toJSON()`. That the person
//! is who they say is the host's word, so `identity` should be what the host's registration is
//! worth. For a sign-in, `webauthn_options` gives the options for `navigator.credentials.get`.
//!
//! - Presence and verification are always asked for. Origin, relying party, challenge, counter and
//!   backup flags are checked as W3C WebAuthn Level 3 sections 7.1 and 7.2 say; the counter is
//!   written in the transaction that marks the assertion as used.
//! - A model is listed by its AAGUID and shown by certificates up to `attestation_roots_file`;
//!   `any_model` and `unattested` ask for less, by name. Attestation is none or packed.
//! - A credential that may be copied to other devices is refused unless `backup_eligible` admits
//!   it, and then stands for level 2 at most (NIST SP 800-63B-4).
//! - EdDSA is verified by either back end; a build with neither refuses it.
//!
//! # An existing card
//!
//! `wardcard card-proof --module MODULE --nonce NONCE` loads the card's own PKCS#11 middleware in a
//! process of its own and prints the evidence for `wardcard host prove-by`. By hand: sign
//! [`challenge(nonce)`](crate::proof::x509::challenge) with
//! `pkcs11-tool --sign --mechanism SHA256-RSA-PKCS`, and write the JSON that
//! [`crate::proof::x509`] describes.
//!
//! - The path has to lead to `roots_file`, every issuer's revocation list has to be current, and
//!   the certificate has to be one of the NHS profile: subject, keyUsage with digitalSignature,
//!   policy. A list past its next update serves only for `stale`, and only where the source's rule
//!   says `offline`; the assurance then says so.
//! - Lists are fetched over HTTPS or read from a file that somebody keeps up to date; plain HTTP
//!   is spoken on loopback alone. A list is never replaced by an older one.
//! - Cards of our own issuer vouch for nobody: one would renew itself for ever.
//! - SHA-1 is accepted only by `sha1`: a CIS1 server chooses what a card signs with it.
//!
//! # The word of a host
//!
//! The host signs a JWS by a key of `keys_file`, of type `wardcard-attestation+jwt`, for one person
//! and one request, for five minutes at most ([`crate::proof::attested`]). It claims no level above
//! its `authentication` and `identity`. Two or three keys stand side by side while one takes over.
//! With `relays` it may hand on ID tokens whose nonce it could not set (a browser extension's, a
//! gateway's): a JWS of type `wardcard-relay+jwt` ties the token's hash to the request, and the
//! token is verified in full but for its nonce.
//!
//! # The time of a signature
//!
//! Neither WebAuthn nor a card signs the time. Both sign a nonce that is no older than the request,
//! and count as of the moment of verification: at most `policy.request_life` too late.
