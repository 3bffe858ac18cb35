//! An enrolled card as one connection sees it: its objects, read when they are asked for and kept
//! while nobody changes the card, and its login.
//!
//! Finding by CKA_ID goes through the store's index and reads no other object, so it costs the same
//! with two objects and with ten thousand (rule 14). A handle names one object's number for as long
//! as the connection lasts.

use super::{content, lock, read, write};
use crate::{
    card::{Change, Enrolled, EnrolledLogin, NewKey, NewRecord, Record, Role, SoLogin},
    crypto::PublicKey,
    pkcs11::{
        Attribute, ObjectHandle, Result, Rv,
        ck::*,
        errors,
        objects::{Handles, Material, Object},
        templates::{self, NewObject, Shape},
    },
};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, RwLock},
};

/// Most answers to questions by CKA_ID that are kept.
const KEPT: usize = 1 << 15;

/// An enrolled card.
pub(in crate::pkcs11) struct Shelved {
    pub(in crate::pkcs11) card: Enrolled,
    login: RwLock<Option<Who>>,
    cache: Mutex<Cache>,
}

/// Whose login.
#[derive(Clone)]
enum Who {
    User(Arc<EnrolledLogin>),
    Officer(Arc<SoLogin>),
}

#[derive(Default)]
struct Cache {
    handles: HashMap<u64, ObjectHandle>,
    /// The object's number, and whether it is private.
    numbers: HashMap<ObjectHandle, (u64, bool)>,
    /// What of the card the rest shows: its version, and whether private objects are among it.
    of: Option<(u64, bool)>,
    objects: HashMap<u64, Arc<Object>>,
    by_id: HashMap<Vec<u8>, Arc<[ObjectHandle]>>,
    all: Option<Arc<[ObjectHandle]>>,
}

/// What is asked for.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Id(&'a [u8]),
    All,
}

impl Shelved {
    pub(in crate::pkcs11) fn new(card: Enrolled) -> Self {
        Self { card, login: RwLock::default(), cache: Mutex::default() }
    }

    /// The user's login, if it still counts.
    pub(super) fn user(&self) -> Result<Arc<EnrolledLogin>> {
        let login = self.offered().ok_or(CKR_USER_NOT_LOGGED_IN)?;
        match self.card.logged_in(&login).map_err(|error| errors::of_card(&error))? {
            true => Ok(login),
            false => Err(CKR_USER_NOT_LOGGED_IN),
        }
    }

    /// The user's login as it was made; whether it still counts, the card says, and why not.
    pub(super) fn offered(&self) -> Option<Arc<EnrolledLogin>> {
        match &*read(&self.login) {
            Some(Who::User(login)) => Some(Arc::clone(login)),
            _ => None,
        }
    }

    /// The security officer's login, if it still counts.
    pub(in crate::pkcs11) fn officer(&self) -> Result<Arc<SoLogin>> {
        let login = match &*read(&self.login) {
            Some(Who::Officer(login)) => Arc::clone(login),
            _ => return Err(CKR_USER_NOT_LOGGED_IN),
        };
        match self.card.so_logged_in(&login).map_err(|error| errors::of_card(&error))? {
            true => Ok(login),
            false => Err(CKR_USER_NOT_LOGGED_IN),
        }
    }

    /// Whose login there is, whether it still counts or not.
    pub(super) fn officer_entered(&self) -> Option<bool> {
        read(&self.login).as_ref().map(|who| matches!(who, Who::Officer(_)))
    }

    pub(in crate::pkcs11) fn enter_user(&self, login: EnrolledLogin) {
        *write(&self.login) = Some(Who::User(Arc::new(login)));
    }

    pub(in crate::pkcs11) fn enter_officer(&self, login: SoLogin) {
        *write(&self.login) = Some(Who::Officer(Arc::new(login)));
    }

    /// Ends the login. Handles of private objects are invalid from now on.
    pub(super) fn leave(&self) -> bool {
        let was = write(&self.login).take().is_some();
        let mut cache = lock(&self.cache);
        cache.forget();
        let Cache { handles, numbers, .. } = &mut *cache;
        numbers.retain(|_, (number, private)| {
            if *private {
                handles.remove(number);
            }
            !*private
        });
        was
    }

    /// The card's objects that a template describes.
    pub(super) fn find(
        &self,
        template: &[Attribute],
        handles: &Handles,
    ) -> Result<Vec<ObjectHandle>> {
        let id = template.iter().find(|attribute| attribute.kind == CKA_ID);
        let wanted = id.map_or(Wanted::All, |id| Wanted::Id(&id.value));
        let (user, version) = self.now()?;
        let of = (version, user.is_some());
        {
            let mut cache = lock(&self.cache);
            cache.shows(of);
            if let Some(candidates) = cache.candidates(wanted) {
                return Ok(cache.fitting(&candidates, template));
            }
        }
        // The version was asked for before, so what is read now is as new or newer.
        let records = match wanted {
            Wanted::Id(id) => self.card.records_by_id(id, user.as_deref()),
            Wanted::All => self.card.records(user.as_deref()),
        };
        let mut cache = lock(&self.cache);
        cache.shows(of);
        let candidates =
            cache.keep(wanted, records.map_err(|error| errors::of_card(&error))?, handles)?;
        Ok(cache.fitting(&candidates, template))
    }

