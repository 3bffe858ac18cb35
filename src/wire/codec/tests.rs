//! Edges of what is written and read, which no call of ours would meet.

use super::*;

fn input(output: &Output) -> Input<'_> {
    Input::new(output.as_slice())
}

/// As a server of somebody else's may answer.
fn answered(given: bool, length: usize) -> Output {
    let mut output = Output::default();
    output.byte(u8::from(given));
    if given {
        output.array(Some(&vec![7; length])).unwrap();
    } else {
        output.word(u32::try_from(length).unwrap());
    }
    output
}

#[test]
fn an_output_fits_its_room_or_breaks_the_protocol() {
    let read = |given: bool, length: usize, room: Room| {
        take::filled(&mut input(&answered(given, length)), Cx::server(1), &room)
    };
    assert_eq!(read(true, 8, Room::Bytes(8)), Ok(Filled::Bytes(vec![7; 8])));
    assert_eq!(read(true, 9, Room::Bytes(8)), Err(Fault::Malformed), "more than there is room for");
    assert_eq!(read(false, 9, Room::Bytes(8)), Ok(Filled::TooSmall(9)));
    for length in [0, 7, 8] {
        let said = read(false, length, Room::Bytes(8));
        assert_eq!(said, Err(Fault::Malformed), "{length} would have fitted");
    }
    assert_eq!(read(false, 9, Room::Query), Ok(Filled::Length(9)));
    assert_eq!(read(true, 9, Room::Query), Ok(Filled::Length(9)));
}

#[test]
fn numbers_go_out_where_there_are_places_for_all_of_them() {
    let fits = |numbers: &[u64], places: usize| {
        let mut output = Output::default();
        put::numbers(&mut output, Cx::server(1), numbers, &places).unwrap();
        let given = output.as_slice()[0] == 1;
        let long = 5 + if given { 8 * numbers.len() } else { 0 };
        assert_eq!(output.as_slice().len(), long);
        given
    };
    assert!(fits(&[1, 2], 2) && fits(&[1, 2], 3) && fits(&[], 1));
    assert!(!fits(&[1, 2], 1));
    assert!(!fits(&[], 0) && !fits(&[1], 0), "without a place it is how many there are");
}

#[test]
fn texts_are_cut_where_a_character_ends_and_filled_up() {
    let written = |text: &str| {
        let info = SlotInfo {
            description: text.to_owned(),
            manufacturer: String::new(),
            flags: 0,
            hardware_version: (0, 0),
            firmware_version: (0, 0),
        };
        let mut output = Output::default();
        put::slot_info(&mut output, Cx::server(1), &info).unwrap();
        input(&output).array().unwrap().unwrap().to_vec()
    };
    let filled = |text: &str| format!("{text:64}").into_bytes();
    assert_eq!(written("ward"), filled("ward"));
    assert_eq!(written(&"a".repeat(70)), filled(&"a".repeat(64)));
    // The last byte would be the first of two; the last two the first of three; and so on.
    assert_eq!(written(&format!("{}é", "a".repeat(63))), filled(&"a".repeat(63)));
    assert_eq!(written(&format!("{}€", "a".repeat(62))), filled(&"a".repeat(62)));
    assert_eq!(written(&format!("{}😀", "a".repeat(61))), filled(&"a".repeat(61)));
}
