//! RSA encodings (RFC 8017 sections 7.2.1, 9.1 and 9.2), over whole-byte moduli only.

use super::{
    Error, Hash,
    backend::{self, Backend},
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// DER of DigestInfo up to the digest (RFC 8017 section 9.2, note 1).
fn digest_info(hash: Hash) -> &'static [u8] {
    match hash {
        Hash::Sha1 => &[
            0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04,
            0x14,
        ],
        Hash::Sha224 => &const { nist(4, 28) },
        Hash::Sha256 => &const { nist(1, 32) },
        Hash::Sha384 => &const { nist(2, 48) },
        Hash::Sha512 => &const { nist(3, 64) },
        Hash::Sha3_224 => &const { nist(7, 28) },
        Hash::Sha3_256 => &const { nist(8, 32) },
        Hash::Sha3_384 => &const { nist(9, 48) },
        Hash::Sha3_512 => &const { nist(10, 64) },
    }
}

/// The same for a hash of NIST's arc 2.16.840.1.101.3.4.2: its last number, and the digest's length.
const fn nist(last: u8, length: u8) -> [u8; 19] {
    let whole = length + 17;
    [
        0x30, whole, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last,
        0x05, 0x00, 0x04, length,
    ]
}

/// The hash that a block is a DigestInfo of (RFC 8017 section 9.2), in strict DER with nothing after
/// it, its parameters NULL or absent (appendix B.1). All lengths are short, so each hash has exactly
/// two such blocks up to the digest.
pub fn digest_info_hash(block: &[u8]) -> Option<Hash> {
    Hash::ALL.into_iter().find(|hash| {
        let head = block.len().checked_sub(hash.len()).and_then(|length| block.get(..length));
        let with_null = digest_info(*hash);
        head.is_some_and(|head| head == with_null || head == without_null(with_null))
    })
}

/// The same DER without the algorithm's NULL.
fn without_null(head: &[u8]) -> Vec<u8> {
    match head {
        [outer, whole, inner, algorithm, identifier @ .., 0x05, 0x00, octets, length] => {
            let mut short = vec![*outer, whole - 2, *inner, algorithm - 2];
            short.extend_from_slice(identifier);
            short.extend_from_slice(&[*octets, *length]);
            short
        }
        other => other.to_vec(),
    }
}

/// EMSA-PKCS1-v1_5 of a digest in `k` bytes.
pub(super) fn pkcs1(hash: Hash, digest: &[u8], k: usize) -> Result<Vec<u8>, Error> {
    if digest.len() != hash.len() {
        return Err(Error::DataLength);
    }
    pkcs1_type_1(&[digest_info(hash), digest], k)
}

/// `00 01 FF.. 00 data` in `k` bytes.
pub(super) fn pkcs1_raw(data: &[u8], k: usize) -> Result<Vec<u8>, Error> {
    pkcs1_type_1(&[data], k)
}

/// The data behind `00 01 FF.. 00` of a signature, which is public.
pub(super) fn recovered(block: &[u8]) -> Result<&[u8], Error> {
    let rest = block.strip_prefix(&[0x00, 0x01]).ok_or(Error::Signature)?;
    let filler = rest.iter().take_while(|byte| **byte == 0xff).count();
    match rest.split_at_checked(filler) {
        Some((_, [0x00, data @ ..])) if filler >= 8 => Ok(data),
        _ => Err(Error::Signature),
    }
}

/// `data` with zeros before it, in `k` bytes.
pub(super) fn raw(data: &[u8], k: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let zeros = k.checked_sub(data.len()).ok_or(Error::DataLength)?;
    let mut block = Zeroizing::new(vec![0u8; k]);
    block.iter_mut().skip(zeros).zip(data).for_each(|(to, from)| *to = *from);
    Ok(block)
}

fn pkcs1_type_1(parts: &[&[u8]], k: usize) -> Result<Vec<u8>, Error> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let filler = k
        .checked_sub(length.saturating_add(3))
        .filter(|filler| *filler >= 8)
        .ok_or(Error::DataLength)?;
    let mut block = Vec::with_capacity(k);
    block.extend_from_slice(&[0x00, 0x01]);
    block.resize(2 + filler, 0xff);
    block.push(0x00);
    for part in parts {
        block.extend_from_slice(part);
    }
    Ok(block)
}

/// EME-PKCS1-v1_5 in `k` bytes, with random that has no zero byte.
pub(super) fn pkcs1_type_2<B: Backend>(
    plaintext: &[u8],
    k: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let filler = k
        .checked_sub(plaintext.len().saturating_add(3))
        .filter(|filler| *filler >= 8)
        .ok_or(Error::DataLength)?;
    let mut block = Zeroizing::new(Vec::with_capacity(k));
    block.extend_from_slice(&[0x00, 0x02]);
    let mut random = Zeroizing::new([0u8; 64]);
    while block.len() < 2 + filler {
        B::random(random.as_mut_slice())?;
        let missing = 2 + filler - block.len();
        block.extend(random.iter().copied().filter(|byte| *byte != 0).take(missing));
    }
    block.push(0x00);
    block.extend_from_slice(plaintext);
    Ok(block)
}

