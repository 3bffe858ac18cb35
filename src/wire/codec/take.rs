//! Reading of arguments and results by role.

use super::*;

pub(crate) fn number(input: &mut Input<'_>, _: Cx) -> Result<u64, Fault> {
    Ok(input.long()?)
}

pub(crate) fn object(input: &mut Input<'_>, cx: Cx) -> Result<u64, Fault> {
    Ok(cx.incoming(input.long()?)?)
}

pub(crate) fn flag(input: &mut Input<'_>, _: Cx) -> Result<bool, Fault> {
    Ok(input.byte()? != 0)
}

pub(crate) fn data<'a>(input: &mut Input<'a>, cx: Cx) -> Result<&'a [u8], Fault> {
    Ok(passcode(input, cx)?.unwrap_or_default())
}

pub(crate) fn passcode<'a>(input: &mut Input<'a>, _: Cx) -> Result<Option<&'a [u8]>, Fault> {
    match input.byte()? {
        // A NULL pointer with a length that is not 0.
        0 => Err(Fault::Refused(ARGUMENTS_BAD)),
        _ => Ok(input.array()?),
    }
}

pub(crate) fn room(input: &mut Input<'_>, _: Cx) -> Result<Room, Fault> {
    Ok(match input.word()? {
        0 => Room::Query,
        u32::MAX => Room::Bytes(0),
        room => Room::Bytes(usize::try_from(room).map_err(|_| Malformed)?),
    })
}

pub(crate) fn places(input: &mut Input<'_>, _: Cx) -> Result<usize, Fault> {
    Ok(usize::try_from(input.word()?).map_err(|_| Malformed)?)
}

pub(crate) fn template(input: &mut Input<'_>, _: Cx) -> Result<Template, Fault> {
    attribute::take_template(input)
}

pub(crate) fn queries(input: &mut Input<'_>, cx: Cx) -> Result<Vec<Query>, Fault> {
    attribute::take_queries(input, cx)
}

pub(crate) fn mechanism(input: &mut Input<'_>, cx: Cx) -> Result<Mechanism, Fault> {
    mechanism::take(input, cx.version)
}

/// 32 bytes: longer ones are cut, shorter ones filled up with spaces.
pub(crate) fn label(input: &mut Input<'_>, _: Cx) -> Result<[u8; 32], Fault> {
    let bytes = input.array()?.ok_or(Fault::Refused(ARGUMENTS_BAD))?;
    let mut label = [b' '; 32];
    for (to, from) in label.iter_mut().zip(bytes) {
        *to = *from;
    }
    Ok(label)
}

pub(crate) fn unit(_: &mut Input<'_>, _: Cx) -> Result<(), Fault> {
    Ok(())
}

pub(crate) fn number_out(input: &mut Input<'_>, cx: Cx) -> Result<u64, Fault> {
    number(input, cx)
}

pub(crate) fn object_out(input: &mut Input<'_>, cx: Cx) -> Result<u64, Fault> {
    object(input, cx)
}

pub(crate) fn pair(input: &mut Input<'_>, cx: Cx) -> Result<(u64, u64), Fault> {
    Ok((object(input, cx)?, object(input, cx)?))
}

/// What came of a call that was given `room`.
pub(crate) fn filled(input: &mut Input<'_>, _: Cx, room: &Room) -> Result<Filled, Fault> {
    if input.byte()? == 0 {
        let length = usize::try_from(input.word()?).map_err(|_| Malformed)?;
        return match room {
            Room::Query => Ok(Filled::Length(length)),
            Room::Bytes(room) if length > *room => Ok(Filled::TooSmall(length)),
            Room::Bytes(_) => Err(Fault::Malformed),
        };
    }
    let bytes = input.array()?.unwrap_or_default();
    match room {
        Room::Query => Ok(Filled::Length(bytes.len())),
        Room::Bytes(room) if bytes.len() <= *room => Ok(Filled::Bytes(bytes.to_vec())),
        Room::Bytes(_) => Err(Fault::Malformed),
    }
}

/// Numbers, or how many there are where they did not fit `places`.
pub(crate) fn numbers(
    input: &mut Input<'_>,
    _: Cx,
    places: &usize,
) -> Result<Result<Vec<u64>, usize>, Fault> {
    if input.byte()? == 0 {
        return Ok(Err(usize::try_from(input.word()?).map_err(|_| Malformed)?));
    }
    let count = input.count(8)?;
    if count > *places {
        return Err(Fault::Malformed);
    }
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        numbers.push(input.long()?);
    }
    Ok(Ok(numbers))
}

