//! Debian's `libccid` drives our CCID device, without a kernel: a stand-in for libusb hands its
//! transfers to our USB/IP server.

use crate::{
    pcsc::{STATUS, Stage, VERIFY, compile, events, p50, removal_during_a_command, rules},
    slot::Slot,
};
use std::{fs, os::unix::fs::symlink, path::Path, sync::Arc, thread, time::Duration};
use wardcard::{
    net::{TcpAddress, TcpSocket},
    reader::{Running, usbip},
};

const DRIVER: &str = "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents";

/// A stage with a driver that knows our device, as the manual says to make it known.
fn stage() -> Stage {
    Stage::new(|folder| {
        let contents = folder.join("drivers/ifd-ccid.bundle/Contents");
        fs::create_dir_all(contents.join("Linux")).unwrap();
        let library = contents.join("Linux/libccid.so");
        symlink(Path::new(DRIVER).join("Linux/libccid.so"), &library).unwrap();
        let known = fs::read_to_string(Path::new(DRIVER).join("Info.plist")).unwrap();
        let mut text = String::new();
        let mut list = "";
        for line in known.lines() {
            text.push_str(line);
            text.push('\n');
            if line.contains("<key>if") {
                list = line.trim();
            }
            if line.contains("<array>") {
                text.push_str(match list {
                    "<key>ifdVendorID</key>" => "<string>0x1209</string>\n",
                    "<key>ifdProductID</key>" => "<string>0x0001</string>\n",
                    "<key>ifdFriendlyName</key>" => "<string>Wardcard virtual reader</string>\n",
                    _ => "",
                });
            }
        }
        fs::write(contents.join("Info.plist"), text).unwrap();
        compile(
            &["-shared", "-fPIC", "-pthread", "-Wl,-soname,libusb-1.0.so.0"],
            "libusb.c",
            &folder.join("libusb-1.0.so.0"),
            &[],
        );
        format!(
            "FRIENDLYNAME \"Wardcard virtual reader\"\nDEVICENAME usb:1209/0001:libusb-1.0:1:1:0\n\
             LIBPATH {}\nCHANNELID 1\n",
            library.display()
        )
    })
}

fn serve(card: &Arc<Slot>) -> (Running, String) {
    let socket = TcpSocket::bind(TcpAddress::loopback(0)).unwrap();
    let port = socket.address().port().to_string();
    (usbip::Server::start(socket, card.clone(), usbip::Options::default()).unwrap(), port)
}

/// What pcscd needs to find the stand-in, and it the device.
fn environment(stage: &Stage, port: &str) -> [(&'static str, String); 3] {
    let folder = stage.folder.path();
    [
        ("LD_LIBRARY_PATH", folder.display().to_string()),
        ("PCSCLITE_HP_DROPDIR", folder.join("drivers").display().to_string()),
        ("WARDCARD_USBIP", port.to_owned()),
    ]
}

fn pcscd(stage: &Stage, port: &str) -> crate::pcsc::Pcscd {
    let environment = environment(stage, port);
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    stage.pcscd(&environment)
}

#[test]
#[ignore = "needs libccid, libusb-1.0-0-dev"]
fn libccid_keeps_the_rules_of_a_reader() {
    let (stage, card) = (stage(), Arc::new(Slot::with_card()));
    let (_serving, port) = serve(&card);
    let _pcscd = pcscd(&stage, &port);
    rules(&stage, 65_000);
    removal_during_a_command(&stage, &card, "error");
    let mut application = stage.application();
    application.connects();
    assert_eq!(application.ask(VERIFY), "9000");
    // Longer than libccid waits for an answer, so it must be asked for time.
    assert_eq!(application.ask("apdu 80301388"), "9000");
    assert_eq!(application.ask(STATUS), "9000");
}

#[test]
#[ignore = "needs libccid, libusb-1.0-0-dev"]
fn cards_that_come_and_go_are_seen_within_100_ms() {
    let (stage, card) = (stage(), Arc::new(Slot::with_card()));
    let (_serving, port) = serve(&card);
    let _pcscd = pcscd(&stage, &port);
    let times = events(&mut stage.application(), &card, 20);
    println!("CCID: insertion and removal seen, p50 {:?}, most {:?}", p50(&times), times[19]);
    assert!(p50(&times) < Duration::from_millis(100), "{times:?}");
}

#[test]
#[ignore = "needs libccid, libusb-1.0-0-dev"]
fn an_apdu_costs_at_most_300_us() {
    let (stage, card) = (stage(), Arc::new(Slot::with_card()));
    let (_serving, port) = serve(&card);
    let _pcscd = pcscd(&stage, &port);
    let mut application = stage.application();
    application.connects();
    let said = application.ask("time 3000 00200080");
    println!("VERIFY status, p50 p99: libccid over USB/IP {said} us");
    let p50: f64 = said.split(' ').next().unwrap().parse().unwrap();
    if !cfg!(debug_assertions) {
        assert!(p50 <= 300.0, "{p50} us");
    }
}

#[test]
#[ignore = "needs libccid, libusb-1.0-0-dev"]
fn a_pcscd_that_was_killed_comes_back_and_finds_the_card_as_after_power() {
    let (stage, card) = (stage(), Arc::new(Slot::with_card()));
    let (_serving, port) = serve(&card);
    for _ in 0..3 {
        let mut pcscd = pcscd(&stage, &port);
        let mut application = stage.application();
        application.connects();
        assert_eq!(application.ask(STATUS), "63c3", "no passcode is left of the last one");
        assert_eq!(application.ask(VERIFY), "9000");
        // In the middle of a command, too.
        application.tell("apdu 80300320");
        while card.working() == 0 {
            thread::yield_now();
        }
        pcscd.end();
    }
}
