//! What the frames say.

use crate::{
    apdu::{Atr, Presence},
    net::Connection,
    reader::{LONGEST_COMMAND, LONGEST_RESPONSE, intake::Intake},
};
use std::{fmt, io, time::Instant};
use zeroize::Zeroize;

/// The version that is spoken.
pub(super) const VERSION: u8 = 1;
/// How a connection begins.
const MAGIC: [u8; 4] = *b"WCRD";
/// Length of a greeting.
pub(super) const GREETING: usize = 6;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Commands,
    Presence,
}

/// How a greeting is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Welcome {
    Welcome = 0,
    /// Another handler drives the card, or too many ask.
    Taken = 1,
}

/// Bytes that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl From<Malformed> for io::Error {
    fn from(_: Malformed) -> Self {
        io::ErrorKind::InvalidData.into()
    }
}

pub(super) fn greeting(role: Role) -> [u8; GREETING] {
    let [a, b, c, d] = MAGIC;
    [a, b, c, d, VERSION, role as u8]
}

/// The version that the other end speaks at most, and what the connection is for.
pub(super) fn greeted(bytes: &[u8]) -> Result<(u8, Role), Malformed> {
    match bytes {
        [head @ .., version, role] if *head == MAGIC && *version > 0 => match role {
            0 => Ok((*version, Role::Commands)),
            1 => Ok((*version, Role::Presence)),
            _ => Err(Malformed),
        },
        _ => Err(Malformed),
    }
}

/// From the handler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Request<'a> {
    PowerOn,
    Reset,
    PowerOff,
    Transmit(&'a [u8]),
}

/// From the agent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    Atr(Atr),
    Response(&'a [u8]),
    Done,
    Absent,
    Presence(Presence),
}

// Of commands and responses the lengths alone: they hold passcodes and what is deciphered.

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PowerOn => "PowerOn",
            Self::Reset => "Reset",
            Self::PowerOff => "PowerOff",
            Self::Transmit(command) => return write!(f, "Transmit({} bytes)", command.len()),
        })
    }
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Atr(atr) => write!(f, "{atr:?}"),
            Self::Response(response) => write!(f, "Response({} bytes)", response.len()),
            Self::Done => f.write_str("Done"),
            Self::Absent => f.write_str("Absent"),
            Self::Presence(presence) => write!(f, "{presence:?}"),
        }
    }
}

/// The longest frame after its length.
pub(super) const LONGEST: usize = 1 + LONGEST_COMMAND;
const _: () = assert!(LONGEST_COMMAND >= LONGEST_RESPONSE);

impl<'a> Request<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        match body {
            [1] => Ok(Self::PowerOn),
            [2] => Ok(Self::Reset),
            [3] => Ok(Self::PowerOff),
            [4, command @ ..] if command.len() <= LONGEST_COMMAND => Ok(Self::Transmit(command)),
            _ => Err(Malformed),
        }
    }

    pub(super) fn write(self, connection: &Connection) -> io::Result<()> {
        match self {
            Self::PowerOn => write(connection, 1, &[]),
            Self::Reset => write(connection, 2, &[]),
            Self::PowerOff => write(connection, 3, &[]),
            Self::Transmit(command) => write(connection, 4, command),
        }
    }
}

impl<'a> Answer<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        match body {
            [0x81, atr @ ..] => Atr::new(atr).map(Self::Atr).ok_or(Malformed),
            [0x82, response @ ..] if response.len() >= 2 => Ok(Self::Response(response)),
            [0x83] => Ok(Self::Done),
            [0x84] => Ok(Self::Absent),
            [0x90, present @ (0 | 1), changes @ ..] => {
                let changes = u64::from_be_bytes(changes.try_into().map_err(|_| Malformed)?);
                Ok(Self::Presence(Presence { present: *present == 1, changes }))
            }
            _ => Err(Malformed),
        }
    }

    pub(super) fn write(self, connection: &Connection) -> io::Result<()> {
        match self {
            Self::Atr(atr) => write(connection, 0x81, atr.as_bytes()),
            Self::Response(response) => write(connection, 0x82, response),
            Self::Done => write(connection, 0x83, &[]),
            Self::Absent => write(connection, 0x84, &[]),
            Self::Presence(Presence { present, changes }) => {
                let mut body = [u8::from(present); 9];
                if let Some((_, place)) = body.split_first_mut() {
                    place.copy_from_slice(&changes.to_be_bytes());
                }
                write(connection, 0x90, &body)
            }
        }
    }
}