    /// The object that a handle names.
    pub(super) fn object(&self, handle: ObjectHandle) -> Result<Arc<Object>> {
        let (user, version) = self.now()?;
        let of = (version, user.is_some());
        let (number, known) = {
            let mut cache = lock(&self.cache);
            let (number, private) =
                cache.numbers.get(&handle).copied().ok_or(CKR_OBJECT_HANDLE_INVALID)?;
            if private && user.is_none() {
                return Err(CKR_USER_NOT_LOGGED_IN);
            }
            cache.shows(of);
            (number, cache.objects.get(&number).cloned())
        };
        let object = match known {
            Some(object) if is_ready(&object) => return Ok(object),
            Some(object) => object,
            None => {
                let record = self.card.record(number, user.as_deref());
                let record = record.map_err(|error| errors::of_card(&error))?;
                Arc::new(content::object(&record.ok_or(CKR_OBJECT_HANDLE_INVALID)?)?)
            }
        };
        let object = match (&user, ready(object)?) {
            (Some(login), object) if object.waits_for_key() => {
                let key = self.card.readable(login, number);
                Arc::new(object.showing(key.map_err(|error| errors::of_card(&error))?))
            }
            (_, object) => object,
        };
        let mut cache = lock(&self.cache);
        cache.shows(of);
        cache.objects.insert(number, Arc::clone(&object));
        Ok(object)
    }

    /// Writes new objects onto the card in one transaction; their handles in the same order.
    pub(in crate::pkcs11) fn add(
        &self,
        new: Vec<NewObject>,
        handles: &Handles,
    ) -> Result<Vec<ObjectHandle>> {
        let login = self.user().ok();
        let mut records = Vec::with_capacity(new.len());
        for object in &new {
            records.push(new_record(object)?);
        }
        let numbers = self.card.add(login.as_deref(), &records);
        let numbers = numbers.map_err(|error| errors::of_card(&error))?;
        let mut cache = lock(&self.cache);
        let made = numbers.into_iter().zip(records);
        Ok(made.map(|(number, one)| cache.name(number, one.private, handles)).collect())
    }

    /// Changes an object on the card as a template says, all or nothing.
    pub(in crate::pkcs11) fn change(
        &self,
        handle: ObjectHandle,
        template: &[Attribute],
        check: impl Fn(&Object, &NewObject) -> Result<()>,
    ) -> Result<()> {
        let (number, login) = self.named(handle)?;
        let mut refused = None;
        let done = self.card.change(login.as_deref(), number, &mut |record| match changed(
            record, template, &check,
        ) {
            Ok(change) => Ok(Some(change)),
            Err(rv) => {
                refused = Some(rv);
                Ok(None)
            }
        });
        match refused {
            Some(rv) => Err(rv),
            None => done.map_err(|error| errors::of_card(&error)),
        }
    }

    /// Removes an object from the card.
    pub(in crate::pkcs11) fn remove(&self, handle: ObjectHandle) -> Result<()> {
        let (number, login) = self.named(handle)?;
        let removed = self.card.remove(login.as_deref(), number);
        removed.map_err(|error| errors::of_card(&error))?;
        let mut cache = lock(&self.cache);
        cache.handles.remove(&number);
        cache.numbers.remove(&handle);
        Ok(())
    }

    /// Whether a handle is one of the card's objects.
    pub(in crate::pkcs11) fn names(&self, handle: ObjectHandle) -> bool {
        lock(&self.cache).numbers.contains_key(&handle)
    }

    /// Tries that are left, in the flags that the standard has for it (rule 16).
    pub(in crate::pkcs11) fn tries_flags(&self) -> Result<u64> {
        let left = |role| self.card.tries_left(role).map_err(|error| errors::of_card(&error));
        let limit = self.card.tries_limit();
        let user = tries_flags(left(Role::User)?, limit);
        // The flags of the security officer are those of the user, four bits higher.
        Ok(user | tries_flags(left(Role::SecurityOfficer)?, limit) << 4)
    }

    /// How many of the card's objects have been read.
    #[cfg(test)]
    pub(in crate::pkcs11) fn objects_read(&self) -> usize {
        lock(&self.cache).objects.len()
    }

    fn named(&self, handle: ObjectHandle) -> Result<(u64, Option<Arc<EnrolledLogin>>)> {
        let named = lock(&self.cache).numbers.get(&handle).copied();
        let (number, _) = named.ok_or(CKR_OBJECT_HANDLE_INVALID)?;
        Ok((number, self.user().ok()))
    }

    /// The user's login if it counts, and what the card shows by now.
    fn now(&self) -> Result<(Option<Arc<EnrolledLogin>>, u64)> {
        let login = self.offered();
        let seen = self.card.version_for(login.as_deref());
        let (version, counts) = seen.map_err(|error| errors::of_card(&error))?;
        Ok((login.filter(|_| counts), version))
    }
}

