//! A folder for `WARDCARD_STORE`, with the key of its store, and cards made there.

use std::{path::Path, sync::Arc};
use wardcard::{
    card::{AdmitAll, Caller, Shelf, ShelfPolicy, Tray},
    pkcs11::{Attribute, Cryptoki, Mechanism, Module, ck::*},
    secret::PasscodeRule,
    store::{SqliteStore, key_file},
};

/// The security officer's passcode of every card here.
pub const OFFICER: &str = "87654321";
/// The user's.
pub const USER: &str = "123456";

/// A store of its own, and nothing else set up. Ends with its cards.
#[derive(Debug)]
pub struct Cabinet {
    folder: tempfile::TempDir,
}

impl Cabinet {
    /// With a blank card.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With a card that both passcodes are set on and that has an RSA and an EC pair.
    pub fn with_card() -> Self {
        let cabinet = Self::new();
        let module = cabinet.module();
        module.initialize().unwrap();
        module
            .init_token(0, Some(OFFICER.as_bytes()), b"a card of the tests             ")
            .unwrap();
        let session = module.open_session(0, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        module.login(session, CKU_SO, Some(OFFICER.as_bytes())).unwrap();
        module.init_pin(session, Some(USER.as_bytes())).unwrap();
        module.logout(session).unwrap();
        module.login(session, CKU_USER, Some(USER.as_bytes())).unwrap();
        let token = |id: u8| [Attribute::flag(CKA_TOKEN, true), Attribute::bytes(CKA_ID, [id])];
        let p256 = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        for (id, kind, what) in [
            (1, CKM_RSA_PKCS_KEY_PAIR_GEN, Attribute::number(CKA_MODULUS_BITS, 2048)),
            (2, CKM_EC_KEY_PAIR_GEN, Attribute::bytes(CKA_EC_PARAMS, p256)),
        ] {
            let public = [token(id).as_slice(), &[what]].concat();
            let by = Mechanism::plain(kind);
            module.generate_key_pair(session, &by, &public, &token(id)).unwrap();
        }
        module.finalize().unwrap();
        cabinet
    }

    /// What a program's environment needs.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let key = if cfg!(windows) {
            ("WARDCARD_STORE_KEY", path("state/wardcard/store.key"))
        } else {
            ("XDG_STATE_HOME", path("state"))
        };
        [("WARDCARD_STORE", path("cards")), key]
    }

    /// The folder above both.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn module(&self) -> Module {
        let key = key_file(&self.folder.path().join("state/wardcard/store.key")).unwrap();
        let store = SqliteStore::open(&self.folder.path().join("cards/store.sqlite"), &key);
        let policy = ShelfPolicy {
            blank: true,
            import_private: true,
            rule: PasscodeRule { min: 4, max: 64, digits_only: false },
            ..ShelfPolicy::default()
        };
        let shelf = Shelf::new(Arc::new(store.unwrap()), policy).unwrap();
        let module = Module::new(Tray::new(0), Caller::default(), Arc::new(AdmitAll));
        module.with_shelf(Arc::new(shelf))
    }
}
