//! `ca.toml`: the issuer's rules, its profiles, and how its keys are sealed.

use super::{CaError, Rules, files, keep_seal_key, seal_key, tls::TlsSettings};
use crate::{
    crypto::{self, SealKey, Stretch},
    issue::SourceRule,
    pki::{AUTHORITY, Level, Profile, Source},
    secret::Secret,
    store::log::AfterLoss,
};
use base64ct::{Base64, Encoding};
use serde::Deserialize;
use std::{path::Path, time::Duration};

/// The file of the key that seals an authority's keys.
pub(super) const SEAL_KEY: &str = "seal.key";

/// Shortest passphrase that is taken, in bytes.
const SHORTEST_PASSPHRASE: usize = 12;

/// Cost of a passphrase: opened once per start of `ca serve`, so it may take a second.
const COST: Stretch = Stretch { memory_kib: 65_536, passes: 3 };

/// How the keys are sealed.
#[derive(Clone, Debug)]
pub(super) enum Sealing {
    /// Under the file `seal.key` beside them.
    File,
    /// Under Argon2id of a passphrase with this salt.
    Passphrase { salt: [u8; 16], cost: Stretch },
}

impl Sealing {
    /// For a new authority.
    pub(super) fn choose(passphrase: Option<&Secret>) -> Result<Self, CaError> {
        let Some(passphrase) = passphrase else { return Ok(Self::File) };
        let (salt, cost) = fresh_salt(passphrase)?;
        Ok(Self::Passphrase { salt, cost })
    }

    /// Whether the keys do not open without one.
    pub(super) fn needs_passphrase(&self) -> bool {
        matches!(self, Self::Passphrase { .. })
    }

    /// The seal key of a folder; a `seal.key` that is not there yet is made.
    pub(super) fn make_or_open(
        &self,
        folder: &Path,
        passphrase: Option<&Secret>,
    ) -> Result<SealKey, CaError> {
        let path = folder.join(SEAL_KEY);
        if matches!(self, Self::File) && !path.exists() {
            keep_seal_key(&path, &SealKey::generate()?)?;
        }
        self.open(folder, passphrase)
    }

    /// The seal key of a folder.
    pub(super) fn open(
        &self,
        folder: &Path,
        passphrase: Option<&Secret>,
    ) -> Result<SealKey, CaError> {
        match (self, passphrase) {
            (Self::File, None) => seal_key(&folder.join(SEAL_KEY)),
            (Self::File, Some(_)) => Err(CaError::PassphraseUnused),
            (Self::Passphrase { .. }, None) => Err(CaError::PassphraseNeeded),
            (Self::Passphrase { salt, cost }, Some(passphrase)) => {
                let bytes = crypto::stretch(passphrase.expose(), salt, *cost)?;
                Ok(SealKey::from_bytes(&bytes)?)
            }
        }
    }
}

/// Salt and cost for a new passphrase, if it is long enough.
pub(super) fn fresh_salt(passphrase: &Secret) -> Result<([u8; 16], Stretch), CaError> {
    if passphrase.len() < SHORTEST_PASSPHRASE {
        return Err(CaError::PassphraseShort);
    }
    let mut salt = [0; 16];
    crypto::random(&mut salt)?;
    Ok((salt, COST))
}

/// Whether a cost is one that a file may ask for: an altered one must not make the process eat all
/// memory.
pub(super) fn affordable(cost: Stretch) -> bool {
    (19_456..=1_048_576).contains(&cost.memory_kib) && (2..=64).contains(&cost.passes)
}

/// What `ca.toml` says.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The issuer's rules.
    pub(super) rules: Rules,
    /// How the keys are sealed.
    pub(super) sealing: Sealing,
    /// What happens when the record of certificates is not as it was left.
    pub(super) after_loss: AfterLoss,
    /// Where agents of other machines are heard.
    pub(super) tls: Option<TlsSettings>,
    profiles: ProfileSettings,
}

/// `ca.toml` as it stands.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaToml {
    version: u32,
    #[serde(default)]
    rules: RuleSettings,
    #[serde(default)]
    profiles: ProfileSettings,
    #[serde(default)]
    log: LogSettings,
    tls: Option<TlsSettings>,
    sealing: SealingSettings,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogSettings {
    after_loss: Option<String>,
}

