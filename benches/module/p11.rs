//! A PKCS#11 module's functions called as C code calls them: the only unsafe code of this bench.

#![allow(unsafe_code, non_snake_case)]

use cryptoki_sys::*;
use libloading::Library;
use std::{ffi::c_void, path::Path, ptr};

/// A module's table of functions.
pub(crate) struct Face {
    list: CK_FUNCTION_LIST,
    /// Unloaded with the last use of the table.
    _library: Option<Library>,
}

/// Calls a function of the table, which must answer CKR_OK.
macro_rules! call {
    ($face:expr, $name:ident($($argument:expr),* $(,)?)) => {{
        let function = $face.list.$name.expect(stringify!($name));
        // SAFETY: every pointer given here is NULL where the standard allows it, or leads to a live
        // value of the length that goes with it.
        let rv = unsafe { function($($argument),*) };
        assert_eq!(rv, CKR_OK, "{} answers {rv:#x}", stringify!($name));
    }};
}

impl Face {
    /// The library that is linked into this bench.
    pub(crate) fn linked() -> Self {
        let mut list = ptr::null_mut();
        // SAFETY: `list` can take a pointer.
        let rv = unsafe { wardcard::ffi::C_GetFunctionList(&raw mut list) };
        assert_eq!(rv, CKR_OK);
        // SAFETY: C_GetFunctionList answered a table that lives as long as the program.
        Self { list: unsafe { *list }, _library: None }
    }

    /// A module in a file.
    pub(crate) fn load(path: &Path) -> Self {
        // SAFETY: a PKCS#11 module's initializers ask for nothing.
        let library = unsafe { Library::new(path) }.unwrap();
        // SAFETY: the standard gives the symbol this type.
        let function = unsafe {
            library.get::<unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV>(
                b"C_GetFunctionList\0",
            )
        };
        let function = *function.unwrap();
        let mut list = ptr::null_mut();
        // SAFETY: `list` can take a pointer.
        let rv = unsafe { function(&raw mut list) };
        assert_eq!(rv, CKR_OK);
        // SAFETY: the table lives as long as the library, which is kept beside it.
        Self { list: unsafe { *list }, _library: Some(library) }
    }

