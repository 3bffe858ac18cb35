//! The life of cards as administrators and applications of other processes see it: the program's
//! verbs, the roster, the policy and its explanations, the C interface's.
#![cfg(all(feature = "cli", feature = "testkit", feature = "sqlite"))]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{
    application::Application,
    c::Talker,
    module,
    station::{Plan, Station, given},
};
use std::{
    fs,
    process::{Command, Output},
    time::{Duration, Instant},
};
use wardcard::agent::host::message::Reason;

const PERSON: &str = "555000000001";
const OTHER: &str = "555000000002";
const PASSCODE: &str = "135791";

/// The program over a station's configuration.
fn wardcard(station: &Station, arguments: &[&str]) -> Output {
    let config = station.path().join("own/agent.toml").display().to_string();
    let mut all: Vec<&str> = arguments.to_vec();
    let with = ["--config", config.as_str()];
    // `--config` is the verb's, so it stands before a verb below it.
    let place = usize::from(all.len() > 1 && all[0] == "policy") + 1;
    all.splice(place..place, with);
    station.command(&all).output().expect("runs")
}

#[track_caller]
fn said(output: &Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[track_caller]
fn complained(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn write(station: &Station, name: &str, text: &str) -> String {
    let path = station.path().join(name);
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

const HEADER: &str = "person,account,kind,valid_from,valid_to,state\r\n";

#[test]
fn the_roster_is_imported_after_a_look_and_ends_a_live_card_within_a_second() {
    let station = Station::start();
    let own = wardcard::net::account_name(station.uid().into()).unwrap();
    let text = format!("\u{feff}{HEADER}{PERSON},{own},staff,,,\r\n{OTHER},\"d, e\",staff,,,\r\n");
    let file = write(&station, "roster.csv", &text);
    let shown = said(&wardcard(&station, &["roster", "import", &file]));
    assert!(shown.contains(&format!("+ {PERSON} {own}, staff, without an end, enabled")));
    assert!(shown.contains("2 come, 0 change, 0 go, 0 stay\nnothing is changed yet"), "{shown}");
    assert_eq!(said(&wardcard(&station, &["roster", "list"])), "nobody is on the roster\n");
    said(&wardcard(&station, &["roster", "import", &file, "--apply"]));
    assert_eq!(said(&wardcard(&station, &["roster", "list"])).lines().count(), 2);
    let again = said(&wardcard(&station, &["roster", "import", &file]));
    assert!(again.contains("0 come, 0 change, 0 go, 2 stay"), "{again}");
    assert_eq!(
        said(&wardcard(&station, &["roster", "export"])).matches("\r\n").count(),
        3,
        "a file that can be imported"
    );

    let card = station.sign_in(PERSON, PASSCODE);
    let application = Application::open(&station.address(), station.uid()).expect("a card");
    application.login(PASSCODE).expect("in");
    application.sign(b"text").expect("signs");
    let began = Instant::now();
    said(&wardcard(&station, &["roster", "--by", "k.keeper", "disable", PERSON]));
    let disabled = Instant::now();
    while application.sign(b"text").is_ok() {
        assert!(disabled.elapsed() < Duration::from_secs(1), "the card lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
    let listed = said(&wardcard(&station, &["cards"]));
    assert!(listed.starts_with("no cards\nended, the latest first\n"), "{listed}");
    assert!(listed.contains(&format!("{}  {PERSON}  roster", card.card)), "{listed}");
    let host = station.host();
    let pending = host.request(&wardcard::agent::Seat::user(station.uid())).expect("request");
    let token = station.token(&pending, PERSON);
    let refused = host.prove(&pending.request, &token, given(PASSCODE)).expect_err("no card");
    assert!(refused.to_string().contains("the roster has this person disabled"), "{refused}");
    let show = said(&wardcard(&station, &["roster", "show", PERSON]));
    assert!(show.contains("disabled  by k.keeper"), "{show}");
    said(&wardcard(&station, &["roster", "enable", PERSON]));
    station.sign_in(PERSON, PASSCODE);
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_file_with_anything_wrong_changes_nothing_and_every_line_is_told() {
    let station = Station::start();
    let good = format!("{HEADER}{PERSON},c.example,staff,,,\r\n");
    let file = write(&station, "good.csv", &good);
    said(&wardcard(&station, &["roster", "import", &file, "--apply"]));
    let bad = format!("{HEADER}{OTHER},x,staff,,,\r\n{PERSON},=1+1,robot,,,\r\n12,y,clown,,,\r\n");
    let file = write(&station, "bad.csv", &bad);
    let why = complained(&wardcard(&station, &["roster", "import", &file, "--apply"]));
    for line in ["line 3: account: it begins like a formula", "line 4: person:", "line 4: kind:"] {
        assert!(why.contains(line), "{why}");
    }
    assert!(why.contains("so nothing is changed"), "{why}");
    let nobody = write(&station, "nobody.csv", HEADER);
    let why = complained(&wardcard(&station, &["roster", "import", &nobody, "--apply"]));
    assert!(why.contains("the file names nobody"), "{why}");
    assert_eq!(
        said(&wardcard(&station, &["roster", "export"])),
        good.replace(",,,\r", ",,,enabled\r")
    );
}

#[test]
fn a_review_goes_out_and_its_decisions_come_back() {
    let station = Station::start();
    let text = format!("{HEADER}{PERSON},c.example,staff,,,\r\n{OTHER},d.example,staff,,,\r\n");
    let file = write(&station, "roster.csv", &text);
    said(&wardcard(&station, &["roster", "import", &file, "--apply"]));
    let sheet = said(&wardcard(&station, &["roster", "review"]));
    let undecided = write(&station, "undecided.csv", &sheet);
    let why = complained(&wardcard(&station, &["roster", "decide", &undecided, "--apply"]));
    assert!(why.contains("line 2: decision: write keep or remove"), "{why}");
    let decided = sheet
        .replacen("enabled,,,,,,", "enabled,,,,keep,r.reviewer,2026-01-31", 1)
        .replacen("enabled,,,,,,", "enabled,,,,remove,r.reviewer,2026-01-31", 1);
    let file = write(&station, "decided.csv", &decided);
    let look = said(&wardcard(&station, &["roster", "decide", &file]));
    assert!(look.contains(&format!("remove: {OTHER}")) && look.contains("nothing is changed yet"));
    said(&wardcard(&station, &["roster", "decide", &file, "--apply"]));
    let show = said(&wardcard(&station, &["roster", "show", OTHER]));
    assert!(
        show.contains("disabled") && show.contains("decided to remove  by r.reviewer"),
        "{show}"
    );
}

#[test]
fn stop_all_ends_live_connections_of_other_processes_and_outlasts_a_restart() {
    let mut station = Station::start();
    station.sign_in(PERSON, PASSCODE);
    let application = Application::open(&station.address(), station.uid()).expect("a card");
    application.login(PASSCODE).expect("in");
    application.sign(b"text").expect("signs");
    // The program is a second process with a connection of its own, which waits for the card to go.
    let mut tool = Command::new("pkcs11-tool");
    tool.args(["--module", &module().display().to_string(), "--list-slots"]);
    tool.env("WARDCARD_AGENT", station.address());
    let before = String::from_utf8(tool.output().expect("pkcs11-tool").stdout).expect("text");
    assert!(before.contains("token label"), "{before}");

    let said_so = said(&wardcard(&station, &["stop-all", "--reason", "stolen laptop"]));
    assert!(said_so.starts_with("1 card ended"), "{said_so}");
    let again = said(&wardcard(&station, &["stop-all"]));
    assert!(again.starts_with("0 cards ended"), "{again}");
    let status = said(&wardcard(&station, &["status"]));
    assert!(status.lines().next().expect("a line").contains("stolen laptop"), "{status}");
    let why = complained(&wardcard(&station, &["stop-all", "--reason", "a\nb"]));
    assert!(why.contains("at most 200 characters, and no control characters"), "{why}");
    application.sign(b"text").expect_err("ended");
    let after = String::from_utf8(tool.output().expect("pkcs11-tool").stdout).expect("text");
    assert!(!after.contains("token label"), "{after}");

    let host = station.host();
    let refused = host.request(&wardcard::agent::Seat::user(station.uid())).expect_err("stopped");
    assert!(refused.to_string().contains("stolen laptop"), "{refused}");
    drop(host);
    station.end_agent("KILL");
    station.start_agent();
    let listed = said(&wardcard(&station, &["cards"]));
    assert!(listed.contains("stolen laptop") && listed.contains("no cards"), "{listed}");
    station.host().request(&wardcard::agent::Seat::user(station.uid())).expect_err("still");
    said(&wardcard(&station, &["start-again"]));
    station.sign_in(PERSON, PASSCODE);
    assert!(said(&wardcard(&station, &["stop-all", "--once"])).starts_with("1 card ended"));
    station.sign_in(PERSON, PASSCODE);
}

#[test]
fn a_person_is_suspended_resumed_and_ended_everywhere_and_cards_say_why() {
    let tables = "idle_lock = \"15m\"\ngrace = \"30m\"".to_owned();
    let station = Station::with(&Plan { tables, ..Plan::default() });
    let card = station.sign_in(PERSON, PASSCODE);
    let listed = said(&wardcard(&station, &["cards"]));
    for part in ["inserted", "ends by       policy.lifetime", "claims        level 2"] {
        assert!(listed.contains(part), "{listed}");
    }
    station.host().tap_out(&card.card).expect("waits");
    let listed = said(&wardcard(&station, &["cards"]));
    assert!(listed.contains("the person is away") && listed.contains("if nobody comes back"));
    station.host().unlock(&card.card).expect("back");
    assert_eq!(
        said(&wardcard(&station, &["person", "suspend", PERSON])),
        format!(
            "{PERSON} is suspended and gets no card; 1 live card out of use; \
             `wardcard person resume` ends that\n"
        )
    );
    let listed = said(&wardcard(&station, &["cards"]));
    assert!(listed.contains("its person is suspended"), "{listed}");
    assert!(listed.starts_with(&format!("suspended persons: {PERSON}\n")), "{listed}");
    assert_eq!(
        said(&wardcard(&station, &["person", "resume", PERSON])),
        format!("{PERSON} is no longer suspended; 1 card in use again\n")
    );
    assert_eq!(
        said(&wardcard(&station, &["person", "resume", PERSON])),
        format!("{PERSON} was not suspended; nothing is changed\n")
    );
    assert_eq!(said(&wardcard(&station, &["person", "end", PERSON])), "1 card ended\n");
    assert!(said(&wardcard(&station, &["cards"])).contains("administrator"));
    assert_eq!(station.host().end_person(PERSON, Reason::Administrator).expect("none"), 0);
    let read = |path| fs::read_to_string(path).expect("a log");
    let log: String = station.audit().into_iter().map(read).collect();
    let by = format!("\"by\":\"user {}\"", station.uid());
    for (event, times) in [("suspend-person", 1), ("resume-person", 1), ("end-person", 2)] {
        let event = format!("\"event\":\"{event}\"");
        let lines = log.lines().filter(|line| line.contains(&event) && line.contains(&by));
        assert_eq!(lines.count(), times, "{event}: {log}");
    }
}

#[test]
fn a_policy_is_checked_with_every_line_that_is_wrong() {
    let station = Station::start();
    let program = |file: &str| station.command(&["policy", "check", file]).output().expect("runs");
    let good = write(&station, "good.toml", "lifetime = \"10h\"\n[[source]]\nkind = \"host\"\n");
    assert_eq!(said(&program(&good)), format!("the policy {good} holds\n"));
    let bad = write(&station, "bad.toml", "lifetime = \"10x\"\n[[source]]\nkind = \"hosts\"\n");
    let why = complained(&program(&bad));
    let none = complained(&program("/nowhere/policy.toml"));
    assert!(
        none.contains("the policy /nowhere/policy.toml does not hold:\n  cannot be read"),
        "{none}"
    );
    assert!(why.contains("line 1: lifetime:") && why.contains("line 3: source[1].kind:"), "{why}");
}

#[test]
fn an_explanation_says_which_rule_decided_what() {
    let station = Station::start();
    let policy = write(
        &station,
        "policy.toml",
        "content_commitment = true\n[[source]]\nkind = \"webauthn\"\n\
         [[source]]\nkind = \"host\"\nhighest = 2\n\
         [[combination]]\nof = [\"webauthn\", \"host\"]\nauthentication = 3\n",
    );
    let explain = |arguments: &[&str]| {
        let fixed = ["policy", "explain", "--policy", &policy, "--at", "2026-12-01T08:00:00Z"];
        said(&station.command(&[&fixed[..], arguments].concat()).output().expect("runs"))
    };
    let alone = explain(&["--source", "host:badge", "--age", "30"]);
    let expected = "\
a sign-in by host badge, authentication 3, identity 3, 30s old
  met       policy.source[2] = host                             host badge
  met       policy.largest_age = 5m                             30s old
  decides   policy.source[2].highest = 2                        authentication 3
  refuses   policy.least_authentication = 3                     authentication 2
  met       policy.least_identity = 3                           identity 3
  withholds policy.content_commitment_least_authentication = 3  authentication 2
  met       policy.content_commitment_least_identity = 3        identity 3
  met       content commitment = bound proofs only              nonce
  met       roster.kind = no robot                              staff
  decides   policy.lifetime = 12h                               ends 2026-12-01T19:59:30Z
  met       policy.cis1_end = 2027-02-28T23:59:59Z              ends 2027-02-28T23:59:59Z
no card: the sign-in's authentication level is 2, the policy asks for 3; sign in with a stronger \
authenticator (rule policy.least_authentication)
";
    assert_eq!(alone, expected, "\n{alone}");
    let together = explain(&["--source", "webauthn=2", "--source", "host:badge=2"]);
    assert!(together.contains("decides   policy.combination[1].authentication = 3"), "{together}");
    let last = together.lines().last().expect("a line");
    assert_eq!(
        last,
        "a card: authentication and content commitment, claims level 2, until \
         2026-12-01T20:00:00Z by policy.lifetime"
    );
    let robot = explain(&["--source", "oidc", "--kind", "robot"]);
    assert!(robot.contains("withholds roster.kind = no robot"), "{robot}");

    let card = station.sign_in(PERSON, PASSCODE);
    let live = said(&wardcard(&station, &["policy", "explain", "--card", &card.card]));
    assert!(live.starts_with(&format!("card {}\nmet       policy.source", card.card)), "{live}");
    assert!(live.contains("decides   policy.lifetime = 12h"), "{live}");
    let gone =
        complained(&wardcard(&station, &["policy", "explain", "--card", "0000000000000000"]));
    assert!(gone.contains("no such card"), "{gone}");
}

#[test]
fn a_waiting_application_sees_one_removal_and_insertion_when_a_card_is_renewed() {
    let station = Station::start();
    station.sign_in(PERSON, PASSCODE);
    let mut events = Talker::start(
        Command::new("python3")
            .args(["-c", EVENTS])
            .arg(module())
            .env("WARDCARD_AGENT", station.address()),
    );
    assert_eq!(events.line().trim(), "ready");
    station.sign_in(PERSON, PASSCODE);
    assert_eq!(events.line().trim(), "event 0");
    assert_eq!(events.line().trim(), "no more");
}

/// Waits for one slot event by the module's own table, then looks whether there is another.
const EVENTS: &str = r#"
import ctypes, select, signal, sys
signal.alarm(20)
lib = ctypes.CDLL(sys.argv[1])
get = lib.C_GetFunctionList
table = ctypes.c_void_p()
assert get(ctypes.byref(table)) == 0
words = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))
call = lambda place, *types: ctypes.CFUNCTYPE(ctypes.c_ulong, *types)(words[place])
initialize = call(1, ctypes.c_void_p)
wait = call(68, ctypes.c_ulong, ctypes.POINTER(ctypes.c_ulong), ctypes.c_void_p)
assert initialize(None) == 0
slot = ctypes.c_ulong(99)
print("ready", flush=True)
assert wait(0, ctypes.byref(slot), None) == 0
print("event", slot.value, flush=True)
select.select([], [], [], 0.3)
print("no more" if wait(1, ctypes.byref(slot), None) == 8 else "more", flush=True)
"#;

#[test]
fn the_seeds_of_the_fuzz_targets_are_read_as_they_say() {
    use wardcard::{agent::config::read_policy, derive::roster};
    let seeds = |folder: &str| {
        let all = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(folder);
        let all = fs::read_dir(all).expect("seeds").map(|entry| entry.expect("a seed").path());
        all.map(|path| {
            (path.file_stem().expect("a name").to_owned(), fs::read(path).expect("read"))
        })
    };
    for (name, bytes) in seeds("policy") {
        let read = read_policy(std::str::from_utf8(&bytes).expect("text"));
        assert_eq!(read.is_ok(), name != "wrong", "{name:?}: {read:?}");
    }
    for (name, bytes) in seeds("roster") {
        assert_eq!(roster::read(&bytes).is_ok(), name == "good", "{name:?}");
        let now = wardcard::clock::Time::from_unix_seconds(1_800_000_000);
        assert_eq!(roster::read_review(&bytes, now).is_ok(), name == "review", "{name:?}");
    }
}
