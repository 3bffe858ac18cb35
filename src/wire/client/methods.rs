//! The client's `Cryptoki`: calls on sessions from the table, and the few others.

use super::{
    Client,
    link::{self, Failure},
    lock,
};
use crate::{
    pkcs11::{
        Answers, Attribute, Cryptoki, Filled, Info, Mechanism, MechanismInfo, MechanismType,
        ObjectHandle, Query, Result, Room, SessionHandle, SessionInfo, SlotId, SlotInfo, TokenInfo,
    },
    wire::{
        calls::{self, Row, general, session_calls},
        codec::{PLACES, put, take},
        cx::{DEVICE_ERROR, MECHANISM_INVALID, TOKEN_NOT_PRESENT},
        mechanism,
    },
};

/// Random bytes asked for at once.
const RANDOM: usize = 64 * 1024;

/// Largest piece of a message in one call: a document of any size goes in several, each within
/// what a server takes as one frame.
const PIECE: usize = 512 * 1024;

/// Sends `part` in pieces; an empty one too.
fn pieces(part: &[u8], send: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut send = send;
    if part.is_empty() {
        return send(part);
    }
    part.chunks(PIECE).try_for_each(send)
}

/// The last step of a message sent in pieces, once it is known that its answer has room: else the
/// operation stays as it was (section 5.2).
fn at_last(needed: Filled, room: Room, work: impl FnOnce() -> Result<Filled>) -> Result<Filled> {
    let Filled::Length(needed) = needed else { return Err(DEVICE_ERROR) };
    match room.admits(needed) {
        Err(answer) => Ok(answer),
        Ok(()) => work(),
    }
}

fn row(id: u32) -> Row {
    // A number from the table itself.
    calls::row(id, 0).unwrap_or(general::ERROR)
}

