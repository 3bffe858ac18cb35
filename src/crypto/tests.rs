//! The rules of this module, each broken in turn; known answers stand in `vectors`.

#[macro_use]
mod vectors;

pub(crate) mod encodings;
mod import;
mod pss_block;
mod rules;
mod sealing;
mod symmetric;

use super::{Error, KeyKind, PrivateKey};
use crate::secret::Secret;
use rsa::{BoxedUint, RsaPrivateKey, pkcs8::EncodePrivateKey};
use std::sync::OnceLock;

fn hex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0, "{text}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// PrivateKeyInfo of components.
fn rsa_pkcs8(n: &[u8], e: &[u8], d: &[u8], p: &[u8], q: &[u8]) -> Vec<u8> {
    let [n, e, d, p, q] = [n, e, d, p, q].map(BoxedUint::from_be_slice_vartime);
    let key = RsaPrivateKey::from_components(n, e, d, vec![p, q]).unwrap();
    key.to_pkcs8_der().unwrap().as_bytes().to_vec()
}

const KINDS: [KeyKind; 3] = [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P384];

fn key(kind: KeyKind) -> &'static PrivateKey {
    static KEYS: [OnceLock<PrivateKey>; 3] = [const { OnceLock::new() }; 3];
    let at = KINDS.iter().position(|one| *one == kind).unwrap();
    KEYS[at].get_or_init(|| PrivateKey::generate(kind).unwrap())
}

fn pkcs8(kind: KeyKind) -> Vec<u8> {
    key(kind).key.to_pkcs8().unwrap().expose().to_vec()
}

fn read(der: Vec<u8>) -> Result<PrivateKey, Error> {
    PrivateKey::from_pkcs8(&Secret::new(der))
}
