//! What is wrong with a registration or an assertion: one variant for each check.

/// What is wrong with a registration or an assertion, each with the step of WebAuthn Level 3
/// section 7.1 or 7.2 that it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No relying party is configured.
    #[error("no relying party is configured here; add [webauthn] to the agent's configuration")]
    Unconfigured,
    /// A setting cannot be used.
    #[error("the setting {0} of the relying party cannot be used")]
    Setting(&'static str),
    /// The JSON form of the browser's answer.
    #[error(
        "the answer's member {0} is missing or malformed; hand in what toJSON() of the credential gave"
    )]
    Answer(&'static str),
    /// clientDataJSON is not one object of this form.
    #[error("the client data's member {0} is missing or malformed")]
    ClientData(&'static str),
    /// `type` (7.1 step 7, 7.2 step 10).
    #[error(
        "the client data are of another ceremony; a registration is no sign-in, nor the reverse"
    )]
    Ceremony,
    /// `challenge` (7.1 step 8, 7.2 step 11).
    #[error("the challenge is not this request's; begin with the challenge of this request")]
    Challenge,
    /// `origin` (7.1 step 9, 7.2 step 12).
    #[error("the origin is none that is configured; compare scheme, host and port")]
    Origin,
    /// `crossOrigin`, `topOrigin` (7.1 steps 10 and 11, 7.2 steps 13 and 14).
    #[error("the page was embedded in one of another origin that is not configured as allowed")]
    CrossOrigin,
    /// The bytes of the authenticator data.
    #[error("the authenticator data are malformed: {0}")]
    AuthenticatorData(&'static str),
    /// `rpIdHash` (7.1 step 14, 7.2 step 15).
    #[error("the authenticator answered for another relying party")]
    RelyingParty,
    /// UP (7.1 step 15, 7.2 step 16).
    #[error("the authenticator did not ask for a person's presence")]
    Presence,
    /// UV (7.1 step 16, 7.2 step 17).
    #[error(
        "the authenticator did not verify the person; ask for userVerification \"required\" and set a PIN or biometrics"
    )]
    Verification,
    /// BS without BE (7.1 step 17, 7.2 step 18).
    #[error("the authenticator says that a credential is backed up that cannot be")]
    BackupState,
    /// BE is not what it was (7.2 step 19).
    #[error("the credential's backup eligibility has changed, which it never does; remove it")]
    BackupChanged,
    /// BE (7.1 step 18, 7.2 step 19).
    #[error(
        "the credential can be copied to other devices, which the configuration does not admit"
    )]
    BackupEligible,
    /// `alg` (7.1 step 20).
    #[error("the credential's key is malformed, or of an algorithm that is not accepted")]
    Key,
    /// `credentialId` is too long (7.1 step 25), or not that of the answer.
    #[error("the credential's id is too long, or not the one that the answer names")]
    CredentialId,
    /// `credentialId` is registered (7.1 step 26).
    #[error("this credential is registered already")]
    Registered,
    /// The person has as many as they may.
    #[error("this person has {0} credentials already; remove one first")]
    TooMany(usize),
    /// No such registration is in progress, or its time is over.
    #[error("no such registration is in progress; begin again")]
    RegistrationUnknown,
    /// Too many registrations are in progress.
    #[error("too many registrations are in progress; finish or wait for them")]
    Busy,
    /// The attestation statement (7.1 steps 21 and 22).
    #[error("the attestation is malformed or of a format other than none and packed: {0}")]
    Attestation(&'static str),
    /// Its signature.
    #[error("the attestation's signature does not verify")]
    AttestationSignature,
    /// The attestation certificate's AAGUID (section 8.2.1).
    #[error("the attestation certificate is for another model than the authenticator says")]
    AttestationModel,
    /// The attestation's trust path (7.1 steps 23 and 24).
    #[error("the attestation leads to no configured root, or a certificate of it is not valid")]
    AttestationPath,
    /// No trusted attestation where the configuration asks for one.
    #[error(
        "the authenticator does not show its model by a certificate; register with attestation \"direct\""
    )]
    Unattested,
    /// The AAGUID is not listed.
    #[error("the authenticator's model is not among the configured ones")]
    Model,
    /// No credential of that id (7.2 step 6).
    #[error("the credential is not registered here, or has been removed")]
    CredentialUnknown,
    /// `userHandle` (7.2 step 6).
    #[error("the credential belongs to another person than the answer says")]
    UserHandle,
    /// The signature (7.2 step 21).
    #[error("the signature does not verify with the credential's key")]
    Signature,
    /// `signCount` (7.2 step 22).
    #[error(
        "the authenticator's counter went back or stood still: it may have been cloned; remove the credential"
    )]
    Counter,
}
