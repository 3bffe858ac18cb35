use super::*;
use proptest::prelude::*;

/// Answers with what it was asked for: P1 P2 as so many bytes, and takes chains of DB and 87.
#[derive(Default)]
struct Echo {
    seen: Vec<Vec<u8>>,
    passed_over: usize,
}

impl Application for Echo {
    fn chains(&self, ins: u8) -> bool {
        matches!(ins, 0xDB | 0x87)
    }

    fn command(&mut self, command: &Command<'_>) -> Option<Response> {
        assert_eq!(command.cla, 0);
        self.seen.push(command.data.to_vec());
        if command.ins == 0xEE {
            return None;
        }
        let length = usize::from(command.p1) << 8 | usize::from(command.p2);
        Some(Response::of((0..length).map(|n| n.to_le_bytes()[0]).collect::<Vec<u8>>()))
    }

    fn passed_over(&mut self) {
        self.passed_over += 1;
    }
}

fn talk(channel: &mut Channel, echo: &mut Echo, bytes: &[u8]) -> (Vec<u8>, [u8; 2]) {
    let mut answer = channel.transmit(bytes, echo).unwrap();
    let status = answer.split_off(answer.len() - 2);
    (answer, status.try_into().unwrap())
}

fn status(channel: &mut Channel, echo: &mut Echo, bytes: &[u8]) -> [u8; 2] {
    let (data, status) = talk(channel, echo, bytes);
    assert!(data.is_empty());
    status
}

#[test]
fn the_four_cases_short_and_extended() {
    for (bytes, data, le) in [
        (&[0, 1, 2, 3][..], &[][..], None),
        (&[0, 1, 2, 3, 9], &[], Some(9)),
        (&[0, 1, 2, 3, 0], &[], Some(256)),
        (&[0, 1, 2, 3, 1, 7], &[7], None),
        (&[0, 1, 2, 3, 1, 7, 0], &[7], Some(256)),
        (&[0, 1, 2, 3, 0, 1, 0], &[], Some(256)),
        (&[0, 1, 2, 3, 0, 0, 0], &[], Some(65536)),
        (&[0, 1, 2, 3, 0, 0, 1, 7], &[7], None),
        (&[0, 1, 2, 3, 0, 0, 1, 7, 0, 8], &[7], Some(8)),
        (&[0, 1, 2, 3, 0, 0, 1, 7, 0, 0], &[7], Some(65536)),
    ] {
        let command = Command::parse(bytes).unwrap();
        assert_eq!(command, Command { cla: 0, ins: 1, p1: 2, p2: 3, data, le }, "{bytes:02X?}");
        assert_eq!(Command::parse(&command.to_bytes()), Ok(command));
    }
}

#[test]
fn lengths_that_do_not_add_up_are_wrong() {
    for bytes in [
        &[][..],
        &[0, 1, 2],
        &[0, 1, 2, 3, 2, 7],
        &[0, 1, 2, 3, 1, 7, 0, 0],
        &[0, 1, 2, 3, 0, 1],
        &[0, 1, 2, 3, 0, 0, 0, 7],
        &[0, 1, 2, 3, 0, 0, 2, 7],
        &[0, 1, 2, 3, 0, 0, 1, 7, 0],
        &[0, 1, 2, 3, 0, 0, 1, 7, 0, 0, 0],
    ] {
        assert_eq!(Command::parse(bytes), Err(Status::WrongLength), "{bytes:02X?}");
    }
}

#[test]
fn status_words_are_bytes_and_back() {
    for status in Status::ALL {
        assert_eq!(Status::from_bytes(status.to_bytes()), Some(status));
    }
    assert_eq!(Status::TriesLeft(200).to_bytes(), [0x63, 0xCF]);
    assert_eq!(Status::from_bytes([0x12, 0x34]), None);
}

