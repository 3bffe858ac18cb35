//! The rules of the C face, by the table of 2.40.

use crate::{cards::*, face::*};
use cryptoki_sys::*;
use std::{ffi::c_void, ptr::null_mut, thread, time::Duration};
use wardcard::{crypto::KeyKind, ffi};

#[test]
fn an_application_signs_and_the_result_verifies() {
    let face = Face::initialized();
    let (session, key) = face.signed_in();
    assert_eq!(face.sign_init(session, key), CKR_OK);
    let mut data = *b"a message";
    let mut signature = [0_u8; 300];
    let mut length: CK_ULONG = 0;
    let input = data.as_mut_ptr();
    let sign = |buffer: *mut u8, length: *mut CK_ULONG| {
        call!(face, C_Sign(session, input, 9, buffer, length))
    };
    assert_eq!((sign(null_mut(), &raw mut length), length), (CKR_OK, 256));
    length = 10;
    let short = sign(signature.as_mut_ptr(), &raw mut length);
    assert_eq!((short, length, signature[0..10] == [0; 10]), (CKR_BUFFER_TOO_SMALL, 256, true));
    length = 300;
    assert_eq!((sign(signature.as_mut_ptr(), &raw mut length), length), (CKR_OK, 256));
    assert_eq!(sign(null_mut(), &raw mut length), CKR_OPERATION_NOT_INITIALIZED);

    let mut class = CKO_PUBLIC_KEY;
    let mut template = CK_ATTRIBUTE {
        type_: CKA_CLASS,
        pValue: (&raw mut class).cast(),
        ulValueLen: size_of::<CK_ULONG>() as CK_ULONG,
    };
    call!(face, C_FindObjectsInit(session, &raw mut template, 1));
    let (mut public, mut count) = (0, 0);
    call!(face, C_FindObjects(session, &raw mut public, 1, &raw mut count));
    let mut mechanism = plain(CKM_SHA256_RSA_PKCS);
    assert_eq!(call!(face, C_VerifyInit(session, &raw mut mechanism, public)), CKR_OK);
    let verified = call!(face, C_Verify(session, input, 9, signature.as_mut_ptr(), 256));
    assert_eq!(verified, CKR_OK);
}