/// Hashes and salt length of one use of PSS.
#[derive(Clone, Copy)]
pub(super) struct Pss {
    /// Hash of the message.
    pub(super) hash: Hash,
    /// Hash of MGF1.
    pub(super) mgf: Hash,
    /// Salt length in bytes.
    pub(super) salt: usize,
}

impl Pss {
    /// Length of DB in a block of `k` bytes, once digest and salt are known to fit.
    fn db_len(self, digest: &[u8], k: usize) -> Result<usize, Error> {
        if digest.len() != self.hash.len() {
            return Err(Error::DataLength);
        }
        let needed = self.salt.checked_add(self.hash.len() + 2).ok_or(Error::DataLength)?;
        if needed > k {
            return Err(Error::DataLength);
        }
        Ok(k - self.hash.len() - 1)
    }

    /// Whether digest and salt go into a block of `k` bytes.
    pub(super) fn check_lengths(self, digest: &[u8], k: usize) -> Result<(), Error> {
        self.db_len(digest, k).map(drop)
    }

    /// EMSA-PSS-ENCODE (RFC 8017 section 9.1.1) with emBits = 8k - 1.
    pub(super) fn encode<B: Backend>(self, digest: &[u8], k: usize) -> Result<Vec<u8>, Error> {
        let db_len = self.db_len(digest, k)?;
        let mut salt = vec![0u8; self.salt];
        B::random(&mut salt)?;
        let h = backend::digest::<B>(self.hash, &[&[0u8; 8], digest, &salt]);

        let mut block = Vec::with_capacity(k);
        block.resize(db_len - self.salt - 1, 0x00);
        block.push(0x01);
        block.extend_from_slice(&salt);
        mask::<B>(self.mgf, &h, &mut block);
        if let Some(first) = block.first_mut() {
            *first &= 0x7f;
        }
        block.extend_from_slice(&h);
        block.push(0xbc);
        Ok(block)
    }

    /// EMSA-PSS-VERIFY (RFC 8017 section 9.1.2) with emBits = 8k - 1 and exactly this salt length.
    pub(super) fn verify<B: Backend>(self, digest: &[u8], block: &[u8]) -> Result<(), Error> {
        let db_len = self.db_len(digest, block.len())?;
        let (masked, rest) = block.split_at_checked(db_len).ok_or(Error::Signature)?;
        let (h, trailer) = rest.split_at_checked(self.hash.len()).ok_or(Error::Signature)?;
        let top = masked.first().copied().ok_or(Error::Signature)?;
        if trailer != [0xbc] || top & 0x80 != 0 {
            return Err(Error::Signature);
        }
        let mut db = masked.to_vec();
        mask::<B>(self.mgf, h, &mut db);
        if let Some(first) = db.first_mut() {
            *first &= 0x7f;
        }
        let (zeros, rest) = db.split_at_checked(db_len - self.salt - 1).ok_or(Error::Signature)?;
        let Some((0x01, salt)) = rest.split_first() else {
            return Err(Error::Signature);
        };
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(Error::Signature);
        }
        let expected = backend::digest::<B>(self.hash, &[&[0u8; 8], digest, salt]);
        if bool::from(expected.ct_eq(h)) { Ok(()) } else { Err(Error::Signature) }
    }
}

/// Fewest zeros that a block must show to be taken for EMSA-PSS: a random one shows them once in
/// 2^128.
const PSS_ZEROS: usize = 16;

/// The hash that a block is EMSA-PSS of (RFC 8017 section 9.1), as far as can be told without the
/// message: unmasked by MGF1 with the same hash, it begins with zeros, then a one, then the salt.
/// Salts that leave fewer than 16 zeros are not told from random, and neither are bits below a
/// modulus whose length is no multiple of 8.
pub(super) fn pss_hash<B: Backend>(block: &[u8]) -> Option<Hash> {
    let (0xbc, rest) = block.split_last()? else { return None };
    if rest.first()? & 0x80 != 0 {
        return None;
    }
    Hash::ALL.into_iter().find(|hash| {
        let Some((masked, h)) =
            rest.len().checked_sub(hash.len()).and_then(|length| rest.split_at_checked(length))
        else {
            return false;
        };
        let mut db = masked.to_vec();
        mask::<B>(*hash, h, &mut db);
        if let Some(first) = db.first_mut() {
            *first &= 0x7f;
        }
        let zeros = db.iter().take_while(|byte| **byte == 0).count();
        zeros >= PSS_ZEROS && db.get(zeros) == Some(&0x01)
    })
}

/// Whether a block of `k` bytes is EMSA-PSS of this hash, as far as can be told.
pub(super) fn pss_block<B: Backend>(hash: Hash, block: &[u8], k: usize) -> Result<(), Error> {
    if block.len() != k {
        return Err(Error::DataLength);
    }
    if pss_hash::<B>(block) == Some(hash) { Ok(()) } else { Err(Error::Parameter) }
}

/// Adds MGF1 (RFC 8017 appendix B.2.1) of `seed` to `bytes`.
pub(super) fn mask<B: Backend>(hash: Hash, seed: &[u8], bytes: &mut [u8]) {
    for (counter, chunk) in (0u32..).zip(bytes.chunks_mut(hash.len())) {
        let block = Zeroizing::new(backend::digest::<B>(hash, &[seed, &counter.to_be_bytes()]));
        for (byte, mask) in chunk.iter_mut().zip(block.iter()) {
            *byte ^= mask;
        }
    }
}
