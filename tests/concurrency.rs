//! One thread of an application waits for a slot event, one for an answer that a person takes time
//! for, eight sign: the eight are not delayed. They come to their end while the two still wait, so
//! nothing here depends on how fast the machine is.
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
};
use std::{
    path::Path,
    process::Command,
    sync::{Arc, Condvar, Mutex, mpsc},
    thread,
    time::Duration,
};
use wardcard::{
    card::{Caller, Card, CardId, Event, Gate, Outcome, Refusal, Role, Tray, Use, Verb},
    clock::SystemClock,
    crypto::{Hash, KeyKind, Scheme},
    derive::{Deriver, Evidence, PasscodeSource, Policy, Question},
    issue::{LocalIssuer, Names, Rules},
    net::{Address, Listener},
    pkcs11::Module,
    proof::{Fetch, Sources, oidc},
    secret::Secret,
    store::MemoryStore,
    testkit::{
        Kit,
        provider::{CLIENT_ID, Provider},
    },
    wire::{Limits, Server},
};

const PASSCODE: &str = "135790";
const P11_KIT_CLIENT: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so";

/// Holds back signatures over SHA-384 until it is opened; notes that one has come.
#[derive(Debug, Default)]
struct SlowGate {
    held: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl SlowGate {
    fn wait(&self, until: impl Fn(&(bool, bool)) -> bool) {
        let held = self.held.lock().unwrap();
        drop(self.changed.wait_while(held, |held| !until(held)).unwrap());
    }

    fn has_come(&self) {
        self.wait(|(come, _)| *come);
    }

    fn open(&self) {
        self.held.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

impl Gate for SlowGate {
    fn admit(&self, usage: &Use) -> Result<u64, Refusal> {
        if usage.verb == Verb::Sign(Scheme::Pkcs1(Hash::Sha384)) {
            self.held.lock().unwrap().0 = true;
            self.changed.notify_all();
            self.wait(|(_, open)| *open);
        }
        Ok(0)
    }
    fn outcome(&self, _: u64, _: &Use, _: Outcome) {}
    fn passcode(&self, _: &CardId, _: Role, _: &Caller, _: &Event) {}
}

#[derive(Debug)]
struct NoFetch;

impl Fetch for NoFetch {
    fn get(&self, _: &str, _: usize) -> Result<Vec<u8>, String> {
        Err("the key set is given".to_owned())
    }
}

/// A derived card of its own, as the agent makes them.
fn card() -> Card {
    let clock = Arc::new(SystemClock);
    let provider = Provider::start(clock.clone()).unwrap();
    let mut settings = oidc::Settings::new(provider.issuer(), CLIENT_ID);
    settings.key_set = Some(provider.key_set());
    let verifier = oidc::Provider::new(settings, Arc::new(NoFetch), clock.clone());
    let names = Names::default();
    let issuer = LocalIssuer::in_memory(&names, KeyKind::P256, Rules::default(), clock.clone());
    let end = wardcard::clock::Time::parse_rfc3339("2099-12-31T23:59:59Z").unwrap();
    let policy = Policy { cis1_end: end, ..Policy::default() };
    let store = Arc::new(MemoryStore::new());
    let deriver = Deriver::new(
        policy,
        Sources { providers: vec![verifier], ..Sources::default() },
        Arc::new(issuer.unwrap()),
        store,
        clock,
    );
    let request = deriver.request().unwrap();
    let token = provider.sign_in(request.nonce()).sign().unwrap();
    let evidence = Evidence::IdToken(Secret::new(token.into_bytes()));
    deriver.derive(request, evidence, given()).unwrap().card
}

fn given() -> PasscodeSource {
    PasscodeSource::Given { passcode: Secret::copied_from(PASSCODE.as_bytes()), keep: false }
}

fn client(folder: &Path, module: &Path, address: &str, arguments: &[&str]) -> Talker {
    let program = compile("together", folder);
    let mut command = Command::new(program);
    command.arg(module).args(arguments);
    command.env("WARDCARD_AGENT", address).env("P11_KIT_SERVER_ADDRESS", address);
    Talker::start(&mut command)
}

fn eight_sign_while_two_wait(module: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let (gate, tray, card) = (Arc::new(SlowGate::default()), Tray::new(1), card());
    tray.insert(0, card.clone());
    let address = Address::Unix(folder.path().join("pkcs11"));
    let listener = Listener::bind(&address, 0o600).unwrap();
    let (seen, through) = (Arc::clone(&tray), Arc::clone(&gate));
    let factory = move |_: &wardcard::net::Peer, connection| {
        let caller = Caller { connection, ..Caller::default() };
        let module = Module::new(Arc::clone(&seen), caller, Arc::<SlowGate>::clone(&through));
        Some(Arc::new(module) as Arc<dyn wardcard::pkcs11::Cryptoki>)
    };
    let _server = Server::start(listener, Box::new(factory), Limits::default());
    let mut client = client(folder.path(), module, &address.to_string(), &[PASSCODE, "25"]);
    gate.has_come();
    // The wait for an event has begun before; that it has is seen from no side.
    thread::sleep(Duration::from_millis(300));
    client.tell("go");
    client.says("eight 0");
    client.says("came meanwhile 0");
    gate.open();
    client.says("slow 0");
    card.remove();
    client.says("event 0");
    client.says("done 0");
    client.ends_well();
}

#[test]
fn eight_threads_sign_while_one_waits_for_an_event_and_one_for_a_person() {
    eight_sign_while_two_wait(&module());
}

#[test]
#[ignore = "needs p11-kit-modules"]
fn eight_threads_sign_over_p11_kits_client_while_two_wait() {
    eight_sign_while_two_wait(Path::new(P11_KIT_CLIENT));
}

#[test]
fn eight_threads_sign_while_the_host_is_asked_for_another_cards_passcode() {
    let kit = Kit::start().unwrap();
    let before = kit.sign_in("555000000001").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let arguments = [before.passcode.as_str(), "25", "alone"];
    let mut client = client(folder.path(), &module(), &kit.address(), &arguments);
    let (ask, asked) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    let question = Question(Box::new(move |_, _| {
        ask.send(()).unwrap();
        answered.recv().ok()
    }));
    let pending = kit.request().unwrap();
    let token = kit.provider().sign_in(&pending.nonce).claim("sub", "555000000002");
    let evidence = Evidence::IdToken(Secret::new(token.sign().unwrap().into_bytes()));
    thread::scope(|scope| {
        let agent = kit.agent();
        let proved = scope.spawn(move || {
            agent.prove(&pending.request, evidence, PasscodeSource::Asked(question))
        });
        asked.recv().unwrap();
        // The other verbs of the host go on as well.
        assert_eq!(kit.agent().cards().len(), 1);
        assert!(kit.request().is_ok());
        client.tell("go");
        client.says("eight 0");
        client.says("came meanwhile 0");
        answer.send(Secret::copied_from(PASSCODE.as_bytes())).unwrap();
        // The new card takes the old one's place, which is the event that was waited for.
        client.says("event 0");
        client.says("done 0");
        client.ends_well();
        assert_eq!(proved.join().unwrap().unwrap().person.as_str(), "555000000002");
    });
}
