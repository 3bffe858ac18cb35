//! Rates of single operations in one process, one thread.

use crate::{
    Module,
    measure::{Effort, Figures, Party, Target, contest, head, row, time},
    p11::Face,
};
use aws_lc_rs::{
    digest::{SHA256, digest},
    rsa,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use cryptoki_sys::*;
use std::{hint::black_box, time::Instant};

pub(crate) const LABEL: &str = "bench";
pub(crate) const PIN: &str = "12345678";
const SO_PIN: &str = "87654321";
const RAW: &str = "raw aws-lc";
/// DigestInfo of SHA-256 before the digest (RFC 8017 section 9.2).
const DIGEST_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];

/// A module in use: a fresh token, its keys, somebody logged in.
struct Peer {
    name: &'static str,
    face: Face,
    slot: CK_SLOT_ID,
    session: CK_SESSION_HANDLE,
    rsa: CK_OBJECT_HANDLE,
    p256: CK_OBJECT_HANDLE,
    p384: CK_OBJECT_HANDLE,
}

impl Peer {
    fn new(module: &Module) -> Self {
        let face = Face::load(&module.path);
        face.initialize();
        face.provision(LABEL, SO_PIN, PIN);
        let slot = face.slot(Some(LABEL));
        let session = face.open(slot);
        face.login(session, CKU_USER, PIN);
        let rsa = face.private_key(session, CKK_RSA);
        let p256 = face.private_key(session, CKK_EC);
        let p384 = face.p384(session);
        Self { name: module.name, face, slot, session, rsa, p256, p384 }
    }
}

/// Prints what each peer does, and how many times as fast ours is.
pub(crate) fn measure(effort: Effort, modules: &[Module]) {
    let peers: Vec<_> = modules.iter().map(Peer::new).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{}, {cores} cores", wardcard::crypto::backend());
    head("In process, one thread");
    signatures(effort, &peers);
    let each = |what: &str, inner, least, work: &dyn Fn(&Peer)| {
        let figures = contest(effort, inner, parties(&peers, work));
        tell(&figures, &peers, what, least);
    };
    each("SHA-256 of 16 KiB", 4, Target::AtLeast(1.5), &|peer| {
        black_box(peer.face.digest(peer.session, CKM_SHA256, &[7; 16 * 1024]));
    });
    each("C_GenerateRandom, 32 bytes", 20, Target::None, &|peer| {
        black_box(peer.face.random(peer.session));
    });
    each("C_OpenSession + C_CloseSession", 20, Target::AtLeast(1.0), &|peer| {
        let session = peer.face.open(peer.slot);
        peer.face.close(session);
    });
    let find = |peer: &Peer| {
        black_box(peer.face.by_id(peer.session, &mut [1]));
    };
    let few = contest(effort, 20, parties(&peers, &find));
    tell(&few, &peers, "a private key by CKA_ID, few objects", Target::AtLeast(3.0));
    let single = Effort { rounds: effort.rounds.min(12), samples: 1, ..effort };
    let figures = contest(
        single,
        1,
        parties(&peers, &|peer| {
            peer.face.generate_session_rsa(peer.session);
        }),
    );
    tell(&figures, &peers, "RSA-2048 key generation", Target::AtLeast(1.5));
    let single = Effort { samples: 1, ..effort };
    let figures = contest(
        single,
        1,
        parties(&peers, &|peer| {
            peer.face.logout(peer.session);
            peer.face.login(peer.session, CKU_USER, PIN);
        }),
    );
    tell(&figures, &peers, "apart: C_Login (ours: Argon2id)", Target::None);
    full(effort, &peers, &few);
    peers.iter().for_each(|peer| peer.face.finalize());
}

fn signatures(effort: Effort, peers: &[Peer]) {
    let message = [7; 256];
    let hash = digest(&SHA256, &message);
    let info = [&DIGEST_INFO, hash.as_ref()].concat();
    let raw = RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    for (what, kind, data) in [
        ("RSA-2048 CKM_RSA_PKCS", CKM_RSA_PKCS, info.as_slice()),
        ("RSA-2048 CKM_SHA256_RSA_PKCS", CKM_SHA256_RSA_PKCS, &message),
    ] {
        let work = |peer: &Peer| {
            black_box(peer.face.sign(peer.session, kind, peer.rsa, data));
        };
        let mut all = parties(peers, &work);
        all.push(Party::new(RAW, || {
            let mut room = [0; 256];
            let hash = digest(&SHA256, black_box(&message));
            raw.sign_digest(&RSA_PKCS1_SHA256, &hash, &mut room).unwrap();
            black_box(room);
        }));
        let figures = contest(effort, 1, all);
        figures.ratio(what, peers[0].name, RAW, Target::AtLeast(0.95));
        tell(&figures, peers, what, Target::AtLeast(1.9));
    }
    for (what, key, least) in [
        ("P-256 CKM_ECDSA", (|peer: &Peer| peer.p256) as fn(&Peer) -> CK_OBJECT_HANDLE, 2.5),
        ("P-384 CKM_ECDSA", |peer: &Peer| peer.p384, 6.0),
    ] {
        let work = |peer: &Peer| {
            let signature = peer.face.sign(peer.session, CKM_ECDSA, key(peer), hash.as_ref());
            black_box(signature);
        };
        let figures = contest(effort, 2, parties(peers, &work));
        tell(&figures, peers, what, Target::AtLeast(least));
    }
}

/// Finding again when many certificates lie beside the keys.
fn full(effort: Effort, peers: &[Peer], few: &Figures) {
    for (place, peer) in peers.iter().enumerate() {
        // Others need very long for as many as ours shall bear.
        let count = if place == 0 { effort.objects } else { effort.objects.min(1000) };
        let begun = Instant::now();
        for number in 0..count {
            peer.face.certificate(peer.session, number);
        }
        let each = begun.elapsed().as_secs_f64() * 1e6 / f64::from(count);
        println!("    {}: {count} certificates written, {} each", peer.name, time(each));
    }
    let find = |peer: &Peer| {
        black_box(peer.face.by_id(peer.session, &mut [1]));
    };
    let effort = Effort { rounds: effort.rounds.min(20), samples: effort.samples.min(9), ..effort };
    let many = contest(effort, 4, parties(peers, &find));
    for peer in peers {
        let (Some(few), Some(many)) = (few.p50(peer.name), many.p50(peer.name)) else { continue };
        let target = if peer.name == peers[0].name { Target::AtLeast(0.9) } else { Target::None };
        let what = format!("{}: by CKA_ID among many", peer.name);
        let against = format!("{} among few", time(few));
        row(&what, &time(many), &against, &format!("{:.2} x", few / many), target, few / many);
    }
}

fn parties<'a>(peers: &'a [Peer], work: &'a dyn Fn(&Peer)) -> Vec<Party<'a>> {
    peers.iter().map(|peer| Party::new(peer.name, move || work(peer))).collect()
}

/// A row for ours against each other.
fn tell(figures: &Figures, peers: &[Peer], what: &str, target: Target) {
    let [ours, others @ ..] = peers else { return };
    for other in others {
        figures.ratio(what, ours.name, other.name, target);
    }
    if others.is_empty() {
        let p50 = figures.p50(ours.name).unwrap_or_default();
        row(what, &time(p50), "-", "-", Target::None, p50);
    }
}
