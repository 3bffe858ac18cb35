//! Codes by the clock, the application and the connection, without a card around them.

use super::*;

const LIFE: Duration = Duration::from_secs(60);

fn now() -> Time {
    Time::from_unix_seconds(1_800_000_000)
}

fn caller(executable: &str, connection: u64) -> Caller {
    Caller { executable: Some(executable.into()), connection, ..Caller::default() }
}

fn codes() -> OneTime {
    OneTime::new(PasscodeRule::default()).unwrap()
}

fn make(codes: &OneTime) -> Passcode {
    let code = codes.make(Path::new("/bin/a"), LIFE, 8, now()).unwrap().unwrap();
    codes.rule().parse(code.expose()).unwrap()
}

#[test]
fn a_code_has_the_digits_that_the_rule_admits() {
    for (min, max, digits_only, expected) in
        [(6, 8, true, 8), (4, 6, true, 6), (6, 12, false, 8), (10, 12, true, 10), (4, 4, true, 4)]
    {
        let codes = OneTime::new(PasscodeRule { min, max, digits_only }).unwrap();
        let code = codes.make(Path::new("/bin/a"), LIFE, 8, now()).unwrap().unwrap();
        assert_eq!(code.len(), expected);
        let rule = PasscodeRule { min: expected, max: expected, digits_only: true };
        assert_eq!(codes.rule(), rule);
        assert!(code.expose().iter().all(u8::is_ascii_digit));
    }
}

#[test]
fn every_digit_comes_up_in_every_place() {
    let mut seen = [[false; 10]; 8];
    for _ in 0..400 {
        for (place, digit) in digits(8).unwrap().expose().iter().enumerate() {
            seen[place][usize::from(digit - b'0')] = true;
        }
    }
    assert!(seen.iter().flatten().all(|seen| *seen));
}

#[test]
fn a_code_is_good_once_for_its_application_within_its_life() {
    let codes = codes();
    let code = make(&codes);
    assert!(!codes.take(&code, &caller("/bin/b", 1), now()));
    assert!(!codes.take(&code, &Caller::default(), now()));
    let end = now().plus(LIFE);
    assert!(!codes.take(&code, &caller("/bin/a", 1), end), "its time is over");
    let last = end.minus(Duration::from_millis(1));
    assert!(codes.take(&code, &caller("/bin/a", 1), last));
    assert!(!codes.take(&code, &caller("/bin/a", 1), now()), "once");
    let other = make(&codes);
    assert!(!codes.take(&code, &caller("/bin/a", 1), now()));
    assert!(codes.take(&other, &caller("/bin/a", 1), now()));
}

#[test]
fn a_used_one_is_known_on_its_connection_alone() {
    let codes = codes();
    let code = make(&codes);
    assert!(!codes.was_used(&code, &caller("/bin/a", 1)));
    assert!(codes.take(&code, &caller("/bin/a", 1), now()));
    assert!(codes.was_used(&code, &caller("/bin/a", 1)));
    assert!(!codes.was_used(&code, &caller("/bin/a", 2)));
    assert!(!codes.was_used(&make(&codes), &caller("/bin/a", 1)));
    for _ in 0..REMEMBERED - 1 {
        let code = make(&codes);
        assert!(codes.take(&code, &caller("/bin/a", 2), now()));
    }
    assert!(codes.was_used(&code, &caller("/bin/a", 1)), "there is room for so many");
    assert!(codes.take(&make(&codes), &caller("/bin/a", 2), now()));
    assert!(!codes.was_used(&code, &caller("/bin/a", 1)), "what is remembered is bounded");
}

#[test]
fn so_many_wait_at_once_and_expired_ones_do_not_count() {
    let codes = codes();
    let make = |at: Time| codes.make(Path::new("/bin/a"), LIFE, 3, at).unwrap();
    let made: Vec<Secret> = (0..3).map(|_| make(now()).unwrap()).collect();
    assert!(make(now().plus(LIFE).minus(Duration::from_millis(1))).is_none());
    assert!(make(now().plus(LIFE)).is_some());
    let first = codes.rule().parse(made[0].expose()).unwrap();
    assert!(!codes.take(&first, &caller("/bin/a", 1), now()), "it was let go of");
}

#[test]
fn the_end_of_the_card_erases_them() {
    let codes = codes();
    let code = make(&codes);
    codes.end();
    assert!(!codes.take(&code, &caller("/bin/a", 1), now()));
    assert!(codes.make(Path::new("/bin/a"), LIFE, 8, now()).unwrap().is_none());
    assert_eq!(format!("{codes:?}"), "OneTime(..)");
}

#[test]
fn a_reader_is_the_same_place_over_power_ups() {
    let codes = codes();
    let code = make(&codes);
    let through = |reader, connection| Caller { reader, ..caller("/bin/a", connection) };
    assert!(codes.take(&code, &through(Some(1), 7), now()));
    assert!(codes.was_used(&code, &through(Some(1), 8)), "after a reset");
    assert!(!codes.was_used(&code, &through(Some(2), 7)), "another reader");
    assert!(!codes.was_used(&code, &through(None, 7)) && !codes.was_used(&code, &through(None, 1)));
}
