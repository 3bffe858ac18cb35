//! Files in, files out, and what is kept of it.

use super::*;
use crate::store::MemoryStore;
use std::time::Duration;

const HEADER: &str = "person,account,kind,valid_from,valid_to,state\n";

fn at(text: &str) -> Time {
    Time::parse_rfc3339(text).unwrap()
}

fn now() -> Time {
    at("2026-12-01T08:00:00Z")
}

fn person(last: u8) -> UserId {
    UserId::parse(&format!("5550000000{last:02}")).unwrap()
}

fn entry(last: u8) -> Entry {
    Entry {
        person: person(last),
        account: format!("c.example{last}"),
        kind: Kind::Staff,
        valid_from: None,
        valid_to: None,
        state: State::Enabled,
    }
}

fn roster() -> Roster {
    Roster::new(Arc::new(MemoryStore::new()), true)
}

/// Lines and texts of what is wrong below the header.
fn wrong(body: &str) -> Vec<(usize, String)> {
    let problems = read(format!("{HEADER}{body}").as_bytes()).expect_err(body);
    problems.into_iter().map(|one| (one.line, one.text)).collect()
}

#[test]
fn a_file_is_read_with_quotes_a_byte_order_mark_and_columns_in_any_order() {
    let text = "\u{feff}state,account,person,kind,valid_to,valid_from\r\n\
                enabled,\"Example, \"\"C\"\"\",555000000001,staff,,\r\n\
                ,ROBOT$1,555000000002,robot,2027-01-31,2026-12-01\r\n\
                disabled,Müller,555000000003,temporary,2027-01-31T17:00:00Z,";
    let expected = [
        Entry { account: "Example, \"C\"".to_owned(), ..entry(1) },
        Entry {
            account: "ROBOT$1".to_owned(),
            kind: Kind::Robot,
            valid_from: Some(at("2026-12-01T00:00:00Z")),
            valid_to: Some(at("2027-02-01T00:00:00Z")),
            ..entry(2)
        },
        Entry {
            account: "Müller".to_owned(),
            kind: Kind::Temporary,
            valid_to: Some(at("2027-01-31T17:00:00Z")),
            state: State::Disabled,
            ..entry(3)
        },
    ];
    let found = read(text.as_bytes()).unwrap();
    assert_eq!(found, expected);
    assert_eq!(read(export(&found).as_bytes()).unwrap(), found, "and comes back as it went out");
    assert!(export(&found).contains("\"Example, \"\"C\"\"\""));
}

#[test]
fn every_problem_is_told_with_its_line_and_nothing_is_read() {
    let found = wrong(
        "555000000001,one,staff,,,\n\
         55500000001,two,staff,,,\n\
         555000000003,-three,staff,,,\n\
         555000000004,four,clown,,,\n\
         555000000005,five,staff,tomorrow,31/01/2027,\n\
         555000000006,six,staff,2027-01-01,2026-12-31,\n\
         555000000007,seven,temporary,,,\n\
         555000000008,eight,staff,,,maybe\n\
         555000000001,nine,staff,,,\n\
         555000000010,ONE,staff,,,\n\
         555000000011,=cmd(),staff,,,\n\
         555000000012,twelve,staff,,\n\
         \n\
         555000000014,\"four\"teen,staff,,,\n\
         555000000015,fif\"teen,staff,,,\n\
         555000000016,six\rteen,staff,,,\n\
         555000000017,\"seven\nteen\",staff,,,\n\
         555000000019,nine\tteen,staff,,,\n\
         555000000020, twenty,staff,,,\n\
         555000000021,\"never closed,staff,,,\n",
    );
    let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
    // The quoted line break of line 18 is told where the field ends.
    let expected = [3, 4, 5, 6, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22];
    assert_eq!(lines, expected, "{found:#?}");
    assert!(found.iter().any(|(line, text)| *line == 10 && text.contains("line 2")));
    assert!(found.iter().any(|(line, text)| *line == 11 && text.contains("account")));
}

#[test]
fn an_account_has_at_most_104_characters_and_may_be_empty_for_many() {
    let rows = |account: &str| {
        let rows = format!("555000000001,{account},staff,,,\n555000000002,,staff,,,\n");
        read(format!("{HEADER}{rows}555000000003,,staff,,,\n").as_bytes())
    };
    assert_eq!(rows("").unwrap()[0].account, "");
    assert!(rows(&"x".repeat(104)).is_ok());
    assert!(rows(&"x".repeat(105)).unwrap_err()[0].text.contains("at most 104"));
}

