//! 100 sign-ins at once, beside the cryptography that each of them cannot do without, measured in
//! the same run.

use crate::measure::{Effort, Target, micros, row, time};
use std::{sync::Barrier, time::Instant};
use wardcard::{
    agent::{Agent, AgentParts, Config, Mode, Seat},
    crypto::{self, Hash, KeyKind, PrivateKey, Scheme},
    derive::{Evidence, PasscodeSource},
    secret::Secret,
    testkit::{Builder, Kit},
};

const PEOPLE: usize = 100;

/// What the threads of a process have used of the processors, in µs.
fn processor_time() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec as f64 * 1e6 + used.tv_nsec as f64 / 1e3
}

/// One sign-in's cryptography, RSA-2048 throughout: the token's signature, the request's own, the
/// certificate's, made and verified, and its authority's.
struct Cryptography {
    key: PrivateKey,
    token: (Vec<u8>, Vec<u8>),
    body: (Vec<u8>, Vec<u8>),
}

impl Cryptography {
    fn new() -> Self {
        let key = PrivateKey::generate(KeyKind::Rsa2048).unwrap();
        let signed = |length| {
            let message = vec![7; length];
            let signature = sign(&key, &message);
            (message, signature)
        };
        let (token, body) = (signed(800), signed(900));
        Self { key, token, body }
    }

    fn once(&self) {
        let verify = |(message, signature): &(Vec<u8>, Vec<u8>)| {
            let digest = crypto::digest(Hash::Sha256, message);
            let scheme = Scheme::Pkcs1(Hash::Sha256);
            self.key.public().verify(scheme, &digest, signature).unwrap();
        };
        verify(&self.token);
        verify(&self.body);
        std::hint::black_box(sign(&self.key, &self.body.0));
        verify(&self.body);
        verify(&self.body);
    }

    /// Of all the people, one after another, in µs.
    fn summed(&self) -> f64 {
        let begun = Instant::now();
        (0..PEOPLE).for_each(|_| self.once());
        micros(begun.elapsed())
    }
}

fn sign(key: &PrivateKey, message: &[u8]) -> Vec<u8> {
    key.sign(Scheme::Pkcs1(Hash::Sha256), &crypto::digest(Hash::Sha256, message)).unwrap()
}

/// An agent for all seats of a ward over the provider and the issuer of a kit.
struct Ward {
    kit: Kit,
    agent: Agent,
}

impl Ward {
    fn new(on_disk: bool) -> Self {
        let kit = Builder { on_disk, ..Builder::default() }.start().unwrap();
        let mut config =
            Config { mode: Mode::Ward, pkcs11: None, host: None, ..kit.config().clone() };
        config.state = on_disk.then(|| kit.folder().join("ward"));
        config.limits.requests = PEOPLE;
        config.limits.warm_keys = 0;
        let parts = AgentParts { issuer: Some(kit.shared_issuer()), ..AgentParts::default() };
        let agent = Agent::start(config, parts).unwrap();
        Self { kit, agent }
    }

    /// Everybody signs in at once, each in a thread: the wall's time and the processors', in µs.
    fn sign_in(&self, round: usize) -> (f64, f64) {
        let uid = rustix::process::getuid().as_raw();
        let request = |person: usize| {
            let seat = Seat { uid: uid.into(), logon: Some(format!("{round}-{person}")) };
            let pending = self.agent.request(seat).unwrap();
            let name = format!("555000{person:06}");
            let token = self.kit.provider().sign_in(&pending.nonce).claim("sub", name);
            (pending.request, Secret::new(token.sign().unwrap().into_bytes()))
        };
        let request = &request;
        let all: Vec<_> = std::thread::scope(|scope| {
            let half = |part: usize| (part..PEOPLE).step_by(2).map(request).collect::<Vec<_>>();
            let other = scope.spawn(move || half(1));
            let mut all = half(0);
            all.extend(other.join().unwrap());
            all
        });
        let begin = Barrier::new(PEOPLE + 1);
        let (wall, used) = std::thread::scope(|scope| {
            let threads: Vec<_> = all
                .into_iter()
                .map(|(request, token)| {
                    let begin = &begin;
                    scope.spawn(move || {
                        begin.wait();
                        let evidence = Evidence::IdToken(token);
                        self.agent.prove(&request, evidence, PasscodeSource::SignIn).unwrap();
                    })
                })
                .collect();
            let (begun, used) = (Instant::now(), processor_time());
            begin.wait();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            (micros(begun.elapsed()), processor_time() - used)
        });
        assert_eq!(self.agent.cards().len(), PEOPLE, "everybody has a card");
        for card in self.agent.cards() {
            self.agent.remove(card.id, wardcard::agent::Removal::TapOut).unwrap();
        }
        (wall, used)
    }
}

/// Everybody at once, with a store in memory and on disk, in turns with the cryptography alone.
pub(crate) fn measure(effort: Effort) {
    let rounds = (effort.cards / 100).max(1);
    let cryptography = Cryptography::new();
    let wards = [("in memory", Ward::new(false)), ("store and audit on disk", Ward::new(true))];
    let mut figures = [const { Vec::new() }; 2];
    for round in 0..rounds {
        for ((_, ward), figures) in wards.iter().zip(&mut figures) {
            let (wall, used) = ward.sign_in(round);
            figures.push((wall, used, cryptography.summed()));
        }
    }
    println!(
        "\n  {PEOPLE} sign-ins at once, medians of {rounds} rounds, beside their cryptography"
    );
    for ((place, _), mut figures) in wards.iter().zip(figures) {
        for (what, ours) in [("wall", 0), ("processors", 1)] {
            let part = |figure: &(f64, f64, f64)| if ours == 0 { figure.0 } else { figure.1 };
            figures.sort_by(|one, other| (part(one) / one.2).total_cmp(&(part(other) / other.2)));
            let middle = &figures[figures.len() / 2];
            let times = part(middle) / middle.2;
            let against = format!("{} summed", time(middle.2));
            let name = format!("{what}, {place}");
            let target = if ours == 0 { Target::AtMost(1.2) } else { Target::None };
            row(&name, &time(part(middle)), &against, &format!("{times:.2} x"), target, times);
        }
    }
}
