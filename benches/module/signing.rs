//! Signatures in process and through the agent, what the wire adds, and threads on one connection.

use crate::{
    measure::{Effort, Party, Target, contest, head, median, quantile, rate, row, time},
    parties::{Program, Seated},
};
use aws_lc_rs::{
    digest::{SHA256, digest},
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use cryptoki_sys::*;
use std::hint::black_box;
use wardcard::pkcs11::Mechanism;

/// DigestInfo of SHA-256 before the digest (RFC 8017 section 9.2).
const DIGEST_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
const MESSAGE: [u8; 256] = [7; 256];

const RAW: &str = "raw aws-lc";
const OURS: &str = "in process";
const AUDITED: &str = "in process, audited";
const AGENT: &str = "agent";
const SOFTHSM: &str = "SoftHSM2";

fn digest_info() -> Vec<u8> {
    [&DIGEST_INFO, digest(&SHA256, &MESSAGE).as_ref()].concat()
}

/// RSA-2048: all parties, and the wire's share. `plain` is for the module in this process.
pub(crate) fn rsa(
    effort: Effort,
    (plain, audited): (Option<&Seated>, &Seated),
    agent: &Program,
    softhsm: Option<&Program>,
) {
    head("RSA-2048, C_SignInit + C_Sign");
    let ours = plain.map(|plain| Program::in_process(plain, CKK_RSA));
    let audited = audited.connected();
    let raw = RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let info = digest_info();
    let rows = [
        ("CKM_RSA_PKCS", CKM_RSA_PKCS, info.as_slice()),
        ("CKM_SHA256_RSA_PKCS", CKM_SHA256_RSA_PKCS, &MESSAGE),
    ];
    for (name, kind, data) in rows {
        let mechanism = Mechanism::plain(kind);
        let mut parties = vec![
            Party::new(RAW, || {
                let mut room = [0; 256];
                let digest = digest(&SHA256, black_box(&MESSAGE));
                raw.sign_digest(&RSA_PKCS1_SHA256, &digest, &mut room).unwrap();
                black_box(room);
            }),
            Party::new(AUDITED, || audited.sign(&mechanism, data)),
            Party::new(AGENT, || agent.sign(kind, data)),
        ];
        parties.extend(ours.as_ref().map(|ours| Party::new(OURS, || ours.sign(kind, data))));
        parties.extend(softhsm.map(|softhsm| Party::new(SOFTHSM, || softhsm.sign(kind, data))));
        let figures = contest(effort, 1, parties);
        let title = |how: &str| format!("{name}, {how}");
        figures.ratio(&title(OURS), OURS, RAW, Target::AtLeast(0.95));
        figures.ratio(&title(OURS), OURS, SOFTHSM, Target::AtLeast(1.9));
        figures.ratio(&title(AUDITED), AUDITED, RAW, Target::None);
        figures.ratio(&title("through the agent"), AGENT, SOFTHSM, Target::AtLeast(1.6));
        if let Some((ours, adds)) = figures.p50(AGENT).zip(figures.more(AGENT, AUDITED)) {
            let against = format!("{} {AUDITED}", time(figures.p50(AUDITED).unwrap_or_default()));
            let added = format!("+{adds:.1} µs");
            row(&title("the wire adds"), &time(ours), &against, &added, Target::AtMost(40.0), adds);
        }
    }
    if let Some(ours) = ours {
        ours.face.finalize();
    }
}

/// P-256 in process. `softhsm` is logged in.
pub(crate) fn p256(effort: Effort, plain: &Seated, audited: &Seated, softhsm: Option<&Program>) {
    head("P-256, C_SignInit + C_Sign");
    let ours = Program::in_process(plain, CKK_EC);
    let audited = audited.connected();
    let raw = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let digest = digest(&SHA256, &MESSAGE);
    let data = digest.as_ref();
    let mechanism = Mechanism::plain(CKM_ECDSA);
    let theirs = softhsm.map(|softhsm| softhsm.face.private_key(softhsm.session, CKK_EC));
    let mut parties = vec![
        Party::new(RAW, || {
            black_box(raw.sign_digest(black_box(&digest)).unwrap());
        }),
        Party::new(OURS, || ours.sign(CKM_ECDSA, data)),
        Party::new(AUDITED, || audited.sign(&mechanism, data)),
    ];
    parties.extend(softhsm.zip(theirs).map(|(softhsm, key)| {
        Party::new(SOFTHSM, move || {
            black_box(softhsm.face.sign(softhsm.session, CKM_ECDSA, key, data));
        })
    }));
    let figures = contest(effort, 4, parties);
    figures.ratio("CKM_ECDSA, in process", OURS, SOFTHSM, Target::AtLeast(2.0));
    figures.ratio("CKM_ECDSA, in process", OURS, RAW, Target::None);
    figures.ratio("CKM_ECDSA, in process, audited", AUDITED, SOFTHSM, Target::None);
    if let Some((ours, adds)) = figures.p50(AUDITED).zip(figures.more(AUDITED, OURS)) {
        let (ours, against) = (time(ours), format!("{} {OURS}", time(ours - adds)));
        let each = adds / 2.0;
        let result = format!("+{each:.1} µs");
        let what = "gate and log, for each of a use's two records";
        row(what, &ours, &against, &result, Target::AtMost(10.0), each);
    }
    ours.face.finalize();
}

/// One kind of threads' work, made anew for each thread.
struct Crowd<'a> {
    name: &'static str,
    target: Target,
    worker: Box<dyn Fn() -> Box<dyn FnMut() + Send + 'a> + 'a>,
}

