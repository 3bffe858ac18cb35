//! Digests of "message", and the blocks that clients make of them.

use wardcard::crypto::{Hash, digest};

/// The digest or block of that name.
pub fn named(name: &str) -> Option<Vec<u8>> {
    let message = b"message";
    let info = |oid: &[u8], hash| [oid, &digest(hash, message)].concat();
    Some(match name {
        "sha256" => digest(Hash::Sha256, message),
        "sha384" => digest(Hash::Sha384, message),
        "sha1" => digest(Hash::Sha1, message),
        "block-sha256" => padded(&info(&SHA256, Hash::Sha256), 256),
        "block3072-sha256" => padded(&info(&SHA256, Hash::Sha256), 384),
        "block-sha1" => padded(&info(&SHA1, Hash::Sha1), 256),
        "block-md5sha1" => padded(&[7; 36], 256),
        "block-raw" => [&[0x00, 0x33][..], &[0x44; 254]].concat(),
        "pss-sha256" => pss(Hash::Sha256, message),
        "pss-sha1" => pss(Hash::Sha1, message),
        _ => return None,
    })
}

/// DER of DigestInfo up to the digest.
const SHA256: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];
const SHA1: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14];

fn padded(data: &[u8], length: usize) -> Vec<u8> {
    let mut block = vec![0xFF; length - data.len()];
    (block[0], block[1]) = (0x00, 0x01);
    *block.last_mut().unwrap() = 0x00;
    block.extend_from_slice(data);
    block
}

/// EMSA-PSS of a message for a modulus of 2048 bits (RFC 8017 section 9.1.1).
fn pss(hash: Hash, message: &[u8]) -> Vec<u8> {
    let salt = vec![0x5A; hash.len()];
    let h = digest(hash, &[&[0; 8], &digest(hash, message)[..], &salt].concat());
    let mut db = vec![0; 255 - h.len()];
    let at = db.len() - salt.len() - 1;
    db[at] = 0x01;
    db[at + 1..].copy_from_slice(&salt);
    let mask = (0u32..).flat_map(|n| digest(hash, &[&h[..], &n.to_be_bytes()].concat()));
    db.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    db[0] &= 0x7F;
    [&db[..], &h, &[0xBC]].concat()
}
