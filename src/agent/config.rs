//! What an agent is told before it starts: one TOML file, validated as a whole.
//!
//! Every problem of a file is found in one go, each with its line and what to write instead; a
//! key that is not known is a problem. `examples/agent.toml` shows every key. The clock is not
//! among them: tests and the demo set it through [`AgentParts`](super::AgentParts).

mod client;
mod document;
mod enrolled;
mod issuer;
mod logout;
mod policy;
mod provider;
mod read;
mod readers;
mod roster;
mod sources;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod watched;

pub use super::audit::AfterLoss;
pub use document::Problem;
pub use logout::LogoutSettings;
pub use policy::{load_policy, read_policy};
pub use readers::{ReaderSettings, ReaderWay};

use crate::{
    derive,
    net::Address,
    pki::Certificate,
    proof::{attested, oidc, webauthn, x509},
    secret::{Access, Secret, User},
    wire,
};
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Whose cards an agent keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Those of the user it runs as; every other user is refused, root too.
    Personal,
    /// Those of all users of the machine, each shown to its own user alone.
    Ward,
}

/// The endpoint of hosts: where it is and who may use it.
#[derive(Clone, Debug)]
pub struct HostSettings {
    /// Its address, not the one of applications.
    pub address: Address,
    /// Users whose processes are hosts. The agent's own user never counts.
    pub users: Vec<User>,
    /// A secret of at least 32 bytes; who knows it is a host.
    pub secret: Option<Secret>,
    /// Where the secret is, and the one before it while not every host has the new one: read again
    /// for each host, so that it is replaced without a restart. Empty: `secret` alone counts.
    pub secret_files: Vec<PathBuf>,
}

/// An OpenID provider and the way to it.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// How its tokens are verified.
    pub oidc: oidc::Settings,
    /// Further trusted roots for HTTPS, as PEM.
    pub roots: Option<String>,
    /// Whether the system's roots are trusted too.
    pub system_roots: bool,
    /// Proxy for HTTPS.
    pub proxy: Option<String>,
}

/// What may vouch for people beside an OpenID provider.
#[derive(Clone, Debug, Default)]
pub struct SourceSettings {
    /// WebAuthn credentials.
    pub webauthn: Option<webauthn::Settings>,
    /// Existing cards.
    pub certificate: Option<CertificateSettings>,
    /// Hosts whose word is taken.
    pub hosts: Vec<attested::Settings>,
}

/// Existing cards, and the way to their revocation lists.
#[derive(Clone, Debug)]
pub struct CertificateSettings {
    /// How they are verified.
    pub x509: x509::Settings,
    /// Proxy for HTTPS.
    pub proxy: Option<String>,
}

/// Who certifies the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerSettings {
    /// `wardcard ca serve` at this address; its server runs as one of these users (root, the
    /// agent's own and the owner of `/run/wardcard` are believed anyway).
    Remote {
        /// Where it listens.
        address: Address,
        /// Users that it may run as.
        users: Vec<User>,
        /// The roots that its certificates must lead to, as PEM; else those that it first names.
        roots: Option<String>,
    },
    /// `wardcard ca serve` on another machine, over TLS.
    Tls {
        /// `tls:HOST:PORT`; its certificate must be for that host.
        address: Address,
        /// Who we are, and the roots that its certificate must lead to.
        files: IssuerFiles,
        /// As for `Remote`.
        roots: Option<String>,
    },
    /// The authority in this folder, inside the agent's process: only because the configuration
    /// says `inside_agent = true`.
    Local(PathBuf),
    /// None here: the one in [`AgentParts`](super::AgentParts), without which nothing starts.
    Given,
}

/// The files of TLS towards an issuer, as PEM; read again for each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerFiles {
    /// The agent's certificate.
    pub certificate: PathBuf,
    /// Its private key, the agent's user's alone.
    pub key: PathBuf,
    /// The roots of the issuer's own TLS certificate.
    pub roots: PathBuf,
    /// CRLs that its TLS certificate is looked for on.
    pub crls: Option<PathBuf>,
}

/// The audit log.
#[derive(Clone, Debug)]
pub struct AuditSettings {
    /// Its folder; default `audit` in the state folder.
    pub folder: Option<PathBuf>,
    /// From how many bytes on a file of the log is closed and the next begun.
    pub rotate_bytes: u64,
    /// What happens after a loss.
    pub after_loss: AfterLoss,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { folder: None, rotate_bytes: 64 << 20, after_loss: AfterLoss::Refuse }
    }
}

/// Enrolled cards: released for a proof where the policy says so; in personal mode also shown behind
/// the person's place, for use by passcode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolledSettings {
    /// Folder of their store, `store.sqlite`.
    pub store: PathBuf,
    /// The store's key; default `store.key` in the state folder. Made if it is not there.
    pub key_file: Option<PathBuf>,
    /// Whether applications may make new cards: then a blank one is always shown.
    pub new_cards: bool,
    /// Whether applications may bring in keys that were made elsewhere.
    pub import_keys: bool,
    /// The key of release; default `release.key` in the state folder. Made if it is not there.
    pub release_key_file: Option<PathBuf>,
    /// The roots that certificates of enrolled keys must lead to.
    pub roots: Vec<Certificate>,
    /// How long before certificates end one is told.
    pub renewal_notice: Duration,
}

impl EnrolledSettings {
    /// Of the store in a folder, with everything else as where nothing is written.
    pub fn new(store: PathBuf) -> Self {
        Self {
            store,
            key_file: None,
            new_cards: false,
            import_keys: false,
            release_key_file: None,
            roots: Vec::new(),
            renewal_notice: Duration::from_secs(90 * 86_400),
        }
    }
}

/// What the roster in the state folder is to an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RosterUse {
    /// Who is on it is held to it; who is not signs in as staff.
    #[default]
    Optional,
    /// Who is not on it gets no card.
    Required,
}

