use super::*;
use std::thread;

const PATIENCE: Duration = Duration::from_millis(100);

fn header(code: u32, options: u32, length: u32) -> Vec<u8> {
    [code, options, length].iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn receive(bytes: &[u8], limit: usize) -> io::Result<(u32, Vec<u8>)> {
    let (here, there) = Connection::pair().unwrap();
    there.write_all(bytes).unwrap();
    let mut body = Output::default();
    let code = Intake::new(limit, PATIENCE).next(&here, &mut body)?;
    Ok((code, body.as_slice().to_vec()))
}

#[test]
fn a_frame_is_its_number_and_its_message_without_options() {
    let bytes = [&header(7, 3, 2)[..], b"opthi"].concat();
    assert_eq!(receive(&bytes, 100).unwrap(), (7, b"hi".to_vec()));
}

#[test]
fn number_0_is_refused() {
    let error = receive(&header(0, 0, 0), 100).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn frames_above_the_limit_are_refused_by_their_header() {
    for (options, length) in [(0, 101), (101, 0), (51, 50), (u32::MAX, u32::MAX), (0, u32::MAX)] {
        let error = receive(&header(1, options, length), 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{options} {length}");
    }
    let full = [&header(1, 50, 50)[..], &[0; 100]].concat();
    assert!(receive(&full, 100).is_ok());
}

#[test]
fn a_frame_that_has_begun_must_arrive_within_patience() {
    for part in
        [&header(1, 0, 5)[..1], &header(1, 0, 5)[..], &[&header(1, 0, 5)[..], b"abcd"].concat()]
    {
        let start = Instant::now();
        assert_eq!(receive(part, 100).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= PATIENCE);
    }
}

#[test]
fn a_trickle_does_not_stretch_patience() {
    let (here, there) = Connection::pair().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            for byte in header(1, 0, 100).iter().chain(&[0; 40]) {
                if there.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(PATIENCE / 10);
            }
        });
        let error = Intake::new(1000, PATIENCE).next(&here, &mut Output::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        here.shutdown();
    });
}

#[test]
fn several_frames_may_come_at_once_and_in_pieces() {
    let (here, there) = Connection::pair().unwrap();
    let large = vec![7; 100_000];
    let bytes = [
        &header(1, 0, 1)[..],
        b"a",
        &header(2, 0, 0),
        &header(3, 0, 100_000),
        &large,
        &header(4, 1, 1),
        b"ob",
    ]
    .concat();
    thread::scope(|scope| {
        scope.spawn(move || there.write_all(&bytes).unwrap());
        let mut intake = Intake::new(1 << 20, Duration::from_secs(5));
        let mut body = Output::default();
        for (code, expected) in [(1, &b"a"[..]), (2, b""), (3, &large), (4, b"b")] {
            assert_eq!(intake.next(&here, &mut body).unwrap(), code);
            assert_eq!(body.as_slice(), expected);
        }
        assert!(intake.buffer.iter().all(|byte| *byte == 0), "used bytes are erased");
    });
}

#[test]
fn answers_must_be_of_the_call_or_an_error() {
    let row = general::OPEN_SESSION;
    let message = |id, signature: &str, rest: &[u8]| {
        let mut output = Output::default();
        output.word(id);
        output.array(Some(signature.as_bytes())).unwrap();
        output.raw(rest);
        output.as_slice().to_vec()
    };
    let good = message(10, "u", &[0, 0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(answer(row, &good).unwrap().unwrap().long(), Ok(5));
    let error = message(0, "u", &[0, 0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(answer(row, &error).unwrap().err(), Some(Rv(5)));
    for bad in [
        message(11, "u", &[0; 8]),
        message(10, "uu", &[0; 16]),
        message(0, "u", &[0; 8]),
        message(0, "", &[0, 0, 0, 0, 0, 0, 0, 5]),
        message(0, "u", &[0, 0, 0, 0, 0, 0, 0, 5, 9]),
        message(0, "u", &[1]),
        vec![0, 0, 0, 10, 255, 255, 255, 255],
        vec![0, 0, 0],
        vec![],
    ] {
        assert!(answer(row, &bad).is_err(), "{bad:?}");
    }
}