fn write(connection: &Connection, kind: u8, body: &[u8]) -> io::Result<()> {
    if body.len() >= LONGEST {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let length = u32::try_from(1 + body.len()).map_err(io::Error::other)?;
    let mut frame = Vec::with_capacity(5 + body.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.push(kind);
    frame.extend_from_slice(body);
    let sent = connection.write_all(&frame);
    frame.zeroize();
    sent
}

/// The next frame's body, which stays until `done(4 + its length)`.
pub(super) fn read<'a>(
    intake: &'a mut Intake,
    connection: &Connection,
    deadline: Option<Instant>,
) -> io::Result<&'a [u8]> {
    let Ok(head) = <[u8; 4]>::try_from(intake.need(connection, 4, deadline)?) else {
        return Err(Malformed.into());
    };
    let length = usize::try_from(u32::from_be_bytes(head)).map_err(io::Error::other)?;
    if !(1..=LONGEST).contains(&length) {
        return Err(Malformed.into());
    }
    Ok(intake.need(connection, 4 + length, deadline)?.get(4..).unwrap_or_default())
}

/// Reads any bytes as everything that they could be.
#[doc(hidden)]
pub fn fuzz(input: &[u8]) {
    let _ = greeted(input);
    let _ = Request::parse(input);
    let _ = Answer::parse(input);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_go_both_ways_and_others_are_refused() {
        for role in [Role::Commands, Role::Presence] {
            assert_eq!(greeted(&greeting(role)), Ok((VERSION, role)));
        }
        for other in [&b""[..], b"WCRD", b"WCRD\x01\x02", b"WCRD\x00\x00", b"WCRE\x01\x00"] {
            assert_eq!(greeted(other), Err(Malformed), "{other:?}");
        }
    }

    #[test]
    fn frames_go_both_ways() {
        let (here, there) = Connection::pair().unwrap();
        let mut intake = Intake::default();
        let long = vec![7; LONGEST_COMMAND];
        for request in [
            Request::PowerOn,
            Request::Reset,
            Request::PowerOff,
            Request::Transmit(&[]),
            Request::Transmit(&long),
        ] {
            request.write(&there).unwrap();
            let body = read(&mut intake, &here, None).unwrap();
            assert_eq!(Request::parse(body), Ok(request));
            let length = 4 + body.len();
            intake.done(length);
        }
        let atr = Atr::new(&[0x3B, 0]).unwrap();
        let long = vec![9; LONGEST_RESPONSE];
        for answer in [
            Answer::Atr(atr),
            Answer::Response(&long),
            Answer::Done,
            Answer::Absent,
            Answer::Presence(Presence { present: true, changes: u64::MAX }),
            Answer::Presence(Presence::default()),
        ] {
            answer.write(&there).unwrap();
            let body = read(&mut intake, &here, None).unwrap();
            assert_eq!(Answer::parse(body), Ok(answer));
            let length = 4 + body.len();
            intake.done(length);
        }
        assert!(Request::Transmit(&[0; LONGEST]).write(&there).is_err());
        for length in [0, LONGEST as u32 + 1, u32::MAX] {
            let (here, there) = Connection::pair().unwrap();
            there.write_all(&length.to_be_bytes()).unwrap();
            let error = read(&mut Intake::default(), &here, None).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            input in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40),
        ) {
            fuzz(&input);
        }
    }
}