#[test]
fn rule_02_a_bad_argument_ends_the_operation_too() {
    let face = Face::initialized();
    let (session, key) = face.signed_in();
    assert_eq!(face.sign_init(session, key), CKR_OK);
    let nowhere = call!(face, C_Sign(session, null_mut(), 0, null_mut(), null_mut()));
    assert_eq!(nowhere, CKR_ARGUMENTS_BAD);
    let mut length = 0;
    let after = call!(face, C_Sign(session, null_mut(), 0, null_mut(), &raw mut length));
    assert_eq!(after, CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn rule_03_null_pointers_and_wild_counts_are_errors() {
    let face = Face::initialized();
    let (session, key) = face.signed_in();
    let mut one = CK_ATTRIBUTE { type_: CKA_ID, pValue: null_mut(), ulValueLen: 4 };
    // Beyond 32 bits, where there are more.
    let huge = 1 << if CK_ULONG::BITS > 32 { 32 } else { 31 };
    let bad = CKR_ARGUMENTS_BAD;
    assert_eq!(call!(face, C_GetInfo(null_mut())), bad);
    assert_eq!(call!(face, C_GetSlotList(1, null_mut(), null_mut())), bad);
    assert_eq!(call!(face, C_GetSlotInfo(0, null_mut())), bad);
    assert_eq!(call!(face, C_GetTokenInfo(0, null_mut())), bad);
    assert_eq!(call!(face, C_GetMechanismInfo(0, CKM_RSA_PKCS, null_mut())), bad);
    assert_eq!(
        call!(face, C_OpenSession(0, CKF_SERIAL_SESSION, null_mut(), None, null_mut())),
        bad
    );
    assert_eq!(call!(face, C_Login(session, CKU_USER, null_mut(), 6)), bad);
    assert_eq!(call!(face, C_FindObjectsInit(session, null_mut(), 1)), bad);
    assert_eq!(call!(face, C_FindObjectsInit(session, &raw mut one, huge)), bad);
    assert_eq!(call!(face, C_FindObjectsInit(session, &raw mut one, 1)), bad, "a NULL value");
    assert_eq!(call!(face, C_GetAttributeValue(session, key, &raw mut one, huge)), bad);
    assert_eq!(call!(face, C_GetAttributeValue(session, key, null_mut(), 1)), bad);
    assert_eq!(call!(face, C_SignInit(session, null_mut(), key)), bad);
    assert_eq!(call!(face, C_GenerateRandom(session, null_mut(), 1)), bad);
    assert_eq!(call!(face, C_FindObjects(session, null_mut(), 1, null_mut())), bad);
    let mut object = 0;
    assert_eq!(call!(face, C_CreateObject(session, &raw mut one, huge, &raw mut object)), bad);
    assert_eq!(call!(face, C_Initialize(null_mut())), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    assert_eq!(call!(face, C_Finalize((&raw mut object).cast())), bad);
    // SAFETY: NULL is what it must bear.
    assert_eq!(unsafe { ffi::C_GetFunctionList(null_mut()) }, bad);

    // A mechanism whose parameter is NULL, of the wrong size, or NULL inside.
    let mut mechanism = plain(CKM_RSA_PKCS_PSS);
    let parameter = size_of::<CK_RSA_PKCS_PSS_PARAMS>() as CK_ULONG;
    mechanism.ulParameterLen = parameter;
    let init = |mechanism: &mut CK_MECHANISM| call!(face, C_SignInit(session, mechanism, key));
    assert_eq!(init(&mut mechanism), CKR_MECHANISM_PARAM_INVALID);
    let mut pss = CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA256, sLen: 32 };
    mechanism.pParameter = (&raw mut pss).cast();
    mechanism.ulParameterLen = parameter - 1;
    assert_eq!(init(&mut mechanism), CKR_MECHANISM_PARAM_INVALID);
    mechanism.ulParameterLen = parameter;
    assert_eq!(init(&mut mechanism), CKR_OK);
    let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: 1,
        pSourceData: null_mut(),
        ulSourceDataLen: 8,
    };
    let mut mechanism = CK_MECHANISM {
        mechanism: CKM_RSA_PKCS_OAEP,
        pParameter: (&raw mut oaep).cast(),
        ulParameterLen: size_of::<CK_RSA_PKCS_OAEP_PARAMS>() as CK_ULONG,
    };
    let decrypt = call!(face, C_DecryptInit(session, &raw mut mechanism, key));
    assert_eq!(decrypt, CKR_MECHANISM_PARAM_INVALID);

    // A BBOOL of four bytes, an attribute that is a template, a value without end.
    let mut four = 1_u32;
    let mut attribute =
        CK_ATTRIBUTE { type_: CKA_TOKEN, pValue: (&raw mut four).cast(), ulValueLen: 4 };
    let mut create = |attribute: &mut CK_ATTRIBUTE| {
        call!(face, C_CreateObject(session, attribute, 1, &raw mut object))
    };
    assert_eq!(create(&mut attribute), CKR_ATTRIBUTE_VALUE_INVALID);
    attribute.type_ = CKA_WRAP_TEMPLATE;
    assert_eq!(create(&mut attribute), CKR_ATTRIBUTE_TYPE_INVALID);
    attribute.type_ = CKA_ID;
    attribute.ulValueLen = CK_ULONG::MAX;
    assert_eq!(create(&mut attribute), CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn rule_03_initialize_looks_at_its_arguments() {
    extern "C" fn never(_: *mut *mut c_void) -> CK_RV {
        CKR_GENERAL_ERROR
    }
    let face = Face::new(Desk::with_card());
    let mut arguments = CK_C_INITIALIZE_ARGS {
        CreateMutex: None,
        DestroyMutex: None,
        LockMutex: None,
        UnlockMutex: None,
        flags: CKF_OS_LOCKING_OK,
        pReserved: null_mut(),
    };
    let initialize = |arguments: &mut CK_C_INITIALIZE_ARGS| {
        call!(face, C_Initialize((&raw mut *arguments).cast()))
    };
    arguments.CreateMutex = Some(never);
    assert_eq!(initialize(&mut arguments), CKR_ARGUMENTS_BAD);
    arguments.CreateMutex = None;
    arguments.pReserved = (&raw const face).cast_mut().cast();
    assert_eq!(initialize(&mut arguments), CKR_ARGUMENTS_BAD);
    arguments.pReserved = null_mut();
    assert_eq!(call!(face, C_GetSlotList(0, null_mut(), null_mut())), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(initialize(&mut arguments), CKR_OK);
    assert_eq!(initialize(&mut arguments), CKR_CRYPTOKI_ALREADY_INITIALIZED);
}

/// No process of Windows begins as a copy of another.
#[cfg(unix)]
#[test]
fn rule_05_a_child_starts_with_nothing_and_disturbs_nothing() {
    let face = Face::initialized();
    let (session, key) = face.signed_in();
    // SAFETY: the child calls nothing but the table and _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let unseen = face.sign_init(session, key) == CKR_CRYPTOKI_NOT_INITIALIZED
            && call!(face, C_Finalize(null_mut())) == CKR_CRYPTOKI_NOT_INITIALIZED;
        // SAFETY: ends the child without the test harness.
        unsafe { libc::_exit(if unseen { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    assert_eq!(face.sign_init(session, key), CKR_OK, "the parent goes on");
}

/// A flag of ELF. On Windows the module may be unloaded: `.ci/windows` does it a thousand times.
#[cfg(unix)]
#[test]
fn rule_06_the_library_stays_mapped_after_dlclose() {
    const DT_FLAGS_1: u64 = 0x6fff_fffb;
    const DF_1_NODELETE: u64 = 8;
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    let library = std::fs::read(folder.join("libwardcard.so")).unwrap();
    let word = |at: usize, size: usize| {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&library[at..at + size]);
        u64::from_le_bytes(bytes)
    };
    // ELF64: program headers, among them PT_DYNAMIC (2) with pairs of tag and value.
    let (table, size, count) = (word(32, 8) as usize, word(54, 2) as usize, word(56, 2) as usize);
    let header = (0..count)
        .map(|number| table + number * size)
        .find(|at| word(*at, 4) == 2)
        .expect("a dynamic section");
    let (start, length) = (word(header + 8, 8) as usize, word(header + 32, 8) as usize);
    let flags = (start..start + length)
        .step_by(16)
        .find(|at| word(*at, 8) == DT_FLAGS_1)
        .map_or(0, |at| word(at + 8, 8));
    assert_ne!(flags & DF_1_NODELETE, 0);
}

#[test]
fn rule_07_finalize_wakes_a_waiter_and_two_initialize_at_once() {
    let face = Face::initialized();
    let wait = face.list.C_WaitForSlotEvent.unwrap();
    let waiter = thread::spawn(move || {
        let mut slot = 77;
        // SAFETY: a place for a number.
        let rv = unsafe { wait(0, &raw mut slot, null_mut()) };
        (rv, slot)
    });
    thread::sleep(Duration::from_millis(50));
    assert_eq!(call!(face, C_Finalize(null_mut())), CKR_OK);
    assert_eq!(waiter.join().unwrap(), (CKR_CRYPTOKI_NOT_INITIALIZED, 77));

    let initialize = face.list.C_Initialize.unwrap();
    let both = [(); 2].map(|()| {
        // SAFETY: NULL is allowed.
        thread::spawn(move || unsafe { initialize(null_mut()) })
    });
    let mut both = both.map(|one| one.join().unwrap());
    both.sort_unstable();
    assert_eq!(both, [CKR_OK, CKR_CRYPTOKI_ALREADY_INITIALIZED]);
}

#[test]
fn rule_12_input_and_output_may_be_the_same_bytes() {
    let face = Face::initialized();
    let session = face.open();
    let mut mechanism = plain(CKM_SHA256);
    assert_eq!(call!(face, C_DigestInit(session, &raw mut mechanism)), CKR_OK);
    let mut buffer = [0_u8; 64];
    buffer[..3].copy_from_slice(b"abc");
    let mut length: CK_ULONG = 64;
    let place = buffer.as_mut_ptr();
    assert_eq!(call!(face, C_Digest(session, place, 3, place, &raw mut length)), CKR_OK);
    assert_eq!(length, 32);
    assert_eq!(buffer[..32], wardcard::crypto::digest(wardcard::crypto::Hash::Sha256, b"abc"));
}

#[test]
fn texts_are_padded_and_unaligned_structures_are_taken() {
    let face = Face::initialized();
    let mut room = vec![0_u8; size_of::<CK_TOKEN_INFO>() + 1];
    let crooked = room.as_mut_ptr().wrapping_add(1).cast::<CK_TOKEN_INFO>();
    assert_eq!(call!(face, C_GetTokenInfo(0, crooked)), CKR_OK);
    // SAFETY: written just now, inside `room`.
    let token = unsafe { crooked.read_unaligned() };
    assert_eq!(token.label, *b"NHS Smartcard 555000000001      ");
    assert_eq!(token.model, *b"Wardcard        ");
    assert_eq!({ token.ulTotalPublicMemory }, CK_ULONG::MAX);
}

#[test]
fn a_template_gets_all_its_answers_with_the_worst_code() {
    let face = Face::initialized();
    let (session, key) = face.signed_in();
    let mut class: CK_ULONG = 0;
    let mut small = [0_u8; 2];
    let attribute = |type_, value: *mut c_void, length| CK_ATTRIBUTE {
        type_,
        pValue: value,
        ulValueLen: length,
    };
    let mut template = [
        attribute(CKA_CLASS, (&raw mut class).cast(), size_of::<CK_ULONG>() as CK_ULONG),
        attribute(CKA_MODULUS, null_mut(), 0),
        attribute(CKA_MODULUS, small.as_mut_ptr().cast(), 2),
        attribute(CKA_PRIVATE_EXPONENT, small.as_mut_ptr().cast(), 2),
    ];
    let rv = call!(face, C_GetAttributeValue(session, key, template.as_mut_ptr(), 4));
    assert_eq!(rv, CKR_ATTRIBUTE_SENSITIVE);
    assert_eq!(class, CKO_PRIVATE_KEY);
    let lengths = template.map(|attribute| attribute.ulValueLen);
    let unavailable = CK_ULONG::MAX;
    assert_eq!(lengths, [size_of::<CK_ULONG>() as CK_ULONG, 256, unavailable, unavailable]);
    assert_eq!(small, [0, 0]);
}

#[test]
fn functions_of_the_parallel_past_say_so() {
    let face = Face::initialized();
    assert_eq!(call!(face, C_GetFunctionStatus(1)), CKR_FUNCTION_NOT_PARALLEL);
    assert_eq!(call!(face, C_CancelFunction(1)), CKR_FUNCTION_NOT_PARALLEL);
    let mut slot = 0;
    let nothing = call!(face, C_WaitForSlotEvent(CKF_DONT_BLOCK, &raw mut slot, null_mut()));
    assert_eq!(nothing, CKR_NO_EVENT);
    face.desk.insert(KeyKind::P256);
    let changed = call!(face, C_WaitForSlotEvent(CKF_DONT_BLOCK, &raw mut slot, null_mut()));
    assert_eq!((changed, slot), (CKR_OK, 0));
}
