//! A TLS server that hears clients by name.

use super::{
    TlsConnection, TlsFiles,
    files::{Loaded, Stamp, provider},
    invalid,
};
use crate::net::stoppable::Stoppable;
use rustls::{
    ServerConfig, ServerConnection,
    client::verify_server_name,
    pki_types::ServerName,
    server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier},
    version::TLS13,
};
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A bound TCP port whose clients show a certificate of the configured root for one of the
/// configured names.
pub struct TlsListener {
    socket: Stoppable,
    files: TlsFiles,
    clients: Arc<[String]>,
    current: Mutex<Current>,
}

/// What new connections get.
struct Current {
    config: Arc<ServerConfig>,
    stamp: Stamp,
    /// Counts the times that the files were read.
    edition: u64,
}

impl fmt::Debug for TlsListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = self.local_address().ok();
        f.debug_struct("TlsListener").field("socket", &socket).finish_non_exhaustive()
    }
}

impl TlsListener {
    /// Binds `host` and `port` (0 for any free one).
    ///
    /// # Errors
    /// The files or the names cannot be used, or what the system says.
    pub fn bind(host: &str, port: u16, files: TlsFiles, clients: &[String]) -> io::Result<Self> {
        for client in clients {
            ServerName::try_from(client.as_str())
                .map_err(|_| invalid(format!("{client:?} is no name of a client")))?;
        }
        if clients.is_empty() {
            return Err(invalid("no name of a client is configured, so nobody could be heard"));
        }
        let stamp = files.stamp();
        files.check()?;
        let current = Current { config: server(&files)?, stamp, edition: 1 };
        let socket = Stoppable::new(TcpListener::bind((host, port))?)?;
        Ok(Self { socket, files, clients: clients.into(), current: Mutex::new(current) })
    }

    /// Waits for the next client; `None` after [`TlsListener::stop`].
    ///
    /// # Errors
    /// What the system says; errors of one connection are passed over.
    pub fn accept(&self) -> io::Result<Option<TlsVisitor>> {
        let Some((socket, from)) = self.socket.accept()? else { return Ok(None) };
        let (config, edition) = self.current();
        let clients = Arc::clone(&self.clients);
        Ok(Some(TlsVisitor { socket, from, config, clients, edition }))
    }

    /// Ends every `accept`, now and later. May be called from another thread.
    pub fn stop(&self) {
        self.socket.stop();
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.socket().local_addr()
    }

    /// Grows when the files were replaced: a connection of an earlier edition was let in by
    /// certificates that may count no longer.
    pub fn edition(&self) -> u64 {
        self.current().1
    }

    /// The configuration, read anew if a file has changed. What cannot be used, as a key without
    /// its certificate while both are being replaced, leaves things as they were.
    fn current(&self) -> (Arc<ServerConfig>, u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.files.stamp();
        if stamp != current.stamp
            && self.files.check().is_ok()
            && let Ok(config) = server(&self.files)
        {
            let edition = current.edition.saturating_add(1);
            *current = Current { config, stamp, edition };
        }
        (Arc::clone(&current.config), current.edition)
    }
}

/// A client that has connected and not yet shown who it is.
pub struct TlsVisitor {
    socket: TcpStream,
    from: SocketAddr,
    config: Arc<ServerConfig>,
    clients: Arc<[String]>,
    edition: u64,
}

impl fmt::Debug for TlsVisitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsVisitor").field("from", &self.from).finish_non_exhaustive()
    }
}

impl TlsVisitor {
    /// Where it comes from.
    pub fn from(&self) -> IpAddr {
        self.from.ip()
    }

    /// The edition of the server's files that it is let in by.
    pub fn edition(&self) -> u64 {
        self.edition
    }

    /// Lets it show who it is: the connection, and the configured name that its certificate is
    /// for, the first of several.
    ///
    /// # Errors
    /// PermissionDenied for a certificate without such a name; TimedOut; or what TLS says.
    pub fn shake_hands(self, patience: Duration) -> io::Result<(TlsConnection, String)> {
        let deadline = Instant::now().checked_add(patience);
        let tls = ServerConnection::new(self.config).map_err(invalid)?;
        let connection = TlsConnection::shake_hands(tls.into(), self.socket, deadline)?;
        let client = connection.with_certificate(|certificate| {
            let certificate = ParsedCertificate::try_from(certificate).ok()?;
            let is_for = |client: &&String| {
                ServerName::try_from(client.as_str())
                    .is_ok_and(|name| verify_server_name(&certificate, &name).is_ok())
            };
            self.clients.iter().find(is_for).cloned()
        });
        let text = "the client's certificate is for none of the configured names";
        let refused = || io::Error::new(io::ErrorKind::PermissionDenied, text);
        client.map(|client| (connection, client)).ok_or_else(refused)
    }
}

fn server(files: &TlsFiles) -> io::Result<Arc<ServerConfig>> {
    let Loaded { chain, key, roots, crls } = files.load()?;
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
        .with_crls(crls)
        .enforce_revocation_expiration()
        .build()
        .map_err(invalid)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(invalid)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(invalid)?;
    // Whoever comes again shows its certificate again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}
