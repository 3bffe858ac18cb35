//! From a valid proof to a card that applications see, with keys ready; many at once; the audit log
//! alone; and what is stated apart: Argon2id and fdatasync.

use crate::{
    crowd,
    measure::{Effort, Target, head, median, micros, quantile, row, time},
    parties::seat,
    sources,
};
use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use wardcard::{
    agent::{
        Pending, Removal,
        audit::{Entry, Log},
        config::{AfterLoss, EnrolledSettings},
    },
    clock::{Clock, SystemClock},
    crypto::{KeyKind, PrivateKey, Stretch, stretch},
    derive::{Evidence, PasscodeSource},
    pki::{Authority, CertificationRequest, Profile, UserId, Validity},
    secret::Secret,
    testkit::{Builder, Folder, Kit, provider::PERSON},
};

/// Requests that wait in one agent at once, their keys made.
pub(crate) const BATCH: usize = 30;

/// Where the passcode comes from; neither way has to stretch one.
#[derive(Clone, Copy)]
enum Way {
    SignIn,
    Kept,
}

impl Way {
    fn source(self) -> PasscodeSource {
        match self {
            Self::SignIn => PasscodeSource::SignIn,
            Self::Kept => PasscodeSource::Kept,
        }
    }
}

/// All ways to a card, or those that are named: `oidc`, `sources`, `released`, `crowd`.
pub(crate) fn derive(effort: Effort, named: &[String]) {
    type Way = (&'static str, fn(Effort));
    let ways: [Way; 4] = [
        ("oidc", oidc),
        ("sources", sources::measure),
        ("released", released),
        ("crowd", crowd::measure),
    ];
    let any = ways.iter().any(|(name, _)| named.iter().any(|one| one == name));
    println!(
        "\n{:<54} {:>10}  {:>10} {:>10}  target (p99)",
        format!("Proof to usable card, keys ready, {} rounds", effort.cards),
        "p50",
        "p99",
        "worst"
    );
    for (name, measure) in ways {
        if !any || named.iter().any(|one| one == name) {
            measure(effort);
        }
    }
}

/// By an ID token, with a store in memory and on disk, in turns.
fn oidc(effort: Effort) {
    let kit = |on_disk| {
        let mut builder = Builder { on_disk, ..Builder::default() };
        // Keys that are made meanwhile would be measured too.
        builder.limits.warm_keys = 0;
        let kit = builder.start().unwrap();
        keep_passcode(&kit);
        kit
    };
    let (memory, disk) = (kit(false), kit(true));
    let mut variants = [
        ("ID token, store in memory, sign-in for passcode", &memory, Way::SignIn, Vec::new()),
        ("ID token, store in memory, own passcode", &memory, Way::Kept, Vec::new()),
        ("ID token, store and audit on disk, sign-in", &disk, Way::SignIn, Vec::new()),
        ("ID token, store and audit on disk, own passcode", &disk, Way::Kept, Vec::new()),
    ];
    let mut left = effort.cards;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        // Nothing else runs while the clock does.
        let mut ready = requests(&memory, &disk, batch * 2);
        for _ in 0..batch {
            for (place, (_, kit, way, times)) in variants.iter_mut().enumerate() {
                let pending = ready[place / 2].pop().unwrap();
                times.push(prove(kit, &pending, way.source()));
            }
        }
    }
    for (what, _, _, times) in variants {
        outcome(what, times);
    }
    apart(effort, disk.folder());
}

/// From a valid ID token to a card with enrolled keys, RSA-2048: an agent over a folder, as the
/// others, with a store for what is enrolled.
fn released(effort: Effort) {
    let authority = Issuing::new();
    for on_disk in [false, true] {
        let mut builder = Builder { on_disk, ..Builder::default() };
        builder.limits.warm_keys = 0;
        builder.policy.release = true;
        let keys = Folder::new().unwrap();
        builder.enrolled = Some(EnrolledSettings {
            key_file: Some(keys.path().join("store.key")),
            release_key_file: Some(keys.path().join("release.key")),
            roots: vec![authority.0.certificate().clone()],
            ..EnrolledSettings::new(keys.path().join("cards"))
        });
        let kit = builder.start().unwrap();
        authority.enrol(&kit);
        let person = UserId::parse(PERSON).unwrap();
        let sample = |_| {
            let pending = kit.agent().request_release(seat(), &person).unwrap();
            prove(&kit, &pending, PasscodeSource::SignIn)
        };
        let times: Vec<f64> = (0..effort.cards).map(sample).collect();
        let rest = if on_disk { "store and audit on disk" } else { "cards on disk alone" };
        outcome(&format!("ID token to released card, {rest}"), times);
    }
}

/// A row with the times that sign-ins took, in µs.
pub(crate) fn outcome(what: &str, times: Vec<f64>) {
    let [p50, p99, worst] = [50, 99, 100].map(|percent| quantile(times.clone(), percent));
    let verdict = if p99 <= 5000.0 { "kept" } else { "MISSED" };
    let [middle, slow, slowest] = [p50, p99, worst].map(time);
    println!("  {what:<52} {middle:>10}  {slow:>10} {slowest:>10}  <= 5 ms  {verdict}");
}

/// Who certifies what is enrolled.
struct Issuing(Authority);

impl Issuing {
    fn new() -> Self {
        let key = PrivateKey::generate(KeyKind::Rsa2048).unwrap();
        Self(Authority::root(key, "NHS Authentication G2", two_years()).unwrap())
    }