#[test]
fn classes_of_other_channels_and_secure_messaging_are_told_apart() {
    let (mut channel, mut echo) = (Channel::default(), Echo::default());
    for (cla, answer) in [
        (0x01, [0x68, 0x81]),
        (0x13, [0x68, 0x81]),
        (0x0C, [0x68, 0x82]),
        (0x04, [0x68, 0x82]),
        (0x0D, [0x68, 0x81]),
        (0x40, [0x68, 0x81]),
        (0x20, [0x6E, 0x00]),
        (0x80, [0x6E, 0x00]),
        (0xFF, [0x6E, 0x00]),
    ] {
        assert_eq!(status(&mut channel, &mut echo, &[cla, 1, 0, 0]), answer, "{cla:02X}");
    }
    assert!(echo.seen.is_empty());
    assert_eq!(echo.passed_over, 9);
}

#[test]
fn a_chain_arrives_whole() {
    let (mut channel, mut echo) = (Channel::default(), Echo::default());
    assert_eq!(status(&mut channel, &mut echo, &[0x10, 0xDB, 0, 0, 2, 1, 2]), [0x90, 0]);
    assert_eq!(status(&mut channel, &mut echo, &[0x10, 0xDB, 0, 0, 0, 0, 1, 3]), [0x90, 0]);
    assert_eq!(status(&mut channel, &mut echo, &[0x00, 0xDB, 0, 0, 1, 4]), [0x90, 0]);
    assert_eq!(echo.seen, [[1, 2, 3, 4]]);
    assert_eq!(echo.passed_over, 0);
}

#[test]
fn another_command_in_a_chain_ends_it_and_is_not_done() {
    let (mut channel, mut echo) = (Channel::default(), Echo::default());
    for other in [&[0x00, 0xDB, 0, 1, 1, 4][..], &[0x00, 0x01, 0, 0], &[0x00, 0xC0, 0, 0, 0]] {
        assert_eq!(status(&mut channel, &mut echo, &[0x10, 0xDB, 0, 0, 1, 1]), [0x90, 0]);
        assert_eq!(status(&mut channel, &mut echo, other), [0x68, 0x83], "{other:02X?}");
        assert!(echo.seen.is_empty());
    }
    assert_eq!(status(&mut channel, &mut echo, &[0x00, 0xDB, 0, 0, 1, 4]), [0x90, 0]);
    assert_eq!(echo.seen, [[4]]);
}

#[test]
fn instructions_that_take_no_chain_say_so() {
    let (mut channel, mut echo) = (Channel::default(), Echo::default());
    assert_eq!(status(&mut channel, &mut echo, &[0x10, 0x20, 0, 0, 1, 1]), [0x68, 0x84]);
    assert_eq!(status(&mut channel, &mut echo, &[0x10, 0xC0, 0, 0, 0]), [0x68, 0x84]);
    assert!(echo.seen.is_empty());
}

#[test]
fn a_chain_has_a_limit() {
    let (mut channel, mut echo) = (Channel::default(), Echo::default());
    let part = [&[0x10, 0xDB, 0, 0, 255][..], &[5; 255]].concat();
    for _ in 0..Channel::LONGEST / 255 {
        assert_eq!(status(&mut channel, &mut echo, &part), [0x90, 0]);
    }
    assert_eq!(status(&mut channel, &mut echo, &part), [0x67, 0]);
    assert_eq!(status(&mut channel, &mut echo, &[0x00, 0xDB, 0, 0, 1, 4]), [0x90, 0]);
    assert_eq!(echo.seen, [[4]]);
}

#[test]
fn a_long_response_is_got_in_pieces() {
    let (mut channel, mut echo) = (Channel::default(), Echo::default());
    let (data, sw) = talk(&mut channel, &mut echo, &[0, 1, 0x02, 0x80, 0]);
    assert_eq!((data.len(), sw), (256, [0x61, 0]));
    let (data, sw) = talk(&mut channel, &mut echo, &[0, 0xC0, 0, 0, 0xFF]);
    assert_eq!((data.len(), data[0], sw), (255, 0, [0x61, 129]));
    let (data, sw) = talk(&mut channel, &mut echo, &[0, 0xC0, 0, 0, 0]);
    assert_eq!((data.len(), data[0], sw), (129, 255, [0x90, 0]));
    assert_eq!(status(&mut channel, &mut echo, &[0, 0xC0, 0, 0, 0]), [0x69, 0x85]);
}