/// A `[[rules.source]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceSettings {
    kind: String,
    name: Option<String>,
    #[serde(default)]
    unbound: bool,
    #[serde(default)]
    offline: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RuleSettings {
    least_authentication: u8,
    least_identity: u8,
    largest_age_minutes: u32,
    longest_life_minutes: u32,
    backdate_seconds: u32,
    content_commitment: bool,
    source: Vec<SourceSettings>,
}

impl Default for RuleSettings {
    fn default() -> Self {
        Self {
            least_authentication: 3,
            least_identity: 3,
            largest_age_minutes: 15,
            longest_life_minutes: 24 * 60,
            backdate_seconds: 300,
            content_commitment: false,
            source: Vec::new(),
        }
    }
}

impl RuleSettings {
    fn parse(self) -> Result<Rules, &'static str> {
        if self.least_authentication > 3 || self.least_identity > 3 {
            return Err("an assurance level is 0 to 3");
        }
        let minutes = |number: u32| Duration::from_secs(60 * u64::from(number));
        let mut sources = Vec::new();
        for SourceSettings { kind, name, unbound, offline } in self.source {
            if Source::named(&kind, String::new()).is_none() {
                return Err("the kind of a source is oidc, webauthn, certificate or host");
            }
            sources.push(SourceRule { kind, name, unbound, offline });
        }
        let mut rules = Rules {
            least_authentication: Level(self.least_authentication),
            least_identity: Level(self.least_identity),
            largest_age: minutes(self.largest_age_minutes),
            longest_life: minutes(self.longest_life_minutes),
            backdate: Duration::from_secs(u64::from(self.backdate_seconds)),
            content_commitment: self.content_commitment,
            ..Rules::default()
        };
        if !sources.is_empty() {
            rules.sources = sources;
        }
        Ok(rules)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileSettings {
    /// A file beside `ca.toml` with `[profile.NAME]` tables.
    file: Option<String>,
    authentication: Option<String>,
    content_commitment: Option<String>,
    /// Where the files that `ca crl` writes are published.
    crl_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SealingSettings {
    by: String,
    salt: Option<String>,
    memory_kib: Option<u32>,
    passes: Option<u32>,
}

impl Settings {
    /// Reads and checks `ca.toml`.
    pub(super) fn read(folder: &Path) -> Result<Self, CaError> {
        let path = folder.join("ca.toml");
        let malformed = |reason: String| CaError::Malformed(path.clone(), reason);
        let text = files::read_public(&path)?;
        let CaToml { version, rules, profiles, log, tls, sealing } =
            toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        if version != 1 {
            return Err(malformed(format!("version {version} is not known here; update wardcard")));
        }
        let sealing = sealing
            .parse()
            .ok_or_else(|| malformed("[sealing] is not as `ca init` wrote it".to_owned()))?;
        let after_loss = match log.after_loss.as_deref() {
            None | Some("refuse") => AfterLoss::Refuse,
            Some("record") => AfterLoss::Record,
            Some(_) => return Err(malformed("after_loss is \"refuse\" or \"record\"".to_owned())),
        };
        let rules = rules.parse().map_err(|reason| malformed(reason.to_owned()))?;
        if tls.as_ref().is_some_and(|tls| tls.address().is_none()) {
            return Err(malformed("[tls] listens at an address like tls:0.0.0.0:8443".to_owned()));
        }
        Ok(Self { rules, sealing, after_loss, tls, profiles })
    }

    /// The profiles for authentication and content commitment, of any authority for them.
    pub(super) fn profiles(&self, folder: &Path) -> Result<[Profile; 2], CaError> {
        let own = match &self.profiles.file {
            Some(name) => Profile::from_toml(&files::read_public(&folder.join(name))?)?,
            None => Vec::new(),
        };
        let standard = [Profile::cis1_authentication(), Profile::cis1_content_commitment()];
        let named = |name: &Option<String>, fallback: Profile| match name {
            None => Ok(fallback),
            Some(name) => own
                .iter()
                .chain(&standard)
                .find(|profile| profile.name() == name)
                .cloned()
                .ok_or_else(|| {
                    let reason = format!("[profiles] names the profile {name:?}, which is nowhere");
                    CaError::Malformed(folder.join("ca.toml"), reason)
                }),
        };
        let published = |profile: Profile| match &self.profiles.crl_url {
            None => Ok(profile),
            Some(url) => {
                let url = format!("{}/{AUTHORITY}.crl", url.trim_end_matches('/'));
                profile.with_crl_distribution_points(&[&url])
            }
        };
        let [authentication, content_commitment] = standard.clone();
        let authentication = named(&self.profiles.authentication, authentication)?;
        let signing = named(&self.profiles.content_commitment, content_commitment)?;
        Ok([published(authentication)?, published(signing)?])
    }
}

impl SealingSettings {
    fn parse(&self) -> Option<Sealing> {
        match (self.by.as_str(), &self.salt, self.memory_kib, self.passes) {
            ("file", None, None, None) => Some(Sealing::File),
            ("passphrase", Some(salt), Some(memory_kib), Some(passes)) => {
                let salt = Base64::decode_vec(salt).ok()?.try_into().ok()?;
                let cost = Stretch { memory_kib, passes };
                affordable(cost).then_some(Sealing::Passphrase { salt, cost })
            }
            _ => None,
        }
    }
}

/// The header of the table that says how the keys are sealed.
const SEALING: &str = "[sealing]\n";

/// What stands in that table.
fn sealing_text(sealing: &Sealing) -> String {
    match sealing {
        Sealing::File => "by = \"file\"\n".to_owned(),
        Sealing::Passphrase { salt, cost } => format!(
            "by = \"passphrase\"\nsalt = \"{}\"\nmemory_kib = {}\npasses = {}\n",
            Base64::encode_string(salt),
            cost.memory_kib,
            cost.passes
        ),
    }
}

/// Writes how the keys are sealed into `ca.toml`, and leaves the rest of it as it is.
pub(super) fn write_sealing(folder: &Path, sealing: &Sealing) -> Result<(), CaError> {
    let path = folder.join("ca.toml");
    let malformed = || {
        let reason = "[sealing] is not as `ca init` wrote it".to_owned();
        CaError::Malformed(path.clone(), reason)
    };
    let text = files::read_public(&path)?;
    let (before, rest) = text.split_once(&format!("\n{SEALING}")).ok_or_else(malformed)?;
    let after = rest.find("\n[").and_then(|end| rest.get(end..)).unwrap_or_default();
    let text = format!("{before}\n{SEALING}{}{after}", sealing_text(sealing));
    toml::from_str::<CaToml>(&text).map_err(|_| malformed())?;
    files::write(&path, text.as_bytes(), 0o600)
}

/// A fresh `ca.toml`.
pub(super) fn text(sealing: &Sealing, content_commitment: bool) -> String {
    let sealing = sealing_text(sealing);
    format!(
        "\
# A Wardcard certification authority. [rules] and [profiles] are yours to edit; restart
# `wardcard ca serve` afterwards.
version = 1

[rules]
# Least levels of the sign-in, 0 to 3.
least_authentication = 3
least_identity = 3
# How long ago the person may have signed in.
largest_age_minutes = 15
# A certificate ends at most this long after the person signed in.
longest_life_minutes = 1440
# How long before now a certificate begins, for verifiers whose clock is behind.
backdate_seconds = 300
content_commitment = {content_commitment}

# The evidence that is heard of: ID tokens, bound to their request and verified online. Others are
# named, each in a table like this; write `name` to admit one provider, relying party, trust
# anchor or host only, and `unbound` or `offline` to admit weaker evidence.
[[rules.source]]
kind = \"oidc\"
# name = \"https://provider.example\"
# unbound = true
# offline = true

# Agents of other machines, over TLS 1.3 with certificates on both sides. `clients` are the names
# that their certificates are for; the files are read again when they change.
# [tls]
# listen = \"tls:0.0.0.0:8443\"
# certificate_file = \"tls.pem\"
# key_file = \"tls.key\"
# client_roots_file = \"clients.pem\"
# client_crl_file = \"clients-crl.pem\"
# clients = [\"ward-7.trust.example\"]

# [log]
# After a loss in the record of certificates: refuse to go on, or record it.
# after_loss = \"record\"

[profiles]
# file = \"profiles.toml\"
# authentication = \"NAME\"
# content_commitment = \"NAME\"
# Where the files that `wardcard ca crl` writes are published; goes into the certificates.
# crl_url = \"http://pki.example/crl\"

# How the keys are sealed: not to be edited.
[sealing]
{sealing}"
    )
}