#[test]
fn accounts_are_the_same_in_any_letters_and_with_a_domain_on_one_side() {
    let fits = |named: &str, account: &str| {
        let standing = Standing { account: Some(named.to_owned()), ..Standing::default() };
        standing.fits(Some(account)).is_ok()
    };
    for (one, other, same) in [
        ("Müller", "mÜLLER", true),
        ("WARD\\c.example", "c.example", true),
        ("c.example", "c.example@ward.example", true),
        ("c.example@ward.example", "C.Example@Ward.example", true),
        ("c.example@ward.example", "c.example@other.example", false),
        ("WARD\\c.example", "OTHER\\c.example", false),
        ("c.example", "d.example", false),
        ("c.example", "", false),
    ] {
        assert_eq!((fits(one, other), fits(other, one)), (same, same), "{one} {other}");
    }
    let bound = Standing { account: Some("c.example".to_owned()), ..Standing::default() };
    assert_eq!(bound.fits(None), Ok(()), "accounts are noted only");
    assert_eq!(Standing::default().fits(Some("anybody")), Ok(()));
}

#[test]
fn a_first_line_with_other_columns_is_told() {
    for (header, text) in [
        ("", "empty"),
        ("person,account,kind,valid_from,valid_to\n", "no column `state`"),
        ("person,account,kind,valid_from,valid_to,state,state\n", "`state` is there twice"),
        ("person,account,kind,valid_from,valid_to,state,shoe\n", "`shoe` is no column"),
        ("555000000001,one,staff,,,\n", "no column `person`"),
    ] {
        let problems = read(header.as_bytes()).expect_err(header);
        assert!(problems.iter().all(|one| one.line == 1), "{problems:?}");
        assert!(problems.iter().any(|one| one.text.contains(text)), "{problems:?}");
    }
}

#[test]
fn bytes_that_are_no_text_and_files_that_are_too_long_are_refused() {
    let problems = read(b"person\n\n\xff").unwrap_err();
    assert!(problems[0].line == 3 && problems[0].text.contains("UTF-8"), "{problems:?}");
    let problems = read(&vec![b'a'; (16 << 20) + 1]).unwrap_err();
    assert!(problems[0].text.contains("16 MiB"), "{problems:?}");
    let problems = read(&vec![b'a'; 16 << 20]).unwrap_err();
    assert!(!problems[0].text.contains("16 MiB"), "no longer than that: {problems:?}");
    for (length, good) in [(1024, true), (1025, false)] {
        // Another fault than that of the account's own length is told only beyond the edge.
        let long = wrong(&format!("555000000001,{},staff,,,\n", "a".repeat(length)));
        assert_eq!(long[0].1.contains("104"), good, "{long:?}");
        let quoted = wrong(&format!("555000000001,\"{}\",staff,,,\n", "a".repeat(length)));
        assert_eq!(quoted[0].1.contains("104"), good, "{quoted:?}");
    }
    // The pieces between doubled marks are one field.
    for (second, good) in [(423, true), (424, false)] {
        let (one, other) = ("a".repeat(600), "b".repeat(second));
        let doubled = wrong(&format!("555000000001,\"{one}\"\"{other}\",staff,,,\n"));
        assert_eq!(doubled[0].1.contains("104"), good, "{doubled:?}");
    }
    let edge = format!("{HEADER}555000000001,{},staff,,,\n", "é".repeat(104));
    assert_eq!(read(edge.as_bytes()).unwrap().len(), 1);
    assert_eq!(wrong(&format!("555000000001,{},staff,,,\n", "é".repeat(105))).len(), 1);
    let many = wrong(&"x\n".repeat(1000));
    assert_eq!(many.len(), 100, "a hundred are enough to begin with");
    assert_eq!(wrong(&format!("{}\n", ",".repeat(64))).len(), 1);
}

#[test]
fn a_difference_is_what_an_import_does() {
    let roster = roster();
    let first = [entry(3), entry(1), entry(2)];
    let difference = roster.difference(&first, true).unwrap();
    assert_eq!(difference.added, [entry(1), entry(2), entry(3)], "in the order of their numbers");
    assert!(roster.entries().unwrap().is_empty(), "shown, not done");
    assert_eq!(roster.import(&first, true, "k.keeper", now()).unwrap(), difference);
    assert!(roster.difference(&first, true).unwrap().is_empty());

    let moved = Entry { account: "other".to_owned(), ..entry(2) };
    let second = [entry(1), moved.clone(), entry(4)];
    let whole = roster.difference(&second, true).unwrap();
    assert_eq!((whole.added, whole.same), (vec![entry(4)], 1));
    assert_eq!((whole.changed, whole.removed), (vec![(entry(2), moved.clone())], vec![entry(3)]));
    let part = roster.import(&second, false, "k.keeper", now()).unwrap();
    assert_eq!((part.added, part.same, part.removed), (vec![entry(4)], 2, vec![]));
    assert_eq!(roster.entries().unwrap(), [entry(1), moved, entry(3), entry(4)]);
    roster.import(&[], true, "k.keeper", now()).unwrap();
    assert!(roster.entries().unwrap().is_empty());
    let of_three = roster.changes(Some(&person(3))).unwrap();
    let what: Vec<&str> = of_three.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(what, ["added", "removed"]);
    assert!(of_three.iter().all(|one| one.by == "k.keeper" && one.at == now()));
    assert_eq!(roster.changes(None).unwrap().len(), 9);
}

