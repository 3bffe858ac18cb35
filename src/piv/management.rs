//! The card management key, 9B, and who has shown to have it (SP 800-73-4 part 2 sections 3.2.4 and
//! A.1, A.2; SP 800-78-4 table 6-2).

use super::status;
use crate::{
    apdu::Status,
    crypto::{self, Cipher, CipherMode, Direction, SecretKey},
    secret::Secret,
};
use subtle::ConstantTimeEq;

/// The algorithm of a card management key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ManagementAlgorithm {
    /// 03, and 00 besides: three-key TDEA, for who asks for it.
    Tdea,
    /// 08: AES-128.
    Aes128,
    /// 0A: AES-192.
    Aes192,
    /// 0C: AES-256.
    Aes256,
}

impl ManagementAlgorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tdea, Self::Aes128, Self::Aes192, Self::Aes256];

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Tdea => 0x03,
            Self::Aes128 => 0x08,
            Self::Aes192 => 0x0A,
            Self::Aes256 => 0x0C,
        }
    }

    /// Length of its keys in bytes.
    pub const fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Tdea | Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    /// Length of a block, a challenge and a witness in bytes.
    pub const fn block_length(self) -> usize {
        match self {
            Self::Tdea => 8,
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
        }
    }
}

impl TryFrom<u8> for ManagementAlgorithm {
    type Error = u8;

    fn try_from(number: u8) -> Result<Self, u8> {
        // 00 is an older number of 03.
        let meant = if number == DEFAULT { Self::Tdea.number() } else { number };
        Self::ALL.into_iter().find(|known| known.number() == meant).ok_or(number)
    }
}

/// What clients that want random ask for a challenge under, whatever the key is.
const DEFAULT: u8 = 0x00;
/// Length of a challenge where there is no key to answer it.
const RANDOM: usize = 16;

/// A card management key. It comes from the deployment's configuration, is the same for all cards
/// of a store, and no command changes it; a clone shares it.
#[derive(Clone, Debug)]
pub struct ManagementKey {
    algorithm: ManagementAlgorithm,
    key: SecretKey,
}

impl ManagementKey {
    /// An AES key of 16, 24 or 32 bytes.
    ///
    /// # Errors
    /// [`crypto::Error::Key`] for any other length, and for a key that everybody knows.
    pub fn aes(bytes: &Secret) -> Result<Self, crypto::Error> {
        let algorithm = match bytes.len() {
            16 => ManagementAlgorithm::Aes128,
            24 => ManagementAlgorithm::Aes192,
            32 => ManagementAlgorithm::Aes256,
            _ => return Err(crypto::Error::Key),
        };
        unknown(bytes)?;
        Ok(Self { algorithm, key: SecretKey::from_bytes(bytes)? })
    }

    /// A three-key TDEA key of 24 bytes, for registration tools that know nothing else.
    ///
    /// # Errors
    /// [`crypto::Error::Key`] for any other length, and for a key that everybody knows.
    pub fn tdea(bytes: &Secret) -> Result<Self, crypto::Error> {
        let algorithm = ManagementAlgorithm::Tdea;
        if bytes.len() != algorithm.key_length() {
            return Err(crypto::Error::Key);
        }
        unknown(bytes)?;
        Ok(Self { algorithm, key: SecretKey::from_bytes(bytes)? })
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> ManagementAlgorithm {
        self.algorithm
    }

    /// A block encrypted; [`Status::IncorrectData`] for bytes that are none.
    fn encrypted(&self, block: &[u8]) -> Result<Vec<u8>, Status> {
        if block.len() != self.algorithm.block_length() {
            return Err(Status::IncorrectData);
        }
        let encrypted = match (self.algorithm, block.first_chunk()) {
            (ManagementAlgorithm::Tdea, Some(block)) => {
                crypto::tdea(&self.key, *block).map(Vec::from)
            }
            _ => Cipher::new(&self.key, CipherMode::Ecb, Direction::Encrypt)
                .and_then(|cipher| cipher.whole(block)),
        };
        encrypted.map_err(status::of_crypto)
    }
}

/// Refuses what cards come with from their makers: one byte over and over, or 01 to 08.
fn unknown(bytes: &Secret) -> Result<(), crypto::Error> {
    let bytes = bytes.expose();
    let same = bytes.iter().all(|byte| bytes.first() == Some(byte));
    let counted = bytes.chunks(8).all(|eight| eight == [1, 2, 3, 4, 5, 6, 7, 8]);
    if same || counted { Err(crypto::Error::Key) } else { Ok(()) }
}

/// Who has shown to have the card management key since the power came.
#[derive(Debug, Default)]
pub(super) struct Manager {
    authenticated: bool,
    waiting: Option<Waiting>,
}

/// What the next step has to answer. Each is good for that step alone.
#[derive(Debug)]
enum Waiting {
    /// This block, encrypted.
    Challenge(Secret),
    /// This block, whose encryption went out.
    Witness(Secret),
}

/// What stands in the dynamic authentication template (SP 800-73-4 part 2 table 7); an empty field
/// asks for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Template<'a> {
    pub(super) witness: Option<&'a [u8]>,
    pub(super) challenge: Option<&'a [u8]>,
    pub(super) response: Option<&'a [u8]>,
}

