//! Sealing and stretching: what opens, what is refused.

use super::super::*;

#[test]
fn sealed_bytes_open_only_unaltered_with_their_key_in_their_place() {
    let seal = SealKey::from_bytes(&Secret::new((0..32).collect())).unwrap();
    let sealed = seal.seal(b"place", b"plaintext").unwrap();
    assert_eq!(sealed.len(), 1 + 12 + 9 + 16);
    assert_eq!(seal.open(b"place", &sealed).unwrap().expose(), b"plaintext");
    assert_ne!(seal.seal(b"place", b"plaintext").unwrap(), sealed);
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert_eq!(seal.open(b"place", &altered).unwrap_err(), Error::Unseal);
        assert_eq!(seal.open(b"place", &sealed[..at]).unwrap_err(), Error::Unseal);
    }
    assert_eq!(seal.open(b"other", &sealed).unwrap_err(), Error::Unseal);
    assert_eq!(seal.open(b"", &sealed).unwrap_err(), Error::Unseal);
    let [one, two] = [b"one", b"two"].map(|label| seal.derive(label));
    assert_ne!(one.expose(), two.expose());
    assert_ne!(one.expose(), seal.expose());
    assert_eq!(one.expose(), seal.derive(b"one").expose());
    assert_eq!(one.open(b"place", &sealed).unwrap_err(), Error::Unseal);
    for length in [0, 31, 33] {
        let wrong = Secret::new(vec![1; length]);
        assert_eq!(SealKey::from_bytes(&wrong).unwrap_err(), Error::Key);
    }
    let no_key = seal.seal(b"place", b"no key").unwrap();
    assert_eq!(PrivateKey::unseal(&seal, b"place", &no_key).unwrap_err(), Error::Key);
}

#[test]
fn cheap_stretching_is_refused() {
    let salt = [7; 16];
    let cost = Stretch::LEAST;
    assert_eq!((cost.memory_kib, cost.passes), (19456, 2));
    for cheap in [Stretch { memory_kib: 19455, ..cost }, Stretch { passes: 1, ..cost }] {
        assert_eq!(stretch(b"123456", &salt, cheap).unwrap_err(), Error::Cost);
    }
    let key = stretch(b"123456", &salt, cost).unwrap();
    assert_eq!(key.len(), 32);
    assert!(!key.matches(stretch(b"123457", &salt, cost).unwrap().expose()));
    assert!(!key.matches(stretch(b"123456", &[8; 16], cost).unwrap().expose()));
}
