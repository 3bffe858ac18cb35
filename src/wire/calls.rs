//! The one table of calls: number, signatures, pace, arguments and result of each, for both ends.
//!
//! Numbers and signatures are p11-kit's. A row of [`session_calls!`] is all there is to a call on a session: the server's
//! dispatch and the client's method are made from it. The few calls without a session are in [`general`].

use super::{
    bytes::{Input, Output},
    codec::{Lend, Wipe, put, take},
    cx::{Cx, Fault},
};
use crate::pkcs11::{
    Answers, Attribute, Cryptoki, Filled, Mechanism, ObjectHandle, Query, Result, Room, SessionInfo,
};

/// How long a call may take, which decides who runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Microseconds: run by the thread that read it.
    Quick,
    /// A private key, a passcode, a person: run while another thread reads on.
    Slow,
}

/// What the table says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: u32,
    pub(crate) name: &'static str,
    pub(crate) request: &'static str,
    pub(crate) response: &'static str,
    pub(crate) pace: Pace,
}

/// Calls without a session.
pub(crate) mod general {
    use super::{Pace::*, Row};

    macro_rules! rows {
        ($($constant:ident = $id:literal $name:literal $request:literal -> $response:literal $pace:ident;)*) => {
            $(pub(crate) const $constant: Row = Row { id: $id, name: $name, request: $request, response: $response, pace: $pace };)*
            pub(crate) const ALL: &[Row] = &[$($constant),*];
        };
    }
    rows! {
        INITIALIZE = 1 "C_Initialize" "ayyay" -> "" Quick;
        FINALIZE = 2 "C_Finalize" "" -> "" Slow;
        INFO = 3 "C_GetInfo" "" -> "vsusv" Quick;
        SLOT_LIST = 4 "C_GetSlotList" "yfu" -> "au" Quick;
        SLOT_INFO = 5 "C_GetSlotInfo" "u" -> "ssuvv" Quick;
        TOKEN_INFO = 6 "C_GetTokenInfo" "u" -> "ssssuuuuuuuuuuuvvs" Quick;
        MECHANISM_LIST = 7 "C_GetMechanismList" "ufu" -> "au" Quick;
        MECHANISM_INFO = 8 "C_GetMechanismInfo" "uu" -> "uuu" Quick;
        INIT_TOKEN = 9 "C_InitToken" "uayz" -> "" Slow;
        OPEN_SESSION = 10 "C_OpenSession" "uu" -> "u" Quick;
        CLOSE_ALL_SESSIONS = 12 "C_CloseAllSessions" "u" -> "" Slow;
        WAIT_FOR_SLOT_EVENT = 65 "C_WaitForSlotEvent" "u" -> "u" Quick;
        INIT_TOKEN_2 = 88 "C_InitToken2" "uays" -> "" Slow;
        DERIVE_KEY_2 = 89 "C_DeriveKey2" "uMuaA" -> "uPu" Slow;
    }
    /// The answer that carries an error code.
    pub(crate) const ERROR: Row =
        Row { id: 0, name: "ERROR", request: "", response: "u", pace: Quick };
    /// Calls of PKCS#11 3.0 and 3.2, C_LoginUser to C_UnwrapKeyAuthenticated: those that have no row answer
    /// CKR_FUNCTION_NOT_SUPPORTED.
    pub(crate) const LATER: std::ops::RangeInclusive<u32> = 66..=101;
    /// The arguments that open a connection's Cryptoki.
    pub(crate) const HANDSHAKE: &[u8] = b"PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1";
}

