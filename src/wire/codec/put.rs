//! Writing of arguments and results by role.

use super::*;

pub(crate) fn number(output: &mut Output, _: Cx, value: u64) -> Result<()> {
    output.long(value);
    Ok(())
}

pub(crate) fn object(output: &mut Output, cx: Cx, handle: u64) -> Result<()> {
    output.long(cx.outgoing(handle)?);
    Ok(())
}

pub(crate) fn flag(output: &mut Output, _: Cx, value: bool) -> Result<()> {
    output.byte(u8::from(value));
    Ok(())
}

pub(crate) fn data(output: &mut Output, _: Cx, value: &[u8]) -> Result<()> {
    output.byte(1);
    output.array(Some(value)).map_err(|_| ARGUMENTS_BAD)
}

pub(crate) fn passcode(output: &mut Output, _: Cx, value: Option<&[u8]>) -> Result<()> {
    output.byte(1);
    output.array(value).map_err(|_| ARGUMENTS_BAD)
}

pub(crate) fn room(output: &mut Output, cx: Cx, room: Room) -> Result<()> {
    output.word(match room {
        Room::Query => 0,
        // A buffer without a byte, which is not NULL. Version 0 has no word for it: one byte is the nearest, and an
        // answer that long is refused by `take::filled`.
        Room::Bytes(0) if cx.version == 0 => 1,
        Room::Bytes(0) => u32::MAX,
        Room::Bytes(room) => u32::try_from(room).unwrap_or(0x7fff_ffff).min(0x7fff_ffff),
    });
    Ok(())
}

pub(crate) fn places(output: &mut Output, _: Cx, places: usize) -> Result<()> {
    output.word(u32::try_from(places.min(PLACES)).unwrap_or(0));
    Ok(())
}

/// Places without the bound of [`places`].
pub(crate) fn all_places(output: &mut Output, places: usize) -> Result<()> {
    output.word(u32::try_from(places).map_err(|_| ARGUMENTS_BAD)?);
    Ok(())
}

pub(crate) fn template(output: &mut Output, _: Cx, template: &[Attribute]) -> Result<()> {
    attribute::put_template(output, template)
}

pub(crate) fn queries(output: &mut Output, _: Cx, queries: &[Query]) -> Result<()> {
    attribute::put_queries(output, queries)
}

pub(crate) fn mechanism(output: &mut Output, cx: Cx, mechanism: &Mechanism) -> Result<()> {
    mechanism::put(output, cx.version, mechanism)
}

pub(crate) fn label(output: &mut Output, _: Cx, label: &[u8; 32]) -> Result<()> {
    output.array(Some(label)).map_err(|_| ARGUMENTS_BAD)
}

pub(crate) fn unit(_: &mut Output, _: Cx, (): &()) -> Result<()> {
    Ok(())
}

pub(crate) fn number_out(output: &mut Output, _: Cx, value: &u64) -> Result<()> {
    output.long(*value);
    Ok(())
}

pub(crate) fn object_out(output: &mut Output, cx: Cx, value: &u64) -> Result<()> {
    object(output, cx, *value)
}

pub(crate) fn pair(output: &mut Output, cx: Cx, value: &(u64, u64)) -> Result<()> {
    object(output, cx, value.0)?;
    object(output, cx, value.1)
}

/// A length alone, or bytes. The length 0 alone is written as NULL, which peers read as such.
pub(crate) fn filled(output: &mut Output, _: Cx, filled: &Filled, _: &Room) -> Result<()> {
    match filled {
        Filled::Length(0) | Filled::TooSmall(0) => {
            output.byte(1);
            output.array(None).map_err(|_| GENERAL_ERROR)
        }
        Filled::Length(length) | Filled::TooSmall(length) => {
            output.byte(0);
            output.word(u32::try_from(*length).map_err(|_| GENERAL_ERROR)?);
            Ok(())
        }
        Filled::Bytes(bytes) => {
            output.byte(1);
            output.array(Some(bytes)).map_err(|_| GENERAL_ERROR)
        }
    }
}

