//! The `C_` functions that a [`Module`] has, each handed to its chapter.

use super::Module;
use crate::pkcs11::{
    Answers, Attribute, Cryptoki, Filled, Info, Mechanism, MechanismInfo, MechanismType,
    ObjectHandle, Query, Result, Room, SessionHandle, SessionInfo, SlotId, SlotInfo, TokenInfo,
    ck::*, mechanisms, text, token::write,
};

impl Cryptoki for Module {
    fn initialize(&self) -> Result<()> {
        self.begin()
    }

    fn finalize(&self) -> Result<()> {
        self.end()
    }

    fn forked(&self) {
        if let Some(shelf) = &self.shelf {
            shelf.forked();
        }
    }

    fn info(&self) -> Result<Info> {
        self.checked()?;
        Ok(text::library_info())
    }

    fn slot_list(&self, token_present: bool) -> Result<Vec<SlotId>> {
        self.list(token_present)
    }

    fn slot_info(&self, slot: SlotId) -> Result<SlotInfo> {
        self.checked()?;
        self.describe_slot(slot)
    }

    fn token_info(&self, slot: SlotId) -> Result<TokenInfo> {
        self.describe_token(slot)
    }

    fn wait_for_slot_event(&self, block: bool) -> Result<SlotId> {
        self.next_event(block)
    }

    fn mechanism_list(&self, slot: SlotId) -> Result<Vec<MechanismType>> {
        let raw = self.raw_rsa(slot)?;
        Ok(mechanisms::all(raw))
    }

    fn mechanism_info(&self, slot: SlotId, mechanism: MechanismType) -> Result<MechanismInfo> {
        let raw = self.raw_rsa(slot)?;
        mechanisms::find(mechanism, 0, raw).map(mechanisms::Row::info)
    }

    fn init_token(&self, slot: SlotId, pin: Option<&[u8]>, label: &[u8; 32]) -> Result<()> {
        self.initialize_token(slot, pin, label)
    }

    fn init_pin(&self, session: SessionHandle, pin: Option<&[u8]>) -> Result<()> {
        self.on(session, |session| self.initialize_pin(session, pin))
    }

    fn set_pin(
        &self,
        session: SessionHandle,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<()> {
        self.on(session, |session| self.change_pin(session, old, new))
    }

    fn open_session(&self, slot: SlotId, flags: u64) -> Result<SessionHandle> {
        self.open(slot, flags)
    }

    fn close_session(&self, session: SessionHandle) -> Result<()> {
        self.session(session)?;
        write(&self.state).close(session)
    }

    fn close_all_sessions(&self, slot: SlotId) -> Result<()> {
        self.close_slot(slot)
    }

    fn session_info(&self, session: SessionHandle) -> Result<SessionInfo> {
        self.describe_session(session)
    }

    fn login(&self, session: SessionHandle, user: u64, pin: Option<&[u8]>) -> Result<()> {
        self.enter(session, user, pin)
    }

    fn logout(&self, session: SessionHandle) -> Result<()> {
        self.leave(session)
    }

    fn create_object(
        &self,
        session: SessionHandle,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        self.on(session, |session| session.create_object(template))
    }

    fn copy_object(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        self.on(session, |session| session.copy_object(object, template))
    }

    fn destroy_object(&self, session: SessionHandle, object: ObjectHandle) -> Result<()> {
        self.on(session, |session| session.destroy_object(object))
    }

    fn object_size(&self, session: SessionHandle, object: ObjectHandle) -> Result<u64> {
        self.on(session, |session| Ok(session.object(object)?.size() as u64))
    }

    fn attribute_value(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
        template: &[Query],
    ) -> Result<Answers> {
        self.on(session, |session| Ok(session.object(object)?.answers(template)))
    }

    fn set_attribute_value(
        &self,
        session: SessionHandle,
        object: ObjectHandle,
        template: &[Attribute],
    ) -> Result<()> {
        self.on(session, |session| session.set_attribute_value(object, template))
    }

    fn generate_key_pair(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        public: &[Attribute],
        private: &[Attribute],
    ) -> Result<(ObjectHandle, ObjectHandle)> {
        self.on(session, |session| session.generate_key_pair(mechanism, public, private))
    }

    fn session_cancel(&self, session: SessionHandle, flags: u64) -> Result<()> {
        self.on(session, |session| {
            session.cancel(flags);
            Ok(())
        })
    }

    fn find_objects_init(&self, session: SessionHandle, template: &[Attribute]) -> Result<()> {
        self.on(session, |session| session.find_init(template))
    }

    fn find_objects(&self, session: SessionHandle, max: usize) -> Result<Vec<ObjectHandle>> {
        self.on(session, |session| session.find(max))
    }

    fn find_objects_final(&self, session: SessionHandle) -> Result<()> {
        self.on(session, |session| session.find_final())
    }

    fn encrypt_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.on(session, |session| session.encrypt_init(mechanism, key))
    }

    fn encrypt(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
        self.on(session, |session| session.encrypt(data, room))
    }

    fn encrypt_update(&self, session: SessionHandle, part: &[u8], room: Room) -> Result<Filled> {
        self.on(session, |session| session.encrypt_update(part, room))
    }

    fn encrypt_final(&self, session: SessionHandle, room: Room) -> Result<Filled> {
        self.on(session, |session| session.encrypt_final(room))
    }

