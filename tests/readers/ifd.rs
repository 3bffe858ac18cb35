//! Our library as pcscd's driver, the agent's reader endpoint in this process.

use crate::{
    common,
    pcsc::{LONG, STATUS, Stage, VERIFY, events, library, p50, removal_during_a_command, rules},
    slot::Slot,
};
use std::{
    path::Path,
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use wardcard::{
    apdu::Icc,
    net::{Address, Listener},
    reader::{Admits, Running, ifd},
};

fn stage() -> Stage {
    Stage::new(|folder| {
        let address = address(folder).to_string();
        ifd::reader_conf("Wardcard", library().to_str().unwrap(), &address).unwrap()
    })
}

fn address(folder: &Path) -> Address {
    Address::Unix(folder.join("reader"))
}

fn serve(stage: &Stage, card: &Arc<Slot>) -> Running {
    let listener = Listener::bind(&address(stage.folder.path()), 0o600).unwrap();
    let icc: Arc<dyn Icc> = card.clone();
    ifd::Server::start(listener, icc, Admits::default()).unwrap()
}

#[test]
#[ignore = "needs pcscd"]
fn the_handler_keeps_the_rules_of_a_reader() {
    let (stage, card) = (stage(), Arc::new(Slot::with_card()));
    let _serving = serve(&stage, &card);
    let _pcscd = stage.pcscd(&[]);
    rules(&stage, 65_000);
    let mut application = stage.application();
    application.connects();
    assert_eq!(application.ask("tlv"), "0a0400000100", "dwMaxAPDUDataSize");
    application.does("echo 65535");
    application.does("disconnect leave");
    removal_during_a_command(&stage, &card, "error");
}

#[test]
#[ignore = "needs pcscd"]
fn cards_that_come_and_go_are_seen_within_100_ms() {
    let (stage, card) = (stage(), Arc::new(Slot::with_card()));
    let _serving = serve(&stage, &card);
    let _pcscd = stage.pcscd(&[]);
    let times = events(&mut stage.application(), &card, 40);
    println!(
        "IFD handler: insertion and removal seen, p50 {:?}, most {:?}",
        p50(&times),
        times[39]
    );
    assert!(p50(&times) < Duration::from_millis(100), "{times:?}");
}

#[test]
#[ignore = "needs pcscd"]
fn agent_and_pcscd_end_and_come_back_in_either_order() {
    let (stage, card) = (stage(), Arc::new(Slot::with_card()));
    let pcscd = stage.pcscd(&[]);
    let mut application = stage.application();
    application.does("await empty");
    let serving = serve(&stage, &card);
    application.connects();
    assert_eq!(application.ask(VERIFY), "9000");
    drop(serving);
    application.does("await empty");
    assert!(application.ask(STATUS).starts_with("error"));
    let serving = serve(&stage, &card);
    application.connects();
    assert_eq!(application.ask(STATUS), "63c3");
    assert_eq!(application.ask(VERIFY), "9000");
    drop((application, pcscd));
    let begun = Instant::now();
    while card.powered() {
        assert!(begun.elapsed() < LONG, "a card without a reader has no power");
        thread::sleep(Duration::from_millis(5));
    }
    let _pcscd = stage.pcscd(&[]);
    let mut application = stage.application();
    application.connects();
    assert_eq!(application.ask(STATUS), "63c3");
    drop(serving);
}

#[test]
#[ignore = "needs pcscd"]
fn a_hundred_thousand_random_commands_leave_pcscd_alive_and_its_memory_flat() {
    let (stage, card) = (stage(), Arc::new(Slot::with_card()));
    let _serving = serve(&stage, &card);
    let mut pcscd = stage.pcscd(&[]);
    let mut application = stage.application();
    application.connects();
    application.ask("fuzz 10000 1");
    let before = pcscd.memory();
    let said = application.ask("fuzz 90000 2");
    let after = pcscd.memory();
    println!("random commands: {said}; pcscd {before} KiB before, {after} KiB after");
    assert!(pcscd.alive());
    assert!(after < before + 1024, "{before} KiB, then {after} KiB");
    application.connects();
    assert_eq!(application.ask(STATUS), "63c3");
}

#[test]
#[ignore = "needs pcscd"]
fn an_apdu_costs_at_most_25_us_more_than_with_a_handler_that_does_nothing() {
    let (stage, card) = (stage(), Arc::new(Slot::with_card()));
    let _serving = serve(&stage, &card);
    let null = Stage::new(|folder| {
        let file = folder.join("null.so");
        crate::pcsc::compile(
            &["-shared", "-fPIC", "-I/usr/include/PCSC", "-Wno-unused-parameter"],
            "nullifd.c",
            &file,
            &[],
        );
        ifd::reader_conf("Null", file.to_str().unwrap(), "unix:path=/none").unwrap()
    });
    let p50 = |stage: &Stage| {
        let _pcscd = stage.pcscd(&[]);
        let mut application = stage.application();
        application.connects();
        application.ask("time 500 00200080");
        let said = application.ask("time 5000 00200080");
        said.split(' ').next().unwrap().parse::<f64>().unwrap()
    };
    // The best of three: another program's work is no cost of ours.
    let best = |stage: &Stage| (0..3).map(|_| p50(stage)).fold(f64::MAX, f64::min);
    let (nothing, ours) = (best(&null), best(&stage));
    println!("VERIFY status, p50: null handler {nothing:.1} us, IFD path {ours:.1} us");
    if !cfg!(debug_assertions) {
        assert!(ours <= nothing + 25.0, "{ours} us against {nothing} us");
    }
}

#[test]
#[ignore = "needs pcsc-tools, opensc"]
fn tools_of_others_see_the_reader() {
    let (stage, card) = (stage(), Arc::new(Slot::with_card()));
    let _serving = serve(&stage, &card);
    let _pcscd = stage.pcscd(&[]);
    stage.application().does("await present");
    for (arguments, wanted) in [
        (&["pcsc_scan", "-r"][..], "Wardcard"),
        (&["opensc-tool", "-l"], "Wardcard"),
        (&["opensc-tool", "-a"], "3b:8b:80:01:80:f9:a0:00:00:03:08:00:00:10:00:c8"),
        (&["/usr/bin/python3", "-c", PYSCARD], "63c3"),
    ] {
        let socket = stage.socket();
        let run = Command::new("timeout")
            .arg("60")
            .args(arguments)
            .env("PCSCLITE_CSOCK_NAME", socket)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(
            said.contains(wanted),
            "{arguments:?}: {said}{}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
    let _ = common::build_folder();
}

const PYSCARD: &str = "
from smartcard.System import readers
connection = readers()[0].createConnection()
connection.connect()
data, sw1, sw2 = connection.transmit([0, 0x20, 0, 0x80])
print('%02x%02x' % (sw1, sw2))
";