    pub(crate) fn initialize(&self) {
        let mut arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags: CKF_OS_LOCKING_OK,
            pReserved: ptr::null_mut(),
        };
        call!(self, C_Initialize((&raw mut arguments).cast::<c_void>()));
    }

    pub(crate) fn finalize(&self) {
        call!(self, C_Finalize(ptr::null_mut()));
    }

    fn slots(&self, present: bool) -> Vec<CK_SLOT_ID> {
        let mut slots = [0; 64];
        let mut count = 64;
        call!(self, C_GetSlotList(CK_BBOOL::from(present), slots.as_mut_ptr(), &raw mut count));
        slots[..usize::try_from(count).unwrap()].to_vec()
    }

    /// The first slot with a token, of this label where one is given.
    pub(crate) fn slot(&self, label: Option<&str>) -> CK_SLOT_ID {
        let fits = |slot: &CK_SLOT_ID| {
            let mut info = CK_TOKEN_INFO::default();
            call!(self, C_GetTokenInfo(*slot, &raw mut info));
            let text = String::from_utf8_lossy(&info.label).trim_end().to_owned();
            label.is_none_or(|label| label == text)
        };
        self.slots(true).into_iter().find(fits).expect("a slot with the token")
    }

    pub(crate) fn open(&self, slot: CK_SLOT_ID) -> CK_SESSION_HANDLE {
        let mut session = 0;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        call!(self, C_OpenSession(slot, flags, ptr::null_mut(), None, &raw mut session));
        session
    }

    pub(crate) fn close(&self, session: CK_SESSION_HANDLE) {
        call!(self, C_CloseSession(session));
    }

    pub(crate) fn login(&self, session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: &str) {
        let (pin, length) = text(pin);
        call!(self, C_Login(session, user, pin, length));
    }

    pub(crate) fn logout(&self, session: CK_SESSION_HANDLE) {
        call!(self, C_Logout(session));
    }

    /// A bare round trip.
    pub(crate) fn session_info(&self, session: CK_SESSION_HANDLE) {
        let mut info = CK_SESSION_INFO::default();
        call!(self, C_GetSessionInfo(session, &raw mut info));
    }

    /// Initialises the first token there is, with a PIN of its user, and makes an RSA-2048 and a
    /// P-256 key pair on it.
    pub(crate) fn provision(&self, label: &str, so_pin: &str, pin: &str) {
        let slot = self.slots(false)[0];
        let mut padded = [b' '; 32];
        padded[..label.len()].copy_from_slice(label.as_bytes());
        let (so, so_length) = text(so_pin);
        call!(self, C_InitToken(slot, so, so_length, padded.as_mut_ptr()));
        let session = self.open(self.slot(Some(label)));
        self.login(session, CKU_SO, so_pin);
        let (user, user_length) = text(pin);
        call!(self, C_InitPIN(session, user, user_length));
        self.logout(session);
        self.login(session, CKU_USER, pin);
        let mut bits: CK_ULONG = 2048;
        let size = number(CKA_MODULUS_BITS, &mut bits);
        self.generate(session, CKM_RSA_PKCS_KEY_PAIR_GEN, size, 1, true);
        let mut p256 = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
        let curve = attribute(CKA_EC_PARAMS, &mut p256);
        self.generate(session, CKM_EC_KEY_PAIR_GEN, curve, 2, true);
        self.close(session);
    }

    /// Makes a P-384 key pair on the token.
    pub(crate) fn p384(&self, session: CK_SESSION_HANDLE) -> CK_OBJECT_HANDLE {
        let mut p384 = [6, 5, 0x2b, 0x81, 4, 0, 0x22];
        let curve = attribute(CKA_EC_PARAMS, &mut p384);
        self.generate(session, CKM_EC_KEY_PAIR_GEN, curve, 3, true).1
    }

    /// Makes an RSA-2048 key pair of the session and destroys it.
    pub(crate) fn generate_session_rsa(&self, session: CK_SESSION_HANDLE) {
        let mut bits: CK_ULONG = 2048;
        let size = number(CKA_MODULUS_BITS, &mut bits);
        let (one, other) = self.generate(session, CKM_RSA_PKCS_KEY_PAIR_GEN, size, 9, false);
        call!(self, C_DestroyObject(session, one));
        call!(self, C_DestroyObject(session, other));
    }

    /// Writes a certificate onto the token: bytes that no module parses.
    pub(crate) fn certificate(&self, session: CK_SESSION_HANDLE, number_of: u32) {
        let (mut class, mut kind) = (CKO_CERTIFICATE, CKC_X_509);
        let (mut yes, mut no) = ([CK_TRUE], [CK_FALSE]);
        let mut id = [&[0xf1], &number_of.to_be_bytes()[..]].concat();
        let mut name = [0x30, 0x0d, 0x31, 0x0b, 0x30, 9, 6, 3, 0x55, 4, 3, 0x0c, 2, b'x', b'y'];
        let mut serial = [&[2, 4], &number_of.to_be_bytes()[..]].concat();
        let mut issuer = name;
        let mut value = [&[0x30, 0x82, 1, 0x7a], &[7; 378][..]].concat();
        let mut template = [
            number(CKA_CLASS, &mut class),
            number(CKA_CERTIFICATE_TYPE, &mut kind),
            attribute(CKA_TOKEN, &mut yes),
            attribute(CKA_PRIVATE, &mut no),
            attribute(CKA_ID, &mut id),
            attribute(CKA_SUBJECT, &mut name),
            attribute(CKA_ISSUER, &mut issuer),
            attribute(CKA_SERIAL_NUMBER, &mut serial),
            attribute(CKA_VALUE, &mut value),
        ];
        let mut object = 0;
        call!(self, C_CreateObject(session, template.as_mut_ptr(), 9, &raw mut object));
    }

    /// DigestInit + Digest of a hash of 32 bytes.
    pub(crate) fn digest(
        &self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        data: &[u8],
    ) -> [u8; 32] {
        let mut mechanism = plain(kind);
        call!(self, C_DigestInit(session, &raw mut mechanism));
        let (mut hash, mut length) = ([0; 32], 32);
        let data_length = CK_ULONG::try_from(data.len()).unwrap();
        let data = data.as_ptr().cast_mut();
        call!(self, C_Digest(session, data, data_length, hash.as_mut_ptr(), &raw mut length));
        hash
    }

    fn generate(
        &self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        size: CK_ATTRIBUTE,
        id: u8,
        token: bool,
    ) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
        let (mut yes, mut id, mut token) = ([CK_TRUE], [id], [CK_BBOOL::from(token)]);
        let token = attribute(CKA_TOKEN, &mut token);
        let mut flag = |kind| attribute(kind, &mut yes);
        let mut exponent = [1, 0, 1];
        // The last is for RSA alone.
        let mut public = [
            size,
            token,
            flag(CKA_VERIFY),
            attribute(CKA_ID, &mut id),
            attribute(CKA_PUBLIC_EXPONENT, &mut exponent),
        ];
        let public_count = if kind == CKM_RSA_PKCS_KEY_PAIR_GEN { 5 } else { 4 };
        let mut private = [
            token,
            flag(CKA_PRIVATE),
            flag(CKA_SENSITIVE),
            flag(CKA_SIGN),
            attribute(CKA_ID, &mut id),
        ];
        let mut mechanism = plain(kind);
        let (mut one, mut other) = (0, 0);
        call!(
            self,
            C_GenerateKeyPair(
                session,
                &raw mut mechanism,
                public.as_mut_ptr(),
                public_count,
                private.as_mut_ptr(),
                5,
                &raw mut one,
                &raw mut other,
            )
        );
        (one, other)
    }

    fn find(
        &self,
        session: CK_SESSION_HANDLE,
        template: &mut [CK_ATTRIBUTE],
    ) -> Option<CK_OBJECT_HANDLE> {
        let count = CK_ULONG::try_from(template.len()).unwrap();
        call!(self, C_FindObjectsInit(session, template.as_mut_ptr(), count));
        let mut found = [0; 4];
        let mut count = 0;
        call!(self, C_FindObjects(session, found.as_mut_ptr(), 4, &raw mut count));
        call!(self, C_FindObjectsFinal(session));
        (count > 0).then_some(found[0])
    }

    /// The private key of a type.
    pub(crate) fn private_key(
        &self,
        session: CK_SESSION_HANDLE,
        mut kind: CK_KEY_TYPE,
    ) -> CK_OBJECT_HANDLE {
        let mut class = CKO_PRIVATE_KEY;
        let mut template = [number(CKA_CLASS, &mut class), number(CKA_KEY_TYPE, &mut kind)];
        self.find(session, &mut template).expect("a private key")
    }

    /// The private key with a CKA_ID.
    pub(crate) fn by_id(&self, session: CK_SESSION_HANDLE, id: &mut [u8]) -> CK_OBJECT_HANDLE {
        let mut class = CKO_PRIVATE_KEY;
        let mut template = [number(CKA_CLASS, &mut class), attribute(CKA_ID, id)];
        self.find(session, &mut template).expect("a key with this CKA_ID")
    }

    /// An object's CKA_ID.
    pub(crate) fn id(&self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Vec<u8> {
        let mut id = vec![0; 64];
        let mut asked = attribute(CKA_ID, &mut id);
        call!(self, C_GetAttributeValue(session, object, &raw mut asked, 1));
        id.truncate(usize::try_from(asked.ulValueLen).unwrap());
        id
    }

    /// SignInit + Sign.
    pub(crate) fn sign(
        &self,
        session: CK_SESSION_HANDLE,
        kind: CK_MECHANISM_TYPE,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> [u8; 256] {
        let mut mechanism = plain(kind);
        call!(self, C_SignInit(session, &raw mut mechanism, key));
        let mut signature = [0; 256];
        let mut length = 256;
        // The function's type has no const; the data is only read.
        let data_length = CK_ULONG::try_from(data.len()).unwrap();
        let data = data.as_ptr().cast_mut();
        call!(self, C_Sign(session, data, data_length, signature.as_mut_ptr(), &raw mut length));
        signature
    }

    pub(crate) fn random(&self, session: CK_SESSION_HANDLE) -> [u8; 32] {
        let mut bytes = [0; 32];
        call!(self, C_GenerateRandom(session, bytes.as_mut_ptr(), 32));
        bytes
    }
}

fn text(text: &str) -> (*mut u8, CK_ULONG) {
    (text.as_ptr().cast_mut(), CK_ULONG::try_from(text.len()).unwrap())
}

fn attribute(kind: CK_ATTRIBUTE_TYPE, value: &mut [u8]) -> CK_ATTRIBUTE {
    let length = CK_ULONG::try_from(value.len()).unwrap();
    CK_ATTRIBUTE { type_: kind, pValue: value.as_mut_ptr().cast(), ulValueLen: length }
}

fn number(kind: CK_ATTRIBUTE_TYPE, value: &mut CK_ULONG) -> CK_ATTRIBUTE {
    let length = CK_ULONG::try_from(size_of::<CK_ULONG>()).unwrap();
    CK_ATTRIBUTE { type_: kind, pValue: ptr::from_mut(value).cast(), ulValueLen: length }
}

fn plain(kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM { mechanism: kind, pParameter: ptr::null_mut(), ulParameterLen: 0 }
}
