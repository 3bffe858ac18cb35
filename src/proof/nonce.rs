//! The value that binds a proof to one request (OpenID Connect Core 1.0 section 15.5.2).

use crate::crypto::{self, Hash};
use base64ct::{Base64UrlUnpadded, Encoding};
use subtle::ConstantTimeEq;

/// Keeps this hash apart from every other that SHA-256 is used for here.
const LABEL: &[u8] = b"wardcard proof nonce 1";

/// The value that binds a proof to one request: base64url of SHA-256 over a domain label, the
/// sorted SPKI hashes of the request's keys and 32 random bytes (design rule 2).
///
/// 43 characters. A proof that carries it was made after these keys and for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A fresh nonce over the keys whose SubjectPublicKeyInfo (DER) is given, in any order.
    ///
    /// # Errors
    /// [`crypto::Error::Backend`] if there is no random.
    pub fn new(spkis: &[&[u8]]) -> Result<Self, crypto::Error> {
        let mut random = [0; 32];
        crypto::random(&mut random)?;
        Ok(Self::over(spkis, &random))
    }

    /// Takes a nonce as [`Nonce::as_str`] gave it.
    pub fn parse(text: &str) -> Option<Self> {
        let base64url = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (text.len() == 43 && text.bytes().all(base64url)).then(|| Self(text.to_owned()))
    }

    /// The text that goes into the authentication request and comes back in the proof.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this nonce, compared in time that depends on the lengths alone.
    pub fn matches(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }

    fn over(spkis: &[&[u8]], random: &[u8; 32]) -> Self {
        let mut hashes: Vec<Vec<u8>> =
            spkis.iter().map(|spki| crypto::digest(Hash::Sha256, spki)).collect();
        hashes.sort();
        let mut message = LABEL.to_vec();
        for hash in hashes {
            message.extend_from_slice(&hash);
        }
        message.extend_from_slice(random);
        Self(Base64UrlUnpadded::encode_string(&crypto::digest(Hash::Sha256, &message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_43_characters_of_base64url_and_never_the_same() {
        let (one, two) = (Nonce::new(&[b"a"]).unwrap(), Nonce::new(&[b"a"]).unwrap());
        assert_eq!(one.as_str().len(), 43);
        assert!(one.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        assert_ne!(one, two);
    }

    #[test]
    fn is_read_back_as_it_was_written_and_nothing_else_is() {
        let nonce = Nonce::over(&[b"a"], &[1; 32]);
        assert_eq!(Nonce::parse(nonce.as_str()), Some(nonce.clone()));
        for wrong in ["", &nonce.as_str()[1..], &format!("{}A", nonce.as_str())] {
            assert_eq!(Nonce::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Nonce::parse(&nonce.as_str().replace(char::is_alphanumeric, "+")), None);
    }

    #[test]
    fn depends_on_every_key_but_not_on_their_order() {
        let random = [7; 32];
        let both = Nonce::over(&[b"a", b"b"], &random);
        assert_eq!(both, Nonce::over(&[b"b", b"a"], &random));
        assert_ne!(both, Nonce::over(&[b"a"], &random));
        assert_ne!(both, Nonce::over(&[b"a", b"c"], &random));
        assert_ne!(both, Nonce::over(&[b"a", b"b"], &[8; 32]));
    }

    #[test]
    fn is_the_hash_that_the_documentation_says() {
        let mut message = b"wardcard proof nonce 1".to_vec();
        message.extend(crypto::digest(Hash::Sha256, b"key"));
        message.extend([1; 32]);
        let expected = Base64UrlUnpadded::encode_string(&crypto::digest(Hash::Sha256, &message));
        assert_eq!(Nonce::over(&[b"key"], &[1; 32]).as_str(), expected);
    }

    #[test]
    fn matches_itself_only() {
        let nonce = Nonce::over(&[b"a"], &[1; 32]);
        assert!(nonce.matches(nonce.as_str()));
        assert!(!nonce.matches(""));
        assert!(!nonce.matches(&nonce.as_str()[..42]));
        assert!(!nonce.matches(&format!("{}A", nonce.as_str())));
        assert!(!nonce.matches(Nonce::over(&[b"b"], &[1; 32]).as_str()));
    }
}
