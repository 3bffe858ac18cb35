//! Objects and their attributes (base specification section 4), and finding them.

mod attributes;

use super::{
    Answer, Answers, Attribute, AttributeType, MechanismType, ObjectHandle, Query, Result, Rv,
    SessionHandle,
    budget::{Budget, Share},
    ck::*,
    mechanisms::Row,
    templates::{self, NewObject, Shape},
};
use crate::{
    card::{KeySlot, KeyType},
    crypto::{KeyKind, PrivateKey, PublicKey, SecretKey},
};
use std::{
    cell::LazyCell,
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

pub(super) use attributes::{Attributes, curve, date, octet_string};

/// What an object lets operations do.
#[derive(Clone, Debug)]
pub(super) enum Material {
    /// Nothing: a certificate.
    None,
    /// A public key.
    Public(PublicKey),
    /// A key of a derived card.
    Private { slot: KeySlot, kind: KeyKind },
    /// A private key of the session. Its bytes stay in `crypto`.
    Session(PrivateKey),
    /// A secret key.
    Secret(SecretKey),
    /// A key of an enrolled card, used by permit only.
    Enrolled { number: u64, key: KeyType },
}

impl Material {
    /// Bytes of a value that is not among the attributes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Secret(key) => key.len(),
            Self::Enrolled { key: KeyType::Secret(length), .. } => *length,
            _ => 0,
        }
    }
}

/// One object.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) attributes: Attributes,
    pub(super) material: Material,
    pub(super) shape: Shape,
    /// The session that made it, for session objects.
    pub(super) owner: Option<SessionHandle>,
    /// CKA_PRIVATE: seen after login only.
    private: bool,
    /// A secret key of a card, to be read and for nothing else.
    shown: Option<SecretKey>,
}

impl Object {
    /// The object in its place: a session's, or (`None`) the token's.
    pub(super) fn new(object: NewObject, owner: Option<SessionHandle>) -> Self {
        let NewObject { attributes, material, shape } = object;
        let private = attributes.is_true(CKA_PRIVATE);
        Self { attributes, material, shape, owner, private, shown: None }
    }

    /// The same with another material.
    pub(super) fn with_material(&self, material: Material) -> Self {
        let (attributes, shape) = (self.attributes.clone(), self.shape);
        Self { material, attributes, shape, owner: self.owner, private: self.private, shown: None }
    }

    /// The same with the secret key of a card that its template lets be read.
    pub(super) fn showing(&self, key: SecretKey) -> Self {
        Self { shown: Some(key), ..self.with_material(self.material.clone()) }
    }

    /// Whether a secret key of a card may be read and is not there yet.
    pub(super) fn waits_for_key(&self) -> bool {
        let held = matches!(&self.material, Material::Enrolled { key: KeyType::Secret(_), .. });
        held && self.is_readable() && self.shown.is_none()
    }

    pub(super) fn is_private(&self) -> bool {
        self.private
    }

    pub(super) fn is_key(&self) -> bool {
        !matches!(self.material, Material::None)
    }

    /// Whether the mechanism is one for keys of this kind.
    pub(super) fn goes_with(&self, row: &Row) -> bool {
        self.attributes
            .value(CKA_KEY_TYPE)
            .and_then(|value| value.try_into().ok())
            .is_some_and(|key_type| self.is_key() && row.takes(u64::from_le_bytes(key_type)))
    }

    pub(super) fn is_true(&self, kind: AttributeType) -> bool {
        self.attributes.is_true(kind)
    }

    /// Whether CKA_ALLOWED_MECHANISMS, where there is one, names this mechanism.
    pub(super) fn allows(&self, mechanism: MechanismType) -> bool {
        self.attributes
            .value(CKA_ALLOWED_MECHANISMS)
            .is_none_or(|allowed| allowed.chunks_exact(8).any(|one| one == mechanism.to_le_bytes()))
    }

    /// A value that may be shown.
    fn value(&self, kind: AttributeType) -> Option<&[u8]> {
        match &self.material {
            Material::Secret(key) if kind == CKA_VALUE => self.is_readable().then(|| key.expose()),
            _ if kind == CKA_VALUE && self.shown.is_some() => {
                self.shown.as_ref().map(SecretKey::expose)
            }
            _ => self.attributes.value(kind),
        }
    }

    /// Whether footnote 7 lets secret parts be read: never those of a private key.
    fn is_readable(&self) -> bool {
        !self.is_true(CKA_SENSITIVE) && self.is_true(CKA_EXTRACTABLE)
    }

    /// Whether it has all these attributes with these values.
    pub(super) fn matches(&self, template: &[Attribute]) -> bool {
        template
            .iter()
            .all(|wanted| self.value(wanted.kind).is_some_and(|value| value == wanted.value))
    }

