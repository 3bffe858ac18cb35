use super::{descriptor::HEADER, *};
use crate::reader::slot::Slot;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const LONG: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_millis(100);
const STATUS: [u8; 4] = [0, 0x20, 0, 0x80];

fn message(code: u8, sequence: u8, specific: [u8; 3], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![code];
    bytes.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(&[0, sequence]);
    bytes.extend_from_slice(&specific);
    bytes.extend_from_slice(data);
    bytes
}

fn ask(device: &Device, bytes: &[u8]) -> Vec<u8> {
    device.bulk_out(bytes);
    let answer = device.bulk_in(1 << 20, LONG).unwrap().to_vec();
    assert_eq!(answer[6], bytes[6], "bSeq");
    let length = u32::from_le_bytes(answer[1..5].try_into().unwrap());
    assert_eq!(length as usize, answer.len() - HEADER, "dwLength");
    answer
}

/// As [`ask`], though the card may take its time.
fn ask_patiently(device: &Device, bytes: &[u8]) -> Vec<u8> {
    device.bulk_out(bytes);
    loop {
        let answer = device.bulk_in(1 << 20, LONG).unwrap();
        if answer[7] & 0xC0 != 0x80 {
            return answer.to_vec();
        }
    }
}

/// Type, bStatus, bError.
fn head(answer: &[u8]) -> (u8, u8, u8) {
    (answer[0], answer[7], answer[8])
}

fn device(slot: &Arc<Slot>) -> Device {
    Device::start(slot.clone()).unwrap()
}

fn powered(slot: &Arc<Slot>) -> Device {
    let device = device(slot);
    let atr = ask(&device, &message(0x62, 0, [0; 3], &[]));
    assert_eq!(head(&atr), (0x80, 0, 0));
    assert_eq!(atr[10..12], [0x3B, 0x8B]);
    device
}

fn block(sequence: u8, level: u8, data: &[u8]) -> Vec<u8> {
    message(0x6F, sequence, [0, level, 0], data)
}

#[test]
fn power_status_and_commands_are_answered_with_their_status() {
    let slot = Arc::new(Slot::with_card());
    let device = device(&slot);
    assert_eq!(device.interrupt_in(LONG), Some([0x50, 3]));
    assert_eq!(head(&ask(&device, &message(0x65, 1, [0; 3], &[]))), (0x81, 1, 0));
    assert_eq!(head(&ask(&device, &block(2, 0, &STATUS))), (0x80, 0x41, 0xFE), "no power");
    assert_eq!(head(&ask(&device, &message(0x62, 3, [0; 3], &[]))), (0x80, 0, 0));
    assert_eq!(ask(&device, &block(4, 0, &STATUS))[10..], [0x63, 0xC3]);
    let verify = [&STATUS[..], b"\x0812345678"].concat();
    assert_eq!(ask(&device, &block(5, 0, &verify))[10..], [0x90, 0]);
    assert_eq!(ask(&device, &block(6, 0, &STATUS))[10..], [0x90, 0]);
    assert_eq!(head(&ask(&device, &message(0x62, 7, [0; 3], &[]))), (0x80, 0, 0));
    assert_eq!(slot.counts(), [1, 1, 0], "power where there is power is a reset");
    assert_eq!(ask(&device, &block(8, 0, &STATUS))[10..], [0x63, 0xC3]);
    assert_eq!(head(&ask(&device, &message(0x63, 9, [0; 3], &[]))), (0x81, 1, 0));
    assert!(!slot.powered());
    slot.remove();
    assert_eq!(device.interrupt_in(LONG), Some([0x50, 2]));
    assert_eq!(head(&ask(&device, &message(0x65, 10, [0; 3], &[]))), (0x81, 2, 0));
    assert_eq!(head(&ask(&device, &message(0x62, 11, [0; 3], &[]))), (0x80, 0x42, 0xFE));
    assert_eq!(head(&ask(&device, &message(0x63, 12, [0; 3], &[]))), (0x81, 2, 0));
}

