//! A card that is always there, has power when it was given some, and answers each command with a
//! part of it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use wardcard::apdu::{Atr, Icc, Presence};

#[derive(Debug, Default)]
pub struct Echo(AtomicBool);

impl Icc for Echo {
    fn presence(&self) -> Presence {
        Presence { present: true, changes: 1 }
    }

    fn wait(&self, _: Presence, _: Duration) -> Presence {
        self.presence()
    }

    fn wake(&self) {}

    fn power_on(&self) -> Option<Atr> {
        self.0.store(true, Ordering::Relaxed);
        Atr::new(&[0x3B, 0x80, 0x80, 0x01, 0x01])
    }

    fn reset(&self) -> Option<Atr> {
        self.power_on()
    }

    fn power_off(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    fn transmit(&self, command: &[u8]) -> Option<Vec<u8>> {
        let answered = [command.get(..8).unwrap_or(command), &[0x90, 0x00]].concat();
        self.0.load(Ordering::Relaxed).then_some(answered)
    }
}
