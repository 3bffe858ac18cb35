//! What Wardcard is and is not approved for.
//!
//! - **Assurance.** A derived credential with keys held in software reaches AAL2 by NIST SP
//!   800-157r1, whatever the sign-in behind it was. AAL3 needs keys generated in and bound to
//!   hardware. A card records how its keys are held and what it was derived from, and never claims
//!   more.
//! - **NHS England approves virtual smartcards itself.** No such approval is claimed here. A trust
//!   that wants to use Wardcard asks NHS England.
//! - **Prescribing.** For electronic prescription signing NHS England's rule is that the keys are
//!   held on the user's own mobile device, one user a device, and no other deployment pattern is
//!   approved. The content commitment key is therefore off by default. Wardcard as described here
//!   is *not* approved for prescription signing.
//! - **The real Spine** accepts certificates of NHS England's own authorities only. Cards derived
//!   by an issuer of the trust serve applications that trust that issuer. Released cards carry the
//!   certificates that registration issued for enrolled keys; whether those may be held so is NHS
//!   England's to say, as above.
//! - **CIS1 ends** on 28 February 2027. The date is a setting (`policy.cis1_end`) with that default;
//!   no card with a CIS1 profile outlives it.
