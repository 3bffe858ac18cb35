//! The card in Debian's `vsmartcard-vpcd`.

use crate::{
    pcsc::{STATUS, Stage, VERIFY, events, free_port, p50, removal_during_a_command, rules},
    slot::Slot,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use wardcard::{
    apdu::Icc,
    net::TcpAddress,
    reader::{Admits, Running, vpcd},
};

/// A stage whose driver listens on a port that was free.
fn stage() -> (Stage, TcpAddress) {
    let port = free_port();
    let stage = Stage::new(|_| {
        format!(
            "FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:{port:#x}\n\
             LIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so\nCHANNELID {port:#x}\n"
        )
    });
    (stage, TcpAddress::loopback(port))
}

fn put(card: &Arc<Slot>, address: TcpAddress) -> Running {
    let icc: Arc<dyn Icc> = card.clone();
    vpcd::Client::start(icc, address, Admits::default()).unwrap()
}

#[test]
#[ignore = "needs vsmartcard-vpcd"]
fn the_driver_keeps_the_rules_of_a_reader() {
    let ((stage, address), card) = (stage(), Arc::new(Slot::with_card()));
    let _putting = put(&card, address);
    let _pcscd = stage.pcscd(&[]);
    rules(&stage, 60_000);
    removal_during_a_command(&stage, &card, "6f00");
}

/// The driver looks every 400 ms: what is ours is that it sees it then.
#[test]
#[ignore = "needs vsmartcard-vpcd"]
fn cards_that_come_and_go_are_seen_when_the_driver_looks_next() {
    let ((stage, address), card) = (stage(), Arc::new(Slot::with_card()));
    let _putting = put(&card, address);
    let _pcscd = stage.pcscd(&[]);
    let times = events(&mut stage.application(), &card, 20);
    println!("vpcd: insertion and removal seen, p50 {:?}, most {:?}", p50(&times), times[19]);
    assert!(p50(&times) < Duration::from_millis(600), "{times:?}");
}

#[test]
#[ignore = "needs vsmartcard-vpcd"]
fn card_and_pcscd_end_and_come_back_in_either_order() {
    let ((stage, address), card) = (stage(), Arc::new(Slot::with_card()));
    let putting = put(&card, address);
    let pcscd = stage.pcscd(&[]);
    let mut application = stage.application();
    application.connects();
    assert_eq!(application.ask(VERIFY), "9000");
    drop(putting);
    application.does("await empty");
    let _putting = put(&card, address);
    application.connects();
    assert_eq!(application.ask(STATUS), "63c3");
    drop((application, pcscd));
    let _pcscd = stage.pcscd(&[]);
    let mut application = stage.application();
    application.connects();
    assert_eq!(application.ask(STATUS), "63c3");
}

#[test]
#[ignore = "needs vsmartcard-vpcd"]
fn an_apdu_costs_at_most_150_us() {
    let ((stage, address), card) = (stage(), Arc::new(Slot::with_card()));
    let _putting = put(&card, address);
    let _pcscd = stage.pcscd(&[]);
    let mut application = stage.application();
    application.connects();
    let begun = Instant::now();
    application.ask("time 500 00200080");
    assert!(begun.elapsed() < Duration::from_secs(10), "no 40 ms for each");
    let best = (0..3)
        .map(|_| {
            let said = application.ask("time 3000 00200080");
            said.split(' ').next().unwrap().parse::<f64>().unwrap()
        })
        .fold(f64::MAX, f64::min);
    println!("VERIFY status, p50: vpcd path {best:.1} us");
    if !cfg!(debug_assertions) {
        assert!(best <= 150.0, "{best} us");
    }
}
