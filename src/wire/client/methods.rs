//! The client's `Cryptoki`: calls on sessions from the table, and the few others.

use super::{
    Client,
    link::{self, Failure},
    lock,
    pieces::{self, PIECE, at_last, pieces},
};
use crate::{
    pkcs11::{
        Answers, Attribute, Cryptoki, Filled, Info, Mechanism, MechanismInfo, MechanismType,
        NOT_SUPPORTED, ObjectHandle, Query, Result, Room, SessionHandle, SessionInfo, SlotId,
        SlotInfo, TokenInfo,
    },
    wire::{
        calls::{self, Row, general, session_calls},
        codec::{PLACES, put, take},
        cx::{DEVICE_ERROR, MECHANISM_INVALID, TOKEN_NOT_PRESENT},
        mechanism,
    },
};
use zeroize::Zeroizing;

/// Random bytes asked for at once.
const RANDOM: usize = 64 * 1024;

/// The row of the table with this number, if a server of the link's version knows it.
fn row(link: &link::Link, id: u32) -> Result<Row, Failure> {
    calls::row(id, link.cx.version).ok_or(Failure::Code(NOT_SUPPORTED))
}

macro_rules! client_methods {
    ($($id:literal $name:literal $request:literal -> $response:literal $pace:ident, $method:ident($($argument:ident: $role:ident($kind:ty)),*) -> $result:ident: $out:ty $(, $depends:ident)?;)*) => {
        /// One call on a session each, as the table has them.
        mod one {
            use super::*;
            $(pub(super) fn $method(client: &Client, session: SessionHandle $(, $argument: $kind)*) -> Result<$out> {
                client.on_session(session, |link, server| {
                    link.call(
                        row(link, $id)?,
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
                match one::session_cancel(self, session, flags) {
                    Err(NOT_SUPPORTED) => self.cancel(session, flags),
                    done => done,
                }
            }

            fn verify_signature(&self, session: SessionHandle, data: &[u8]) -> Result<()> {
                if data.len() <= PIECE {
                    return one::verify_signature(self, session, data);
                }
                self.verify_signature_update(session, data)?;
                one::verify_signature_final(self, session)
            }

            fn verify_signature_update(&self, session: SessionHandle, part: &[u8]) -> Result<()> {
                pieces(part, |piece| one::verify_signature_update(self, session, piece))
            }

            fn encrypt(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
                pieces::whole(
                    data,
                    room,
                    |data, room| one::encrypt(self, session, data, room),
                    |part, room| one::encrypt_update(self, session, part, room),
                    |room| one::encrypt_final(self, session, room),
                )
            }

            fn encrypt_update(&self, session: SessionHandle, part: &[u8], room: Room) -> Result<Filled> {
                pieces::update(part, room, |part, room| one::encrypt_update(self, session, part, room))
            }

            fn decrypt(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
                pieces::whole(
                    data,
                    room,
                    |data, room| one::decrypt(self, session, data, room),
                    |part, room| one::decrypt_update(self, session, part, room),
                    |room| one::decrypt_final(self, session, room),
                )
            }

            fn decrypt_update(&self, session: SessionHandle, part: &[u8], room: Room) -> Result<Filled> {
                pieces::update(part, room, |part, room| one::decrypt_update(self, session, part, room))
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
                // Not grown, so that nothing is left behind where it was.
                let mut bytes = Vec::with_capacity(length);
                loop {
                    let part = (length - bytes.len()).min(RANDOM);
                    let room = if part == 0 { Room::Query } else { Room::Bytes(part) };
                    match one::generate_random_into(self, session, room)? {
                        Filled::Bytes(more) if more.len() == part => bytes.extend_from_slice(&Zeroizing::new(more)),
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
    (@method session_cancel($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method verify_signature($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method verify_signature_update($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method encrypt($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method encrypt_update($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method decrypt($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method decrypt_update($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method find_objects($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method generate_random_into($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@method $method:ident($($argument:ident: $kind:ty),*) -> $out:ty) => {
        fn $method(&self, session: SessionHandle $(, $argument: $kind)*) -> Result<$out> {
            one::$method(self, session $(, $argument)*)
        }
    };
}

session_calls!(client_methods);
