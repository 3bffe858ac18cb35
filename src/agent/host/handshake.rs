//! Who knows the secret shows it to the other side, both ways, without sending it.

use crate::{
    agent::audit::{hex, unhex},
    crypto::{self, Hash, Hasher},
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The version of the protocol.
pub(super) const VERSION: u32 = 1;

/// Fewest bytes of a secret.
pub const LEAST_SECRET: usize = 32;

/// The server's first words.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hello {
    pub(super) version: u32,
    pub(super) challenge: Random,
    /// Whether this client has to show that it knows the secret.
    pub(super) secret: bool,
}

/// The client's answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) version: u32,
    pub(super) nonce: Random,
    pub(super) proof: Option<Random>,
}

/// The server's last words of the greeting.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Welcome {
    /// Welcome; with a proof where the client gave one.
    Welcome {
        /// Shows that the server knows the secret too.
        proof: Option<Random>,
    },
    /// Not a host.
    Refused {},
}

/// 32 bytes in lower-case hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Random(pub(super) [u8; 32]);

impl Random {
    pub(super) fn new() -> Result<Self, crypto::Error> {
        let mut bytes = [0; 32];
        crypto::random(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Compares in constant time.
    pub(super) fn matches(&self, other: Option<&Self>) -> bool {
        other.is_some_and(|other| Secret::copied_from(&self.0).matches(&other.0))
    }
}

impl TryFrom<String> for Random {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        unhex(&text).map(Self).ok_or("not 64 hexadecimal digits")
    }
}

impl From<Random> for String {
    fn from(random: Random) -> Self {
        hex(&random.0)
    }
}

/// Which side shows its knowledge; one side's proof is nothing in the other's place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    Client,
    Server,
}

/// What a side that knows the secret answers to the two random values.
pub(super) fn proof(secret: &Secret, side: Side, challenge: &Random, nonce: &Random) -> Random {
    let label: &[u8] = match side {
        Side::Client => b"wardcard host 1 client\0",
        Side::Server => b"wardcard host 1 server\0",
    };
    Random(hmac_sha256(secret.expose(), &[label, &challenge.0, &nonce.0]))
}

/// HMAC-SHA-256 (RFC 2104) over parts.
fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut block = Zeroizing::new([0_u8; BLOCK]);
    let short =
        Zeroizing::new(if key.len() > BLOCK { sha256(&[key]).to_vec() } else { key.to_vec() });
    for (place, byte) in block.iter_mut().zip(short.iter()) {
        *place = *byte;
    }
    let inner = Zeroizing::new(block.map(|byte| byte ^ 0x36));
    let outer = Zeroizing::new(block.map(|byte| byte ^ 0x5c));
    let mut all = vec![inner.as_slice()];
    all.extend_from_slice(parts);
    let digest = sha256(&all);
    sha256(&[outer.as_slice(), &digest])
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Hasher::new(Hash::Sha256);
    for part in parts {
        hasher.update(part);
    }
    hasher.finish().try_into().unwrap_or([0; 32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let jefe = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&jefe), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let long =
            hmac_sha256(&[0xaa; 131], &[b"Test Using Larger Than Block-Size Key - Hash Key First"]);
        assert_eq!(hex(&long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn a_proof_is_bound_to_secret_side_challenge_and_nonce() {
        let secret = Secret::new(vec![1; 32]);
        let (one, two) = (Random([1; 32]), Random([2; 32]));
        let good = proof(&secret, Side::Client, &one, &two);
        assert!(good.matches(Some(&proof(&secret, Side::Client, &one, &two))));
        let others = [
            proof(&Secret::new(vec![2; 32]), Side::Client, &one, &two),
            proof(&secret, Side::Server, &one, &two),
            proof(&secret, Side::Client, &two, &two),
            proof(&secret, Side::Client, &one, &one),
        ];
        for other in others {
            assert!(!good.matches(Some(&other)));
        }
        assert!(!good.matches(None));
    }
}
