//! Both ends of the wire against each other, over a small Cryptoki that notes what it is asked.

mod dialogue;
mod double;
mod drive;
mod hostile;
mod lifetime;
mod together;

use super::{Client, Endpoint, Limits, Server};
use crate::{
    net::{Address, Listener, ServerTrust},
    pkcs11::Cryptoki,
};
use double::Double;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// A server over doubles, on a socket of its own.
struct Stage {
    address: Address,
    doubles: Arc<Mutex<Vec<Arc<Double>>>>,
    server: Option<Server>,
    limits: Limits,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        Self::with(Limits { patience: Duration::from_secs(2), ..Limits::default() })
    }

    fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::beside(folder.path(), "pkcs11");
        let mut stage =
            Self { address, doubles: Arc::default(), server: None, limits, _folder: folder };
        stage.start();
        stage
    }

    fn start(&mut self) {
        let listener = Listener::bind(&self.address, 0o600).unwrap();
        let doubles = Arc::clone(&self.doubles);
        let factory = move |_: &crate::net::Peer, _: u64| {
            let double = Arc::new(Double::default());
            doubles.lock().unwrap().push(Arc::clone(&double));
            Some(double as Arc<dyn Cryptoki>)
        };
        self.server = Some(Server::start(listener, Box::new(factory), self.limits.clone()));
    }

    /// As a kill would.
    fn stop(&mut self) {
        self.server = None;
    }

    fn client(&self) -> Client {
        let client = self.blank_client(2);
        client.initialize().unwrap();
        client
    }

    fn blank_client(&self, version: u8) -> Client {
        let trust = ServerTrust::default();
        Client::new(Endpoint { addresses: vec![self.address.clone()], trust })
            .with_newest_version(version)
    }

    /// The double of the last connection.
    fn double(&self) -> Arc<Double> {
        self.doubles.lock().unwrap().last().unwrap().clone()
    }

    fn connections(&self) -> usize {
        self.server.as_ref().unwrap().connections()
    }
}

/// Waits for what must become true soon.
fn soon(what: impl Fn() -> bool) {
    for _ in 0..500 {
        if what() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not become true in five seconds");
}
