//! An OpenID provider on loopback (Discovery 1.0, RFC 7517) that issues ID tokens of CIS2's
//! shape, whole or deliberately broken, and logout tokens. It has no sign-in page: a test says who
//! has signed in, straight for a nonce or at the address of a code flow.
//!
//! ```
//! use std::sync::Arc;
//! use wardcard::{clock::SystemClock, testkit::provider::Provider};
//!
//! let provider = Provider::start(Arc::new(SystemClock))?;
//! let token = provider.sign_in("nonce of the request").claim("acr", "AAL3_FIDO2").sign()?;
//! assert_eq!(token.split('.').count(), 3);
//! # Ok::<(), wardcard::testkit::provider::Error>(())
//! ```

mod flow;
mod token;

#[cfg(test)]
mod tests;

pub use token::{Break, IdToken};

use crate::{
    clock::Clock,
    crypto::{self, Hash, KeyKind, PrivateKey, Scheme},
};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};
use tiny_http::{Request, Response, Server};

/// The client that tokens are issued to.
pub const CLIENT_ID: &str = "wardcard-test";

/// The clinician who signs in unless another is named.
pub const PERSON: &str = "555000000001";

/// Path of the issuer, as long-winded as the real one.
const REALM: &str = "/openam/oauth2/realms/root/realms/Test/realms/Healthcare";

/// Why the provider could not start or sign.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No port on loopback, or no thread.
    #[error("the test provider cannot listen on loopback: {0}")]
    Listen(String),
    /// No key or no signature.
    #[error("the test provider cannot sign: {0}")]
    Crypto(#[from] crypto::Error),
}

/// A provider that runs until it is dropped.
#[derive(Debug)]
pub struct Provider {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    server: Arc<Listener>,
    thread: Option<JoinHandle<()>>,
}

struct Listener(Server);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

#[derive(Debug)]
struct Shared {
    issuer: String,
    /// Published keys; the last signs.
    keys: Mutex<Vec<SigningKey>>,
    /// Codes that have been issued and not yet exchanged.
    codes: Mutex<Vec<flow::Issued>>,
    down: AtomicBool,
    metadata_fetches: AtomicUsize,
    key_set_fetches: AtomicUsize,
}

#[derive(Clone, Debug)]
struct SigningKey {
    id: String,
    key: PrivateKey,
}

impl Provider {
    /// A provider with one RSA-2048 key, as CIS2 has them; its tokens' times are `clock`'s.
    ///
    /// # Errors
    /// [`Error::Listen`] or [`Error::Crypto`].
    pub fn start(clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::start_with(clock, KeyKind::Rsa2048)
    }

    /// As [`start`](Self::start), with a key of another kind.
    ///
    /// # Errors
    /// As `start`.
    pub fn start_with(clock: Arc<dyn Clock>, kind: KeyKind) -> Result<Self, Error> {
        let key = SigningKey { id: "key-1".to_owned(), key: PrivateKey::generate(kind)? };
        let listen = |error: String| Error::Listen(error);
        let server = Server::http("127.0.0.1:0").map_err(|error| listen(error.to_string()))?;
        let address =
            server.server_addr().to_ip().ok_or_else(|| listen("no IP address".to_owned()))?;
        let server = Arc::new(Listener(server));
        let shared = Arc::new(Shared {
            issuer: format!("http://{address}{REALM}"),
            keys: Mutex::new(vec![key]),
            codes: Mutex::default(),
            down: AtomicBool::new(false),
            metadata_fetches: AtomicUsize::new(0),
            key_set_fetches: AtomicUsize::new(0),
        });
        let thread = thread::Builder::new().name("testkit-provider".to_owned()).spawn({
            let (server, shared) = (Arc::clone(&server), Arc::clone(&shared));
            move || {
                while let Ok(request) = server.0.recv() {
                    shared.answer(request);
                }
            }
        });
        let thread = Some(thread.map_err(|error| listen(error.to_string()))?);
        Ok(Self { shared, clock, server, thread })
    }

    /// `iss`: an `http://127.0.0.1:PORT/...` address.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// The published key set, as a file would hold it.
    pub fn key_set(&self) -> String {
        self.shared.key_set()
    }

    /// Signs with a new key of the same kind from now on; the old ones stay published or not.
    ///
    /// # Errors
    /// [`Error::Crypto`].
    pub fn rotate(&self, keep_old: bool) -> Result<(), Error> {
        let current = self.signing_key();
        let number: usize = current.id.trim_start_matches("key-").parse().unwrap_or(0);
        let id = format!("key-{}", number.saturating_add(1));
        let key = SigningKey { id, key: PrivateKey::generate(current.key.kind())? };
        let mut keys = self.shared.keys();
        if !keep_old {
            keys.clear();
        }
        keys.push(key);
        Ok(())
    }