/// Any one of them makes a difference.
#[test]
fn a_difference_is_empty_where_nothing_changes() {
    let changed = Difference { changed: vec![(entry(1), entry(2))], ..Difference::default() };
    let removed = Difference { removed: vec![entry(1)], ..Difference::default() };
    let added = Difference { added: vec![entry(1)], ..Difference::default() };
    for one in [changed, removed, added] {
        assert!(!one.is_empty());
    }
    assert!(Difference { same: 1, ..Difference::default() }.is_empty());
    for required in [true, false] {
        assert_eq!(Roster::new(Arc::new(MemoryStore::new()), required).is_required(), required);
    }
}

/// A roster on which persons 1 to 3 are, each with an authenticator.
fn with_authenticators(required: bool) -> (Roster, impl Fn() -> Vec<u8>) {
    let store = Arc::new(MemoryStore::new());
    let roster = Roster::new(store.clone(), required);
    roster.import(&[entry(1), entry(2), entry(3)], true, "k.keeper", now()).unwrap();
    store
        .transact(&mut |rows| {
            (1..=3).try_for_each(|last| {
                let group = person(last);
                rows.put_in("webauthn_credentials", &[group.as_str().as_bytes()], &[last], b"")
            })
        })
        .unwrap();
    let left = move || {
        let mut left = Vec::new();
        let mut look = |rows: &dyn store::Reading| {
            left = rows.rows("webauthn_credentials")?.into_iter().map(|(id, _)| id[0]).collect();
            Ok(())
        };
        store.read(&mut look).unwrap();
        left.sort_unstable();
        left
    };
    (roster, left)
}

#[test]
fn whoever_is_disabled_has_no_authenticator_any_more() {
    let disabled = |last| Entry { state: State::Disabled, ..entry(last) };
    let (roster, left) = with_authenticators(true);
    roster.import(&[entry(1), disabled(2)], false, "k.keeper", now()).unwrap();
    assert_eq!(left(), [1, 3]);
    roster.set_state(&person(3), State::Enabled, "k.keeper", now()).unwrap();
    assert_eq!(left(), [1, 3]);
    roster.set_state(&person(3), State::Disabled, "k.keeper", now()).unwrap();
    assert_eq!(left(), [1]);
    roster.import(&[], true, "k.keeper", now()).unwrap();
    assert_eq!(left(), [0; 0], "who is not on it, where everybody has to be");

    let (roster, left) = with_authenticators(false);
    roster.import(&[entry(1)], true, "k.keeper", now()).unwrap();
    assert_eq!(left(), [1, 2, 3], "who is not on it counts as staff here");
    let decision = |last, choice| Decision {
        person: person(last),
        choice,
        by: "k.keeper".to_owned(),
        at: now(),
    };
    roster.import(&[entry(1), entry(2)], true, "k.keeper", now()).unwrap();
    roster.decide(&[decision(1, Choice::Remove), decision(2, Choice::Keep)], now()).unwrap();
    assert_eq!(left(), [2, 3]);
}

#[test]
fn who_has_no_standing_has_no_authenticator_unless_they_are_still_to_come() {
    let (roster, left) = with_authenticators(true);
    let later = now().plus(Duration::from_secs(60));
    let to_come = Entry { valid_from: Some(later), ..entry(1) };
    let over = Entry { valid_to: Some(now()), ..entry(2) };
    roster.import(&[to_come, over], false, "k.keeper", now()).unwrap();
    let fault = |last| match roster.standing(&person(last), now()) {
        Err(Refusal::Roster(fault)) => Some(fault),
        other => other.map(|_| None).unwrap(),
    };
    assert_eq!((fault(1), fault(2), fault(3)), (Some(Fault::NotYet), Some(Fault::Expired), None));
    assert_eq!(left(), [1, 3]);
}

