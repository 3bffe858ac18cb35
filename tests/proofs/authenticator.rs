//! An authenticator and a browser of our own, each part of whose answer can be bent.

use crate::der;
use base64ct::{Base64UrlUnpadded, Encoding};
use ciborium::Value as Cbor;
use serde_json::{Value, json};
use wardcard::{
    crypto::{self, Hash, KeyKind, PrivateKey, Scheme},
    pki::Certificate,
};

pub const ORIGIN: &str = "https://sso.example";
pub const RP: &str = "sso.example";
pub const MODEL: [u8; 16] = *b"\x08\x98\x70\x58\xca\xdc\x4b\x81\xb6\xe1\x30\xde\x50\xdc\xbe\x96";

pub const PRESENT: u8 = 0x01;
pub const VERIFIED: u8 = 0x04;
pub const BACKUP_ELIGIBLE: u8 = 0x08;
pub const BACKED_UP: u8 = 0x10;
pub const ATTESTED: u8 = 0x40;
pub const EXTENSIONS: u8 = 0x80;

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

pub enum Key {
    Common(PrivateKey),
    #[cfg(feature = "aws-lc")]
    Ed25519(aws_lc_rs::signature::Ed25519KeyPair),
}

impl Key {
    pub fn new(kind: KeyKind) -> Self {
        Self::Common(PrivateKey::generate(kind).unwrap())
    }

    #[cfg(feature = "aws-lc")]
    pub fn ed25519() -> Self {
        Self::Ed25519(aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap())
    }

    pub fn algorithm(&self) -> i64 {
        match self {
            #[cfg(feature = "aws-lc")]
            Self::Ed25519(_) => -8,
            Self::Common(key) => match key.kind() {
                KeyKind::P256 => -7,
                KeyKind::P384 => -35,
                _ => -257,
            },
        }
    }

    /// COSE_Key.
    pub fn cose(&self) -> Vec<(i64, Cbor)> {
        let bytes = |bytes: &[u8]| Cbor::Bytes(bytes.to_vec());
        let mut map = match self {
            #[cfg(feature = "aws-lc")]
            Self::Ed25519(key) => {
                use aws_lc_rs::signature::KeyPair;
                vec![(1, 1.into()), (-1, 6.into()), (-2, bytes(key.public_key().as_ref()))]
            }
            Self::Common(key) => match (key.public().rsa(), key.public().ec_point()) {
                (Some((n, e)), _) => vec![(1, 3.into()), (-1, bytes(n)), (-2, bytes(e))],
                (_, Some([_, point @ ..])) => {
                    let (x, y) = point.split_at(point.len() / 2);
                    let curve = if x.len() == 32 { 1 } else { 2 };
                    vec![(1, 2.into()), (-1, curve.into()), (-2, bytes(x)), (-3, bytes(y))]
                }
                _ => unreachable!("RSA or EC"),
            },
        };
        map.push((3, self.algorithm().into()));
        map
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            #[cfg(feature = "aws-lc")]
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Self::Common(key) if key.kind() == KeyKind::P384 => {
                let digest = crypto::digest(Hash::Sha384, message);
                crypto::ecdsa_to_der(&key.sign(Scheme::Ecdsa, &digest).unwrap()).unwrap()
            }
            Self::Common(key) => der::sign_sha256(key, message),
        }
    }
}

/// How a new credential is attested.
pub enum Format {
    None,
    Own,
    /// By certificates, the first of which is of this key.
    Certified(PrivateKey, Vec<Certificate>),
}

/// A security key with one credential.
pub struct Authenticator {
    pub key: Key,
    pub id: Vec<u8>,
    pub model: [u8; 16],
    pub format: Format,
    pub user_handle: Option<Vec<u8>>,
    pub shape: Shape,
}

/// How the answer looks; each member can be bent.
#[derive(Clone)]
pub struct Shape {
    pub client_data: Value,
    pub relying_party: String,
    pub flags: u8,
    pub counter: u32,
    pub extensions: Vec<u8>,
    pub trailing: Vec<u8>,
    /// Stands in place of the right one.
    pub signature: Option<Vec<u8>>,
    pub answer: Value,
    pub cose: Option<Vec<(i64, Cbor)>>,
    pub object: Value,
    pub attestation_algorithm: Option<i64>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            client_data: json!({}),
            relying_party: RP.to_owned(),
            flags: PRESENT | VERIFIED,
            counter: 0,
            extensions: Vec::new(),
            trailing: Vec::new(),
            signature: None,
            answer: json!({}),
            cose: None,
            object: json!({}),
            attestation_algorithm: None,
        }
    }
}

