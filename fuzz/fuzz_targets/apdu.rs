//! Commands of a channel, each behind its length (u16), answered by an application that gives back
//! what it is sent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardcard::apdu::{Application, Channel, Command, Response};

struct Echo;

impl Application for Echo {
    fn chains(&self, ins: u8) -> bool {
        ins & 1 == 1
    }
    fn command(&mut self, command: &Command<'_>) -> Option<Response> {
        assert_eq!(command.cla, 0);
        Some(Response::of(command.data))
    }
    fn passed_over(&mut self) {}
}

fuzz_target!(|bytes: &[u8]| {
    let (mut channel, mut rest) = (Channel::default(), bytes);
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (command, after) = after.split_at(length);
        rest = after;
        if let Ok(read) = Command::parse(command) {
            assert_eq!(Command::parse(&read.to_bytes()), Ok(read));
        }
        assert!(channel.transmit(command, &mut Echo).unwrap().len() >= 2);
    }
});