/// RSA-2048 by 1, 2, 4 and 8 threads: through one connection, and by those who bound it.
pub(crate) fn threads(effort: Effort, agent: &Program, softhsm: Option<&Program>) {
    println!(
        "\n{:<54} {:>10}  {:>6} {:>6} {:>6}  target (2 threads, 2 free cores)",
        "RSA-2048 by threads, against one thread", "1/s", "2", "4", "8"
    );
    let raw = RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let (raw, info) = (&raw, digest_info());
    let info = info.as_slice();
    let crowd = |program: &'static str, target, of| Crowd {
        name: program,
        target,
        worker: Box::new(move || session_worker(of, info)),
    };
    let mut crowds = vec![
        Crowd {
            name: "raw aws-lc: what the machine gives",
            target: Target::None,
            worker: Box::new(move || {
                Box::new(move || {
                    let mut room = [0; 256];
                    let digest = digest(&SHA256, &MESSAGE);
                    raw.sign_digest(&RSA_PKCS1_SHA256, &digest, &mut room).unwrap();
                    black_box(room);
                })
            }),
        },
        crowd("through one connection to the agent", Target::AtLeast(1.7), agent),
    ];
    crowds.extend(softhsm.map(|softhsm| crowd("SoftHSM2", Target::None, softhsm)));
    let counts = [1, 2, 4, 8];
    let mut rates = vec![counts.map(|_| Vec::new()); crowds.len()];
    for _ in 0..effort.threads_rounds {
        for (place, count) in counts.into_iter().enumerate() {
            for (crowd, rates) in crowds.iter().zip(&mut rates) {
                let workers = (0..count).map(|_| (crowd.worker)()).collect();
                rates[place].push(rate(effort.threads_time, workers));
            }
        }
    }
    for (crowd, [one, rest @ ..]) in crowds.iter().zip(&rates) {
        let times = |many: &Vec<f64>| {
            median(many.iter().zip(one).map(|(many, one)| many / one).collect::<Vec<f64>>())
        };
        let [two, four, eight] = [&rest[0], &rest[1], &rest[2]].map(times);
        let target = match crowd.target {
            Target::AtLeast(least) => {
                format!(">= {least}  {}", if two >= least { "kept" } else { "MISSED" })
            }
            _ => "-".to_owned(),
        };
        let (name, single) = (crowd.name, quantile(one.clone(), 50));
        println!("  {name:<52} {single:>10.0}  {two:>6.2} {four:>6.2} {eight:>6.2}  {target}");
    }
}

fn session_worker<'a>(program: &'a Program, info: &'a [u8]) -> Box<dyn FnMut() + Send + 'a> {
    let session = Session { program, handle: program.face.open(program.slot) };
    Box::new(move || {
        let Session { program, handle } = &session;
        black_box(program.face.sign(*handle, CKM_RSA_PKCS, program.key, info));
    })
}

/// A session of a worker's own; it ends with the worker.
struct Session<'a> {
    program: &'a Program,
    handle: CK_SESSION_HANDLE,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.program.face.close(self.handle);
    }
}