macro_rules! client_methods {
    ($($id:literal $name:literal $request:literal -> $response:literal $pace:ident, $method:ident($($argument:ident: $role:ident($kind:ty)),*) -> $result:ident: $out:ty $(, $depends:ident)?;)*) => {
        /// One call on a session each, as the table has them.
        mod one {
            use super::*;
            $(pub(super) fn $method(client: &Client, session: SessionHandle $(, $argument: $kind)*) -> Result<$out> {
                client.on_session(session, |link, server| {
                    link.call(
                        row($id),
                        |output, cx| {
                            put::number(output, cx, server)?;
                            $(put::$role(output, cx, $argument)?;)*
                            Ok(())
                        },
                        |input, cx| take::$result(input, cx $(, &$depends)?),
                    )
                })
            })*
        }
        impl Cryptoki for Client {
            $(client_methods!(@method $method($($argument: $kind),*) -> $out);)*

            fn initialize(&self) -> Result<()> {
                self.here().initialize()
            }

            fn finalize(&self) -> Result<()> {
                self.here().finalize()
            }

            fn forked(&self) {
                self.here();
            }

            fn info(&self) -> Result<Info> {
                self.general_info()
            }

            fn slot_list(&self, token_present: bool) -> Result<Vec<SlotId>> {
                self.slots(token_present)
            }

            fn slot_info(&self, slot: SlotId) -> Result<SlotInfo> {
                self.info_of_slot(slot)
            }

            fn token_info(&self, slot: SlotId) -> Result<TokenInfo> {
                self.on_slot(slot, |link| {
                    link.call(general::TOKEN_INFO, |output, cx| put::number(output, cx, slot), take::token_info)
                })?
                .ok_or(TOKEN_NOT_PRESENT)
            }

            fn wait_for_slot_event(&self, block: bool) -> Result<SlotId> {
                self.slot_event(block)
            }

            fn mechanism_list(&self, slot: SlotId) -> Result<Vec<MechanismType>> {
                self.on_slot(slot, |link| {
                    let mut kinds = link::numbers(link, general::MECHANISM_LIST, |output, cx| put::number(output, cx, slot))?;
                    kinds.retain(|kind| mechanism::listed(*kind, link.cx.version));
                    Ok(kinds)
                })?
                .ok_or(TOKEN_NOT_PRESENT)
            }

            fn mechanism_info(&self, slot: SlotId, kind: MechanismType) -> Result<MechanismInfo> {
                self.on_slot(slot, |link| {
                    if !mechanism::listed(kind, link.cx.version) {
                        return Err(MECHANISM_INVALID.into());
                    }
                    link.call(
                        general::MECHANISM_INFO,
                        |output, cx| {
                            put::number(output, cx, slot)?;
                            put::number(output, cx, kind)
                        },
                        take::mechanism_info,
                    )
                })?
                .ok_or(TOKEN_NOT_PRESENT)
            }

            fn init_token(&self, slot: SlotId, pin: Option<&[u8]>, label: &[u8; 32]) -> Result<()> {
                self.on_slot(slot, |link| {
                    link.call(
                        general::INIT_TOKEN,
                        |output, cx| {
                            put::number(output, cx, slot)?;
                            put::passcode(output, cx, pin)?;
                            put::label(output, cx, label)
                        },
                        take::unit,
                    )
                })?
                .ok_or(TOKEN_NOT_PRESENT)
            }

            fn open_session(&self, slot: SlotId, flags: u64) -> Result<SessionHandle> {
                self.on_slot(slot, |link| {
                    let server = link.call(
                        general::OPEN_SESSION,
                        |output, cx| {
                            put::number(output, cx, slot)?;
                            put::number(output, cx, flags)
                        },
                        take::number,
                    )?;
                    self.here().add_session(link, slot, server).map_err(Failure::Code)
                })?
                .ok_or(TOKEN_NOT_PRESENT)
            }

            fn close_all_sessions(&self, slot: SlotId) -> Result<()> {
                let closed = self.on_slot(slot, |link| {
                    link.call(general::CLOSE_ALL_SESSIONS, |output, cx| put::number(output, cx, slot), take::unit)
                })?;
                // While the server is away its sessions are gone anyway.
                let _ = closed;
                lock(&self.here().state).sessions.retain(|_, session| session.slot != slot);
                Ok(())
            }

            fn close_session(&self, session: SessionHandle) -> Result<()> {
                one::close_session(self, session)?;
                lock(&self.here().state).sessions.remove(&session);
                Ok(())
            }

            fn digest(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
                if data.len() <= PIECE {
                    return one::digest(self, session, data, room);
                }
                let needed = one::digest(self, session, &[], Room::Query)?;
                at_last(needed, room, || {
                    self.digest_update(session, data)?;
                    one::digest_final(self, session, room)
                })
            }

            fn digest_update(&self, session: SessionHandle, part: &[u8]) -> Result<()> {
                pieces(part, |piece| one::digest_update(self, session, piece))
            }

            fn sign(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
                if data.len() <= PIECE {
                    return one::sign(self, session, data, room);
                }
                let needed = one::sign(self, session, &[], Room::Query)?;
                at_last(needed, room, || {
                    self.sign_update(session, data)?;
                    one::sign_final(self, session, room)
                })
            }

            fn sign_update(&self, session: SessionHandle, part: &[u8]) -> Result<()> {
                pieces(part, |piece| one::sign_update(self, session, piece))
            }

            fn verify(&self, session: SessionHandle, data: &[u8], signature: &[u8]) -> Result<()> {
                if data.len() <= PIECE {
                    return one::verify(self, session, data, signature);
                }
                self.verify_update(session, data)?;
                one::verify_final(self, session, signature)
            }

            fn verify_update(&self, session: SessionHandle, part: &[u8]) -> Result<()> {
                pieces(part, |piece| one::verify_update(self, session, piece))
            }

            fn session_cancel(&self, session: SessionHandle, flags: u64) -> Result<()> {
                self.cancel(session, flags)
            }

            fn find_objects(&self, session: SessionHandle, max: usize) -> Result<Vec<ObjectHandle>> {
                let mut found = one::find_objects(self, session, max.min(PLACES))?;
                let mut last = found.len();
                // Fewer than asked for means no more, so what is asked for in parts is put together here.
                while last == PLACES && found.len() < max {
                    let more = one::find_objects(self, session, (max - found.len()).min(PLACES))?;
                    last = more.len();
                    found.extend(more);
                }
                Ok(found)
            }

            fn generate_random(&self, session: SessionHandle, length: usize) -> Result<Vec<u8>> {
                let mut bytes = Vec::new();
                loop {
                    let part = (length - bytes.len()).min(RANDOM);
                    let room = if part == 0 { Room::Query } else { Room::Bytes(part) };
                    match one::generate_random_into(self, session, room)? {
                        Filled::Bytes(more) if more.len() == part => bytes.extend(more),
                        Filled::Length(_) if part == 0 => {}
                        _ => return Err(DEVICE_ERROR),
                    }
                    if bytes.len() == length {
                        return Ok(bytes);
                    }
                }
            }
        }
    };
    (@method close_session($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method digest($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method digest_update($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method sign($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method sign_update($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method verify($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method verify_update($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method find_objects($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method generate_random_into($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method $method:ident($($argument:ident: $kind:ty),*) -> $out:ty) => {
        fn $method(&self, session: SessionHandle $(, $argument: $kind)*) -> Result<$out> {
            one::$method(self, session $(, $argument)*)
        }
    };
}

session_calls!(client_methods);