/// Section 6.2.6: each wrong field is named by its place, what is not supported by 0.
#[test]
fn wrong_fields_are_named_by_their_place() {
    let slot = Arc::new(Slot::with_card());
    let device = powered(&slot);
    let with = |at: usize, value: u8, mut bytes: Vec<u8>| {
        bytes[at] = value;
        bytes
    };
    let cases = [
        ("bSlot", with(5, 1, message(0x65, 1, [0; 3], &[])), (0x81, 0x42, 5)),
        ("dwLength too long", with(1, 9, block(1, 0, &STATUS)), (0x80, 0x40, 1)),
        ("dwLength too short", with(1, 3, block(1, 0, &STATUS)), (0x80, 0x40, 1)),
        ("dwLength huge", with(4, 0xFF, block(1, 0, &STATUS)), (0x80, 0x40, 1)),
        ("data where none is", message(0x65, 1, [0; 3], &[7]), (0x81, 0x40, 1)),
        ("bPowerSelect", message(0x62, 1, [4, 0, 0], &[]), (0x80, 0x40, 7)),
        ("wLevelParameter", block(1, 0x11, &STATUS), (0x80, 0x40, 8)),
        ("no command", block(1, 0, &[]), (0x80, 0x40, 1)),
        ("an end without its beginning", block(1, 2, &STATUS), (0x80, 0x40, 8)),
        ("a rest that is not there", block(1, 0x10, &[]), (0x80, 0x40, 8)),
        ("bProtocolNum", message(0x61, 1, [2, 0, 0], &[0; 7]), (0x82, 0x40, 7)),
        ("parameters of T=1 for T=0", message(0x61, 1, [0; 3], &[0; 7]), (0x82, 0x40, 1)),
        ("bClockCommand", message(0x6E, 1, [2, 0, 0], &[]), (0x81, 0x40, 7)),
        ("stop the clock", message(0x6E, 1, [1, 0, 0], &[]), (0x81, 0x40, 0)),
        ("Escape", message(0x6B, 1, [0; 3], &[1, 2]), (0x83, 0x40, 0)),
        ("T0APDU", message(0x6A, 1, [3, 0, 0], &[]), (0x81, 0x40, 0)),
        ("Secure", message(0x69, 1, [0; 3], &[0]), (0x80, 0x40, 0)),
        ("Mechanical", message(0x71, 1, [1, 0, 0], &[]), (0x81, 0x40, 0)),
        ("rate of another length", message(0x73, 1, [0; 3], &[0; 4]), (0x84, 0x40, 1)),
        ("nobody's message", message(0x99, 1, [0; 3], &[]), (0x81, 0x40, 0)),
    ];
    for (what, bytes, wanted) in cases {
        assert_eq!(head(&ask(&device, &bytes)), wanted, "{what}");
    }
    device.bulk_out(&[0x65, 0, 0]);
    device.bulk_out(&[]);
    assert_eq!(ask(&device, &block(9, 0, &STATUS))[10..], [0x63, 0xC3], "as before");
}

#[test]
fn parameters_clock_and_rate_are_the_devices() {
    let slot = Arc::new(Slot::with_card());
    let device = powered(&slot);
    let parameters = ask(&device, &message(0x6C, 1, [0; 3], &[]));
    assert_eq!((head(&parameters), parameters[9], parameters.len()), ((0x82, 0, 0), 1, 17));
    let set = ask(&device, &message(0x61, 2, [0; 3], &[0x18, 0, 0, 10, 0]));
    assert_eq!((set[9], &set[10..]), (0, &[0x18, 0, 0, 10, 0][..]));
    assert_eq!(ask(&device, &message(0x6C, 3, [0; 3], &[]))[9], 0);
    assert_eq!(ask(&device, &message(0x6D, 4, [0; 3], &[]))[9], 1);
    assert_eq!(head(&ask(&device, &message(0x6E, 5, [0; 3], &[]))), (0x81, 0, 0));
    let rate = ask(&device, &message(0x73, 6, [0; 3], &[0; 8]));
    assert_eq!((head(&rate), rate.len()), ((0x84, 0, 0), 18));
}

#[test]
fn commands_come_in_parts_over_messages_and_over_packets() {
    let slot = Arc::new(Slot::with_card());
    let device = powered(&slot);
    let command = [&[0x80, 0x10, 0, 0, 0, 0xFF, 0xFF][..], &[7; 65_535], &[0, 0]].concat();
    let whole = block(1, 0, &command);
    // As a computer's driver cuts transfers.
    for part in whole.chunks(16_384) {
        device.bulk_out(part);
    }
    let answer = device.bulk_in(1 << 20, LONG).unwrap();
    assert_eq!(answer.len(), HEADER + 65_537);
    let (begin, rest) = command.split_at(30_000);
    let (middle, end) = rest.split_at(30_000);
    for (sequence, level, part) in [(2, 1, begin), (3, 3, middle)] {
        let more = ask(&device, &block(sequence, level, part));
        assert_eq!((head(&more), more[9], more.len()), ((0x80, 0, 0), 0x10, HEADER));
    }
    assert_eq!(ask(&device, &block(4, 2, end)).len(), HEADER + 65_537);
    ask(&device, &block(5, 1, begin));
    assert_eq!(ask(&device, &block(6, 0, &STATUS))[10..], [0x63, 0xC3], "a new beginning");
    for sequence in 7..9 {
        ask(&device, &block(sequence, if sequence == 7 { 1 } else { 3 }, begin));
    }
    let long = ask(&device, &block(9, 3, begin));
    assert_eq!(head(&long), (0x80, 0x40, 1), "longer than any command");
}

