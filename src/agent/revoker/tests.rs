//! An issuer that is away, that refuses, and that comes back; an agent that ends in between.

use super::*;
use crate::{
    clock::ManualClock,
    derive::StepUp,
    issue::{Issued, Order},
    store::MemoryStore,
};

const LONG: Duration = Duration::from_secs(20);
const REASON: Reason = Reason::CessationOfOperation;

/// Answers as it is told to.
#[derive(Debug, Default)]
struct Desk {
    away: Mutex<bool>,
    refuses: Vec<Serial>,
    revoked: Mutex<Vec<Serial>>,
}

impl Issuer for Desk {
    fn issue(&self, _: &Order) -> Result<Vec<Issued>, issue::Error> {
        Err(issue::Error::Failed("it only revokes".to_owned()))
    }

    fn roots(&self) -> Result<Vec<Certificate>, issue::Error> {
        Ok(Vec::new())
    }

    fn revoke(&self, serials: &[Serial], _: Reason) -> Result<(), issue::Error> {
        if *self.away.lock().unwrap() {
            return Err(issue::Error::Unreachable("away".to_owned()));
        }
        if serials.iter().any(|serial| self.refuses.contains(serial)) {
            return Err(issue::Error::Refused("unknown".to_owned()));
        }
        self.revoked.lock().unwrap().extend_from_slice(serials);
        Ok(())
    }
}

struct Bench {
    clock: Arc<ManualClock>,
    desk: Arc<Desk>,
    store: Arc<MemoryStore>,
}

impl Bench {
    fn new(desk: Desk) -> Self {
        let clock = ManualClock::new(Time::from_unix_seconds(1_800_000_000));
        Self { clock: Arc::new(clock), desk: Arc::new(desk), store: Arc::new(MemoryStore::new()) }
    }

    fn start(&self) -> Revoker {
        let desk: Arc<dyn Issuer> = self.desk.clone();
        let store: Arc<dyn Store> = self.store.clone();
        let clock: Arc<dyn Clock> = self.clock.clone();
        let gate =
            Arc::new(AuditGate::new(None, Vec::new(), (StepUp::Never, LONG), self.clock.clone()));
        Revoker::start(&desk, &store, &gate, &clock).unwrap()
    }

    fn end(&self) -> Time {
        self.clock.now().plus(Duration::from_secs(3600))
    }

    fn kept(&self) -> usize {
        left(&*self.store).unwrap().len()
    }

    fn away(&self, away: bool) {
        *self.desk.away.lock().unwrap() = away;
    }

    fn revoked(&self) -> Vec<Serial> {
        self.desk.revoked.lock().unwrap().clone()
    }
}

fn serial(number: u8) -> Serial {
    Serial::parse(&format!("aa{number:02x}")).unwrap()
}

fn until(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < LONG, "it does not come about");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_revocation_reaches_the_issuer_and_leaves_the_queue() {
    let bench = Bench::new(Desk::default());
    let revoker = bench.start();
    assert!(revoker.thread.lock().unwrap().is_none(), "nothing runs without need");
    revoker.queue(vec![(serial(1), bench.end()), (serial(2), bench.end())], REASON);
    until(|| revoker.waiting() == 0);
    assert_eq!(bench.revoked(), [serial(1), serial(2)]);
    assert_eq!(bench.kept(), 0);
}

#[test]
fn an_issuer_that_is_away_is_asked_again_also_by_the_next_agent() {
    let bench = Bench::new(Desk::default());
    bench.away(true);
    let revoker = bench.start();
    let begun = Instant::now();
    revoker.queue(vec![(serial(1), bench.end())], REASON);
    assert!(begun.elapsed() < Duration::from_millis(500), "nobody waits for the issuer");
    until(|| bench.kept() == 1);
    bench.away(false);
    until(|| revoker.waiting() == 0);
    assert_eq!(bench.revoked(), [serial(1)]);

    bench.away(true);
    revoker.queue(vec![(serial(2), bench.end())], Reason::KeyCompromise);
    drop(revoker);
    assert_eq!(bench.kept(), 1);
    bench.away(false);
    let next = bench.start();
    until(|| next.waiting() == 0);
    assert_eq!(bench.revoked(), [serial(1), serial(2)]);
}

#[test]
fn one_that_the_issuer_refuses_does_not_hold_up_the_others() {
    let bench = Bench::new(Desk { refuses: vec![serial(2)], ..Desk::default() });
    let revoker = bench.start();
    let ends = (1..=3).map(|number| (serial(number), bench.end())).collect();
    revoker.queue(ends, REASON);
    until(|| revoker.waiting() == 0);
    assert_eq!(bench.revoked(), [serial(1), serial(3)]);
    assert_eq!(bench.kept(), 0);
}

#[test]
fn one_that_has_expired_is_let_go_of() {
    let bench = Bench::new(Desk::default());
    bench.away(true);
    let revoker = bench.start();
    revoker.queue(vec![(serial(1), bench.end())], REASON);
    until(|| bench.kept() == 1);
    drop(revoker);
    bench.clock.set(bench.end().plus(Duration::from_secs(1)));
    let next = bench.start();
    until(|| next.waiting() == 0);
    assert_eq!((bench.revoked(), bench.kept()), (Vec::new(), 0));
}

#[test]
fn a_row_comes_back_as_it_was_and_no_other_is_taken() {
    for reason in Reason::ALL {
        let one = Waiting { reason, not_after: Time::from_unix_millis(-5), on_disk: true };
        assert_eq!(Waiting::from_bytes(&one.to_bytes()), Some(one));
    }
    let good = Waiting { reason: REASON, not_after: Time::default(), on_disk: true }.to_bytes();
    for bad in [&good[..8], &good[1..], &[&[2], &good[1..]].concat(), b""] {
        assert_eq!(Waiting::from_bytes(bad), None);
    }
}