pub(crate) fn objects(input: &mut Input<'_>, cx: Cx, places: &usize) -> Result<Vec<u64>, Fault> {
    let handles = numbers(input, cx, places)?.map_err(|_| Fault::Malformed)?;
    Ok(handles.into_iter().map(|handle| cx.incoming(handle)).collect::<Result<_, _>>()?)
}

pub(crate) fn answers(input: &mut Input<'_>, _: Cx, queries: &[Query]) -> Result<Answers, Fault> {
    attribute::take_answers(input, queries)
}

/// A text of exactly `width` bytes, without the spaces at its end.
fn text(input: &mut Input<'_>, width: usize) -> Result<String, Fault> {
    let bytes = input.array()?.filter(|bytes| bytes.len() == width).ok_or(Malformed)?;
    Ok(String::from_utf8_lossy(bytes).trim_end_matches([' ', '\0']).to_owned())
}

fn version(input: &mut Input<'_>) -> Result<(u8, u8), Malformed> {
    Ok((input.byte()?, input.byte()?))
}

pub(crate) fn info(input: &mut Input<'_>, _: Cx) -> Result<Info, Fault> {
    Ok(Info {
        cryptoki_version: version(input)?,
        manufacturer: text(input, 32)?,
        flags: input.long()?,
        description: text(input, 32)?,
        library_version: version(input)?,
    })
}

pub(crate) fn slot_info(input: &mut Input<'_>, _: Cx) -> Result<SlotInfo, Fault> {
    Ok(SlotInfo {
        description: text(input, 64)?,
        manufacturer: text(input, 32)?,
        flags: input.long()?,
        hardware_version: version(input)?,
        firmware_version: version(input)?,
    })
}

pub(crate) fn token_info(input: &mut Input<'_>, _: Cx) -> Result<TokenInfo, Fault> {
    Ok(TokenInfo {
        label: text(input, 32)?,
        manufacturer: text(input, 32)?,
        model: text(input, 16)?,
        serial: text(input, 16)?,
        flags: input.long()?,
        max_sessions: input.long()?,
        sessions: input.long()?,
        max_rw_sessions: input.long()?,
        rw_sessions: input.long()?,
        max_pin: input.long()?,
        min_pin: input.long()?,
        total_public_memory: input.long()?,
        free_public_memory: input.long()?,
        total_private_memory: input.long()?,
        free_private_memory: input.long()?,
        hardware_version: version(input)?,
        firmware_version: version(input)?,
        utc_time: input.array()?.and_then(|bytes| bytes.try_into().ok()).ok_or(Fault::Malformed)?,
    })
}

pub(crate) fn session_info(input: &mut Input<'_>, _: Cx) -> Result<SessionInfo, Fault> {
    Ok(SessionInfo {
        slot: input.long()?,
        state: input.long()?,
        flags: input.long()?,
        device_error: input.long()?,
    })
}

pub(crate) fn mechanism_info(input: &mut Input<'_>, _: Cx) -> Result<MechanismInfo, Fault> {
    Ok(MechanismInfo { min_key: input.long()?, max_key: input.long()?, flags: input.long()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The other end may be anybody: what it says has to go with what it was asked.
    #[test]
    fn an_answer_goes_with_the_room_that_was_given() {
        let read = |bytes: &[u8], room: Room| {
            filled(&mut Input::new(bytes), Cx::server(1), &room).map_err(drop)
        };
        let length = |length: u8| [0, 0, 0, 0, length];
        assert!(matches!(read(&length(5), Room::Query), Ok(Filled::Length(5))));
        assert!(matches!(read(&length(5), Room::Bytes(4)), Ok(Filled::TooSmall(5))));
        assert!(read(&length(4), Room::Bytes(4)).is_err(), "four would have had room");
        let bytes = b"\x01\0\0\0\x03abc";
        assert!(matches!(read(bytes, Room::Query), Ok(Filled::Length(3))));
        assert!(matches!(read(bytes, Room::Bytes(3)), Ok(Filled::Bytes(all)) if all == b"abc"));
        assert!(read(bytes, Room::Bytes(2)).is_err(), "more than there is room for");
    }
}
