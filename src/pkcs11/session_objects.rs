//! Making, copying, changing and destroying objects (base specification sections 5.7 and 5.18.2).

use super::{
    Attribute, Mechanism, ObjectHandle, Parameter, Result,
    ck::*,
    errors, mechanisms,
    objects::Object,
    operations::Session,
    templates::{self, Given, NewObject, PairWish},
};
use crate::crypto::{self, PrivateKey};

impl Session {
    /// C_CreateObject.
    pub(super) fn create_object(&self, template: &[Attribute]) -> Result<ObjectHandle> {
        let template = Given::read(template)?;
        self.may_keep(template.flag(CKA_TOKEN))?;
        self.add(templates::created(template)?)
    }

    /// C_CopyObject.
    pub(super) fn copy_object(
        &self,
        object: ObjectHandle,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        let object = self.object(object)?;
        let copy = templates::copied(&object, template)?;
        self.may_keep(Some(copy.is_token()))?;
        self.add(copy)
    }

    /// C_DestroyObject.
    pub(super) fn destroy_object(&self, handle: ObjectHandle) -> Result<()> {
        let object = self.object(handle)?;
        if object.owner.is_none() {
            return Err(self.refusal());
        }
        if !object.is_true(CKA_DESTROYABLE) {
            return Err(CKR_ACTION_PROHIBITED);
        }
        self.token.objects_mut().remove(handle);
        Ok(())
    }

    /// C_SetAttributeValue: all of the change, or none (rule 4).
    pub(super) fn set_attribute_value(
        &self,
        handle: ObjectHandle,
        template: &[Attribute],
    ) -> Result<()> {
        if self.object(handle)?.owner.is_none() {
            return Err(self.refusal());
        }
        let mut objects = self.token.objects_mut();
        // Looked at again under the lock: two changes at a time are one after the other.
        let object = objects.object(handle).ok_or(CKR_OBJECT_HANDLE_INVALID)?;
        let attributes = templates::changed(object, template)?;
        trusted_by_officer(object.is_true(CKA_TRUSTED), attributes.is_true(CKA_TRUSTED))?;
        let growth = attributes.size().saturating_sub(object.size());
        let changed =
            NewObject { attributes, material: object.material.clone(), shape: object.shape };
        let changed = Object::new(changed, object.owner);
        if !objects.has_room_for(0, growth) {
            return Err(CKR_DEVICE_MEMORY);
        }
        objects.replace(handle, changed);
        Ok(())
    }

    /// C_GenerateKeyPair. No lock is held while the key is made.
    pub(super) fn generate_key_pair(
        &self,
        mechanism: &Mechanism,
        public: &[Attribute],
        private: &[Attribute],
    ) -> Result<(ObjectHandle, ObjectHandle)> {
        mechanisms::find(mechanism.kind, CKF_GENERATE_KEY_PAIR)?;
        if mechanism.parameter != Parameter::None {
            return Err(CKR_MECHANISM_PARAM_INVALID);
        }
        let (public, private) = (Given::read(public)?, Given::read(private)?);
        self.may_keep(public.flag(CKA_TOKEN))?;
        self.may_keep(private.flag(CKA_TOKEN))?;
        let wish = PairWish::read(mechanism.kind, public, private)?;
        let key = PrivateKey::generate(wish.kind).map_err(errors::of_crypto)?;
        let (public, private) = templates::pair(wish, key)?;
        match self.add_all(vec![public, private])?[..] {
            [public, private] => Ok((public, private)),
            _ => Err(CKR_GENERAL_ERROR),
        }
    }

    /// Puts a new object in its place.
    pub(super) fn add(&self, object: NewObject) -> Result<ObjectHandle> {
        self.add_all(vec![object])?.first().copied().ok_or(CKR_GENERAL_ERROR)
    }

    /// Puts new objects in their places, all of them or none; handles in the same order.
    pub(super) fn add_all(&self, mut new: Vec<NewObject>) -> Result<Vec<ObjectHandle>> {
        let mut objects = self.token.objects_mut();
        let logged_in = self.token.login().is_some();
        for object in &mut new {
            self.may_keep(Some(object.is_token()))?;
            self.settle(object, logged_in)?;
        }
        if !objects.has_room_for(new.len(), new.iter().map(|one| one.attributes.size()).sum()) {
            return Err(CKR_DEVICE_MEMORY);
        }
        self.brings_objects()?;
        let owner = Some(self.handle);
        Ok(new.into_iter().map(|one| objects.insert(Object::new(one, owner))).collect())
    }

    /// What depends on who makes an object and where.
    fn settle(&self, object: &mut NewObject, logged_in: bool) -> Result<()> {
        if object.attributes.value(CKA_PRIVATE).is_none() {
            // The token's default: what holds a secret is private as soon as it can be.
            let secret = object.shape.is_private_key() || object.shape.is_secret_key();
            object.attributes.set(CKA_PRIVATE, [u8::from(secret && logged_in)]);
        }
        if object.attributes.is_true(CKA_PRIVATE) && !logged_in {
            return Err(CKR_USER_NOT_LOGGED_IN);
        }
        trusted_by_officer(false, object.attributes.is_true(CKA_TRUSTED))?;
        let mut unique = [0; 16];
        crypto::random(&mut unique).map_err(errors::of_crypto)?;
        object.attributes.set(CKA_UNIQUE_ID, hex(&unique));
        Ok(())
    }

    /// Whether this session may make an object of the token.
    fn may_keep(&self, token: Option<bool>) -> Result<()> {
        if token == Some(true) { Err(self.refusal()) } else { Ok(()) }
    }
}

/// CKA_TRUSTED is the security officer's to say (footnote 10), whom these sessions do not have.
fn trusted_by_officer(before: bool, after: bool) -> Result<()> {
    if before == after { Ok(()) } else { Err(CKR_ATTRIBUTE_READ_ONLY) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
