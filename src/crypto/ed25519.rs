//! Verification of Ed25519 (RFC 8032) for proofs by others' keys; no card has such a key. By
//! aws-lc alone: a build without it refuses every such signature.

use super::Error;

/// Checks an Ed25519 signature over a message.
///
/// # Errors
/// [`Error::Signature`]; [`Error::SchemeKey`] in a build without the feature `aws-lc`.
pub fn verify_ed25519(key: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<(), Error> {
    #[cfg(feature = "aws-lc")]
    {
        use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
        let key = UnparsedPublicKey::new(&ED25519, key);
        key.verify(message, signature).map_err(|_| Error::Signature)
    }
    #[cfg(not(feature = "aws-lc"))]
    {
        let _ = (key, message, signature);
        Err(Error::SchemeKey)
    }
}

#[cfg(test)]
#[cfg(feature = "aws-lc")]
mod tests {
    use super::*;

    /// RFC 8032 section 7.1, test 2.
    #[test]
    fn verifies_the_vector_of_rfc_8032_and_nothing_near_it() {
        let key = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let key: [u8; 32] = key.try_into().unwrap();
        let signature = hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
        assert_eq!(verify_ed25519(&key, &[0x72], &signature), Ok(()));
        assert_eq!(verify_ed25519(&key, &[0x73], &signature), Err(Error::Signature));
        assert_eq!(verify_ed25519(&key, &[0x72], &signature[1..]), Err(Error::Signature));
        assert_eq!(verify_ed25519(&[0; 32], &[0x72], &signature), Err(Error::Signature));
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.map(byte).collect()
    }
}