impl Authenticator {
    pub fn new(key: Key) -> Self {
        let mut id = vec![0; 32];
        crypto::random(&mut id).unwrap();
        Self {
            key,
            id,
            model: MODEL,
            format: Format::None,
            user_handle: None,
            shape: Shape::default(),
        }
    }

    pub fn p256() -> Self {
        Self::new(Key::new(KeyKind::P256))
    }

    /// RegistrationResponseJSON.
    pub fn register(&mut self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        let handle = options["user"]["id"].as_str().unwrap();
        self.user_handle = Some(Base64UrlUnpadded::decode_vec(handle).unwrap());
        let client_data = self.client_data("webauthn.create", &options);
        let data = self.authenticator_data(true);
        let message = [data.as_slice(), &hash(&client_data)].concat();
        let text = |text: &str| Cbor::Text(text.to_owned());
        let statement = |algorithm: i64, signature: Vec<u8>| {
            let algorithm = self.shape.attestation_algorithm.unwrap_or(algorithm);
            let signature = self.shape.signature.clone().unwrap_or(signature);
            vec![(text("alg"), algorithm.into()), (text("sig"), Cbor::Bytes(signature))]
        };
        let (format, statement) = match &self.format {
            Format::None => ("none", Vec::new()),
            Format::Own => ("packed", statement(self.key.algorithm(), self.key.sign(&message))),
            Format::Certified(key, chain) => {
                let mut all = statement(-7, der::sign_sha256(key, &message));
                let chain = chain.iter().map(|one| Cbor::Bytes(one.der().to_vec()));
                all.push((text("x5c"), Cbor::Array(chain.collect())));
                ("packed", all)
            }
        };
        let format = self.shape.object["fmt"].as_str().unwrap_or(format);
        let mut entries = vec![
            (text("fmt"), text(format)),
            (text("attStmt"), Cbor::Map(statement)),
            (text("authData"), Cbor::Bytes(data)),
        ];
        if let Some(more) = self.shape.object["more"].as_str() {
            entries.push((text(more), Cbor::Null));
        }
        let mut object = cbor(&Cbor::Map(entries));
        if self.shape.object["trailing"] == true {
            object.push(0);
        }
        self.answer(json!({"clientDataJSON": b64(client_data), "attestationObject": b64(object)}))
    }

    /// AuthenticationResponseJSON.
    pub fn assert(&self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        let client_data = self.client_data("webauthn.get", &options);
        let data = self.authenticator_data(self.shape.flags & ATTESTED != 0);
        let signature = self.key.sign(&[data.as_slice(), &hash(&client_data)].concat());
        let signature = self.shape.signature.clone().unwrap_or(signature);
        self.answer(json!({
            "clientDataJSON": b64(client_data),
            "authenticatorData": b64(data),
            "signature": b64(signature),
            "userHandle": self.user_handle.as_ref().map(b64),
        }))
    }

    fn answer(&self, response: Value) -> String {
        let id = b64(&self.id);
        let mut answer = json!({
            "id": id, "rawId": id, "type": "public-key", "response": response,
            "clientExtensionResults": {}, "authenticatorAttachment": "cross-platform",
        });
        merge(&mut answer, &self.shape.answer);
        answer.to_string()
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let mut data = json!({
            "type": kind, "challenge": options["challenge"], "origin": ORIGIN, "crossOrigin": false,
        });
        merge(&mut data, &self.shape.client_data);
        data.to_string().into_bytes()
    }

    fn authenticator_data(&self, attested: bool) -> Vec<u8> {
        let shape = &self.shape;
        let mut data = hash(shape.relying_party.as_bytes());
        data.push(shape.flags | if attested { ATTESTED } else { 0 });
        data.extend(shape.counter.to_be_bytes());
        if attested {
            data.extend(self.model);
            data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
            data.extend(&self.id);
            let map = shape.cose.clone().unwrap_or_else(|| self.key.cose());
            let entries = map.into_iter().map(|(label, value)| (label.into(), value));
            data.extend(cbor(&Cbor::Map(entries.collect())));
        }
        data.extend(&shape.extensions);
        data.extend(&shape.trailing);
        data
    }
}

fn hash(bytes: &[u8]) -> Vec<u8> {
    crypto::digest(Hash::Sha256, bytes)
}

fn cbor(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// Sets the members of `extra` at any depth; null removes one.
pub fn merge(object: &mut Value, extra: &Value) {
    for (name, value) in extra.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else if value.is_object() && object[name].is_object() {
            merge(&mut object[name], value);
        } else {
            object[name] = value.clone();
        }
    }
}
