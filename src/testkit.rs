//! Provider, issuer, clock, agent and card in one call, for test suites and the demo.
//!
//! ```
//! use wardcard::testkit::Kit;
//!
//! let kit = Kit::start()?;
//! let card = kit.sign_in("555000000001")?;
//! // Give kit.address() to an application as WARDCARD_AGENT; card.passcode opens the card.
//! assert_eq!(card.passcode.len(), 6);
//! # Ok::<(), wardcard::testkit::Error>(())
//! ```
//!
//! Everything is the real part: the provider signs tokens that the agent verifies over HTTP on
//! loopback, the issuer certifies, the agent serves the wire on a private socket. Only the keys of
//! provider and issuer are new each time, and both end with the [`Kit`].

mod folder;
pub mod provider;

pub use folder::Folder;
use provider::Provider;

use crate::{
    agent::{
        self, Agent, AgentParts, CardInfo, Config, Mode, Pending, Seat,
        config::{
            AccountUse, AuditSettings, EnrolledSettings, HostSettings, IssuerSettings, Limits,
            ProviderSettings, ReaderSettings, RosterUse, SourceSettings,
        },
    },
    card::KeySlot,
    clock::{Clock, SystemClock},
    crypto::{self, KeyKind},
    derive::{Evidence, PasscodeSource, Policy},
    issue::{self, Issuer, LocalIssuer, Names, Rules},
    net::Address,
    pki::Certificate,
    proof::oidc,
    secret::Secret,
};
use std::{path::Path, sync::Arc, time::Duration};

