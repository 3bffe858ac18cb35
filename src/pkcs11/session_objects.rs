//! Making, copying, changing and destroying objects (base specification sections 5.7 and 5.18.2).

use super::{
    Attribute, Mechanism, ObjectHandle, Parameter, Result,
    ck::*,
    errors, mechanisms,
    objects::{Material, Object},
    operations::Session,
    templates::{self, Given, NewObject, PairWish},
    token::{Body, Shelved},
};
use crate::{
    card::KeyType,
    crypto::{self, PrivateKey},
};

impl Session {
    /// C_CreateObject.
    pub(super) fn create_object(&self, template: &[Attribute]) -> Result<ObjectHandle> {
        let template = Given::read(template)?;
        self.may_keep(template.flag(CKA_TOKEN))?;
        self.add(templates::created(template)?)
    }

    /// C_CopyObject. A card's private keys are not copied.
    pub(super) fn copy_object(
        &self,
        object: ObjectHandle,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        let object = self.object(object)?;
        let mut copy = templates::copied(&object, template)?;
        self.may_keep(Some(copy.is_token()))?;
        if let Material::Enrolled { key: KeyType::Secret(_), .. } = copy.material {
            copy.material = self.token.lent(object)?.material.clone();
        }
        if matches!(copy.material, Material::Private { .. } | Material::Enrolled { .. }) {
            return Err(CKR_ACTION_PROHIBITED);
        }
        self.add(copy)
    }

    /// C_DestroyObject.
    pub(super) fn destroy_object(&self, handle: ObjectHandle) -> Result<()> {
        let object = self.object(handle)?;
        match (object.owner, self.shelved_object(handle)) {
            (None, None) => Err(self.refusal()),
            (None, Some(_)) if !self.read_write => Err(CKR_SESSION_READ_ONLY),
            _ if !object.is_true(CKA_DESTROYABLE) => Err(CKR_ACTION_PROHIBITED),
            (None, Some(shelved)) => shelved.remove(handle),
            (Some(_), _) => {
                self.token.objects_mut().remove(handle);
                Ok(())
            }
        }
    }

    /// C_SetAttributeValue: all of the change, or none (rule 4).
    pub(super) fn set_attribute_value(
        &self,
        handle: ObjectHandle,
        template: &[Attribute],
    ) -> Result<()> {
        let owner = self.object(handle)?.owner;
        let officer = self.token.is_officer();
        let trusted = |old: &Object, new: &NewObject| {
            let unchanged = old.is_true(CKA_TRUSTED) == new.attributes.is_true(CKA_TRUSTED);
            if unchanged || officer { Ok(()) } else { Err(CKR_ATTRIBUTE_READ_ONLY) }
        };
        match (owner, self.shelved_object(handle)) {
            (None, None) => return Err(self.refusal()),
            (None, Some(_)) if !self.read_write => return Err(CKR_SESSION_READ_ONLY),
            (None, Some(shelved)) => return shelved.change(handle, template, trusted),
            (Some(_), _) => {}
        }
        let mut objects = self.token.objects_mut();
        // Looked at again under the lock: two changes at a time are one after the other.
        let object = objects.object(handle).ok_or(CKR_OBJECT_HANDLE_INVALID)?;
        let attributes = templates::changed(object, template)?;
        let (material, shape) = (object.material.clone(), object.shape);
        let changed = NewObject { attributes, material, shape };
        trusted(object, &changed)?;
        objects.replace(handle, Object::new(changed, owner))
    }

