use super::*;
use crate::{
    clock::ManualClock,
    crypto::{KeyKind, PrivateKey},
    pki::{Authority, Validity},
};

/// Answers with what is there, and counts how often it was asked.
#[derive(Debug, Default)]
struct Web {
    list: Mutex<Option<Vec<u8>>>,
    asked: Mutex<usize>,
}

impl Fetch for Web {
    fn get(&self, _: &str, limit: usize) -> Result<Vec<u8>, String> {
        assert_eq!(limit, 16 * 1024 * 1024);
        *lock(&self.asked) += 1;
        lock(&self.list).clone().ok_or_else(|| "it is down".to_owned())
    }
}

struct World {
    web: Arc<Web>,
    clock: ManualClock,
    authority: Authority,
    list: List,
}

const DAY: Duration = Duration::from_secs(86_400);
const MILLI: Duration = Duration::from_millis(1);

impl World {
    fn new() -> Self {
        let now = Time::from_unix_seconds(1_800_000_000);
        let key = PrivateKey::generate(KeyKind::P256).unwrap();
        let validity = Validity { not_before: now.minus(DAY), not_after: now.plus(DAY * 30) };
        let authority = Authority::root(key, "Lists", validity).unwrap();
        let web = Arc::new(Web::default());
        let list = List::new("https://crl.example/".to_owned(), web.clone());
        Self { web, clock: ManualClock::new(now), authority, list }
    }

    /// Publishes a list made now.
    fn publish(&self, number: u64, life: Duration) -> Vec<u8> {
        let now = self.clock.now();
        let crl = self.authority.crl(&[], number, now, now.plus(life)).unwrap();
        *lock(&self.web.list) = Some(crl.clone());
        crl
    }

    /// The number of the list that is had now.
    fn number(&self) -> Result<Vec<u8>, String> {
        let lists = self.list.current(&self.clock, &[self.authority.certificate()], &[])?;
        Ok(lists.last().unwrap().number().unwrap().to_vec())
    }

    fn asked(&self) -> usize {
        *lock(&self.web.asked)
    }
}

#[test]
fn a_list_serves_an_hour_and_is_then_asked_for_again() {
    let world = World::new();
    world.publish(1, DAY);
    assert_eq!((world.number(), world.asked()), (Ok(vec![1]), 1));
    world.publish(2, DAY);
    world.clock.advance(MAX_AGE - MILLI);
    assert_eq!((world.number(), world.asked()), (Ok(vec![1]), 1));
    world.clock.advance(MILLI);
    assert_eq!((world.number(), world.asked()), (Ok(vec![2]), 2));
}

#[test]
fn a_list_past_its_next_update_is_asked_for_at_once_and_serves_while_there_is_none() {
    let world = World::new();
    world.publish(1, Duration::from_secs(600));
    world.number().unwrap();
    world.clock.advance(Duration::from_secs(600));
    assert_eq!((world.number(), world.asked()), (Ok(vec![1]), 1), "to its last moment");
    *lock(&world.web.list) = None;
    world.clock.advance(MILLI);
    assert_eq!((world.number(), world.asked()), (Ok(vec![1]), 2));
}

#[test]
fn attempts_lie_a_minute_apart_and_a_clock_set_back_is_no_reason_to_wait() {
    let world = World::new();
    assert_eq!((world.number(), world.asked()), (Err("it is down".to_owned()), 1));
    world.clock.advance(REFETCH - MILLI);
    assert_eq!((world.number(), world.asked()), (Err("it is down".to_owned()), 1));
    world.clock.advance(MILLI);
    assert_eq!((world.number(), world.asked()), (Err("it is down".to_owned()), 2));
    assert_eq!((world.number().is_err(), world.asked()), (true, 2), "in the same moment");
    world.clock.set(world.clock.now().minus(DAY));
    assert_eq!((world.number().is_err(), world.asked()), (true, 3));
}

#[test]
fn who_has_a_list_that_holds_does_not_wait_for_who_fetches() {
    let world = World::new();
    world.publish(1, DAY);
    world.number().unwrap();
    world.clock.advance(DAY);
    let fetching = lock(&world.list.fetching);
    assert_eq!((world.number(), world.asked()), (Ok(vec![1]), 1));
    world.clock.advance(MILLI);
    let waited = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| world.number());
        std::thread::sleep(Duration::from_millis(50));
        let waited = !waiting.is_finished();
        drop(fetching);
        waiting.join().unwrap().unwrap();
        waited
    });
    assert!(waited, "a list that holds no longer is nobody's to have");
}

fn other(world: &World, name: &str) -> Authority {
    let now = world.clock.now();
    let validity = Validity { not_before: now.minus(DAY), not_after: now.plus(DAY * 30) };
    let key = PrivateKey::generate(KeyKind::P256).unwrap();
    Authority::root(key, name, validity).unwrap()
}

fn publish(world: &World, by: &Authority) {
    let now = world.clock.now();
    *lock(&world.web.list) = Some(by.crl(&[], 9, now, now.plus(DAY)).unwrap());
}

fn asked_by(world: &World, authority: &Authority) -> Result<usize, String> {
    world.list.current(&world.clock, &[authority.certificate()], &[]).map(|lists| lists.len())
}

