//! Three-key TDEA (NIST SP 800-67), one block at a time: the card management keys of old PIV
//! deployments, and nothing else. NIST disallows it for encryption since 2024 (SP 800-131A).

use super::{Error, SecretKey};
use ::cipher::{Array, BlockCipherEncrypt, KeyInit, consts::U8};
use des::TdesEde3;

/// One block encrypted.
///
/// # Errors
/// [`Error::Key`] for a key that has not 24 bytes.
pub fn tdea(key: &SecretKey, block: [u8; 8]) -> Result<[u8; 8], Error> {
    let cipher = TdesEde3::new_from_slice(key.expose()).map_err(|_| Error::Key)?;
    let mut block: Array<u8, U8> = block.into();
    cipher.encrypt_block(&mut block);
    Ok(block.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    /// NIST SP 800-67 appendix B.1, the first block.
    #[test]
    fn the_standards_example() {
        let key = [
            0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD,
            0xEF, 0x01, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x23,
        ];
        let key = SecretKey::from_bytes(&Secret::copied_from(&key)).unwrap();
        let block = tdea(&key, *b"The qufc").unwrap();
        assert_eq!(block, [0xA8, 0x26, 0xFD, 0x8C, 0xE5, 0x3B, 0x85, 0x5F]);
        let short = SecretKey::from_bytes(&Secret::copied_from(&[1; 16])).unwrap();
        assert_eq!(tdea(&short, [0; 8]), Err(Error::Key));
    }
}
