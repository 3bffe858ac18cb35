//! What a private key leaves in the memory of the process once its last owner is gone: nothing,
//! under the allocator that the program installs. A process of its own, so that no other test's
//! keys are about.

#![cfg(all(target_os = "linux", feature = "cli"))]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use der::Decode;
use pkcs8::PrivateKeyInfoRef;
use rsa::pkcs1::RsaPrivateKey;
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};
use wardcard::{
    crypto::{Hash, KeyKind, PrivateKey, Scheme, SealKey},
    secret::Secret,
};
use zeroize::Zeroize;

#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// Needles are kept under this mask, so that the search does not find itself.
const MASK: u8 = 0xa5;
const LENGTH: usize = 24;

struct Needle {
    name: String,
    masked: [u8; LENGTH],
}

/// A stretch from the middle of a component, in both orders of bytes.
fn needles(name: &str, bytes: &[u8]) -> Vec<Needle> {
    let from = bytes.len() / 2 - LENGTH / 2;
    let mut masked = [0u8; LENGTH];
    for (masked, byte) in masked.iter_mut().zip(&bytes[from..]) {
        *masked = *byte ^ MASK;
    }
    let mut reversed = masked;
    reversed.reverse();
    vec![
        Needle { name: format!("{name}, big-endian"), masked },
        Needle { name: format!("{name}, little-endian"), masked: reversed },
    ]
}

/// The names of the needles that stand somewhere in this process's writable memory.
fn found(needles: &[Needle]) -> Vec<String> {
    let mut first = [false; 256];
    for needle in needles {
        first[usize::from(needle.masked[0] ^ MASK)] = true;
    }
    let memory = File::open("/proc/self/mem").unwrap();
    let mut names = Vec::new();
    let mut buffer = vec![0u8; 1 << 20];
    for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [mut at, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        while at < end {
            let length = usize::try_from(end - at).unwrap().min(buffer.len());
            let Ok(read) = memory.read_at(&mut buffer[..length], at) else { break };
            for (offset, byte) in buffer[..read].iter().enumerate() {
                if !first[usize::from(*byte)] {
                    continue;
                }
                for needle in needles {
                    let window = buffer[offset..read].iter().take(LENGTH);
                    if window.len() == LENGTH
                        && window.zip(&needle.masked).all(|(byte, masked)| *byte == masked ^ MASK)
                        && !names.contains(&needle.name)
                    {
                        names.push(needle.name.clone());
                    }
                }
            }
            buffer[..read].zeroize();
            // Stretches that cross a boundary are seen by the overlap.
            at += read.max(1) as u64;
            if at < end && read > LENGTH {
                at -= LENGTH as u64;
            }
        }
    }
    names
}

fn components(der: &[u8]) -> Vec<Needle> {
    let info = PrivateKeyInfoRef::from_der(der).unwrap();
    let key =
        RsaPrivateKey::<der::asn1::UintRef<'_>>::from_der(info.private_key.as_bytes()).unwrap();
    [
        ("p", key.prime1),
        ("q", key.prime2),
        ("d", key.private_exponent),
        ("dP", key.exponent1),
        ("dQ", key.exponent2),
        ("qInv", key.coefficient),
    ]
    .into_iter()
    .flat_map(|(name, number)| needles(name, number.as_bytes()))
    .collect()
}

/// The first key of the vectors, as bytes that are erased.
fn vector_key() -> Secret {
    let text = include_str!("vectors/rsa_implicit_rejection.txt");
    let hex = text.lines().find_map(|line| line.strip_prefix("der = ")).unwrap();
    let nibble = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    Secret::new(hex.as_bytes().chunks(2).map(|two| nibble(two[0]) << 4 | nibble(two[1])).collect())
}

/// Every use there is, and back to nothing.
fn live(key: PrivateKey, needles: &[Needle]) {
    let seal = SealKey::generate().unwrap();
    for _ in 0..3 {
        key.sign(Scheme::Pkcs1(Hash::Sha256), &[1; 32]).unwrap();
        let ciphertext = key.public().encrypt_pkcs1(b"x").unwrap();
        key.decrypt_pkcs1(&ciphertext).unwrap();
        let sealed = key.seal(&seal, b"place").unwrap();
        PrivateKey::unseal(&seal, b"place", &sealed).unwrap();
    }
    let alive = found(needles);
    assert!(alive.len() >= 5, "the search finds what is there: {alive:?}");
    drop(key);
    let left = found(needles);
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn nothing_of_a_dropped_key_is_left_in_memory() {
    let der = vector_key();
    let needles_of_vector = components(der.expose());
    let key = PrivateKey::from_pkcs8(&der).unwrap();
    drop(der);
    live(key, &needles_of_vector);

    // A generated key shows its components to nobody: its sealed form, opened, does.
    let key = PrivateKey::generate(KeyKind::Rsa2048).unwrap();
    let seal = SealKey::generate().unwrap();
    let der = seal.open(b"place", &key.seal(&seal, b"place").unwrap()).unwrap();
    let needles_of_generated = components(der.expose());
    drop(der);
    live(key, &needles_of_generated);
}
