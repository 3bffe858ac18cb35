//! Signatures by `wardcard::crypto` beside the same operation by the raw back end, in one run, so
//! that their ratio can be read from it: at least 0.95 of the raw throughput is the aim.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use aws_lc_rs::{
    digest::{Digest, SHA256, digest},
    rsa, signature,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256},
};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use wardcard::crypto::{Hash, KeyKind, PrivateKey, Scheme};

/// What the signatures are over.
fn message() -> Digest {
    digest(&SHA256, b"what a clinician signs")
}

fn rsa_2048(criterion: &mut Criterion) {
    let ours = PrivateKey::generate(KeyKind::Rsa2048).unwrap();
    let raw = signature::RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let digest = message();
    let mut room = vec![0u8; raw.public_modulus_len()];
    let mut group = criterion.benchmark_group("RSA-2048 sign");
    group.bench_function("raw aws-lc, PKCS#1 SHA-256", |bench| {
        bench.iter(|| raw.sign_digest(&RSA_PKCS1_SHA256, black_box(&digest), &mut room).unwrap());
    });
    group.bench_function("ours, Pkcs1(Sha256)", |bench| {
        let scheme = Scheme::Pkcs1(Hash::Sha256);
        bench.iter(|| ours.sign(scheme, black_box(digest.as_ref())).unwrap());
    });
    group.bench_function("ours, Pkcs1Raw", |bench| {
        bench.iter(|| ours.sign(Scheme::Pkcs1Raw, black_box(digest.as_ref())).unwrap());
    });
    let pss = Scheme::Pss { hash: Hash::Sha256, mgf: Hash::Sha256, salt: 32 };
    group.bench_function("ours, Pss", |bench| {
        bench.iter(|| ours.sign(pss, black_box(digest.as_ref())).unwrap());
    });
    let sealed = ours.public().encrypt_pkcs1(b"a session key").unwrap();
    group.bench_function("ours, decrypt_pkcs1", |bench| {
        bench.iter(|| ours.decrypt_pkcs1(black_box(&sealed)).unwrap());
    });
    group.finish();
}

fn p256(criterion: &mut Criterion) {
    let ours = PrivateKey::generate(KeyKind::P256).unwrap();
    let raw = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let digest = message();
    let mut group = criterion.benchmark_group("P-256 sign");
    group.bench_function("raw aws-lc", |bench| {
        bench.iter(|| raw.sign_digest(black_box(&digest)).unwrap());
    });
    group.bench_function("ours, Ecdsa", |bench| {
        bench.iter(|| ours.sign(Scheme::Ecdsa, black_box(digest.as_ref())).unwrap());
    });
    group.finish();
}

criterion_group!(benches, rsa_2048, p256);
criterion_main!(benches);