    /// C_GetAttributeValue: every question gets its answer, and the worst of the codes is told.
    /// CKR_DEVICE_MEMORY where the values together would be longer than [`MOST_ANSWERED`].
    pub(super) fn answers(&self, template: &[Query]) -> Answers {
        const WORSE: [Rv; 4] = [
            CKR_BUFFER_TOO_SMALL,
            CKR_ATTRIBUTE_TYPE_INVALID,
            CKR_ATTRIBUTE_SENSITIVE,
            CKR_DEVICE_MEMORY,
        ];
        let mut code = None;
        let mut room_left = MOST_ANSWERED;
        let mut worse = |rv| {
            let rank = |rv| WORSE.iter().position(|one| *one == rv);
            if code.is_none_or(|old| rank(old) < rank(rv)) {
                code = Some(rv);
            }
            Answer::Unavailable
        };
        let answers = template
            .iter()
            .map(|query| match (self.value(query.kind), query.room) {
                (None, _) if templates::is_secret(query.kind, self.shape) => {
                    worse(CKR_ATTRIBUTE_SENSITIVE)
                }
                (None, _) => worse(CKR_ATTRIBUTE_TYPE_INVALID),
                (Some(value), None) => Answer::Length(value.len()),
                (Some(value), Some(room)) if value.len() > room => worse(CKR_BUFFER_TOO_SMALL),
                (Some(value), Some(_)) => match room_left.checked_sub(value.len()) {
                    Some(left) => {
                        room_left = left;
                        Answer::Value(value.to_vec())
                    }
                    None => worse(CKR_DEVICE_MEMORY),
                },
            })
            .collect();
        Answers { code, answers }
    }

    /// Bytes that the values take.
    pub(super) fn size(&self) -> usize {
        self.attributes.size() + self.material.size()
    }
}

/// Gives out object handles, never one twice.
#[derive(Debug, Default)]
pub(super) struct Handles(AtomicU64);

impl Handles {
    pub(super) fn next(&self) -> ObjectHandle {
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}

/// Most bytes of values that one call answers: more than the longest object has.
const MOST_ANSWERED: usize = 1 << 20;
/// Most session objects of one connection in one token.
const SESSION_OBJECTS: usize = 1024;
/// Most bytes of their attributes.
const SESSION_BYTES: usize = 4 << 20;

/// The objects of one token as one connection sees them, in the order in which they came.
#[derive(Debug)]
pub(super) struct Objects {
    handles: Arc<Handles>,
    all: BTreeMap<ObjectHandle, Arc<Object>>,
    /// Finding by CKA_ID costs the same however many objects there are.
    by_id: HashMap<Vec<u8>, Vec<ObjectHandle>>,
    /// Session objects, and the bytes that they take.
    brought: usize,
    bytes: Share,
}

impl Objects {
    pub(super) fn new(handles: Arc<Handles>, budget: &Arc<Budget>) -> Self {
        let bytes = Share::none(budget);
        Self { handles, all: BTreeMap::new(), by_id: HashMap::new(), brought: 0, bytes }
    }

    /// Puts an object of the token itself in.
    pub(super) fn insert(&mut self, object: Object) -> ObjectHandle {
        let handle = self.handles.next();
        self.put(handle, object);
        handle
    }

    fn put(&mut self, handle: ObjectHandle, object: Object) {
        if let Some(id) = object.attributes.value(CKA_ID) {
            let same = self.by_id.entry(id.to_vec()).or_default();
            // Found in the order in which they came, also after a change.
            let at = same.partition_point(|earlier| *earlier < handle);
            same.insert(at, handle);
        }
        self.all.insert(handle, Arc::new(object));
    }

    /// Whether session objects like these still have room.
    pub(super) fn has_room_for(&self, count: usize, bytes: usize) -> bool {
        self.brought + count <= SESSION_OBJECTS
            && self.bytes.bytes().saturating_add(bytes) <= SESSION_BYTES
            && self.bytes.has_left(bytes)
    }

    /// Puts session objects in, all or none: CKR_DEVICE_MEMORY where there is no room.
    pub(super) fn bring(&mut self, new: Vec<Object>) -> Result<Vec<ObjectHandle>> {
        let bytes = new.iter().map(Object::size).sum();
        if !self.has_room_for(new.len(), bytes) {
            return Err(CKR_DEVICE_MEMORY);
        }
        self.bytes.set(self.bytes.bytes().saturating_add(bytes))?;
        self.brought += new.len();
        Ok(new.into_iter().map(|object| self.insert(object)).collect())
    }

