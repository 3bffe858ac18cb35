//! What root finds in the memory of another process that stands still.
#![allow(unsafe_code, reason = "the C library's search")]

use super::station::send;
use rsa::{BoxedUint, RsaPrivateKey, traits::PrivateKeyParts};
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};

/// Bytes of a needle: no stretch of this length is there by chance.
pub const NEEDLE: usize = 16;

/// Something to look for, by name.
#[derive(Debug)]
pub struct Needle {
    pub name: String,
    bytes: Vec<u8>,
}

/// A needle of the whole of a short text, or of two stretches of a long one.
pub fn needles(name: &str, bytes: &[u8]) -> Vec<Needle> {
    let named =
        |at: &str, bytes: &[u8]| Needle { name: format!("{name}{at}"), bytes: bytes.to_vec() };
    if bytes.len() < 4 * NEEDLE {
        return vec![named("", bytes)];
    }
    let quarter = bytes.len() / 4;
    [("'s first half", quarter), ("'s second half", 3 * quarter)]
        .map(|(half, at)| named(half, &bytes[at - NEEDLE / 2..at + NEEDLE / 2]))
        .into()
}

/// The writable memory of a process, taken while it stands still. As root.
#[derive(Debug)]
pub struct Dump(Vec<Vec<u8>>);

impl Dump {
    /// Stops the process, copies its memory, and lets it go on.
    pub fn of(pid: u32) -> Self {
        send(pid, "STOP");
        while !fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") T ") {
            std::thread::yield_now();
        }
        let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let parts = maps.lines().filter_map(|line| read(&memory, line)).collect();
        send(pid, "CONT");
        Self(parts)
    }

    pub fn bytes(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Names of the needles that are there.
    pub fn found(&self, needles: &[Needle]) -> Vec<String> {
        let there = |needle: &&Needle| self.0.iter().any(|part| holds(part, &needle.bytes));
        needles.iter().filter(there).map(|needle| needle.name.clone()).collect()
    }

    /// A prime factor of a modulus of 2048 bits, found by division: wherever a number of 1024 bits
    /// stands on a boundary of 8 bytes, in either order of bytes.
    pub fn factor(&self, modulus: &BoxedUint) -> Option<BoxedUint> {
        const HALF: usize = 128;
        for part in &self.0 {
            for at in (0..part.len().saturating_sub(HALF - 1)).step_by(8) {
                let number = &part[at..at + HALF];
                // A factor is odd and fills its 1024 bits; primes of RSA begin with more than 0xb0.
                let little = number[0] & 1 == 1 && number[HALF - 1] >= 0xb0;
                let big = number[HALF - 1] & 1 == 1 && number[0] >= 0xb0;
                let parsed = [
                    little.then(|| BoxedUint::from_le_slice(number, 1024).unwrap()),
                    big.then(|| BoxedUint::from_be_slice(number, 1024).unwrap()),
                ];
                for candidate in parsed.into_iter().flatten() {
                    if divides(&candidate, modulus) {
                        return Some(candidate);
                    }
                }
            }
        }
        None
    }
}

/// By the C library, which is fast in a build without optimisation too.
fn holds(part: &[u8], bytes: &[u8]) -> bool {
    // SAFETY: both are readable for their lengths.
    let at = unsafe {
        libc::memmem(part.as_ptr().cast(), part.len(), bytes.as_ptr().cast(), bytes.len())
    };
    !at.is_null()
}

fn divides(candidate: &BoxedUint, modulus: &BoxedUint) -> bool {
    let divisor = candidate.to_nz().into_option().expect("odd");
    modulus.rem_vartime(&divisor).is_zero().into()
}

/// What was written by the process or could have been: writable, or of no file.
fn read(memory: &File, line: &str) -> Option<Vec<u8>> {
    let mut fields = line.split_whitespace();
    let (range, rights) = (fields.next()?, fields.next()?);
    let file = fields.nth(3).unwrap_or_default();
    let written = rights.starts_with("rw") || (rights.starts_with('r') && file.is_empty());
    if !written {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
    let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
    let mut have = 0;
    while have < bytes.len() {
        match memory.read_at(&mut bytes[have..], start + have as u64) {
            Ok(0) | Err(_) => break,
            Ok(more) => have += more,
        }
    }
    bytes.truncate(have);
    Some(bytes)
}

/// All that makes the private key of this modulus, given one of its factors; the exponent
/// is 65537.
pub fn private_key(modulus: &BoxedUint, factor: &BoxedUint) -> Vec<Needle> {
    let other = modulus.checked_div(factor).into_option().unwrap();
    let other = BoxedUint::from_be_slice(&other.to_be_bytes()[128..], 1024).unwrap();
    let (p, q) = if *factor > other { (factor.clone(), other) } else { (other, factor.clone()) };
    let exponent = BoxedUint::from(65_537_u64);
    let mut key = RsaPrivateKey::from_p_q(p.clone(), q.clone(), exponent).unwrap();
    key.precompute().unwrap();
    // Two exponents serve: the inverse modulo the least common multiple, and modulo the product.
    let exponent = BoxedUint::from(65_537_u64);
    let other = RsaPrivateKey::from_primes(vec![p.clone(), q.clone()], exponent).unwrap();
    let mut all = vec![("p", p), ("q", q), ("d", key.d().clone()), ("d", other.d().clone())];
    all.push(("dP", key.dp().unwrap().clone()));
    all.push(("dQ", key.dq().unwrap().clone()));
    all.push(("qInv", key.qinv().unwrap().retrieve()));
    all.into_iter()
        .flat_map(|(name, number)| {
            let bytes = number.to_be_bytes();
            let little: Vec<u8> = bytes.iter().rev().copied().collect();
            let mut both = needles(&format!("{name} (big endian)"), &bytes);
            both.extend(needles(&format!("{name} (little endian)"), &little));
            both
        })
        .collect()
}