/// What goes back: a tag of the template and its value, or nothing.
pub(super) type Answer = Option<(u32, Vec<u8>)>;

impl Manager {
    pub(super) fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// One step of an authentication with the key 9B. Where there is no key, challenges are given
    /// all the same (clients take them for random), and no response is right.
    pub(super) fn step(
        &mut self,
        key: Option<&ManagementKey>,
        algorithm: u8,
        template: Template<'_>,
    ) -> Result<Answer, Status> {
        let waiting = self.waiting.take();
        let named = ManagementAlgorithm::try_from(algorithm);
        let named = named.map_err(|_| Status::IncorrectParameters)?;
        let key = match key {
            Some(key) if key.algorithm == named => Some(key),
            // For a challenge and no more.
            Some(_) if algorithm == DEFAULT => None,
            Some(_) => return Err(Status::IncorrectParameters),
            None => None,
        };
        let length = key.map_or(RANDOM, |key| key.algorithm.block_length());
        let Template { witness, challenge, response } = template;
        match (witness, challenge, response) {
            // External authentication: a challenge is asked for, then answered.
            (None, Some([]), None) => {
                let block = block(length)?;
                let answer = block.expose().to_vec();
                self.waiting = Some(Waiting::Challenge(block));
                Ok(Some((0x81, answer)))
            }
            (None, None, Some(answer)) if !answer.is_empty() => {
                self.authenticated = false;
                let (Some(Waiting::Challenge(block)), Some(key)) = (waiting, key) else {
                    return Err(Status::SecurityStatus);
                };
                let right = key.encrypted(block.expose())?;
                if !bool::from(right.ct_eq(answer)) {
                    return Err(Status::SecurityStatus);
                }
                self.authenticated = true;
                Ok(None)
            }
            // Mutual authentication: a witness is asked for, then shown in the clear beside a
            // challenge, which is answered for who knows the key alone.
            (Some([]), None, None) => {
                let key = key.ok_or(Status::SecurityStatus)?;
                let block = block(length)?;
                let answer = key.encrypted(block.expose())?;
                self.waiting = Some(Waiting::Witness(block));
                Ok(Some((0x80, answer)))
            }
            (Some(shown), Some(challenge), None | Some([])) => {
                self.authenticated = false;
                let (Some(Waiting::Witness(block)), Some(key)) = (waiting, key) else {
                    return Err(Status::SecurityStatus);
                };
                if !block.matches(shown) {
                    return Err(Status::SecurityStatus);
                }
                let answer = key.encrypted(challenge)?;
                self.authenticated = true;
                Ok(Some((0x82, answer)))
            }
            // Internal authentication would answer a challenge of ours for who has no key.
            _ => Err(Status::IncorrectData),
        }
    }
}

fn block(length: usize) -> Result<Secret, Status> {
    Secret::filled(length, crypto::random).map_err(status::of_crypto)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_everybody_knows_is_none() {
        let usual = [1, 2, 3, 4, 5, 6, 7, 8].repeat(3);
        for known in [usual.clone(), vec![0; 24], vec![0xFF; 24]] {
            let mut other = known.clone();
            other[23] ^= 0x10;
            for make in [ManagementKey::aes, ManagementKey::tdea] {
                assert_eq!(make(&Secret::new(known.clone())).map(drop), Err(crypto::Error::Key));
                assert!(make(&Secret::new(other.clone())).is_ok());
            }
        }
        for length in [16, 32] {
            let known = Secret::copied_from(&[&usual[..], &usual[..8]].concat()[..length]);
            assert!(ManagementKey::aes(&known).is_err());
        }
    }
}
