//! An application of this process, over the wire's own client.

use wardcard::{
    net::{Address, ServerTrust},
    pkcs11::{
        Answer, Attribute, Cryptoki, Filled, Mechanism, Query, Room, Rv,
        ck::{
            CKA_CLASS, CKF_RW_SESSION, CKF_SERIAL_SESSION, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY,
            CKU_USER,
        },
    },
    pki::Certificate,
    secret::User,
    wire::{Client, Endpoint},
};

/// One connection and one session in the first slot.
#[derive(Debug)]
pub struct Application {
    pub client: Client,
    pub session: u64,
}

const CKA_MODULUS: u64 = 0x120;
const CKA_VALUE: u64 = 0x11;
const CKO_CERTIFICATE: u64 = 1;
const CKM_RSA_PKCS: u64 = 0x01;
const CKM_SHA256_RSA_PKCS: u64 = 0x40;

/// A client of an agent that runs as this user.
pub fn client(address: &str, user: impl Into<User>) -> Client {
    let trust = ServerTrust { users: vec![user.into()] };
    let addresses = vec![Address::parse(address).unwrap()];
    let client = Client::new(Endpoint { addresses, trust });
    client.initialize().unwrap();
    client
}

impl Application {
    /// Opens a session where a card is.
    pub fn open(address: &str, user: impl Into<User>) -> Result<Self, Rv> {
        let client = client(address, user);
        let session = client.open_session(0, CKF_SERIAL_SESSION | CKF_RW_SESSION)?;
        Ok(Self { client, session })
    }

    pub fn login(&self, passcode: &str) -> Result<(), Rv> {
        self.client.login(self.session, CKU_USER, Some(passcode.as_bytes()))
    }

    pub fn logout(&self) {
        self.client.logout(self.session).unwrap();
    }

    /// The first object of a class.
    pub fn object(&self, class: u64) -> Result<u64, Rv> {
        let class = Attribute { kind: CKA_CLASS, value: class.to_le_bytes().to_vec() };
        self.client.find_objects_init(self.session, &[class])?;
        let found = self.client.find_objects(self.session, 1);
        self.client.find_objects_final(self.session)?;
        Ok(found?.first().copied().unwrap_or(0))
    }

    /// A signature by the authentication key.
    pub fn sign(&self, text: &[u8]) -> Result<Vec<u8>, Rv> {
        let key = self.object(CKO_PRIVATE_KEY)?;
        self.client.sign_init(self.session, &Mechanism::plain(CKM_SHA256_RSA_PKCS), key)?;
        match self.client.sign(self.session, text, Room::Bytes(512))? {
            Filled::Bytes(signature) => Ok(signature),
            other => panic!("{other:?}"),
        }
    }

    /// What the authentication key makes of a text that is encrypted for it.
    pub fn decrypt(&self, text: &[u8]) -> Result<Vec<u8>, Rv> {
        let certificate = self.attribute(CKO_CERTIFICATE, CKA_VALUE);
        let certificate = Certificate::from_der(&certificate).unwrap();
        let sealed = certificate.public_key().encrypt_pkcs1(text).unwrap();
        let key = self.object(CKO_PRIVATE_KEY)?;
        self.client.decrypt_init(self.session, &Mechanism::plain(CKM_RSA_PKCS), key)?;
        match self.client.decrypt(self.session, &sealed, Room::Bytes(512))? {
            Filled::Bytes(text) => Ok(text),
            other => panic!("{other:?}"),
        }
    }

    /// The modulus of the authentication key.
    pub fn modulus(&self) -> Vec<u8> {
        self.attribute(CKO_PUBLIC_KEY, CKA_MODULUS)
    }

    fn attribute(&self, class: u64, kind: u64) -> Vec<u8> {
        let object = self.object(class).unwrap();
        let query = [Query { kind, room: Some(8192) }];
        let answers = self.client.attribute_value(self.session, object, &query).unwrap();
        match answers.answers.as_slice() {
            [Answer::Value(value)] => value.clone(),
            other => panic!("{other:?}"),
        }
    }
}