/// Calls `$with!` with the rows of all calls whose first argument is a session:
/// `number name request -> response pace, method(argument: role(type), ...) -> result: type, argument it depends on;`
macro_rules! session_calls {
    ($with:ident) => {
        $with! {
            11 "C_CloseSession" "u" -> "" Quick, close_session() -> unit: ();
            13 "C_GetSessionInfo" "u" -> "uuuu" Quick, session_info() -> session_info: SessionInfo;
            14 "C_InitPIN" "uay" -> "" Slow, init_pin(pin: passcode(Option<&[u8]>)) -> unit: ();
            15 "C_SetPIN" "uayay" -> "" Slow, set_pin(old: passcode(Option<&[u8]>), new: passcode(Option<&[u8]>)) -> unit: ();
            16 "C_GetOperationState" "ufy" -> "ay" Quick, operation_state(room: room(Room)) -> filled: Filled, room;
            17 "C_SetOperationState" "uayuu" -> "" Quick, set_operation_state(state: data(&[u8]), encryption: object(ObjectHandle), authentication: object(ObjectHandle)) -> unit: ();
            18 "C_Login" "uuay" -> "" Slow, login(user: number(u64), pin: passcode(Option<&[u8]>)) -> unit: ();
            19 "C_Logout" "u" -> "" Quick, logout() -> unit: ();
            20 "C_CreateObject" "uaA" -> "u" Slow, create_object(template: template(&[Attribute])) -> object_out: ObjectHandle;
            21 "C_CopyObject" "uuaA" -> "u" Slow, copy_object(object: object(ObjectHandle), template: template(&[Attribute])) -> object_out: ObjectHandle;
            22 "C_DestroyObject" "uu" -> "" Slow, destroy_object(object: object(ObjectHandle)) -> unit: ();
            23 "C_GetObjectSize" "uu" -> "u" Quick, object_size(object: object(ObjectHandle)) -> number_out: u64;
            24 "C_GetAttributeValue" "uufA" -> "aAu" Quick, attribute_value(object: object(ObjectHandle), template: queries(&[Query])) -> answers: Answers, template;
            25 "C_SetAttributeValue" "uuaA" -> "" Slow, set_attribute_value(object: object(ObjectHandle), template: template(&[Attribute])) -> unit: ();
            26 "C_FindObjectsInit" "uaA" -> "" Quick, find_objects_init(template: template(&[Attribute])) -> unit: ();
            27 "C_FindObjects" "ufu" -> "au" Quick, find_objects(max: places(usize)) -> objects: Vec<ObjectHandle>, max;
            28 "C_FindObjectsFinal" "u" -> "" Quick, find_objects_final() -> unit: ();
            29 "C_EncryptInit" "uMu" -> "" Quick, encrypt_init(mechanism: mechanism(&Mechanism), key: object(ObjectHandle)) -> unit: ();
            30 "C_Encrypt" "uayfy" -> "ay" Quick, encrypt(data: data(&[u8]), room: room(Room)) -> filled: Filled, room;
            31 "C_EncryptUpdate" "uayfy" -> "ay" Quick, encrypt_update(part: data(&[u8]), room: room(Room)) -> filled: Filled, room;
            32 "C_EncryptFinal" "ufy" -> "ay" Quick, encrypt_final(room: room(Room)) -> filled: Filled, room;
            33 "C_DecryptInit" "uMu" -> "" Quick, decrypt_init(mechanism: mechanism(&Mechanism), key: object(ObjectHandle)) -> unit: ();
            34 "C_Decrypt" "uayfy" -> "ay" Slow, decrypt(data: data(&[u8]), room: room(Room)) -> filled: Filled, room;
            35 "C_DecryptUpdate" "uayfy" -> "ay" Slow, decrypt_update(part: data(&[u8]), room: room(Room)) -> filled: Filled, room;
            36 "C_DecryptFinal" "ufy" -> "ay" Slow, decrypt_final(room: room(Room)) -> filled: Filled, room;
            37 "C_DigestInit" "uM" -> "" Quick, digest_init(mechanism: mechanism(&Mechanism)) -> unit: ();
            38 "C_Digest" "uayfy" -> "ay" Quick, digest(data: data(&[u8]), room: room(Room)) -> filled: Filled, room;
            39 "C_DigestUpdate" "uay" -> "" Quick, digest_update(part: data(&[u8])) -> unit: ();
            40 "C_DigestKey" "uu" -> "" Quick, digest_key(key: object(ObjectHandle)) -> unit: ();
            41 "C_DigestFinal" "ufy" -> "ay" Quick, digest_final(room: room(Room)) -> filled: Filled, room;
            42 "C_SignInit" "uMu" -> "" Quick, sign_init(mechanism: mechanism(&Mechanism), key: object(ObjectHandle)) -> unit: ();
            43 "C_Sign" "uayfy" -> "ay" Slow, sign(data: data(&[u8]), room: room(Room)) -> filled: Filled, room;
            44 "C_SignUpdate" "uay" -> "" Quick, sign_update(part: data(&[u8])) -> unit: ();
            45 "C_SignFinal" "ufy" -> "ay" Slow, sign_final(room: room(Room)) -> filled: Filled, room;
            46 "C_SignRecoverInit" "uMu" -> "" Quick, sign_recover_init(mechanism: mechanism(&Mechanism), key: object(ObjectHandle)) -> unit: ();
            47 "C_SignRecover" "uayfy" -> "ay" Slow, sign_recover(data: data(&[u8]), room: room(Room)) -> filled: Filled, room;
            48 "C_VerifyInit" "uMu" -> "" Quick, verify_init(mechanism: mechanism(&Mechanism), key: object(ObjectHandle)) -> unit: ();
            49 "C_Verify" "uayay" -> "" Quick, verify(data: data(&[u8]), signature: data(&[u8])) -> unit: ();
            50 "C_VerifyUpdate" "uay" -> "" Quick, verify_update(part: data(&[u8])) -> unit: ();
            51 "C_VerifyFinal" "uay" -> "" Quick, verify_final(signature: data(&[u8])) -> unit: ();
            52 "C_VerifyRecoverInit" "uMu" -> "" Quick, verify_recover_init(mechanism: mechanism(&Mechanism), key: object(ObjectHandle)) -> unit: ();
            53 "C_VerifyRecover" "uayfy" -> "ay" Quick, verify_recover(signature: data(&[u8]), room: room(Room)) -> filled: Filled, room;
            54 "C_DigestEncryptUpdate" "uayfy" -> "ay" Quick, digest_encrypt_update(part: data(&[u8]), room: room(Room)) -> filled: Filled, room;
            55 "C_DecryptDigestUpdate" "uayfy" -> "ay" Slow, decrypt_digest_update(part: data(&[u8]), room: room(Room)) -> filled: Filled, room;
            56 "C_SignEncryptUpdate" "uayfy" -> "ay" Slow, sign_encrypt_update(part: data(&[u8]), room: room(Room)) -> filled: Filled, room;
            57 "C_DecryptVerifyUpdate" "uayfy" -> "ay" Slow, decrypt_verify_update(part: data(&[u8]), room: room(Room)) -> filled: Filled, room;
            58 "C_GenerateKey" "uMaA" -> "u" Slow, generate_key(mechanism: mechanism(&Mechanism), template: template(&[Attribute])) -> object_out: ObjectHandle;
            59 "C_GenerateKeyPair" "uMaAaA" -> "uu" Slow, generate_key_pair(mechanism: mechanism(&Mechanism), public: template(&[Attribute]), private: template(&[Attribute])) -> pair: (ObjectHandle, ObjectHandle);
            60 "C_WrapKey" "uMuufy" -> "ay" Slow, wrap_key(mechanism: mechanism(&Mechanism), wrapping: object(ObjectHandle), key: object(ObjectHandle), room: room(Room)) -> filled: Filled, room;
            61 "C_UnwrapKey" "uMuayaA" -> "u" Slow, unwrap_key(mechanism: mechanism(&Mechanism), unwrapping: object(ObjectHandle), wrapped: data(&[u8]), template: template(&[Attribute])) -> object_out: ObjectHandle;
            62 "C_DeriveKey" "uMuaA" -> "u" Slow, derive_key(mechanism: mechanism(&Mechanism), base: object(ObjectHandle), template: template(&[Attribute])) -> object_out: ObjectHandle;
            63 "C_SeedRandom" "uay" -> "" Quick, seed_random(seed: data(&[u8])) -> unit: ();
            64 "C_GenerateRandom" "ufy" -> "ay" Quick, generate_random_into(room: room(Room)) -> filled: Filled, room;
            66 "C_LoginUser" "uuayay" -> "" Slow, login_user(user: number(u64), pin: passcode(Option<&[u8]>), name: data(&[u8])) -> unit: ();
            67 "C_SessionCancel" "uu" -> "" Quick, session_cancel(flags: number(u64)) -> unit: ();
            92 "C_VerifySignatureInit" "uMuay" -> "" Quick, verify_signature_init(mechanism: mechanism(&Mechanism), key: object(ObjectHandle), signature: data(&[u8])) -> unit: ();
            93 "C_VerifySignature" "uay" -> "" Quick, verify_signature(data: data(&[u8])) -> unit: ();
            94 "C_VerifySignatureUpdate" "uay" -> "" Quick, verify_signature_update(part: data(&[u8])) -> unit: ();
            95 "C_VerifySignatureFinal" "u" -> "" Quick, verify_signature_final() -> unit: ();
        }
    };
}
pub(crate) use session_calls;