/// Numbers for so many places: all of them, or how many there are.
pub(crate) fn numbers(output: &mut Output, _: Cx, numbers: &[u64], places: &usize) -> Result<()> {
    let fits = *places > 0 && numbers.len() <= *places;
    output.byte(u8::from(fits));
    output.word(u32::try_from(numbers.len()).map_err(|_| GENERAL_ERROR)?);
    if fits {
        numbers.iter().for_each(|number| output.long(*number));
    }
    Ok(())
}

pub(crate) fn objects(output: &mut Output, cx: Cx, handles: &[u64], places: &usize) -> Result<()> {
    numbers(output, cx, handles, &(*places).max(handles.len()).max(1))
}

pub(crate) fn answers(
    output: &mut Output,
    _: Cx,
    answers: &Answers,
    queries: &[Query],
) -> Result<()> {
    attribute::put_answers(output, queries, answers)
}

/// A text in `width` bytes, filled up with spaces; cut where a character ends.
fn text(output: &mut Output, value: &str, width: usize) -> Result<()> {
    let mut end = value.len().min(width);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let mut bytes = value.as_bytes().get(..end).unwrap_or_default().to_vec();
    bytes.resize(width, b' ');
    output.array(Some(&bytes)).map_err(|_| GENERAL_ERROR)
}

fn version(output: &mut Output, version: (u8, u8)) {
    output.raw(&[version.0, version.1]);
}

pub(crate) fn info(output: &mut Output, _: Cx, info: &Info) -> Result<()> {
    version(output, info.cryptoki_version);
    text(output, &info.manufacturer, 32)?;
    output.long(info.flags);
    text(output, &info.description, 32)?;
    version(output, info.library_version);
    Ok(())
}

pub(crate) fn slot_info(output: &mut Output, _: Cx, info: &SlotInfo) -> Result<()> {
    text(output, &info.description, 64)?;
    text(output, &info.manufacturer, 32)?;
    output.long(info.flags);
    version(output, info.hardware_version);
    version(output, info.firmware_version);
    Ok(())
}

pub(crate) fn token_info(output: &mut Output, _: Cx, info: &TokenInfo) -> Result<()> {
    text(output, &info.label, 32)?;
    text(output, &info.manufacturer, 32)?;
    text(output, &info.model, 16)?;
    text(output, &info.serial, 16)?;
    for number in [
        info.flags,
        info.max_sessions,
        info.sessions,
        info.max_rw_sessions,
        info.rw_sessions,
        info.max_pin,
        info.min_pin,
        info.total_public_memory,
        info.free_public_memory,
        info.total_private_memory,
        info.free_private_memory,
    ] {
        output.long(number);
    }
    version(output, info.hardware_version);
    version(output, info.firmware_version);
    output.array(Some(&info.utc_time)).map_err(|_| GENERAL_ERROR)
}

pub(crate) fn session_info(output: &mut Output, _: Cx, info: &SessionInfo) -> Result<()> {
    for number in [info.slot, info.state, info.flags, info.device_error] {
        output.long(number);
    }
    Ok(())
}

pub(crate) fn mechanism_info(output: &mut Output, _: Cx, info: &MechanismInfo) -> Result<()> {
    for number in [info.min_key, info.max_key, info.flags] {
        output.long(number);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_a_character_ends_and_filled_up() {
        let written = |value: &str| {
            let mut output = Output::default();
            text(&mut output, value, 4).unwrap();
            output.as_slice().get(4..).unwrap().to_vec()
        };
        assert_eq!(written("ab"), b"ab  ");
        assert_eq!(written("abcde"), b"abcd");
        assert_eq!(written("abc\u{e9}"), b"abc ");
        assert_eq!(written("a\u{1f600}"), b"a   ");
    }

    #[test]
    fn numbers_are_written_where_there_are_places_for_them() {
        let written = |all: &[u64], places: usize| {
            let mut output = Output::default();
            numbers(&mut output, Cx::server(1), all, &places).unwrap();
            (output.as_slice()[0], output.len())
        };
        assert_eq!(written(&[7, 8], 2), (1, 5 + 16));
        assert_eq!(written(&[7, 8], 1), (0, 5));
        assert_eq!(written(&[7, 8], 0), (0, 5));
        assert_eq!(written(&[], 0), (0, 5), "who has no places asks how many there are");
    }
}
