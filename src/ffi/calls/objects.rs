//! Objects and finding them (base specification 3.1 section 5.7).

#![allow(unsafe_code, non_snake_case)]

use super::numbers;
use crate::{
    ffi::{
        guard::guard,
        pointers::{self, Out, put_number},
        process::current,
        templates::{Questions, outside, template, wide},
    },
    pkcs11::ck::*,
};
use cryptoki_sys::{CK_ATTRIBUTE, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_ULONG};

functions! {
    fn C_CreateObject(
        session: CK_SESSION_HANDLE,
        attributes: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        object: *mut CK_OBJECT_HANDLE,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(object) }?;
        // SAFETY: as above.
        let attributes = unsafe { template(attributes, count) }?;
        put_number(out, cryptoki.create_object(wide(session), &attributes)?)
    }

    fn C_CopyObject(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        attributes: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        copy: *mut CK_OBJECT_HANDLE,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(copy) }?;
        // SAFETY: as above.
        let attributes = unsafe { template(attributes, count) }?;
        put_number(out, cryptoki.copy_object(wide(session), wide(object), &attributes)?)
    }

    fn C_DestroyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) {
        current()?.destroy_object(wide(session), wide(object))
    }

    fn C_GetObjectSize(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        size: *mut CK_ULONG,
    ) {
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(size) };
        let size = current()?.object_size(wide(session), wide(object))?;
        out?.put(outside(size));
        Ok(())
    }

    fn C_GetAttributeValue(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        attributes: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let questions = unsafe { Questions::new(attributes, count) }?;
        let answers =
            cryptoki.attribute_value(wide(session), wide(object), &questions.queries())?;
        questions.put(answers)
    }

    fn C_SetAttributeValue(
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        attributes: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let attributes = unsafe { template(attributes, count) }?;
        cryptoki.set_attribute_value(wide(session), wide(object), &attributes)
    }

    fn C_FindObjectsInit(
        session: CK_SESSION_HANDLE,
        attributes: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let attributes = unsafe { template(attributes, count) }?;
        cryptoki.find_objects_init(wide(session), &attributes)
    }

    fn C_FindObjects(
        session: CK_SESSION_HANDLE,
        list: *mut CK_OBJECT_HANDLE,
        max: CK_ULONG,
        count: *mut CK_ULONG,
    ) {
        let cryptoki = current()?;
        // SAFETY: the caller's promise.
        let out = unsafe { Out::new(count) }?;
        if list.is_null() && max > 0 {
            return Err(CKR_ARGUMENTS_BAD);
        }
        // More come with the next call.
        let most = usize::try_from(max).unwrap_or(usize::MAX).min(pointers::MOST_ELEMENTS);
        let found = numbers(&cryptoki.find_objects(wide(session), most)?)?;
        if found.len() > most {
            return Err(CKR_GENERAL_ERROR);
        }
        for (at, handle) in found.iter().enumerate() {
            // SAFETY: `at` is below what the caller has room for.
            unsafe { Out::new(list.wrapping_add(at)) }?.put(*handle);
        }
        put_number(out, found.len() as u64)
    }

    fn C_FindObjectsFinal(session: CK_SESSION_HANDLE) {
        current()?.find_objects_final(wide(session))
    }
}