#[test]
fn a_review_goes_out_and_comes_back_with_decisions_that_are_kept() {
    let roster = roster();
    roster.import(&[entry(1), entry(2)], true, "k.keeper", now()).unwrap();
    let sheet = roster.review().unwrap();
    assert_eq!(sheet.lines().count(), 3);
    let undecided = read_review(sheet.as_bytes(), now()).unwrap_err();
    assert_eq!(undecided.iter().filter(|one| one.text.contains("keep or remove")).count(), 2);

    let decided = sheet
        .replacen("enabled,,,,,,\r\n", "enabled,,,,keep,r.reviewer,2026-11-30\r\n", 1)
        .replacen("enabled,,,,,,\r\n", "enabled,,,,remove,r.reviewer,2026-12-01T08:00:00Z\r\n", 1);
    let decisions = read_review(decided.as_bytes(), now()).unwrap();
    assert_eq!(roster.decide(&decisions, now()).unwrap(), []);
    assert_eq!(roster.decisions(None).unwrap(), decisions);
    let standing = Standing { account: Some("c.example1".to_owned()), ..Standing::default() };
    assert_eq!(roster.standing(&person(1), now()).unwrap(), standing);
    let gone = roster.standing(&person(2), now());
    assert!(matches!(gone, Err(Refusal::Roster(Fault::Disabled))));
    let last = &roster.changes(Some(&person(2))).unwrap()[1];
    assert_eq!((last.what.as_str(), last.by.as_str()), ("removed by review", "r.reviewer"));
    let next = roster.review().unwrap();
    assert!(next.contains("disabled,remove,r.reviewer,2026-12-01T08:00:00Z,,,"), "{next}");

    let mut unknown = decisions;
    unknown[0].choice = Choice::Remove;
    unknown[1].person = person(9);
    assert_eq!(roster.decide(&unknown, now()).unwrap(), [person(9)]);
    assert_eq!(roster.decisions(None).unwrap().len(), 2, "all or nothing");
    assert!(roster.standing(&person(1), now()).is_ok());
}

#[test]
fn a_review_with_anything_wrong_is_refused_with_its_lines() {
    let body = "person,decision,decided_by,decided_at\n\
                555000000001,keep,r,2026-12-01T08:00:00.001Z\n\
                555000000002,perhaps,r,2026-11-01\n\
                555000000003,keep,,2026-11-01\n\
                555000000004,keep,r,\n\
                five,keep,r,2026-11-01\n\
                555000000002,keep,r,2026-11-01\n";
    let problems = read_review(body.as_bytes(), now()).unwrap_err();
    let lines: Vec<usize> = problems.iter().map(|one| one.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7], "{problems:#?}");
    let edge = "person,decision,decided_by,decided_at\n555000000001,keep,r,2026-12-01T08:00:00Z\n";
    assert_eq!(read_review(edge.as_bytes(), now()).unwrap().len(), 1);
    assert_eq!(read_review(b"", now()).unwrap_err()[0].line, 1);
}

#[test]
fn a_person_is_disabled_and_enabled_and_each_change_is_kept_once() {
    let roster = roster();
    assert!(!roster.set_state(&person(1), State::Disabled, "k", now()).unwrap(), "nobody there");
    roster.import(&[entry(1)], true, "k", now()).unwrap();
    for _ in 0..2 {
        assert!(roster.set_state(&person(1), State::Disabled, "k", now()).unwrap());
    }
    assert!(matches!(roster.standing(&person(1), now()), Err(Refusal::Roster(Fault::Disabled))));
    assert!(roster.set_state(&person(1), State::Enabled, "k", now()).unwrap());
    assert!(roster.standing(&person(1), now().plus(Duration::from_secs(1))).is_ok());
    let what: Vec<String> =
        roster.changes(None).unwrap().into_iter().map(|change| change.what).collect();
    assert_eq!(what, ["added", "disabled", "enabled"]);
}

#[test]
fn hostile_bytes_never_break_the_reader() {
    // Every short text over what matters to the reader.
    let alphabet = [b'"', b',', b'\n', b'\r', b'a', 0xff];
    for length in 0..=6_u32 {
        for mut number in 0..6_usize.pow(length) {
            let mut bytes = Vec::new();
            for _ in 0..length {
                bytes.push(alphabet[number % 6]);
                number /= 6;
            }
            assert!(read(&bytes).is_err(), "{bytes:?}");
            let mut whole = b"person,decision,decided_by,decided_at\n".to_vec();
            whole.extend_from_slice(&bytes);
            let _ = read_review(&whole, now());
        }
    }
}