/// Why a kit could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The provider.
    #[error(transparent)]
    Provider(#[from] provider::Error),
    /// The issuer.
    #[error(transparent)]
    Issuer(#[from] issue::Error),
    /// The agent.
    #[error(transparent)]
    Agent(#[from] agent::Error),
    /// No private folder.
    #[error("no private folder can be made for the test kit: {0}")]
    Folder(#[from] std::io::Error),
    /// No random.
    #[error(transparent)]
    Crypto(#[from] crypto::Error),
}

/// What a kit is made of; change what a test needs otherwise and [`Builder::start`].
#[derive(Debug)]
pub struct Builder {
    /// The time that provider, issuer and agent go by. The system's by default.
    pub clock: Arc<dyn Clock>,
    /// The policy. By default NHS's, with the end of CIS1 a year from now.
    pub policy: Policy,
    /// The kind of the issuer's keys.
    pub issuer_key: KeyKind,
    /// Whether tries, used proofs and the audit log are kept in the kit's folder, as in a
    /// deployment, or in memory.
    pub on_disk: bool,
    /// Bounds of the agent.
    pub limits: Limits,
    /// Executables that use a card whose passcode stands aside.
    pub applications: Vec<std::path::PathBuf>,
    /// Whether everyone who signs in has to be on the roster.
    pub roster: RosterUse,
    /// Sources of proofs besides the provider.
    pub sources: SourceSettings,
    /// Enrolled cards; none by default.
    pub enrolled: Option<EnrolledSettings>,
    /// Readers that the card is put into; none by default.
    pub readers: Vec<ReaderSettings>,
}

impl Default for Builder {
    fn default() -> Self {
        let clock = Arc::new(SystemClock);
        let policy = Policy {
            cis1_end: clock.now().plus(Duration::from_secs(365 * 86_400)),
            ..Policy::default()
        };
        Self {
            clock,
            policy,
            issuer_key: KeyKind::Rsa2048,
            on_disk: true,
            limits: Limits::default(),
            applications: Vec::new(),
            roster: RosterUse::default(),
            sources: SourceSettings::default(),
            enrolled: None,
            readers: Vec::new(),
        }
    }
}

impl Builder {
    /// Starts the kit.
    ///
    /// # Errors
    /// A part that cannot be started.
    pub fn start(self) -> Result<Kit, Error> {
        let folder = Folder::new()?;
        let provider = Provider::start(Arc::clone(&self.clock))?;
        let issuer = Arc::new(LocalIssuer::in_memory(
            &Names::default(),
            self.issuer_key,
            Rules {
                content_commitment: self.policy.content_commitment,
                ..Rules::behind_a_policy()
            },
            Arc::clone(&self.clock),
        )?);
        let mut secret = vec![0; 32];
        crypto::random(&mut secret)?;
        let kit = Kit {
            config: Config {
                mode: Mode::Personal,
                pkcs11: Some(Address::beside(folder.path(), "pkcs11")),
                host: Some(HostSettings {
                    address: Address::beside(folder.path(), "host"),
                    users: Vec::new(),
                    secret: Some(Secret::new(secret)),
                    secret_files: Vec::new(),
                }),
                providers: vec![ProviderSettings {
                    oidc: oidc::Settings::new(provider.issuer(), provider::CLIENT_ID),
                    roots: None,
                    system_roots: false,
                    proxy: None,
                }],
                sources: self.sources,
                issuer: IssuerSettings::Given,
                policy: self.policy,
                applications: self.applications,
                state: self.on_disk.then(|| folder.path().join("state")),
                audit: AuditSettings::default(),
                enrolled: self.enrolled,
                logout: None,
                readers: self.readers,
                limits: self.limits,
                roster: self.roster,
                accounts: AccountUse::default(),
            },
            clock: self.clock,
            provider,
            issuer,
            agent: None,
            folder,
        };
        kit.started()
    }
}

/// A provider, an issuer and an agent that run until this is dropped.
#[derive(Debug)]
pub struct Kit {
    agent: Option<Agent>,
    config: Config,
    clock: Arc<dyn Clock>,
    provider: Provider,
    issuer: Arc<LocalIssuer>,
    folder: Folder,
}

/// A card that somebody signed in for.
#[derive(Debug)]
pub struct SignedIn {
    /// What the agent knows of it.
    pub card: CardInfo,
    /// Its passcode: 6 random digits.
    pub passcode: String,
}

impl Kit {
    /// A kit with all defaults.
    ///
    /// # Errors
    /// A part that cannot be started.
    pub fn start() -> Result<Self, Error> {
        Builder::default().start()
    }

    fn started(mut self) -> Result<Self, Error> {
        self.restart()?;
        Ok(self)
    }

    /// Ends the agent and starts it anew over the same folder, as after a restart of its service.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.agent = None;
        let parts = AgentParts {
            clock: Arc::clone(&self.clock),
            issuer: Some(self.shared_issuer()),
            ..AgentParts::default()
        };
        self.agent = Some(Agent::start(self.config.clone(), parts)?);
        Ok(())
    }

    /// The agent.
    ///
    /// # Panics
    /// After a [`Kit::restart`] that failed.
    pub fn agent(&self) -> &Agent {
        #[expect(clippy::expect_used, reason = "documented: only a failed restart leaves none")]
        self.agent.as_ref().expect("the agent has been started")
    }

    /// The provider, for rotated keys and broken tokens.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The issuer.
    pub fn issuer(&self) -> &LocalIssuer {
        &self.issuer
    }

    /// The issuer, for another agent beside the kit's own.
    pub fn shared_issuer(&self) -> Arc<dyn Issuer> {
        Arc::clone(&self.issuer) as Arc<dyn Issuer>
    }

    /// The configuration of the agent.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the agent serves applications, as `WARDCARD_AGENT` takes it.
    pub fn address(&self) -> String {
        self.config.pkcs11.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// The kit's private folder, removed with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The chain of the authentication certificates, issuing authority first, as PEM.
    ///
    /// # Errors
    /// The issuer's.
    pub fn chain_pem(&self) -> Result<String, Error> {
        let roots = self.issuer.roots()?;
        let issuing = self.issuer.authority(KeySlot::Authentication);
        Ok(std::iter::once(issuing.certificate()).chain(&roots).map(Certificate::to_pem).collect())
    }

    /// The token's label, as applications see it.
    ///
    /// # Errors
    /// The agent's, or the card is not there.
    pub fn token_label(&self) -> Result<String, Error> {
        let cryptoki = self.agent().cryptoki(&seat())?;
        let shown = cryptoki.initialize().and_then(|()| cryptoki.token_info(0));
        Ok(shown.map_err(|_| agent::Error::UnknownCard)?.label)
    }

    /// A request for a card in this user's seat.
    ///
    /// # Errors
    /// The agent's.
    pub fn request(&self) -> Result<Pending, Error> {
        Ok(self.agent().request(seat())?)
    }

    /// Signs a person in at AAL3 and derives a card with a fresh random passcode.
    ///
    /// # Errors
    /// The provider's or the agent's.
    pub fn sign_in(&self, person: &str) -> Result<SignedIn, Error> {
        let pending = self.request()?;
        let token = self.provider.sign_in(&pending.nonce).claim("sub", person).sign()?;
        let passcode = passcode()?;
        let source = PasscodeSource::Given {
            passcode: Secret::copied_from(passcode.as_bytes()),
            keep: false,
        };
        let evidence = Evidence::IdToken(Secret::new(token.into_bytes()));
        let card = self.agent().prove(&pending.request, evidence, source)?;
        Ok(SignedIn { card, passcode })
    }
}

/// The seat of the user that runs this.
fn seat() -> Seat {
    Seat::user(crate::secret::User::own())
}

/// Six random digits, each value equally likely.
fn passcode() -> Result<String, crypto::Error> {
    loop {
        let mut bytes = [0; 4];
        crypto::random(&mut bytes)?;
        let number = u32::from_le_bytes(bytes) >> 12;
        if number < 1_000_000 {
            return Ok(format!("{number:06}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokens_label_names_the_card_that_is_there() {
        let kit = Builder { on_disk: false, ..Builder::default() }.start().unwrap();
        assert!(matches!(kit.token_label(), Err(Error::Agent(agent::Error::UnknownCard))));
        kit.sign_in("555000000001").unwrap();
        assert!(kit.token_label().unwrap().contains("555000000001"));
    }
}