    fn decrypt_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.on(session, |session| session.decrypt_init(mechanism, key))
    }

    fn decrypt(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
        self.on(session, |session| session.decrypt(&self.applicant, data, room))
    }

    fn decrypt_update(&self, session: SessionHandle, part: &[u8], room: Room) -> Result<Filled> {
        self.on(session, |session| session.decrypt_update(part, room))
    }

    fn decrypt_final(&self, session: SessionHandle, room: Room) -> Result<Filled> {
        self.on(session, |session| session.decrypt_final(&self.applicant, room))
    }

    fn digest_init(&self, session: SessionHandle, mechanism: &Mechanism) -> Result<()> {
        self.on(session, |session| session.digest_init(mechanism))
    }

    fn digest(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
        self.on(session, |session| session.digest(data, room))
    }

    fn digest_update(&self, session: SessionHandle, part: &[u8]) -> Result<()> {
        self.on(session, |session| session.digest_update(part))
    }

    fn digest_final(&self, session: SessionHandle, room: Room) -> Result<Filled> {
        self.on(session, |session| session.digest_final(room))
    }

    fn sign_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.on(session, |session| session.sign_init(mechanism, key))
    }

    fn sign(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
        self.on(session, |session| session.sign(&self.applicant, data, room))
    }

    fn sign_update(&self, session: SessionHandle, part: &[u8]) -> Result<()> {
        self.on(session, |session| session.sign_update(part))
    }

    fn sign_final(&self, session: SessionHandle, room: Room) -> Result<Filled> {
        self.on(session, |session| session.sign_final(&self.applicant, room))
    }

    fn verify_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.on(session, |session| session.verify_init(mechanism, key))
    }

    fn verify(&self, session: SessionHandle, data: &[u8], signature: &[u8]) -> Result<()> {
        self.on(session, |session| session.verify(data, signature))
    }

    fn verify_update(&self, session: SessionHandle, part: &[u8]) -> Result<()> {
        self.on(session, |session| session.verify_update(part))
    }

    fn verify_final(&self, session: SessionHandle, signature: &[u8]) -> Result<()> {
        self.on(session, |session| session.verify_final(signature))
    }

    fn seed_random(&self, session: SessionHandle, _seed: &[u8]) -> Result<()> {
        self.session(session)?;
        Err(CKR_RANDOM_SEED_NOT_SUPPORTED)
    }

    fn generate_random(&self, session: SessionHandle, length: usize) -> Result<Vec<u8>> {
        self.session(session)?;
        super::random(length)
    }

    fn operation_state(&self, session: SessionHandle, _room: Room) -> Result<Filled> {
        self.on(session, |session| Err(session.operation_state()))
    }

    fn set_operation_state(
        &self,
        session: SessionHandle,
        _state: &[u8],
        _encryption: ObjectHandle,
        _authentication: ObjectHandle,
    ) -> Result<()> {
        // None was ever given away.
        self.on(session, |_| Err(CKR_SAVED_STATE_INVALID))
    }

    fn digest_key(&self, session: SessionHandle, key: ObjectHandle) -> Result<()> {
        self.on(session, |session| session.digest_key(key))
    }

    fn sign_recover_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.on(session, |session| session.sign_recover_init(mechanism, key))
    }

    fn sign_recover(&self, session: SessionHandle, data: &[u8], room: Room) -> Result<Filled> {
        self.on(session, |session| session.sign_recover(&self.applicant, data, room))
    }

    fn verify_recover_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
    ) -> Result<()> {
        self.on(session, |session| session.verify_recover_init(mechanism, key))
    }

    fn verify_recover(
        &self,
        session: SessionHandle,
        signature: &[u8],
        room: Room,
    ) -> Result<Filled> {
        self.on(session, |session| session.verify_recover(signature, room))
    }

    fn verify_signature_init(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        key: ObjectHandle,
        signature: &[u8],
    ) -> Result<()> {
        self.on(session, |session| session.verify_signature_init(mechanism, key, signature))
    }

    fn verify_signature(&self, session: SessionHandle, data: &[u8]) -> Result<()> {
        self.on(session, |session| session.verify_signature(data))
    }

    fn verify_signature_update(&self, session: SessionHandle, part: &[u8]) -> Result<()> {
        self.on(session, |session| session.verify_signature_update(part))
    }

    fn verify_signature_final(&self, session: SessionHandle) -> Result<()> {
        self.on(session, |session| session.verify_signature_final())
    }

    fn digest_encrypt_update(
        &self,
        session: SessionHandle,
        part: &[u8],
        room: Room,
    ) -> Result<Filled> {
        self.on(session, |session| session.digest_encrypt_update(part, room))
    }

    fn decrypt_digest_update(
        &self,
        session: SessionHandle,
        part: &[u8],
        room: Room,
    ) -> Result<Filled> {
        self.on(session, |session| session.decrypt_digest_update(part, room))
    }

    fn sign_encrypt_update(
        &self,
        session: SessionHandle,
        part: &[u8],
        room: Room,
    ) -> Result<Filled> {
        self.on(session, |session| session.sign_encrypt_update(part, room))
    }

    fn decrypt_verify_update(
        &self,
        session: SessionHandle,
        part: &[u8],
        room: Room,
    ) -> Result<Filled> {
        self.on(session, |session| session.decrypt_verify_update(part, room))
    }

    fn generate_key(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        self.on(session, |session| session.generate_key(mechanism, template))
    }

    fn wrap_key(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        wrapping: ObjectHandle,
        key: ObjectHandle,
        room: Room,
    ) -> Result<Filled> {
        self.on(session, |session| session.wrap_key(mechanism, wrapping, key, room))
    }

    fn unwrap_key(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        unwrapping: ObjectHandle,
        wrapped: &[u8],
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        let applicant = &self.applicant;
        self.on(session, |session| {
            session.unwrap_key(applicant, mechanism, unwrapping, wrapped, template)
        })
    }

    fn derive_key(
        &self,
        session: SessionHandle,
        mechanism: &Mechanism,
        base: ObjectHandle,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        self.on(session, |session| session.derive_key(mechanism, base, template))
    }
}