#[test]
fn a_list_of_nobody_who_is_asked_for_takes_no_place() {
    let world = World::new();
    let right = &world.authority;
    world.publish(1, DAY * 9);
    assert_eq!(world.number(), Ok(vec![1]));
    // In the authority's name by another key, and of others, each newer and for days.
    for name in ["Lists", "A", "B", "C", "D", "E"] {
        world.clock.advance(MAX_AGE);
        publish(&world, &other(&world, name));
        assert_eq!(world.number(), Ok(vec![1]), "{name}");
    }
    // An older one that is rightly signed is still a replay.
    world.clock.advance(MAX_AGE);
    let old = world.clock.now().minus(DAY);
    *lock(&world.web.list) = Some(right.crl(&[], 7, old, old.plus(DAY * 9)).unwrap());
    assert_eq!(world.number(), Ok(vec![1]));
    let fresh = List::new("https://crl.example/".to_owned(), world.web.clone());
    publish(&world, &other(&world, "Lists"));
    let refused = fresh.current(&world.clock, &[right.certificate()], &[]).unwrap_err();
    assert!(refused.contains("not signed"), "{refused}");
}

#[test]
fn who_asks_has_the_list_of_its_own_authority_whoever_asked_before() {
    let world = World::new();
    let (one, two) = (&world.authority, &other(&world, "Two"));
    // One name with two keys, as at a change of keys.
    let again = &other(&world, "Lists");
    publish(&world, two);
    let refused = asked_by(&world, one).unwrap_err();
    assert!(refused.contains("of another authority"), "{refused}");
    assert_eq!(asked_by(&world, two), Ok(1), "at once, of what was fetched for the other");
    assert_eq!(world.asked(), 1);
    world.clock.advance(MAX_AGE);
    publish(&world, again);
    assert!(asked_by(&world, one).unwrap_err().contains("not signed"));
    assert_eq!((asked_by(&world, again), asked_by(&world, two)), (Ok(1), Ok(1)));
    // By turns: each is asked for again when its own hour is over.
    world.clock.advance(MAX_AGE);
    world.publish(5, DAY);
    assert_eq!(asked_by(&world, one), Ok(1));
    world.clock.advance(REFETCH);
    publish(&world, two);
    let before = world.asked();
    assert_eq!((asked_by(&world, two), world.asked()), (Ok(1), before + 1));
    assert_eq!((world.number(), world.asked()), (Ok(vec![5]), before + 1));
}

#[test]
fn a_list_from_the_future_is_none_and_the_right_one_is_had_afterwards() {
    let world = World::new();
    let now = world.clock.now();
    for (ahead, good) in [(MAX_AGE + Duration::from_secs(1), false), (MAX_AGE, true)] {
        let made = now.plus(ahead);
        let crl = world.authority.crl(&[], 3, made, made.plus(DAY)).unwrap();
        *lock(&world.web.list) = Some(crl);
        let list = List::new("https://crl.example/".to_owned(), world.web.clone());
        let outcome = list.current(&world.clock, &[world.authority.certificate()], &[]);
        assert_eq!(outcome.is_ok(), good, "{ahead:?}");
    }
}

#[test]
fn an_answer_longer_than_a_list_may_be_is_none() {
    let world = World::new();
    let mut list = world.publish(1, DAY);
    list.resize(LIMIT + 1, 0);
    *lock(&world.web.list) = Some(list.clone());
    assert!(world.number().unwrap_err().contains("too long"));
    list.pop();
    *lock(&world.web.list) = Some(list);
    world.clock.advance(REFETCH);
    assert!(!world.number().unwrap_err().contains("too long"));
}

#[test]
fn what_nobody_vouched_for_is_asked_for_again_after_a_minute() {
    let world = World::new();
    publish(&world, &other(&world, "Sister"));
    assert!(world.number().is_err());
    world.publish(3, DAY);
    world.clock.advance(REFETCH - MILLI);
    assert!(world.number().is_err());
    world.clock.advance(MILLI);
    assert_eq!(world.number(), Ok(vec![3]));
}

#[test]
fn a_list_of_another_known_authority_makes_no_ones_own_list_young() {
    let world = World::new();
    let two = &other(&world, "Two");
    let known = [two.certificate()];
    let ask = || {
        let lists = world.list.current(&world.clock, &[world.authority.certificate()], &known)?;
        Ok::<_, String>(lists.last().unwrap().number().unwrap().to_vec())
    };
    world.publish(1, DAY);
    assert_eq!(ask(), Ok(vec![1]));
    world.clock.advance(MAX_AGE);
    publish(&world, two);
    assert_eq!(ask(), Ok(vec![1]), "what came is another's");
    world.clock.advance(REFETCH);
    world.publish(2, DAY);
    assert_eq!(ask(), Ok(vec![2]), "its own is still looked for");
    // Who has none there does not look each minute where another's is young.
    let third = &other(&world, "Third");
    let before = world.asked();
    world.clock.advance(REFETCH);
    let refused = world.list.current(&world.clock, &[third.certificate()], &known).unwrap_err();
    assert!(refused.contains("of another authority"), "{refused}");
    assert_eq!(world.asked(), before);
}
