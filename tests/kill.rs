//! The agent's end, sudden or asked for, as applications, sockets and the audit log see it.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

mod common;

use common::{
    c::{Talker, compile},
    module,
    station::{Station, send},
};
use std::{process::Command, thread, time::Duration};

const PERSON: &str = "555000000001";
const PASSCODE: &str = "135790";
const DEVICE_REMOVED: u64 = 0x32;
const SESSION_HANDLE_INVALID: u64 = 0xb3;
const TOKEN_NOT_PRESENT: u64 = 0xe0;

fn client(station: &Station) -> Talker {
    let program = compile("kill", station.path());
    let mut command = Command::new(program);
    command.arg(module()).arg(PASSCODE).env("WARDCARD_AGENT", station.address());
    Talker::start(&mut command)
}

/// What the client sees when the agent is gone, and after it came back.
fn sees_the_loss(client: &mut Talker) {
    let signed = client.number("signed");
    assert!((100..1000).contains(&signed), "in the middle: {signed}");
    let lost = client.number("lost");
    assert!([DEVICE_REMOVED, TOKEN_NOT_PRESENT].contains(&lost), "{lost:x}");
    let old = client.number("old session");
    assert!([DEVICE_REMOVED, SESSION_HANDLE_INVALID].contains(&old), "{old:x}");
    assert_eq!(client.number("slots"), 0, "one slot, empty");
    assert_eq!(client.number("new session"), TOKEN_NOT_PRESENT);
    assert!(client.runs());
}

fn goes_on(client: &mut Talker, passcode: &str) {
    client.tell(passcode);
    // An agent that is asked to end removes the card before it closes the connection: then the
    // connection's loss is told by the first use of the handle, which is this one.
    let old = client.number("old session");
    assert!([DEVICE_REMOVED, SESSION_HANDLE_INVALID].contains(&old), "{old:x}");
}

#[test]
fn a_client_outlives_its_agent_and_goes_on_after_a_new_sign_in() {
    let mut station = Station::start();
    station.sign_in(PERSON, PASSCODE);
    let mut client = client(&station);

    client.says("signing 64");
    station.end_agent("KILL");
    sees_the_loss(&mut client);
    station.start_agent();
    assert!(station.host().cards().unwrap().is_empty(), "no card outlives the agent");
    station.sign_in(PERSON, "246802");
    goes_on(&mut client, "246802");

    // Once more, this time asked to end.
    client.says("signing 64");
    let (status, said) = station.end_agent("TERM");
    assert!(status.success() && said.contains("all cards are removed"), "{status:?} {said}");
    sees_the_loss(&mut client);
    station.start_agent();
    station.sign_in(PERSON, PASSCODE);
    goes_on(&mut client, PASSCODE);
    client.says("done 0");
    client.ends_well();
    verified(&station, &[("agent-started", 3), ("agent-stopped", 1), ("card-issued", 3)]);
}

#[test]
fn a_stopped_agent_leaves_no_socket_and_a_closed_log() {
    let mut station = Station::start();
    station.sign_in(PERSON, PASSCODE);
    assert!(station.socket().exists() && station.host_socket().exists());
    let (status, _) = station.end_agent("TERM");
    assert!(status.success(), "{status:?}");
    assert!(!station.socket().exists() && !station.host_socket().exists());
    verified(&station, &[("agent-stopped", 1), ("card-removed", 1)]);
    let log = std::fs::read_to_string(station.audit().last().unwrap()).unwrap();
    let last = log.lines().last().unwrap();
    assert!(last.contains(r#""event":"agent-stopped""#), "{last}");
    assert!(log.contains(r#""reason":"agent-stopped""#), "{log}");
}

#[test]
fn a_killed_agents_sockets_and_log_are_taken_over() {
    let mut station = Station::start();
    station.sign_in(PERSON, PASSCODE);
    station.end_agent("KILL");
    assert!(station.socket().exists(), "nobody was there to remove it");
    station.start_agent();
    station.sign_in(PERSON, PASSCODE);
    verified(&station, &[("agent-started", 2), ("card-issued", 2)]);
}

/// A client whose agent does not die but stands still waits, and goes on with it.
#[test]
fn a_client_waits_for_an_agent_that_stands_still() {
    let station = Station::start();
    station.sign_in(PERSON, PASSCODE);
    let mut client = client(&station);
    client.says("signing 64");
    send(station.pid(), "STOP");
    thread::sleep(Duration::from_millis(500));
    assert!(client.runs());
    send(station.pid(), "CONT");
    assert_eq!(client.number("signed"), 1000);
    assert_eq!(client.number("lost"), 0);
}

/// The log verifies, and has at least so many records of these events.
#[track_caller]
fn verified(station: &Station, events: &[(&str, u64)]) {
    let mut command = station.command(&["audit", "verify"]);
    let done = command.args(station.audit()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.starts_with("OK\n"), "{said}{done:?}");
    for (event, count) in events {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(event));
        let found: u64 = line.map_or(0, |number| number.trim().parse().unwrap());
        assert!(found >= *count, "{event}: {said}");
    }
}
