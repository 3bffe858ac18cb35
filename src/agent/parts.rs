//! What an agent is composed of, and how each part is made where none is given.

use super::{
    Error,
    config::{Config, EnrolledSettings, IssuerSettings, ProviderSettings},
    state,
};
use crate::{
    card::{self, Shelf, ShelfPolicy},
    clock::{Clock, SystemClock},
    issue::{Issuer, RemoteIssuer, directory::CaDirectory},
    net::ServerTrust,
    pki::Certificate,
    proof::{Fetch, oidc::Provider},
    secret::Hardening,
    store::Store,
};
use std::{path::PathBuf, sync::Arc};

/// What an agent is composed of besides its configuration; each part may be put in its place by
/// the program that embeds it.
#[derive(Debug)]
pub struct AgentParts {
    /// Time. The system's by default.
    pub clock: Arc<dyn Clock>,
    /// Fetches providers' metadata and key sets; by default over HTTPS as the configuration says.
    pub fetch: Option<Arc<dyn Fetch>>,
    /// Certifies; by default the issuer of the configuration.
    pub issuer: Option<Arc<dyn Issuer>>,
    /// Tries, verifiers and used proofs; by default in the state folder.
    pub store: Option<Arc<dyn Store>>,
    /// What [`secret::harden`](crate::secret::harden) achieved, where the program called it; for
    /// the status.
    pub hardening: Option<Hardening>,
    /// Who works, where this is no agent but a command in its place while none runs: the log says
    /// so instead of telling of an agent.
    pub offline: Option<String>,
}

impl Default for AgentParts {
    fn default() -> Self {
        let clock = Arc::new(SystemClock);
        Self { clock, fetch: None, issuer: None, store: None, hardening: None, offline: None }
    }
}