#[test]
fn long_responses_are_fetched_in_parts_of_any_size() {
    let slot = Arc::new(Slot::with_card());
    let device = powered(&slot);
    device.bulk_out(&block(1, 0, &[0x80, 0x20, 0x10, 0x00]));
    let mut bytes = Vec::new();
    while bytes.len() < HEADER + 4098 {
        bytes.extend_from_slice(&device.bulk_in(512, LONG).unwrap());
    }
    assert_eq!(bytes.len(), HEADER + 4098);
}

#[test]
fn a_slow_command_asks_for_time_and_nothing_else_is_done_meanwhile() {
    let slot = Arc::new(Slot::with_card());
    let device = powered(&slot);
    device.bulk_out(&block(1, 0, &[0x80, 0x30, 0x05, 0xDC]));
    assert_eq!(head(&ask(&device, &message(0x65, 2, [0; 3], &[]))), (0x81, 0x40, 0xE0));
    let more = device.bulk_in(1 << 20, LONG).unwrap();
    assert_eq!((head(&more), more[6]), ((0x80, 0x80, 1), 1));
    let answer = device.bulk_in(1 << 20, LONG).unwrap();
    assert_eq!((head(&answer), &answer[10..]), ((0x80, 0, 0), &[0x90, 0][..]));
}

#[test]
fn a_card_that_goes_ends_a_command_and_is_told_of_at_once() {
    let slot = Arc::new(Slot::with_card());
    let device = powered(&slot);
    device.interrupt_in(LONG).unwrap();
    device.bulk_out(&block(1, 0, &[0x80, 0x30, 0x05, 0xDC]));
    while slot.working() == 0 {
        std::thread::yield_now();
    }
    let begun = Instant::now();
    slot.remove();
    assert_eq!(device.interrupt_in(LONG), Some([0x50, 2]));
    assert_eq!(head(&device.bulk_in(1 << 20, LONG).unwrap()), (0x80, 0x42, 0xFE));
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    slot.insert();
    assert_eq!(device.interrupt_in(LONG), Some([0x50, 3]));
    assert_eq!(head(&ask(&device, &message(0x65, 2, [0; 3], &[]))), (0x81, 1, 0));
    assert_eq!(head(&ask(&device, &message(0x62, 3, [0; 3], &[]))), (0x80, 0, 0));
    assert!(begun.elapsed() < Duration::from_secs(1), "the old command holds nothing up");
}

#[test]
fn an_abort_takes_both_pipes_in_either_order() {
    let slot = Arc::new(Slot::with_card());
    let device = powered(&slot);
    for bulk_first in [false, true] {
        device.bulk_out(&block(1, 0, &[0x80, 0x30, 0x02, 0x00]));
        if bulk_first {
            device.bulk_out(&message(0x72, 5, [0; 3], &[]));
            assert_eq!(head(&ask(&device, &block(6, 0, &STATUS))), (0x80, 0x40, 0xFF));
            device.abort(0, 4);
            device.abort(0, 5);
            assert_eq!(head(&device.bulk_in(1 << 20, LONG).unwrap()), (0x81, 0, 0));
        } else {
            device.abort(0, 5);
            assert_eq!(head(&ask(&device, &block(6, 0, &STATUS))), (0x80, 0x40, 0xFF));
            assert_eq!(head(&ask(&device, &message(0x72, 4, [0; 3], &[]))), (0x81, 0x40, 0xFF));
            assert_eq!(head(&ask(&device, &message(0x72, 5, [0; 3], &[]))), (0x81, 0, 0));
        }
        assert_eq!(
            ask(&device, &block(7, 0, &STATUS))[10..],
            [0x63, 0xC3],
            "the aborted is silent"
        );
    }
}

