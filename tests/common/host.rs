//! What a host needs on the other side: a provider, an authority in a folder, a configuration, and
//! an application that uses the card.

use std::{fmt::Write as _, fs, path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;
use wardcard::{
    clock::{Clock, SystemClock},
    crypto::KeyKind,
    issue::directory::{CaDirectory, Plan},
    net::{Address, ServerTrust},
    pkcs11::{
        Attribute, Cryptoki, Filled, Mechanism, Room, Rv,
        ck::{
            CKA_CLASS, CKF_SERIAL_SESSION, CKM_SHA256_RSA_PKCS, CKO_PRIVATE_KEY,
            CKR_USER_NOT_LOGGED_IN, CKU_USER,
        },
    },
    testkit::provider::{self, Provider},
    wire::{Client, Endpoint},
};

/// A provider and a folder with an authority and configurations for personal agents.
pub struct Surroundings {
    pub provider: Provider,
    folder: TempDir,
}

impl Surroundings {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { provider: Provider::start(Arc::new(SystemClock)).unwrap(), folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the agent of this name serves applications.
    pub fn endpoint(&self, name: &str) -> String {
        format!("unix:path={}", self.folder().join(name).join("pkcs11").display())
    }

    /// Writes the configuration of an agent of this name, with cards of RSA-2048; its path.
    pub fn configuration(&self, name: &str) -> String {
        self.configuration_of(name, "rsa2048")
    }

    /// Writes the configuration of an agent of this name and kind of keys; its path.
    pub fn configuration_of(&self, name: &str, key: &str) -> String {
        let own = self.folder().join(name);
        fs::create_dir(&own).unwrap();
        let now = SystemClock.now();
        let plan = Plan { root_key: KeyKind::Rsa2048, ..Plan::default() };
        CaDirectory::init(&own.join("ca"), &plan, None, now).unwrap();
        let mut text = String::new();
        write!(
            text,
            "mode = \"personal\"\nstate = \"{own}/state\"\n\
             [endpoints]\npkcs11 = \"{endpoint}\"\n\
             [[provider]]\nissuer = \"{issuer}\"\nclient_id = \"{client}\"\n\
             [issuer]\nlocal = \"{own}/ca\"\ninside_agent = true\n\
             [policy]\ncis1_end = \"{end}\"\nkey = \"{key}\"\n\
             [limits]\nwarm_keys = 0\n",
            own = own.display(),
            endpoint = self.endpoint(name),
            issuer = self.provider.issuer(),
            client = provider::CLIENT_ID,
            end = now.plus(Duration::from_secs(365 * 86_400)),
        )
        .unwrap();
        let path = own.join("agent.toml");
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// An ID token for this nonce.
    pub fn token(&self, nonce: &str) -> String {
        self.provider.sign_in(nonce).sign().unwrap()
    }
}

/// A legacy application at the agent's endpoint, with one session.
pub struct Application {
    client: Client,
    session: u64,
}

impl Application {
    pub fn start(endpoint: &str) -> Self {
        let addresses = vec![Address::parse(endpoint).unwrap()];
        let client = Client::new(Endpoint { addresses, trust: ServerTrust::default() });
        client.initialize().unwrap();
        let slot = client.slot_list(true).unwrap()[0];
        let session = client.open_session(slot, CKF_SERIAL_SESSION).unwrap();
        Self { client, session }
    }

    pub fn verify(&self, passcode: &str) -> Result<(), Rv> {
        self.client.login(self.session, CKU_USER, Some(passcode.as_bytes()))
    }

    /// Signs with the first private key that is seen; the length of the signature.
    pub fn sign(&self) -> Result<usize, Rv> {
        let class = Attribute { kind: CKA_CLASS, value: CKO_PRIVATE_KEY.to_le_bytes().to_vec() };
        self.client.find_objects_init(self.session, &[class])?;
        let keys = self.client.find_objects(self.session, 9)?;
        self.client.find_objects_final(self.session)?;
        let key = *keys.first().ok_or(CKR_USER_NOT_LOGGED_IN)?;
        self.client.sign_init(self.session, &Mechanism::plain(CKM_SHA256_RSA_PKCS), key)?;
        match self.client.sign(self.session, b"a message", Room::Bytes(512))? {
            Filled::Bytes(signature) => Ok(signature.len()),
            other => panic!("{other:?}"),
        }
    }
}
