//! One call: from a message to the frame that answers it.

use crate::pkcs11::{Cryptoki, NOT_SUPPORTED, Result};
use crate::wire::{
    bytes::{Input, Malformed, Output},
    calls::{self, Pace, Row, Server, general},
    codec::{Lend, put, take},
    cx::{Cx, DEVICE_ERROR, Fault, GENERAL_ERROR, MALFORMED, MECHANISM_INVALID},
    frame, mechanism,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bit of C_WaitForSlotEvent's flags: CKF_DONT_BLOCK.
const DONT_BLOCK: u64 = 1;

/// A call that was read: its row, its arguments, and what decides when it runs.
pub(super) struct Call<'a> {
    row: Option<Row>,
    input: Input<'a>,
    /// The session whose order it keeps.
    pub(super) session: Option<u64>,
    pub(super) pace: Pace,
    /// Whether it waits for a slot event.
    pub(super) waits: bool,
}

/// Reads a message's head: a number that exists in this version, and the signature that belongs to it.
pub(super) fn parse(body: &[u8], cx: Cx) -> Result<Call<'_>, Malformed> {
    let mut input = Input::new(body);
    let id = input.word()?;
    let signature = input.array()?.ok_or(Malformed)?;
    let Some(row) = calls::row(id, cx.version) else {
        let later = cx.version > 0 && general::LATER.contains(&id);
        return if later {
            Ok(Call { row: None, input, session: None, pace: Pace::Quick, waits: false })
        } else {
            Err(Malformed)
        };
    };
    if signature != row.request.as_bytes() {
        return Err(Malformed);
    }
    let on_session = calls::SESSION.contains(&row) || row == general::DERIVE_KEY_2;
    let session = on_session
        .then(|| {
            let mut ahead = input;
            ahead.long()
        })
        .transpose()?;
    let waits = row == general::WAIT_FOR_SLOT_EVENT && {
        let mut ahead = input;
        ahead.long()? & DONT_BLOCK == 0
    };
    Ok(Call { row: Some(row), input, session, pace: row.pace, waits })
}

/// Runs a call and makes `answer` the frame that answers it. A panic in the implementation is CKR_GENERAL_ERROR.
///
/// # Errors
/// The arguments break the protocol: `answer` says so, and is the last.
pub(super) fn run(
    cryptoki: &dyn Cryptoki,
    cx: Cx,
    code: u32,
    call: &Call<'_>,
    answer: &mut Output,
) -> Result<(), Malformed> {
    let Some(row) = call.row else {
        frame::error(answer, code, NOT_SUPPORTED);
        return Ok(());
    };
    frame::begin(answer, code, row.id, row.response);
    let done = catch_unwind(AssertUnwindSafe(|| {
        let server = Server(cryptoki);
        match calls::serve(&server, row.id, call.input, answer, cx) {
            Some(done) => done,
            None => without_session(cryptoki, row, call.input, answer, cx),
        }
    }))
    .unwrap_or(Err(GENERAL_ERROR))
    .and_then(|()| frame::finish(answer));
    match done {
        Ok(()) => Ok(()),
        Err(MALFORMED) => {
            frame::error(answer, code, DEVICE_ERROR);
            Err(Malformed)
        }
        Err(rv) => {
            frame::error(answer, code, rv);
            Ok(())
        }
    }
}

fn without_session(
    cryptoki: &dyn Cryptoki,
    row: Row,
    mut input: Input<'_>,
    output: &mut Output,
    cx: Cx,
) -> Result<()> {
    macro_rules! arguments {
        ($($name:ident: $role:ident),*) => {
            $(let $name = take::$role(&mut input, cx)?;)*
            input.end().map_err(Fault::from)?;
        };
    }
    match row {
        general::INITIALIZE => {
            arguments!(handshake: data, has_reserved: flag, reserved: passcode);
            let _ = (has_reserved, reserved);
            if handshake != general::HANDSHAKE {
                return Err(GENERAL_ERROR);
            }
            cryptoki.initialize()
        }
        general::FINALIZE => {
            arguments!();
            cryptoki.finalize()
        }
        general::INFO => {
            arguments!();
            put::info(output, cx, &cryptoki.info()?)
        }
        general::SLOT_LIST => {
            arguments!(present: flag, places: places);
            put::numbers(output, cx, &cryptoki.slot_list(present)?, &places)
        }
        general::SLOT_INFO => {
            arguments!(slot: number);
            put::slot_info(output, cx, &cryptoki.slot_info(slot)?)
        }
        general::TOKEN_INFO => {
            arguments!(slot: number);
            put::token_info(output, cx, &cryptoki.token_info(slot)?)
        }
        general::MECHANISM_LIST => {
            arguments!(slot: number, places: places);
            let mut kinds = cryptoki.mechanism_list(slot)?;
            kinds.retain(|kind| mechanism::listed(*kind, cx.version));
            put::numbers(output, cx, &kinds, &places)
        }
        general::MECHANISM_INFO => {
            arguments!(slot: number, kind: number);
            if !mechanism::listed(kind, cx.version) {
                return Err(MECHANISM_INVALID);
            }
            put::mechanism_info(output, cx, &cryptoki.mechanism_info(slot, kind)?)
        }
        general::INIT_TOKEN | general::INIT_TOKEN_2 => {
            arguments!(slot: number, pin: passcode, label: label);
            cryptoki.init_token(slot, pin, label.lend())
        }
        general::OPEN_SESSION => {
            arguments!(slot: number, flags: number);
            put::number(output, cx, cryptoki.open_session(slot, flags)?)
        }
        general::CLOSE_ALL_SESSIONS => {
            arguments!(slot: number);
            cryptoki.close_all_sessions(slot)
        }
        general::WAIT_FOR_SLOT_EVENT => {
            arguments!(flags: number);
            put::number(output, cx, cryptoki.wait_for_slot_event(flags & DONT_BLOCK == 0)?)
        }
        general::DERIVE_KEY_2 => {
            arguments!(session: number, mechanism: mechanism, base: object, template: template);
            let key = cryptoki.derive_key(session, &mechanism, base, template.lend())?;
            put::object(output, cx, key)?;
            // No parameter of ours is written back.
            if mechanism::shape(mechanism.kind) != Some(mechanism::Shape::None) {
                output.byte(0);
            }
            put::number(output, cx, 0)
        }
        _ => Err(NOT_SUPPORTED),
    }
}
