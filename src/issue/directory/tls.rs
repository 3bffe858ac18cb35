//! `[tls]` in `ca.toml`: where agents of other machines are heard, and which.

use super::{CaDirectory, CaError};
use crate::{issue::Issuer, issue::serve::Serving, net::Address};
use serde::Deserialize;
use std::{path::PathBuf, sync::Arc};

/// `[tls]`; files are looked for in the authority's folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "read, and refused"))]
pub(super) struct TlsSettings {
    listen: String,
    certificate_file: PathBuf,
    key_file: PathBuf,
    client_roots_file: PathBuf,
    client_crl_file: Option<PathBuf>,
    clients: Vec<String>,
}

impl TlsSettings {
    /// The address, if it is one.
    pub(super) fn address(&self) -> Option<Address> {
        Address::parse(&self.listen).filter(|address| matches!(address, Address::Tls { .. }))
    }
}

impl CaDirectory {
    /// Where `[tls]` of `ca.toml` says that agents of other machines are heard.
    pub fn tls_address(&self) -> Option<Address> {
        self.settings.tls.as_ref().and_then(TlsSettings::address)
    }

    /// The file with the key of TLS.
    pub fn tls_key(&self) -> Option<PathBuf> {
        self.settings.tls.as_ref().map(|tls| self.folder.join(&tls.key_file))
    }

    /// Serves `issuer` over TLS as `[tls]` of `ca.toml` says; none where it says nothing.
    ///
    /// # Errors
    /// The address cannot be bound, or the files cannot be used.
    #[cfg(feature = "tls")]
    pub fn serve_tls(&self, issuer: Arc<dyn Issuer>) -> Result<Option<Serving>, CaError> {
        use crate::{
            issue::serve::serve_tls,
            net::tls::{TlsFiles, TlsListener},
        };
        let Some(settings) = &self.settings.tls else { return Ok(None) };
        let Some(Address::Tls { host, port }) = settings.address() else { return Ok(None) };
        let files = TlsFiles {
            certificate: self.folder.join(&settings.certificate_file),
            key: self.folder.join(&settings.key_file),
            roots: self.folder.join(&settings.client_roots_file),
            crls: settings.client_crl_file.as_ref().map(|path| self.folder.join(path)),
        };
        let failed = |error| CaError::Tls(settings.listen.clone(), error);
        let listener = TlsListener::bind(&host, port, files, &settings.clients).map_err(failed)?;
        serve_tls(issuer, listener, settings.clients.len()).map(Some).map_err(failed)
    }

    /// Serves nothing over TLS: this build cannot.
    ///
    /// # Errors
    /// `[tls]` asks for it.
    #[cfg(not(feature = "tls"))]
    pub fn serve_tls(&self, issuer: Arc<dyn Issuer>) -> Result<Option<Serving>, CaError> {
        drop(issuer);
        let Some(settings) = &self.settings.tls else { return Ok(None) };
        let error = std::io::Error::other("this build has no TLS; build it with the feature `tls`");
        Err(CaError::Tls(settings.listen.clone(), error))
    }
}
