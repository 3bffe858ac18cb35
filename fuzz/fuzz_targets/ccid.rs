//! Messages for a CCID slot whose card works, is silent, comes and goes. Each piece of the input is
//! a byte that says what happens, one that says how long it is, and a message.
#![no_main]

use wardcard::{
    apdu::{Atr, Presence},
    reader::ccid::{Done, Machine, Step, Work},
};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut presence = Presence { present: true, changes: 1 };
    let (mut machine, _) = Machine::new(presence);
    let mut rest = input;
    while let [what, length, after @ ..] = rest {
        let (message, after) = after.split_at_checked(usize::from(*length)).unwrap_or((after, &[]));
        rest = after;
        let steps = match what % 4 {
            0 | 1 => machine.message(message),
            2 => machine.abort(what >> 7, *length),
            _ => {
                presence.present = !presence.present;
                presence.changes += 1;
                machine.presence(presence)
            }
        };
        for step in steps {
            let Step::Work(number, work) = step else { continue };
            let done = match work {
                Work::PowerOn { .. } => Done::Power(Atr::new(&[0x3B, 0x00])),
                Work::PowerOff => Done::Off,
                Work::Command(command) => Done::Response(match what % 2 {
                    0 => Some(command.to_vec()),
                    _ => None,
                }),
            };
            if what & 0x10 == 0 {
                assert!(machine.done(number, done).len() <= 1);
            }
        }
        let _ = machine.more_time();
    }
});