#[test]
fn extended_le_gets_it_whole_and_no_le_what_a_short_one_gets() {
    let (mut channel, mut echo) = (Channel::default(), Echo::default());
    let (data, sw) = talk(&mut channel, &mut echo, &[0, 1, 0x12, 0x34, 0, 0, 0]);
    assert_eq!((data.len(), sw), (0x1234, [0x90, 0]));
    let (data, sw) = talk(&mut channel, &mut echo, &[0, 1, 0, 9]);
    assert_eq!((data.len(), sw), (9, [0x90, 0]));
    let (data, sw) = talk(&mut channel, &mut echo, &[0, 1, 1, 9]);
    assert_eq!((data.len(), sw), (256, [0x61, 9]));
    let (data, sw) = talk(&mut channel, &mut echo, &[0, 0xC0, 0, 0]);
    assert_eq!((data.len(), sw), (9, [0x90, 0]));
}

#[test]
fn any_other_command_drops_what_was_left() {
    let (mut channel, mut echo) = (Channel::default(), Echo::default());
    for other in [&[0, 1, 0, 0][..], &[0x80, 1, 0, 0], &[0, 1], &[0x10, 0xDB, 0, 0, 1, 1]] {
        assert_eq!(talk(&mut channel, &mut echo, &[0, 1, 0, 9, 8]).1, [0x61, 1]);
        status(&mut channel, &mut echo, other);
        let left = status(&mut channel, &mut echo, &[0, 0xC0, 0, 0, 0]);
        assert!(matches!(left, [0x69, 0x85] | [0x68, 0x83]), "{other:02X?}");
    }
    assert_eq!(talk(&mut channel, &mut echo, &[0, 1, 0, 9, 8]).1, [0x61, 1]);
    channel.reset();
    assert_eq!(status(&mut channel, &mut echo, &[0, 0xC0, 0, 0, 0]), [0x69, 0x85]);
}

#[test]
fn get_response_has_its_own_parameters() {
    let (mut channel, mut echo) = (Channel::default(), Echo::default());
    for (bytes, answer) in [
        (&[0, 0xC0, 1, 0, 0][..], [0x6A, 0x86]),
        (&[0, 0xC0, 0, 0, 1, 1], [0x67, 0]),
        (&[0x10, 0xC0, 0, 0, 0], [0x68, 0x84]),
    ] {
        assert_eq!(talk(&mut channel, &mut echo, &[0, 1, 0, 9, 8]).1, [0x61, 1]);
        assert_eq!(status(&mut channel, &mut echo, bytes), answer, "{bytes:02X?}");
    }
}

#[test]
fn a_card_that_goes_answers_nothing() {
    let (mut channel, mut echo) = (Channel::default(), Echo::default());
    assert_eq!(channel.transmit(&[0, 0xEE, 0, 0], &mut echo), None);
}

#[test]
fn nothing_shows_data() {
    let command = Command { cla: 0, ins: 0x20, p1: 0, p2: 0x80, data: b"123456", le: None };
    assert_eq!(format!("{command:?}"), "Command(00 20 00 80, 6 bytes, None)");
    assert_eq!(format!("{:?}", Response::of(b"secret")), "Response(6 bytes, Success)");
    assert_eq!(format!("{:?}", Channel::default()), "Channel { chain: false, pending: false }");
}

proptest! {
    #[test]
    fn any_bytes_are_a_command_or_of_wrong_length(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        if let Ok(command) = Command::parse(&bytes) {
            let again = command.to_bytes();
            prop_assert_eq!(Command::parse(&again), Ok(command));
        }
    }

    #[test]
    fn any_commands_are_answered(
        commands in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
    ) {
        let (mut channel, mut echo) = (Channel::default(), Echo::default());
        for command in &commands {
            if command.get(1) != Some(&0xEE) {
                prop_assert!(channel.transmit(command, &mut echo).unwrap().len() >= 2);
            }
        }
    }
}