/// The issuer of a configuration.
pub(super) fn issuer(config: &Config, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Issuer>, Error> {
    let part = |why: String| Error::Part { what: "the issuer", why };
    match &config.issuer {
        IssuerSettings::Remote { address, users, roots } => {
            let trust = ServerTrust { users: users.clone() };
            with_roots(RemoteIssuer::new(address.clone(), trust), roots.as_ref())
        }
        #[cfg(feature = "tls")]
        IssuerSettings::Tls { address, files, roots } => {
            let files = crate::net::tls::TlsFiles {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
                roots: files.roots.clone(),
                crls: files.crls.clone(),
            };
            files.check().map_err(|error| part(error.to_string()))?;
            with_roots(RemoteIssuer::over_tls(address.clone(), files), roots.as_ref())
        }
        #[cfg(not(feature = "tls"))]
        IssuerSettings::Tls { .. } => {
            Err(part("this build has no TLS; build it with the feature `tls`".to_owned()))
        }
        IssuerSettings::Local(folder) => {
            let directory = CaDirectory::open(folder).map_err(|error| part(error.to_string()))?;
            let issuer = directory.issuer(None, Arc::clone(clock));
            Ok(Arc::new(issuer.map_err(|error| part(error.to_string()))?))
        }
        IssuerSettings::Given => {
            Err(part("none is given; name one in the configuration or in AgentParts".to_owned()))
        }
    }
}

fn with_roots(remote: RemoteIssuer, pem: Option<&String>) -> Result<Arc<dyn Issuer>, Error> {
    let Some(pem) = pem else { return Ok(Arc::new(remote)) };
    let part =
        |error: crate::pki::Error| Error::Part { what: "the issuer", why: error.to_string() };
    Ok(Arc::new(remote.with_roots(Certificate::from_pem(pem).map_err(part)?)))
}

/// The enrolled cards of a configuration, released where the policy says so.
pub(super) fn shelf(config: &Config) -> Result<Option<Arc<Shelf>>, Error> {
    let Some(settings) = &config.enrolled else { return Ok(None) };
    let (shelf, _) = shelf_and_store(config, settings)?;
    if !config.policy.release {
        return Ok(Some(Arc::new(shelf)));
    }
    let path = release_key_path(config, settings, &shelf)?;
    let keys = state::release_keys(&path, RELEASE)?;
    Ok(Some(Arc::new(shelf.with_release_keys(keys))))
}

/// Where the key of release is, or is to be made: not where anything is enrolled already, which no
/// other key than the lost one would release.
pub(super) fn release_key_path(
    config: &Config,
    settings: &EnrolledSettings,
    shelf: &Shelf,
) -> Result<PathBuf, Error> {
    let path = key_path(config, settings.release_key_file.as_ref(), RELEASE_KEY)?;
    let missing = matches!(path.try_exists(), Ok(false));
    if missing && shelf.holds_enrolments().map_err(|error| enrolled(&error))? {
        let why = format!(
            "the key file {} is missing, and cards are enrolled that no other key releases; \
             restore the file from the backup, or start with release = false in [policy], remove \
             the enrolments (wardcard enrol remove) and enrol anew",
            path.display()
        );
        return Err(Error::Part { what: RELEASE, why });
    }
    Ok(path)
}

/// Fails where the store of the enrolled cards is there and its key is not; to be asked before
/// another store makes a key in the same file.
pub(super) fn enrolled_key_is_there(config: &Config) -> Result<(), Error> {
    let Some(settings) = &config.enrolled else { return Ok(()) };
    if settings.store.join(state::STORE).exists() {
        let key = key_path(config, settings.key_file.as_ref(), state::KEY)?;
        state::store_key(&settings.store, &key)?;
    }
    Ok(())
}

/// The file that is named for a key, else the one in the state folder.
pub(super) fn key_path(
    config: &Config,
    named: Option<&PathBuf>,
    usual: &str,
) -> Result<PathBuf, Error> {
    let usual = || config.state.as_ref().map(|state| state.join(usual));
    named.cloned().or_else(usual).ok_or_else(|| Error::Part {
        what: ENROLLED,
        why: "there is no state folder to keep their keys in; name a key_file, and a \
              release_key_file where they are released"
            .to_owned(),
    })
}

/// They with the store that they are in.
pub(super) fn shelf_and_store(
    config: &Config,
    settings: &EnrolledSettings,
) -> Result<(Shelf, Arc<dyn Store>), Error> {
    let key = key_path(config, settings.key_file.as_ref(), state::KEY)?;
    let store = state::open_store(&settings.store, &key)?;
    let policy = ShelfPolicy {
        blank: settings.new_cards,
        import_private: settings.import_keys,
        hashes: config.policy.hashes.clone(),
        raw_rsa: false,
        rule: config.policy.passcode,
        tries: config.policy.tries,
    };
    let shelf = Shelf::new(Arc::clone(&store), policy).map_err(|error| enrolled(&error))?;
    Ok((shelf, store))
}

/// Name of the key of release in the state folder.
pub(super) const RELEASE_KEY: &str = "release.key";
const ENROLLED: &str = "the enrolled cards";
const RELEASE: &str = "the key of release";

pub(super) fn enrolled(error: &card::Error) -> Error {
    Error::Part { what: ENROLLED, why: error.to_string() }
}

/// The providers of a configuration.
pub(super) fn providers(
    config: &Config,
    given: Option<&Arc<dyn Fetch>>,
    clock: &Arc<dyn Clock>,
    store: &Arc<dyn Store>,
) -> Result<Vec<Provider>, Error> {
    let make = |settings: &ProviderSettings| {
        let fetch = match given {
            Some(fetch) => Arc::clone(fetch),
            None => fetch(settings)?,
        };
        let provider = Provider::new(settings.oidc.clone(), fetch, Arc::clone(clock));
        Ok(provider.keeping_keys_in(Arc::clone(store)))
    };
    config.providers.iter().map(make).collect()
}

/// The way to a provider's documents.
pub(super) fn fetch(settings: &ProviderSettings) -> Result<Arc<dyn Fetch>, Error> {
    fetch_over(settings.roots.clone(), settings.system_roots, settings.proxy.clone())
}

/// The way to documents that these roots vouch for, through this proxy.
#[cfg(feature = "http")]
pub(super) fn fetch_over(
    roots: Option<String>,
    system_roots: bool,
    proxy: Option<String>,
) -> Result<Arc<dyn Fetch>, Error> {
    let settings = super::http::Settings { roots, system_roots, proxy };
    let http = super::http::Http::new(&settings).map_err(|error| Error::Part {
        what: "the way to the documents of a source",
        why: error.to_string(),
    })?;
    Ok(Arc::new(http))
}

/// The way to documents: none in this build.
#[cfg(not(feature = "http"))]
pub(super) fn fetch_over(
    _: Option<String>,
    _: bool,
    _: Option<String>,
) -> Result<Arc<dyn Fetch>, Error> {
    Ok(Arc::new(NoFetch))
}

/// Fetches nothing: a provider needs a key set in the configuration.
#[cfg(not(feature = "http"))]
#[derive(Debug)]
struct NoFetch;

#[cfg(not(feature = "http"))]
impl Fetch for NoFetch {
    fn get(&self, _: &str, _: usize) -> Result<Vec<u8>, String> {
        Err("this build fetches nothing; name a key_set_file, or build with the feature `http`"
            .to_owned())
    }
}