    /// Enrols the person of the provider.
    fn enrol(&self, kit: &Kit) {
        let person = UserId::parse(PERSON).unwrap();
        let new = kit.agent().enrol(&person, "bench").unwrap();
        let [(_, request)] = &new.requests[..] else { panic!("one key") };
        let request = CertificationRequest::from_pem(request).unwrap();
        let profile = Profile::cis1_authentication();
        let validity = two_years().capped(self.0.certificate().validity());
        let certificate = self.0.issue(&profile, &person, request.public_key(), validity);
        kit.agent().certify(&person, &[certificate.unwrap()], "bench").unwrap();
    }
}

fn two_years() -> Validity {
    let now = SystemClock.now();
    let [year, hour] = [365 * 86_400, 3600].map(Duration::from_secs);
    Validity { not_before: now.minus(hour), not_after: now.plus(2 * year) }
}

/// Requests with their keys for both kits, made on two threads.
pub(crate) fn requests(memory: &Kit, disk: &Kit, count: usize) -> [Vec<Pending>; 2] {
    std::thread::scope(|scope| {
        let make = |kit: &Kit| (0..count).map(|_| kit.request().unwrap()).collect();
        let one = scope.spawn(move || make(memory));
        let other = make(disk);
        [one.join().unwrap(), other]
    })
}

/// A person's first sign-in, with a passcode that is kept.
fn keep_passcode(kit: &Kit) {
    let pending = kit.request().unwrap();
    let passcode = Secret::copied_from(b"482915");
    prove(kit, &pending, PasscodeSource::Given { passcode, keep: true });
}

/// The time in µs from a valid ID token to a card in its seat.
fn prove(kit: &Kit, pending: &Pending, passcode: PasscodeSource) -> f64 {
    let token = kit.provider().sign_in(&pending.nonce).claim("sub", PERSON).sign().unwrap();
    seated_with(kit, pending, Evidence::IdToken(Secret::new(token.into_bytes())), passcode)
}

/// The time in µs from valid evidence to a card in its seat, whose passcode is the sign-in.
pub(crate) fn seated(kit: &Kit, pending: &Pending, evidence: Evidence) -> f64 {
    seated_with(kit, pending, evidence, PasscodeSource::SignIn)
}

/// The card is then taken away again.
fn seated_with(kit: &Kit, pending: &Pending, evidence: Evidence, passcode: PasscodeSource) -> f64 {
    let begun = Instant::now();
    let card = kit.agent().prove(&pending.request, evidence, passcode).unwrap();
    let taken = micros(begun.elapsed());
    let application = kit.agent().cryptoki(&seat()).unwrap();
    application.initialize().unwrap();
    assert_eq!(application.slot_list(true).unwrap().len(), 1, "the card is there at once");
    kit.agent().remove(card.id, Removal::TapOut).unwrap();
    taken
}

/// What is no part of the above, or only of some of it.
fn apart(effort: Effort, folder: &Path) {
    let stretching = || {
        let begun = Instant::now();
        stretch(b"482915", &[7; 16], Stretch::LEAST).unwrap();
        micros(begun.elapsed())
    };
    let times: Vec<f64> = (0..effort.cards.min(50)).map(|_| stretching()).collect();
    let [p50, p99] = [50, 99].map(|percent| time(quantile(times.clone(), percent)));
    println!("  apart: Argon2id (a given passcode, each C_Login)     {p50:>10}  {p99:>10}");
    let mut file = File::create(folder.join("fdatasync")).unwrap();
    let mut syncing = || {
        file.write_all(&[7; 4096]).unwrap();
        let begun = Instant::now();
        file.sync_data().unwrap();
        micros(begun.elapsed())
    };
    let times: Vec<f64> = (0..effort.cards).map(|_| syncing()).collect();
    let [p50, p99] = [50, 99].map(|percent| time(quantile(times.clone(), percent)));
    println!("  apart: one fdatasync of 4 KiB where the store lies   {p50:>10}  {p99:>10}");
}

/// A record such as the gate's, made, hashed and written.
pub(crate) fn audit(effort: Effort) {
    head("The audit log alone");
    let folder = Folder::new().unwrap();
    let clock = Arc::new(SystemClock);
    let path = folder.path().join("audit");
    let log = Log::open(&path, 64 << 20, AfterLoss::Refuse, None, clock, Box::new(|| {})).unwrap();
    let append = || {
        let entry = Entry::new("use")
            .text("card", "0123456789abcdef")
            .text("person", PERSON)
            .text("key", "authentication")
            .text("verb", "sign")
            .text("scheme", "pkcs1")
            .some_text("hash", Some("sha256"))
            .flag("sha1", false)
            .number("uid", 1000)
            .number("pid", 4321)
            .text("exe", "/opt/legacy/bin/application")
            .number("connection", 3);
        log.append(&entry).unwrap();
    };
    let sample = |_| {
        let begun = Instant::now();
        append();
        micros(begun.elapsed())
    };
    let times: Vec<f64> = (0..effort.rounds * effort.samples * 4).map(sample).collect();
    let p50 = median(times.clone());
    let slow = format!("{} p99", time(quantile(times, 99)));
    let result = format!("{p50:.1} µs");
    row("Log::append of a use", &time(p50), &slow, &result, Target::AtMost(10.0), p50);
}
