//! The audit log of an agent that was used, and what `wardcard audit verify` and the agent's next
//! start make of it once somebody has changed it.
#![cfg(feature = "cli")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test may end by panic"
)]

mod common;

use common::{application::Application, station::Station};
use std::{fs, path::PathBuf, process::Output};

const PERSON: &str = "555000000001";
const PASSCODE: &str = "13579024";
const WRONG: &str = "97531086";

/// An agent that was used and ended, with the lines of its log.
struct Used {
    station: Station,
    lines: Vec<String>,
}

impl Used {
    fn new() -> Self {
        let mut station = Station::start();
        let card = station.sign_in(PERSON, PASSCODE);
        let application = Application::open(&station.address(), station.uid()).unwrap();
        application.login(WRONG).unwrap_err();
        application.login(PASSCODE).unwrap();
        for _ in 0..3 {
            application.sign(b"text").unwrap();
        }
        station.tap_out(&card);
        station.end_agent("TERM");
        let [log] = station.audit().try_into().unwrap();
        let lines = fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect();
        Self { station, lines }
    }

    fn log(&self) -> PathBuf {
        self.station.audit().remove(0)
    }

    /// The line, from 1, of the first record of an event.
    fn line_of(&self, event: &str) -> usize {
        let wanted = format!(r#""event":"{event}""#);
        self.lines.iter().position(|line| line.contains(&wanted)).unwrap() + 1
    }

    fn write(&self, lines: &[String]) {
        fs::write(self.log(), lines.iter().map(|line| format!("{line}\n")).collect::<String>())
            .unwrap();
    }

    fn verify(&self, more: &[&str]) -> Output {
        self.station.command(&["audit", "verify"]).arg(self.log()).args(more).output().unwrap()
    }

    /// The program names this line and what is wrong with it, and the agent does not start.
    #[track_caller]
    fn found(&self, line: usize, what: &str) {
        let output = self.verify(&[]);
        let said = String::from_utf8_lossy(&output.stderr);
        let wanted = format!("{}, line {line}: {what}", self.log().display());
        assert!(!output.status.success() && said.contains(&wanted), "{wanted}; {said}");
        self.agent_refuses();
        self.write(&self.lines);
        assert!(self.verify(&[]).status.success());
    }

    #[track_caller]
    fn agent_refuses(&self) {
        let config = self.station.path().join("own/agent.toml");
        let output = self.station.command(&["agent", "--config"]).arg(config).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("the audit log"), "{said}");
        assert!(!self.station.socket().exists());
    }
}

#[test]
fn the_log_of_a_used_card_verifies_and_tells_who_did_what() {
    let used = Used::new();
    let output = used.verify(&[]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.starts_with("OK\n"), "{said}");
    for (event, count) in [
        ("agent-started", 1),
        ("card-issued", 1),
        ("passcode-incorrect", 1),
        ("passcode-verified", 1),
        ("use", 3),
        ("outcome", 3),
        ("card-removed", 1),
        ("agent-stopped", 1),
    ] {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(&format!("{event} ")));
        assert_eq!(line.map(str::trim), Some(count.to_string().as_str()), "{event}: {said}");
    }
    let all = used.lines.join("\n");
    assert!(!all.contains(PASSCODE) && !all.contains(WRONG), "{all}");
    let usage = &used.lines[used.line_of("use") - 1];
    let pid = format!(r#""pid":{}"#, std::process::id());
    for part in [pid.as_str(), r#""verb":"sign""#, r#""hash":"sha256""#, PERSON] {
        assert!(usage.contains(part), "{part}: {usage}");
    }
    // Each use stands before its outcome.
    assert!(used.line_of("use") < used.line_of("outcome"));
}

#[test]
fn an_altered_line_is_named() {
    let used = Used::new();
    for (event, from, to) in [
        ("use", "sign", "sigh"),
        ("card-issued", PERSON, "555000000009"),
        ("passcode-incorrect", r#""left":2"#, r#""left":1"#),
        ("agent-started", "personal", "impersonal"),
    ] {
        let line = used.line_of(event);
        let mut lines = used.lines.clone();
        assert!(lines[line - 1].contains(from), "{}", lines[line - 1]);
        lines[line - 1] = lines[line - 1].replacen(from, to, 1);
        used.write(&lines);
        used.found(line, "altered");
    }
}

#[test]
fn a_missing_line_and_exchanged_lines_are_named() {
    let used = Used::new();
    let line = used.line_of("use");
    let mut lines = used.lines.clone();
    lines.remove(line - 1);
    used.write(&lines);
    used.found(line, &format!("missing: record {line} should stand here"));

    let mut lines = used.lines.clone();
    lines.swap(line - 1, line);
    used.write(&lines);
    used.found(line, "");
}

#[test]
fn a_log_that_was_cut_off_shows_by_its_head_and_keeps_the_agent_from_starting() {
    let used = Used::new();
    let said = used.verify(&[]).stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let head = said.lines().find_map(|line| line.strip_prefix("last (SEQ:HASH)")).unwrap().trim();
    assert!(used.verify(&["--head", head]).status.success());
    let kept = used.lines.len() - 2;
    used.write(&used.lines[..kept]);
    assert!(used.verify(&[]).status.success(), "nothing in the file itself shows it");
    let output = used.verify(&["--head", head]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("cut off: record"), "{said}");
    // The store remembers the head.
    used.agent_refuses();
    fs::remove_file(used.log()).unwrap();
    used.agent_refuses();
}
