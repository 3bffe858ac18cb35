//! Those who are compared: a module's functions with a session and a key ready, and our Cryptoki
//! without the C face.

use crate::{p11::Face, stage::Loaded};
use cryptoki_sys::*;
use std::sync::Arc;
use wardcard::{
    agent::Seat,
    pkcs11::{Attribute, Cryptoki, Mechanism, Room},
    testkit::{Builder, Kit},
};

/// A module in use: somebody is logged in.
pub(crate) struct Program {
    pub(crate) face: Face,
    pub(crate) slot: CK_SLOT_ID,
    pub(crate) session: CK_SESSION_HANDLE,
    pub(crate) key: CK_OBJECT_HANDLE,
}

impl Program {
    fn begin(face: Face, label: Option<&str>, pin: &str, kind: CK_KEY_TYPE) -> Self {
        let slot = face.slot(label);
        let session = face.open(slot);
        face.login(session, CKU_USER, pin);
        let key = face.private_key(session, kind);
        Self { face, slot, session, key }
    }

    /// Our library in this process, over the card of this kit.
    pub(crate) fn in_process(seated: &Seated, kind: CK_KEY_TYPE) -> Self {
        wardcard::ffi::serve_in_process(Some(seated.cryptoki()));
        let face = Face::linked();
        face.initialize();
        Self::begin(face, None, &seated.pin, kind)
    }

    /// Our module, with the agent in its own process.
    pub(crate) fn by_agent(agent: &Loaded) -> Self {
        let face = Face::load(&agent.path);
        face.initialize();
        Self::begin(face, Some(&agent.label), &agent.pin, CKK_RSA)
    }

    /// SoftHSM2 with a new token.
    pub(crate) fn softhsm(softhsm: &Loaded) -> Self {
        let face = Face::load(&softhsm.path);
        face.initialize();
        face.provision(&softhsm.label, "12345678", &softhsm.pin);
        Self::begin(face, Some(&softhsm.label), &softhsm.pin, CKK_RSA)
    }

    /// SignInit + Sign by the session's key.
    pub(crate) fn sign(&self, kind: CK_MECHANISM_TYPE, data: &[u8]) {
        std::hint::black_box(self.face.sign(self.session, kind, self.key, data));
    }
}

/// A kit in this process with a card in place.
pub(crate) struct Seated {
    kit: Kit,
    pin: String,
}

impl Seated {
    pub(crate) fn new(mut builder: Builder) -> Self {
        // Keys that are made meanwhile would be measured too.
        builder.limits.warm_keys = 0;
        let kit = builder.start().unwrap();
        let pin = kit.sign_in(wardcard::testkit::provider::PERSON).unwrap().passcode;
        Self { kit, pin }
    }

    fn cryptoki(&self) -> Arc<dyn Cryptoki> {
        self.kit.agent().cryptoki(&seat()).unwrap()
    }

    /// A connection without the C face, logged in.
    pub(crate) fn connected(&self) -> Connected {
        let cryptoki = self.cryptoki();
        cryptoki.initialize().unwrap();
        let session = cryptoki.open_session(0, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
        cryptoki.login(session, CKU_USER, Some(self.pin.as_bytes())).unwrap();
        let class = Attribute::bytes(CKA_CLASS, CKO_PRIVATE_KEY.to_le_bytes());
        cryptoki.find_objects_init(session, &[class]).unwrap();
        let key = cryptoki.find_objects(session, 1).unwrap()[0];
        cryptoki.find_objects_final(session).unwrap();
        Connected { cryptoki, session, key }
    }
}

/// Our Cryptoki without the C face.
pub(crate) struct Connected {
    cryptoki: Arc<dyn Cryptoki>,
    session: u64,
    key: u64,
}

impl Connected {
    /// SignInit + Sign.
    pub(crate) fn sign(&self, mechanism: &Mechanism, data: &[u8]) {
        self.cryptoki.sign_init(self.session, mechanism, self.key).unwrap();
        self.cryptoki.sign(self.session, data, Room::Bytes(256)).unwrap();
    }
}

/// The seat of the user that runs this.
pub(crate) fn seat() -> Seat {
    Seat::user(rustix::process::getuid().as_raw())
}