macro_rules! session_rows {
    ($($id:literal $name:literal $request:literal -> $response:literal $pace:ident, $method:ident($($argument:ident: $role:ident($kind:ty)),*) -> $result:ident: $out:ty $(, $depends:ident)?;)*) => {
        /// The rows of all calls on a session.
        pub(crate) const SESSION: &[Row] = &[$(Row { id: $id, name: $name, request: $request, response: $response, pace: Pace::$pace }),*];

        /// Runs a call on a session and writes its result; `None` for a number that is none of them.
        pub(crate) fn serve(cryptoki: &Server<'_>, id: u32, mut input: Input<'_>, output: &mut Output, cx: Cx) -> Option<Result<()>> {
            let input = &mut input;
            Some(match id {
                $($id => (|| {
                    let session = take::number(input, cx)?;
                    $(let $argument = take::$role(input, cx)?;)*
                    (*input).end().map_err(Fault::from)?;
                    let mut result = cryptoki.$method(session $(, $argument.lend())*)?;
                    let written = put::$result(output, cx, &result $(, &$depends)?);
                    result.wipe();
                    written
                })(),)*
                _ => return None,
            })
        }

        impl Server<'_> {
            $(session_rows!(@forward $method($($argument: $kind),*) -> $out);)*
        }
    };
    (@forward generate_random_into($($argument:ident: $kind:ty),*) -> $out:ty) => {};
    (@forward $method:ident($($argument:ident: $kind:ty),*) -> $out:ty) => {
        fn $method(&self, session: u64 $(, $argument: $kind)*) -> Result<$out> {
            self.0.$method(session $(, $argument)*)
        }
    };
}

