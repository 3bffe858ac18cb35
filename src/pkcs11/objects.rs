//! Objects and their attributes (base specification section 4), and finding them.

use super::{
    Answer, Answers, Attribute, AttributeType, MechanismType, ObjectHandle, Query, Result,
    SessionHandle, ck::*, mechanisms::Row,
};
use crate::{
    card::KeySlot,
    crypto::{KeyKind, PublicKey},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Attribute values by type, in the form that [`Attribute`] has.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes(BTreeMap<AttributeType, Vec<u8>>);

impl Attributes {
    pub(super) fn of_class(class: u64) -> Self {
        Self::default().number(CKA_CLASS, class)
    }
    pub(super) fn flag(self, kind: AttributeType, value: bool) -> Self {
        self.bytes(kind, [u8::from(value)])
    }
    pub(super) fn flags(self, kinds: &[AttributeType], value: bool) -> Self {
        kinds.iter().fold(self, |all, kind| all.flag(*kind, value))
    }
    pub(super) fn number(self, kind: AttributeType, value: u64) -> Self {
        self.bytes(kind, value.to_le_bytes())
    }
    pub(super) fn numbers(
        self,
        kind: AttributeType,
        values: impl Iterator<Item = MechanismType>,
    ) -> Self {
        self.bytes(kind, values.flat_map(u64::to_le_bytes).collect::<Vec<u8>>())
    }
    pub(super) fn bytes(mut self, kind: AttributeType, value: impl Into<Vec<u8>>) -> Self {
        self.0.insert(kind, value.into());
        self
    }
    pub(super) fn value(&self, kind: AttributeType) -> Option<&[u8]> {
        self.0.get(&kind).map(Vec::as_slice)
    }
}

/// What an object lets operations do.
#[derive(Clone, Debug)]
pub(super) enum Material {
    /// Nothing: a certificate.
    None,
    /// A public key.
    Public(PublicKey),
    /// A key of the card.
    Private { slot: KeySlot, kind: KeyKind },
}

/// One object.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) attributes: Attributes,
    pub(super) material: Material,
    /// The session that made it, for session objects.
    pub(super) owner: Option<SessionHandle>,
}

/// Parts of private keys that exist and are never told.
const SENSITIVE: [AttributeType; 7] = [
    CKA_VALUE,
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
];

impl Object {
    pub(super) fn is_private(&self) -> bool {
        matches!(self.material, Material::Private { .. })
    }

    pub(super) fn is_key(&self) -> bool {
        !matches!(self.material, Material::None)
    }

    /// Whether the mechanism is one for keys of this kind.
    pub(super) fn goes_with(&self, row: &Row) -> bool {
        match &self.material {
            Material::None => false,
            Material::Public(key) => row.goes_with(key.kind()).is_ok(),
            Material::Private { kind, .. } => row.goes_with(*kind).is_ok(),
        }
    }

    pub(super) fn is_true(&self, kind: AttributeType) -> bool {
        self.attributes.value(kind) == Some(&[1])
    }

    /// Whether CKA_ALLOWED_MECHANISMS, where there is one, names this mechanism.
    pub(super) fn allows(&self, mechanism: MechanismType) -> bool {
        self.attributes
            .value(CKA_ALLOWED_MECHANISMS)
            .is_none_or(|allowed| allowed.chunks_exact(8).any(|one| one == mechanism.to_le_bytes()))
    }

    fn matches(&self, template: &[Attribute]) -> bool {
        template.iter().all(|wanted| {
            self.attributes.value(wanted.kind).is_some_and(|value| value == wanted.value)
        })
    }