    /// Puts a session object in the place of what it is made of, under the same handle.
    /// CKR_DEVICE_MEMORY where there is no room.
    pub(super) fn replace(&mut self, handle: ObjectHandle, object: Object) -> Result<()> {
        let before = self.all.get(&handle).map_or(0, |object| object.size());
        let growth = object.size().saturating_sub(before);
        if !self.has_room_for(0, growth) {
            return Err(CKR_DEVICE_MEMORY);
        }
        let bytes = self.bytes.bytes().saturating_sub(before);
        self.bytes.set(bytes.saturating_add(object.size()))?;
        self.take_out(handle);
        self.put(handle, object);
        Ok(())
    }

    pub(super) fn object(&self, handle: ObjectHandle) -> Option<&Arc<Object>> {
        self.all.get(&handle)
    }

    pub(super) fn remove(&mut self, handle: ObjectHandle) {
        let Some(object) = self.take_out(handle) else { return };
        if object.owner.is_some() {
            self.brought -= 1;
            let left = self.bytes.bytes().saturating_sub(object.size());
            // What is given back is never refused.
            let _ = self.bytes.set(left);
        }
    }

    /// Takes an object out, and out of the index.
    fn take_out(&mut self, handle: ObjectHandle) -> Option<Arc<Object>> {
        let object = self.all.remove(&handle)?;
        if let Some(id) = object.attributes.value(CKA_ID)
            && let Some(same) = self.by_id.get_mut(id)
        {
            same.retain(|one| *one != handle);
            if same.is_empty() {
                self.by_id.remove(id);
            }
        }
        Some(object)
    }

    /// Removes the objects for which `gone` holds.
    pub(super) fn remove_all(&mut self, gone: impl Fn(&Object) -> bool) {
        let handles: Vec<_> =
            self.all.iter().filter(|(_, object)| gone(object)).map(|(handle, _)| *handle).collect();
        for handle in handles {
            self.remove(handle);
        }
    }

    pub(super) fn count(&self, which: impl Fn(&Object) -> bool) -> usize {
        self.all.values().filter(|object| which(object)).count()
    }

    /// The objects that the template describes, private ones only if `private` says so when one is
    /// found.
    pub(super) fn find(
        &self,
        template: &[Attribute],
        private: impl FnOnce() -> bool,
    ) -> Vec<ObjectHandle> {
        let private = LazyCell::new(private);
        let fits = |handle: &ObjectHandle| {
            self.all.get(handle).is_some_and(|object| {
                object.matches(template) && (!object.is_private() || *private)
            })
        };
        match template.iter().find(|attribute| attribute.kind == CKA_ID) {
            Some(id) => {
                let same = self.by_id.get(&id.value).map(Vec::as_slice).unwrap_or_default();
                same.iter().copied().filter(fits).collect()
            }
            None => self.all.keys().copied().filter(fits).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(id: &[u8]) -> Object {
        let attributes = Attributes::of_class(CKO_CERTIFICATE).bytes(CKA_ID, id);
        Object::new(NewObject { attributes, material: Material::None, shape: Shape::X509 }, None)
    }

    #[test]
    fn rule_14_finding_by_id_looks_at_no_other_object() {
        let mut objects = Objects::new(Arc::default(), &Budget::unbounded());
        let mut handles = Vec::new();
        for number in 0..10_000_u32 {
            handles.push(objects.insert(certificate(&number.to_be_bytes())));
        }
        let wanted = Attribute::bytes(CKA_ID, 77_u32.to_be_bytes());
        assert_eq!(objects.find(std::slice::from_ref(&wanted), || true), [handles[77]]);
        assert_eq!(objects.by_id[&wanted.value], [handles[77]], "the index names one candidate");
        objects.remove(handles[77]);
        assert!(objects.find(&[wanted], || true).is_empty());
        assert_eq!(objects.by_id.len(), 9_999);
    }

    #[test]
    fn the_worst_code_is_told_and_every_question_answered() {
        let object = certificate(b"id");
        let query = |kind, room| Query { kind, room };
        let answers = object.answers(&[
            query(CKA_ID, Some(1)),
            query(CKA_MODULUS, None),
            query(CKA_ID, None),
            query(CKA_ID, Some(2)),
        ]);
        assert_eq!(answers.code, Some(CKR_ATTRIBUTE_TYPE_INVALID));
        assert_eq!(
            answers.answers,
            [
                Answer::Unavailable,
                Answer::Unavailable,
                Answer::Length(2),
                Answer::Value(b"id".to_vec())
            ]
        );
        assert_eq!(object.answers(&[query(CKA_ID, Some(1))]).code, Some(CKR_BUFFER_TOO_SMALL));
    }
}