/// What a server calls: a [`Cryptoki`], with C_GenerateRandom in the shape that the wire gives it.
pub(crate) struct Server<'a>(pub(crate) &'a dyn Cryptoki);

impl Server<'_> {
    fn generate_random_into(&self, session: u64, room: Room) -> Result<Filled> {
        match room {
            Room::Query => self.0.generate_random(session, 0).map(|_| Filled::Length(0)),
            Room::Bytes(length) if length > RANDOM => Err(super::cx::DEVICE_MEMORY),
            Room::Bytes(length) => self.0.generate_random(session, length).map(Filled::Bytes),
        }
    }
}

/// Most random bytes of one call.
pub(crate) const RANDOM: usize = 1 << 20;

session_calls!(session_rows);

/// The row with this number, if the call exists in `version`.
pub(crate) fn row(id: u32, version: u8) -> Option<Row> {
    let needed = match id {
        66 | 67 | 88 => 1,
        89..=95 => 2,
        _ => 0,
    };
    if version < needed {
        return None;
    }
    if let Some(row) =
        id.checked_sub(11).and_then(|place| SESSION.get(usize::try_from(place).ok()?))
        && row.id == id
    {
        return Some(*row);
    }
    general::ALL.iter().chain(SESSION).find(|row| row.id == id).copied()
}