    /// C_GetAttributeValue: every question gets its answer, and the worst of the codes is told.
    pub(super) fn answers(&self, template: &[Query]) -> Answers {
        let mut code = None;
        let mut worse = |rv| {
            let rank = |rv| {
                [CKR_BUFFER_TOO_SMALL, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_SENSITIVE]
                    .iter()
                    .position(|one| *one == rv)
            };
            if code.is_none_or(|old| rank(old) < rank(rv)) {
                code = Some(rv);
            }
            Answer::Unavailable
        };
        let answers = template
            .iter()
            .map(|query| match (self.attributes.value(query.kind), query.room) {
                (None, _) if self.is_private() && SENSITIVE.contains(&query.kind) => {
                    worse(CKR_ATTRIBUTE_SENSITIVE)
                }
                (None, _) => worse(CKR_ATTRIBUTE_TYPE_INVALID),
                (Some(value), None) => Answer::Length(value.len()),
                (Some(value), Some(room)) if value.len() > room => worse(CKR_BUFFER_TOO_SMALL),
                (Some(value), Some(_)) => Answer::Value(value.to_vec()),
            })
            .collect();
        Answers { code, answers }
    }

    /// Bytes that the values take.
    pub(super) fn size(&self) -> u64 {
        self.attributes.0.values().map(|value| value.len() as u64).sum()
    }
}

/// Gives out object handles, never one twice.
#[derive(Debug, Default)]
pub(super) struct Handles(AtomicU64);

impl Handles {
    fn next(&self) -> ObjectHandle {
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}

/// The objects of one token as one connection sees them, in the order in which they came.
#[derive(Debug)]
pub(super) struct Objects {
    handles: Arc<Handles>,
    all: BTreeMap<ObjectHandle, Arc<Object>>,
    /// Finding by CKA_ID costs the same however many objects there are.
    by_id: HashMap<Vec<u8>, Vec<ObjectHandle>>,
}

impl Objects {
    pub(super) fn new(handles: Arc<Handles>) -> Self {
        Self { handles, all: BTreeMap::new(), by_id: HashMap::new() }
    }

    pub(super) fn insert(&mut self, object: Object) -> ObjectHandle {
        let handle = self.handles.next();
        if let Some(id) = object.attributes.value(CKA_ID) {
            self.by_id.entry(id.to_vec()).or_default().push(handle);
        }
        self.all.insert(handle, Arc::new(object));
        handle
    }

    pub(super) fn object(&self, handle: ObjectHandle) -> Option<&Arc<Object>> {
        self.all.get(&handle)
    }

    pub(super) fn remove(&mut self, handle: ObjectHandle) {
        let Some(object) = self.all.remove(&handle) else { return };
        let Some(id) = object.attributes.value(CKA_ID) else { return };
        if let Some(same) = self.by_id.get_mut(id) {
            same.retain(|one| *one != handle);
            if same.is_empty() {
                self.by_id.remove(id);
            }
        }
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

    /// The objects that the template describes, private ones only if `private`.
    pub(super) fn find(&self, template: &[Attribute], private: bool) -> Vec<ObjectHandle> {
        let fits = |handle: &ObjectHandle| {
            self.all
                .get(handle)
                .is_some_and(|object| (private || !object.is_private()) && object.matches(template))
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

/// The object that a handle names, for a caller whose login is `logged_in`.
pub(super) fn visible(
    objects: &Objects,
    handle: ObjectHandle,
    logged_in: bool,
) -> Result<Arc<Object>> {
    let object = objects.object(handle).ok_or(CKR_OBJECT_HANDLE_INVALID)?;
    if object.is_private() && !logged_in {
        return Err(CKR_USER_NOT_LOGGED_IN);
    }
    Ok(Arc::clone(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(id: &[u8]) -> Object {
        Object {
            attributes: Attributes::of_class(CKO_CERTIFICATE).bytes(CKA_ID, id),
            material: Material::None,
            owner: None,
        }
    }

    #[test]
    fn rule_14_finding_by_id_looks_at_no_other_object() {
        let mut objects = Objects::new(Arc::default());
        let mut handles = Vec::new();
        for number in 0..10_000_u32 {
            handles.push(objects.insert(certificate(&number.to_be_bytes())));
        }
        let wanted = Attribute::bytes(CKA_ID, 77_u32.to_be_bytes());
        assert_eq!(objects.find(std::slice::from_ref(&wanted), true), [handles[77]]);
        assert_eq!(objects.by_id[&wanted.value], [handles[77]], "the index names one candidate");
        objects.remove(handles[77]);
        assert!(objects.find(&[wanted], true).is_empty());
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