/// CKF_USER_PIN_COUNT_LOW, FINAL_TRY and LOCKED.
pub(in crate::pkcs11) fn tries_flags(left: u8, limit: u8) -> u64 {
    match left {
        0 => CKF_USER_PIN_LOCKED,
        1 => CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW,
        _ if left < limit => CKF_USER_PIN_COUNT_LOW,
        _ => 0,
    }
}

impl Cache {
    /// Forgets what shows another version of the card, or another login's view.
    fn shows(&mut self, of: (u64, bool)) {
        if self.of != Some(of) {
            self.forget();
            self.of = Some(of);
        }
    }

    fn forget(&mut self) {
        self.of = None;
        self.objects.clear();
        self.by_id.clear();
        self.all = None;
    }

    fn candidates(&self, wanted: Wanted<'_>) -> Option<Arc<[ObjectHandle]>> {
        match wanted {
            Wanted::Id(id) => self.by_id.get(id).cloned(),
            Wanted::All => self.all.clone(),
        }
    }

    fn keep(
        &mut self,
        wanted: Wanted<'_>,
        records: Vec<Record>,
        handles: &Handles,
    ) -> Result<Arc<[ObjectHandle]>> {
        if self.by_id.len() >= KEPT {
            self.by_id.clear();
        }
        let mut found = Vec::with_capacity(records.len());
        for record in records {
            if let Entry::Vacant(place) = self.objects.entry(record.number) {
                place.insert(Arc::new(content::object(&record)?));
            }
            found.push(self.name(record.number, record.private, handles));
        }
        let found: Arc<[ObjectHandle]> = found.into();
        match wanted {
            Wanted::Id(id) => {
                self.by_id.insert(id.to_vec(), Arc::clone(&found));
            }
            Wanted::All => self.all = Some(Arc::clone(&found)),
        }
        Ok(found)
    }

    fn fitting(&self, candidates: &[ObjectHandle], template: &[Attribute]) -> Vec<ObjectHandle> {
        let fits = |handle: &ObjectHandle| {
            let number = self.numbers.get(handle).map(|(number, _)| number);
            number
                .and_then(|number| self.objects.get(number))
                .is_some_and(|object| object.matches(template))
        };
        candidates.iter().copied().filter(fits).collect()
    }

    fn name(&mut self, number: u64, private: bool, handles: &Handles) -> ObjectHandle {
        let handle = *self.handles.entry(number).or_insert_with(|| handles.next());
        self.numbers.insert(handle, (number, private));
        handle
    }
}

fn is_public_key(shape: Shape) -> bool {
    shape == Shape::RSA_PUBLIC || shape == Shape::EC_PUBLIC
}

fn is_ready(object: &Object) -> bool {
    let parsed = !is_public_key(object.shape) || !matches!(object.material, Material::None);
    parsed && !object.waits_for_key()
}

/// The object with its public key parsed.
fn ready(object: Arc<Object>) -> Result<Arc<Object>> {
    if is_ready(&object) || !is_public_key(object.shape) {
        return Ok(object);
    }
    let spki = object.attributes.value(CKA_PUBLIC_KEY_INFO).unwrap_or_default();
    let key = PublicKey::from_spki(spki).map_err(|_| CKR_DEVICE_ERROR)?;
    Ok(Arc::new(object.with_material(Material::Public(key))))
}

/// The record of a new object.
pub(in crate::pkcs11) fn new_record(object: &NewObject) -> Result<NewRecord> {
    let attributes = &object.attributes;
    let key = match &object.material {
        Material::None | Material::Public(_) => None,
        Material::Session(key) => {
            let imported = !attributes.is_true(CKA_LOCAL);
            Some(NewKey::Private { key: key.clone(), imported })
        }
        Material::Secret(key) => {
            let imported = !attributes.is_true(CKA_LOCAL);
            Some(NewKey::Secret { key: key.clone(), imported })
        }
        Material::Private { .. } | Material::Enrolled { .. } => return Err(CKR_ACTION_PROHIBITED),
    };
    Ok(NewRecord {
        private: attributes.is_true(CKA_PRIVATE),
        id: attributes.value(CKA_ID).map(<[u8]>::to_vec),
        content: content::encoded(attributes),
        key,
        each_time: attributes.is_true(CKA_ALWAYS_AUTHENTICATE),
    })
}

fn changed(
    record: &Record,
    template: &[Attribute],
    check: impl Fn(&Object, &NewObject) -> Result<()>,
) -> Result<Change, Rv> {
    let object = content::object(record)?;
    let attributes = templates::changed(&object, template)?;
    let new = NewObject { attributes, material: Material::None, shape: object.shape };
    check(&object, &new)?;
    Ok(Change {
        id: new.attributes.value(CKA_ID).map(<[u8]>::to_vec),
        content: content::encoded(&new.attributes),
    })
}
