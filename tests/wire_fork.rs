//! A client and a fork: the child begins anew, and the parent's connection goes on (PKCS#11 section 5.4, C_Initialize).

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)]

use std::{
    io::Read,
    process::{Child, Command, Stdio},
    time::Duration,
};
use wardcard::{
    net::{Address, ServerTrust},
    pkcs11::{Cryptoki, Rv},
    wire::{Client, Endpoint},
};

const NOT_INITIALIZED: Rv = Rv(0x190);

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs p11-kit and softhsm2"]
fn a_child_begins_anew_and_leaves_the_parents_connection_alone() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("softhsm2.conf");
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    std::fs::write(&configuration, format!("directories.tokendir = {}\n", tokens.display()))
        .unwrap();
    let made = Command::new("softhsm2-util")
        .env("SOFTHSM2_CONF", &configuration)
        .args([
            "--init-token",
            "--free",
            "--label",
            "fork",
            "--pin",
            "123456",
            "--so-pin",
            "12345678",
        ])
        .stdout(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let socket = folder.path().join("p11-kit");
    // A server in a process of its own, so that the fork is of the client alone.
    let _server = Server(
        Command::new("/usr/libexec/p11-kit/p11-kit-server")
            .env("SOFTHSM2_CONF", &configuration)
            .args(["-f", "-n"])
            .arg(&socket)
            .args(["--provider", "/usr/lib/softhsm/libsofthsm2.so", "pkcs11:token=fork"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    for _ in 0..200 {
        let there = socket.exists();
        // A moment more: it listens after its file is there.
        std::thread::sleep(Duration::from_millis(20));
        if there {
            break;
        }
    }
    let trust = ServerTrust::default();
    let client = Client::new(Endpoint { addresses: vec![Address::Unix(socket)], trust });
    client.initialize().unwrap();
    let slot = client.slot_list(true).unwrap()[0];
    let session = client.open_session(slot, 4).unwrap();
    let (mut told, tell) = std::os::unix::net::UnixStream::pair().unwrap();
    // SAFETY: the child makes calls of the client and of write, and leaves by _exit; no other thread holds what they need.
    match unsafe { libc::fork() } {
        -1 => panic!("no fork"),
        0 => {
            use std::io::Write;
            let right = client.session_info(session) == Err(NOT_INITIALIZED)
                && client.slot_list(true) == Err(NOT_INITIALIZED)
                && client.finalize() == Err(NOT_INITIALIZED)
                && client.initialize() == Ok(())
                && client.slot_list(true).is_ok_and(|slots| slots.len() == 1)
                && client.open_session(slot, 4).is_ok()
                && client.finalize() == Ok(());
            let _ = (&tell).write_all(&[u8::from(right)]);
            // SAFETY: ends the child without the parent's destructors.
            unsafe { libc::_exit(0) }
        }
        child => {
            drop(tell);
            let mut right = [0];
            told.read_exact(&mut right).unwrap();
            assert_eq!(right, [1]);
            let mut status = 0;
            // SAFETY: `status` is a live local, `child` our child.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        }
    }
    assert!(client.session_info(session).is_ok());
    assert!(client.open_session(slot, 4).is_ok());
    client.finalize().unwrap();
}
