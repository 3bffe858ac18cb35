//! The files of one side: its certificate and key, and the roots of the other side.

use super::invalid;
use crate::{
    net::trust::private_file,
    secret::{Secret, files},
};
use rustls::{
    RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// No such file is longer.
const LONGEST: u64 = 1 << 20;

/// Where the certificate, the key and the roots of one side of a TLS connection are, all as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Its own certificate, with what stands between it and the other side's root.
    pub certificate: PathBuf,
    /// The certificate's private key (PKCS#8, PKCS#1 or SEC 1); its owner's alone (mode 0600).
    pub key: PathBuf,
    /// The roots that the other side's certificate must lead to; no other root is believed.
    pub roots: PathBuf,
    /// CRLs of the issuers of the other side's certificate; with them, each must be covered.
    pub crls: Option<PathBuf>,
}

/// What the files held.
pub(super) struct Loaded {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) roots: Arc<RootCertStore>,
    pub(super) crls: Vec<CertificateRevocationListDer<'static>>,
}

/// What shows that a file was replaced.
pub(super) type Stamp = Vec<Option<files::Stamp>>;

impl TlsFiles {
    /// Reads and checks the files, as both sides do before their first connection.
    ///
    /// # Errors
    /// The file that is missing, open to others or not what it should be.
    pub fn check(&self) -> io::Result<()> {
        let Loaded { chain, key, .. } = self.load()?;
        // Whether key and certificate belong together is the back end's to say.
        let own = rustls::sign::CertifiedKey::from_der(chain, key, &provider());
        let own = own.map_err(|error| bad(&self.certificate, invalid(error)))?;
        own.keys_match().map_err(|error| bad(&self.key, invalid(error)))
    }

    pub(super) fn stamp(&self) -> Stamp {
        let all = [&self.certificate, &self.key, &self.roots].into_iter().chain(&self.crls);
        all.map(|path| files::Stamp::at(path).ok()).collect()
    }

    pub(super) fn load(&self) -> io::Result<Loaded> {
        let chain = certificates(&self.certificate)?;
        private_file(&self.key)?;
        let pem = Secret::new(read(&self.key)?);
        let key = PrivateKeyDer::from_pem_slice(pem.expose())
            .map_err(|_| bad(&self.key, invalid("no private key in PEM")))?;
        let mut roots = RootCertStore::empty();
        for root in certificates(&self.roots)? {
            roots.add(root).map_err(|error| bad(&self.roots, invalid(error)))?;
        }
        let crls = match &self.crls {
            None => Vec::new(),
            Some(path) => {
                let pem = read(path)?;
                let all: Result<Vec<_>, _> =
                    CertificateRevocationListDer::pem_slice_iter(&pem).collect();
                let all = all.map_err(|_| bad(path, invalid("no CRLs in PEM")))?;
                if all.is_empty() {
                    return Err(bad(path, invalid("no CRL in it")));
                }
                all
            }
        };
        Ok(Loaded { chain, key, roots: Arc::new(roots), crls })
    }
}

/// Handed over wherever it is needed: no default is installed for the process, which may be
/// another's.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn certificates(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let pem = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|_| bad(path, invalid("no certificates in PEM")))?;
    if all.is_empty() {
        return Err(bad(path, invalid("no certificate in it")));
    }
    Ok(all)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let length = fs::metadata(path).map_err(|error| bad(path, error))?.len();
    if length > LONGEST {
        return Err(bad(path, invalid("longer than 1 MiB; is this the right file?")));
    }
    fs::read(path).map_err(|error| bad(path, error))
}

/// The error with the file that it is about.
fn bad(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