/// What the roster's accounts are to an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccountUse {
    /// A person for whom the roster names an account has cards in that account's seats alone.
    #[default]
    Bound,
    /// They are for who keeps the roster: where people share an account.
    Noted,
}

impl AccountUse {
    /// The account of a seat, where it binds. One that the system has no name for is no account of
    /// the roster.
    pub(super) fn of(self, uid: User) -> Option<String> {
        match self {
            Self::Bound => Some(crate::net::account_name(uid).unwrap_or_default()),
            Self::Noted => None,
        }
    }
}

/// Bounds of an agent (design rule 10).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests that wait for their proofs at once.
    pub requests: usize,
    /// Cards at once.
    pub cards: usize,
    /// Connections of hosts at once.
    pub hosts: usize,
    /// How long a one-time passcode waits for its login.
    pub one_time_life: Duration,
    /// One-time passcodes of a card that wait at once.
    pub one_time_codes: usize,
    /// Age in days from which on `wardcard secrets` warns of a secret.
    pub secret_days: u64,
    /// Keys made ahead, so that a request need not wait for them.
    pub warm_keys: usize,
    /// Bounds of the applications' endpoint.
    pub wire: wire::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 64,
            cards: 1024,
            hosts: 16,
            one_time_life: Duration::from_secs(60),
            one_time_codes: 4,
            secret_days: 365,
            warm_keys: 1,
            wire: wire::Limits { connections: 1024, ..wire::Limits::default() },
        }
    }
}

/// All that an agent is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose cards.
    pub mode: Mode,
    /// The endpoint of applications; `None` when the cards are used in this process only.
    pub pkcs11: Option<Address>,
    /// The endpoint of hosts, where there is one.
    pub host: Option<HostSettings>,
    /// OpenID providers.
    pub providers: Vec<ProviderSettings>,
    /// Other sources of proofs.
    pub sources: SourceSettings,
    /// Who certifies.
    pub issuer: IssuerSettings,
    /// What a sign-in must be worth and what comes of it.
    pub policy: derive::Policy,
    /// Executables that may use a card whose passcode stands aside (design rule 11).
    pub applications: Vec<PathBuf>,
    /// Folder of the store, its key and the audit log. `None` keeps all of it in memory and
    /// writes no audit: for test suites.
    pub state: Option<PathBuf>,
    /// The audit log.
    pub audit: AuditSettings,
    /// Where providers tell that somebody has signed out; `None`: only through the host.
    pub logout: Option<LogoutSettings>,
    /// Enrolled cards; `None` shows none. Their passcodes and hashes are the policy's.
    pub enrolled: Option<EnrolledSettings>,
    /// Readers that cards are put into.
    pub readers: Vec<ReaderSettings>,
    /// Bounds.
    pub limits: Limits,
    /// Whether everyone who signs in has to be on the roster.
    pub roster: RosterUse,
    /// Whether its accounts bind.
    pub accounts: AccountUse,
}

/// Why a configuration is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// What they are about: the configuration, or the policy.
    pub what: &'static str,
    /// The file, where it was one.
    pub path: Option<PathBuf>,
    /// All that is wrong, in the order of lines; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "the {} {} does not hold:", self.what, path.display())?,
            None => write!(f, "the {} does not hold:", self.what)?,
        }
        for Problem { line, text } in &self.problems {
            match line {
                0 => write!(f, "\n  {text}")?,
                _ => write!(f, "\n  line {line}: {text}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Config {
    /// Reads and validates the file at `path`; files that it names relatively are looked for
    /// beside it.
    ///
    /// # Errors
    /// Everything that is wrong with it, with lines.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let named =
            |problems| Problems { what: CONFIGURATION, path: Some(path.to_owned()), problems };
        let whole = |text: String| named(vec![Problem { line: 0, text }]);
        let folder = path.parent().unwrap_or(Path::new("/"));
        let text = text_of(path).map_err(whole)?;
        read::config(&text, folder).map_err(named)
    }

    /// Whether an agent may run with it as this process's user: one that reads it for a command need
    /// not be the agent's.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_user(&self) -> Result<(), Problems> {
        let own = User::own();
        if self.host.as_ref().is_none_or(|host| !host.users.contains(&own)) {
            return Ok(());
        }
        let text = format!(
            "host.users: user {own} runs the agent and is no host, since its processes are \
             applications as well; use secret_file for hosts of the same user"
        );
        let problems = vec![Problem { line: 0, text }];
        Err(Problems { what: CONFIGURATION, path: None, problems })
    }

    /// Validates a configuration held as text; files that it names relatively are looked for in
    /// `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with it, with lines.
    pub fn from_toml(text: &str, folder: &Path) -> Result<Self, Problems> {
        read::config(text, folder).map_err(|problems| Problems {
            what: CONFIGURATION,
            path: None,
            problems,
        })
    }
}

/// What an agent is told, in [`Problems`].
pub(super) const CONFIGURATION: &str = "configuration";

/// No configuration is longer.
const MAX_BYTES: u64 = 1 << 20;

/// What a file holds that says what an agent does, be it a configuration or a policy. One that others
/// can change is refused; on Windows `service install` looks at that.
fn text_of(path: &Path) -> Result<String, String> {
    let unread = |error: std::io::Error| format!("cannot be read: {error}");
    let length = std::fs::metadata(path).map_err(unread)?.len();
    if length > MAX_BYTES {
        return Err("longer than 1 MiB; is this the right file?".to_owned());
    }
    if cfg!(unix) && Access::at(path).map_err(unread)?.writable {
        return Err(format!("others can change it; run chmod go-w {}", path.display()));
    }
    std::fs::read_to_string(path).map_err(unread)
}
