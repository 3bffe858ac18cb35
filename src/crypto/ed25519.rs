//! Verification of Ed25519 (RFC 8032) for proofs by others' keys; no card has such a key. A build
//! with neither back end's feature refuses every such signature.

use super::Error;

/// Checks an Ed25519 signature over a message.
///
/// # Errors
/// [`Error::Signature`]; [`Error::SchemeKey`] in a build with neither `aws-lc` nor `pure-rust`.
pub fn verify_ed25519(key: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<(), Error> {
    #[cfg(feature = "aws-lc")]
    {
        use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
        let key = UnparsedPublicKey::new(&ED25519, key);
        key.verify(message, signature).map_err(|_| Error::Signature)
    }
    #[cfg(all(not(feature = "aws-lc"), feature = "pure-rust"))]
    {
        pure_rust(key, message, signature)
    }
    #[cfg(not(any(feature = "aws-lc", feature = "pure-rust")))]
    {
        let _ = (key, message, signature);
        Err(Error::SchemeKey)
    }
}

/// By RustCrypto's side: no key or point of small order, and an encoding in one way only.
#[cfg(all(feature = "pure-rust", any(test, not(feature = "aws-lc"))))]
fn pure_rust(key: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<(), Error> {
    use ed25519_dalek::{Signature, VerifyingKey};
    let key = VerifyingKey::from_bytes(key).map_err(|_| Error::Signature)?;
    let signature = Signature::from_slice(signature).map_err(|_| Error::Signature)?;
    key.verify_strict(message, &signature).map_err(|_| Error::Signature)
}

#[cfg(test)]
#[cfg(any(feature = "aws-lc", feature = "pure-rust"))]
mod tests {
    use super::*;

    /// RFC 8032 section 7.1, test 2.
    #[test]
    fn verifies_the_vector_of_rfc_8032_and_nothing_near_it() {
        let key = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let key: [u8; 32] = key.try_into().unwrap();
        let signature = hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
        type Verify = fn(&[u8; 32], &[u8], &[u8]) -> Result<(), Error>;
        let backends: &[Verify] = &[
            verify_ed25519,
            #[cfg(feature = "pure-rust")]
            pure_rust,
        ];
        for verify in backends {
            assert_eq!(verify(&key, &[0x72], &signature), Ok(()));
            assert_eq!(verify(&key, &[0x73], &signature), Err(Error::Signature));
            assert_eq!(verify(&key, &[0x72], &signature[1..]), Err(Error::Signature));
            assert_eq!(verify(&[0; 32], &[0x72], &signature), Err(Error::Signature));
            for place in 0..signature.len() {
                let mut other = signature.clone();
                other[place] ^= 1;
                assert_eq!(verify(&key, &[0x72], &other), Err(Error::Signature), "{place}");
            }
        }
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.map(byte).collect()
    }
}
