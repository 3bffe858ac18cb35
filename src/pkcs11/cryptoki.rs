//! The trait between whoever asks for Cryptoki and whoever answers.

use super::{
    Answers, Attribute, Filled, Info, Mechanism, MechanismInfo, MechanismType, ObjectHandle, Query,
    Result, Room, Rv, SessionHandle, SessionInfo, SlotId, SlotInfo, TokenInfo,
};
use std::fmt;

/// CKR_FUNCTION_NOT_SUPPORTED.
pub const NOT_SUPPORTED: Rv = Rv(0x54);

/// One method per `C_` function. What an implementation does not have answers CKR_FUNCTION_NOT_SUPPORTED.
/// `Module` and `wire::Client` implement it; calls may come from many threads.
#[allow(unused_variables, missing_docs, clippy::missing_errors_doc, clippy::too_many_arguments)]
pub trait Cryptoki: Send + Sync + fmt::Debug {
    /// CKR_CRYPTOKI_ALREADY_INITIALIZED if it was and has not been finalized since.
    fn initialize(&self) -> Result<()>;
    /// Ends all sessions; blocked waiters answer CKR_CRYPTOKI_NOT_INITIALIZED.
    fn finalize(&self) -> Result<()>;
    /// This process is a child, made by fork, of the one that initialized this: close what was
    /// inherited, touch nothing that the parent uses, take no lock. Nothing else is called on it after.
    fn forked(&self) {}
    fn info(&self) -> Result<Info>;
    fn slot_list(&self, token_present: bool) -> Result<Vec<SlotId>>;
    fn slot_info(&self, slot: SlotId) -> Result<SlotInfo>;
    fn token_info(&self, slot: SlotId) -> Result<TokenInfo>;
    /// CKR_NO_EVENT when not blocking and nothing happened.
    fn wait_for_slot_event(&self, block: bool) -> Result<SlotId>;
    fn mechanism_list(&self, slot: SlotId) -> Result<Vec<MechanismType>>;
    fn mechanism_info(&self, slot: SlotId, mechanism: MechanismType) -> Result<MechanismInfo>;
    fn init_token(&self, slot: SlotId, pin: Option<&[u8]>, label: &[u8; 32]) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn init_pin(&self, session: SessionHandle, pin: Option<&[u8]>) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn set_pin(
        &self,
        session: SessionHandle,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn open_session(&self, slot: SlotId, flags: u64) -> Result<SessionHandle>;
    fn close_session(&self, session: SessionHandle) -> Result<()>;
    fn close_all_sessions(&self, slot: SlotId) -> Result<()>;
    fn session_info(&self, session: SessionHandle) -> Result<SessionInfo>;
    fn operation_state(&self, session: SessionHandle, room: Room) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn set_operation_state(
        &self,
        session: SessionHandle,
        state: &[u8],
        encryption: ObjectHandle,
        authentication: ObjectHandle,
    ) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn login(&self, session: SessionHandle, user: u64, pin: Option<&[u8]>) -> Result<()>;
    fn logout(&self, session: SessionHandle) -> Result<()>;
    fn create_object(
        &self,
        session: SessionHandle,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        Err(NOT_SUPPORTED)
    }
    fn copy_object(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        Err(NOT_SUPPORTED)
    }
    fn destroy_object(&self, session: SessionHandle, object: ObjectHandle) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn object_size(&self, session: SessionHandle, object: ObjectHandle) -> Result<u64> {
        Err(NOT_SUPPORTED)
    }
    fn attribute_value(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
        template: &[Query],
    ) -> Result<Answers>;
    fn set_attribute_value(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
        template: &[Attribute],
    ) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    /// C_LoginUser of 3.0: a login with a name; no card has named users.
    fn login_user(
        &self,
        session: SessionHandle,
        user: u64,
        pin: Option<&[u8]>,
        name: &[u8],
    ) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    /// C_VerifySignatureInit of 3.2: the signature comes first, the data after it.
    fn verify_signature_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
        signature: &[u8],
    ) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn verify_signature(&self, session: SessionHandle, data: &[u8]) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn verify_signature_update(&self, session: SessionHandle, part: &[u8]) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn verify_signature_final(&self, session: SessionHandle) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    /// C_SessionCancel of 3.0: ends the operations that the flags (CKF_SIGN) name.
    fn session_cancel(&self, session: SessionHandle, flags: u64) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn find_objects_init(&self, session: SessionHandle, template: &[Attribute]) -> Result<()>;
    fn find_objects(&self, session: SessionHandle, max: usize) -> Result<Vec<ObjectHandle>>;
    fn find_objects_final(&self, session: SessionHandle) -> Result<()>;
    fn encrypt_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn encrypt(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn encrypt_update(&self, session: SessionHandle, part: &[u8], room: Room) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn encrypt_final(&self, session: SessionHandle, room: Room) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn decrypt_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn decrypt(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn decrypt_update(&self, session: SessionHandle, part: &[u8], room: Room) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn decrypt_final(&self, session: SessionHandle, room: Room) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn digest_init(&self, session: SessionHandle, mechanism: &Mechanism) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn digest(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn digest_update(&self, session: SessionHandle, part: &[u8]) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn digest_key(&self, session: SessionHandle, key: ObjectHandle) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn digest_final(&self, session: SessionHandle, room: Room) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn sign_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn sign(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn sign_update(&self, session: SessionHandle, part: &[u8]) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn sign_final(&self, session: SessionHandle, room: Room) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn sign_recover_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn sign_recover(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn verify_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn verify(&self, session: SessionHandle, data: &[u8], signature: &[u8]) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn verify_update(&self, session: SessionHandle, part: &[u8]) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn verify_final(&self, session: SessionHandle, signature: &[u8]) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn verify_recover_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn verify_recover(
        &self,
        session: SessionHandle,
        signature: &[u8],
        room: Room,
    ) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn digest_encrypt_update(
        &self,
        session: SessionHandle,
        part: &[u8],
        room: Room,
    ) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn decrypt_digest_update(
        &self,
        session: SessionHandle,
        part: &[u8],
        room: Room,
    ) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn sign_encrypt_update(
        &self,
        session: SessionHandle,
        part: &[u8],
        room: Room,
    ) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn decrypt_verify_update(
        &self,
        session: SessionHandle,
        part: &[u8],
        room: Room,
    ) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn generate_key(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        Err(NOT_SUPPORTED)
    }
    fn generate_key_pair(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        public: &[Attribute],
        private: &[Attribute],
    ) -> Result<(ObjectHandle, ObjectHandle)> {
        Err(NOT_SUPPORTED)
    }
    fn wrap_key(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        wrapping: ObjectHandle,
        key: ObjectHandle,
        room: Room,
    ) -> Result<Filled> {
        Err(NOT_SUPPORTED)
    }
    fn unwrap_key(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        unwrapping: ObjectHandle,
        wrapped: &[u8],
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        Err(NOT_SUPPORTED)
    }
    fn derive_key(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        base: ObjectHandle,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        Err(NOT_SUPPORTED)
    }
    fn seed_random(&self, session: SessionHandle, seed: &[u8]) -> Result<()> {
        Err(NOT_SUPPORTED)
    }
    fn generate_random(&self, session: SessionHandle, length: usize) -> Result<Vec<u8>> {
        Err(NOT_SUPPORTED)
    }
}