    /// Answers every request with status 503 while `down`.
    pub fn set_down(&self, down: bool) {
        self.shared.down.store(down, Ordering::SeqCst);
    }

    /// How often the metadata were asked for.
    pub fn metadata_fetches(&self) -> usize {
        self.shared.metadata_fetches.load(Ordering::SeqCst)
    }

    /// How often the key set was asked for.
    pub fn key_set_fetches(&self) -> usize {
        self.shared.key_set_fetches.load(Ordering::SeqCst)
    }

    /// An ID token of CIS2's shape: [`PERSON`] has signed in just now at AAL3 for the request of
    /// this nonce.
    pub fn sign_in(&self, nonce: &str) -> IdToken {
        let now = self.clock.now().unix_seconds();
        let signer = self.signing_key();
        let header = json!({"typ": "JWT", "kid": signer.id, "alg": algorithm(&signer.key).0});
        let claims = json!({
            "iss": self.issuer(),
            "aud": CLIENT_ID,
            "azp": CLIENT_ID,
            "sub": PERSON,
            "exp": now.saturating_add(3600),
            "iat": now,
            "auth_time": now,
            "nonce": nonce,
            "acr": "AAL3_ANY",
            "amr": ["N3_SMARTCARD"],
            "sid": "test-session",
            "at_hash": "x",
            "id_assurance_level": "3",
            "authentication_assurance_level": "3",
            "selected_roleid": "555000000100",
        });
        IdToken::new(header, claims, signer)
    }

    fn signing_key(&self) -> SigningKey {
        let keys = self.shared.keys();
        // `rotate` empties the list only to fill it before it lets go of the lock.
        #[allow(clippy::expect_used)]
        keys.last().expect("a provider always has a key").clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.0.unblock();
        if let Some(thread) = self.thread.take() {
            // A panic over there has been reported over there.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn keys(&self) -> MutexGuard<'_, Vec<SigningKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn codes(&self) -> MutexGuard<'_, Vec<flow::Issued>> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: Request) {
        let path = request.url().strip_prefix(REALM).unwrap_or_default().to_owned();
        if path == "/token" && !self.down.load(Ordering::SeqCst) {
            return self.exchange(request);
        }
        let body = match path.as_str() {
            "/.well-known/openid-configuration" => {
                self.metadata_fetches.fetch_add(1, Ordering::SeqCst);
                Some(self.metadata())
            }
            "/connect/jwk_uri" => {
                self.key_set_fetches.fetch_add(1, Ordering::SeqCst);
                Some(self.key_set())
            }
            _ => None,
        };
        let response = match body {
            _ if self.down.load(Ordering::SeqCst) => {
                Response::from_string("down for a test").with_status_code(503)
            }
            Some(body) => Response::from_string(body),
            None => Response::from_string("no such page").with_status_code(404),
        };
        // Whoever asked may have gone.
        let _ = request.respond(response);
    }

    fn metadata(&self) -> String {
        let issuer = &self.issuer;
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "authorization_response_iss_parameter_supported": true,
            "jwks_uri": format!("{issuer}/connect/jwk_uri"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "ES384"],
        })
        .to_string()
    }

    fn key_set(&self) -> String {
        let keys: Vec<Value> = self.keys().iter().map(SigningKey::jwk).collect();
        json!({ "keys": keys }).to_string()
    }
}

impl SigningKey {
    fn jwk(&self) -> Value {
        let (algorithm, _, _) = algorithm(&self.key);
        let public = self.key.public();
        let text = Base64UrlUnpadded::encode_string;
        let mut jwk = json!({"kid": self.id, "use": "sig", "alg": algorithm});
        if let Some((modulus, exponent)) = public.rsa() {
            jwk["kty"] = "RSA".into();
            jwk["n"] = text(modulus).into();
            jwk["e"] = text(exponent).into();
        } else if let Some([_, coordinates @ ..]) = public.ec_point() {
            let (x, y) = coordinates.split_at(coordinates.len() / 2);
            jwk["kty"] = "EC".into();
            jwk["crv"] = if algorithm == "ES256" { "P-256" } else { "P-384" }.into();
            jwk["x"] = text(x).into();
            jwk["y"] = text(y).into();
        }
        jwk
    }
}

/// `alg`, scheme and hash that a key signs with.
fn algorithm(key: &PrivateKey) -> (&'static str, Scheme, Hash) {
    match key.kind() {
        KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => {
            ("RS256", Scheme::Pkcs1(Hash::Sha256), Hash::Sha256)
        }
        KeyKind::P256 => ("ES256", Scheme::Ecdsa, Hash::Sha256),
        KeyKind::P384 => ("ES384", Scheme::Ecdsa, Hash::Sha384),
    }
}