#[test]
fn aborted_work_that_has_not_begun_never_does_and_takes_no_room() {
    let slot = Arc::new(Slot::with_card());
    let device = powered(&slot);
    // The card's thread, and as many others as there may be, each with a slow command.
    for sequence in 1..30 {
        device.bulk_out(&block(sequence, 0, &[0x80, 0x30, 0x0B, 0xB8]));
        let begun = Instant::now();
        while slot.working() < u32::from(sequence).min(9) {
            assert!(begun.elapsed() < LONG);
            std::thread::yield_now();
        }
        device.abort(0, sequence);
        assert_eq!(head(&ask(&device, &message(0x72, sequence, [0; 3], &[]))), (0x81, 0, 0));
    }
    assert_eq!(slot.working(), 9);
    let begun = Instant::now();
    assert_eq!(ask_patiently(&device, &block(30, 0, &STATUS))[10..], [0x63, 0xC3]);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn a_device_that_has_ended_leaves_the_next_one_alone() {
    let slot = Arc::new(Slot::with_card());
    let ended = powered(&slot);
    ended.bulk_out(&block(1, 0, &[0x80, 0x30, 0x06, 0x40]));
    while slot.working() == 0 {
        std::thread::yield_now();
    }
    // It waits for a second, not for the command.
    drop(ended);
    assert_eq!(slot.working(), 1);
    let device = powered(&slot);
    let verify = [&STATUS[..], b"\x0812345678"].concat();
    assert_eq!(ask(&device, &block(1, 0, &verify))[10..], [0x90, 0]);
    while slot.working() > 0 {
        std::thread::yield_now();
    }
    std::thread::sleep(SOON);
    assert_eq!(ask(&device, &block(2, 0, &STATUS))[10..], [0x90, 0]);
}

#[test]
fn a_thread_that_is_late_gives_no_power_and_takes_none() {
    use super::machine::Work;
    let slot = Arc::new(Slot::with_card());
    let ended = powered(&slot);
    let late = ended.late();
    drop(ended);
    let before = slot.counts();
    for again in [false, true] {
        late(Work::PowerOn { again });
    }
    assert!(!slot.powered());
    let _next = powered(&slot);
    late(Work::PowerOff);
    assert!(slot.powered());
    assert_eq!(slot.counts()[1..], before[1..], "neither reset nor off");
}

#[test]
fn no_command_or_response_is_in_debug() {
    let secret = b"12345678".to_vec();
    let whole = block(1, 0, &secret);
    let (mut machine, _) = Machine::new(crate::apdu::Presence { present: true, changes: 1 });
    machine.message(&message(0x62, 0, [0; 3], &[]));
    machine.done(1, Done::Power(crate::apdu::Atr::new(&[0x3B, 0])));
    machine.message(&block(1, 1, &secret));
    let shown = format!(
        "{:?} {machine:?} {:?} {:?} {:?} {:?} {:?}",
        message::Message::parse(&whole),
        Work::Command(zeroize::Zeroizing::new(secret.clone())),
        Done::Response(Some(secret.clone())),
        Step::Answer(whole.clone()),
        crate::reader::vpcd::Message::parse(&secret),
        Step::Work(1, Work::Command(zeroize::Zeroizing::new(secret.clone()))),
    );
    assert!(!shown.contains("49, 50") && shown.contains("8 bytes"), "{shown}");
}

#[test]
fn state_ends_with_the_device() {
    let slot = Arc::new(Slot::with_card());
    let device = powered(&slot);
    drop(device);
    assert!(!slot.powered());
}

proptest::proptest! {
    #[test]
    fn any_messages_are_answered_and_never_more_than_one_is(
        inputs in proptest::collection::vec(
            (0_u8..0x10, proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)),
            1..20,
        ),
    ) {
        let (mut machine, _) = Machine::new(crate::apdu::Presence { present: true, changes: 1 });
        for (kind, mut bytes) in inputs {
            if let (1.., Some(first)) = (kind, bytes.first_mut()) {
                *first = [0x62, 0x63, 0x65, 0x6F, 0x61, 0x6C, 0x6D, 0x72][usize::from(kind) % 8];
            }
            if let (4.., 10..) = (kind, bytes.len()) {
                let length = (bytes.len() - 10) as u32;
                bytes[1..5].copy_from_slice(&length.to_le_bytes());
                bytes[5] = 0;
            }
            let steps = machine.message(&bytes);
            proptest::prop_assert!(steps.len() <= 1);
            for step in steps {
                if let Step::Work(number, work) = step {
                    let done = match work {
                        Work::PowerOn { .. } => Done::Power(crate::apdu::Atr::new(&[0x3B, 0])),
                        Work::PowerOff => Done::Off,
                        Work::Command(command) => Done::Response(Some(command.to_vec())),
                    };
                    proptest::prop_assert_eq!(machine.done(number, done).len(), 1);
                }
            }
        }
    }
}