    /// C_GenerateKeyPair. No lock is held while the key is made.
    pub(super) fn generate_key_pair(
        &self,
        mechanism: &Mechanism,
        public: &[Attribute],
        private: &[Attribute],
    ) -> Result<(ObjectHandle, ObjectHandle)> {
        mechanisms::find(mechanism.kind, CKF_GENERATE_KEY_PAIR, self.token.raw_rsa())?;
        if mechanism.parameter != Parameter::None {
            return Err(CKR_MECHANISM_PARAM_INVALID);
        }
        let (public, private) = (Given::read(public)?, Given::read(private)?);
        self.may_keep(public.flag(CKA_TOKEN))?;
        self.may_keep_key(private.flag(CKA_TOKEN))?;
        let wish = PairWish::read(mechanism.kind, public, private)?;
        let key = {
            let _turn = self.token.budget().make_key();
            // It may have ended while others made theirs.
            self.goes_on()?;
            PrivateKey::generate(wish.kind).map_err(errors::of_crypto)?
        };
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
        for object in &mut new {
            self.may_keep(Some(object.is_token()))?;
            self.settle(object)?;
        }
        let order: Vec<bool> = new.iter().map(NewObject::is_token).collect();
        let (kept, brought): (Vec<_>, Vec<_>) = new.into_iter().partition(NewObject::is_token);
        // The card first: what it refuses has left nothing behind. The room for the rest is looked
        // at before, so that this is all or nothing.
        let bytes = brought.iter().map(NewObject::size).sum();
        if !brought.is_empty() && !self.token.objects().has_room_for(brought.len(), bytes) {
            return Err(CKR_DEVICE_MEMORY);
        }
        let kept = match kept.is_empty() {
            true => Vec::new(),
            false => self.token.add(kept)?,
        };
        let brought = match brought.is_empty() {
            true => Vec::new(),
            false => self.bring(brought)?,
        };
        let (mut kept, mut brought) = (kept.into_iter(), brought.into_iter());
        let next = |token: bool| if token { kept.next() } else { brought.next() };
        order.into_iter().map(next).collect::<Option<_>>().ok_or(CKR_GENERAL_ERROR)
    }

    /// Puts new objects among those of the session.
    fn bring(&self, new: Vec<NewObject>) -> Result<Vec<ObjectHandle>> {
        let mut objects = self.token.objects_mut();
        // Looked at under the lock, which a logout waits for before it removes private objects.
        if new.iter().any(|one| one.attributes.is_true(CKA_PRIVATE)) && !self.token.is_user() {
            return Err(CKR_USER_NOT_LOGGED_IN);
        }
        self.brings_objects()?;
        let owner = Some(self.handle);
        objects.bring(new.into_iter().map(|one| Object::new(one, owner)).collect())
    }

    /// What depends on who makes an object and where.
    fn settle(&self, object: &mut NewObject) -> Result<()> {
        let user = self.token.is_user();
        let secret = object.shape.is_private_key() || object.shape.is_secret_key();
        let NewObject { attributes, .. } = object;
        if attributes.value(CKA_PRIVATE).is_none() {
            // The token's default: what holds a secret is private as soon as it can be.
            attributes.set(CKA_PRIVATE, [u8::from(secret && user)]);
        }
        // A key on a card lies under the user's passcode, whatever it is called.
        let needs_user = attributes.is_true(CKA_PRIVATE) || secret && attributes.is_true(CKA_TOKEN);
        if needs_user && !user {
            return Err(CKR_USER_NOT_LOGGED_IN);
        }
        if attributes.is_true(CKA_TRUSTED) && !self.token.is_officer() {
            // Footnote 10.
            return Err(CKR_ATTRIBUTE_READ_ONLY);
        }
        if object.shape.is_private_key() && attributes.is_true(CKA_TOKEN) {
            attributes.set(CKA_COPYABLE, [0]);
        }
        let mut unique = [0; 16];
        crypto::random(&mut unique).map_err(errors::of_crypto)?;
        attributes.set(CKA_UNIQUE_ID, hex(&unique));
        Ok(())
    }

    /// Whether this session may make an object of the token.
    pub(super) fn may_keep(&self, token: Option<bool>) -> Result<()> {
        if token != Some(true) {
            return Ok(());
        }
        match &self.token.body {
            Body::Derived(_) => Err(self.refusal()),
            Body::Enrolled(_) if !self.read_write => Err(CKR_SESSION_READ_ONLY),
            Body::Enrolled(_) => Ok(()),
        }
    }

    /// Whether this session may put a secret or private key onto the token; asked before one is
    /// made.
    pub(super) fn may_keep_key(&self, token: Option<bool>) -> Result<()> {
        self.may_keep(token)?;
        if token == Some(true) && !self.token.is_user() {
            return Err(CKR_USER_NOT_LOGGED_IN);
        }
        Ok(())
    }

    /// The enrolled card, if a handle is one of its objects.
    fn shelved_object(&self, handle: ObjectHandle) -> Option<&Shelved> {
        match &self.token.body {
            Body::Enrolled(shelved) if shelved.names(handle) => Some(shelved),
            _ => None,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
