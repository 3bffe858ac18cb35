//! The `[[provider]]` tables.

use super::{
    ProviderSettings,
    document::{At, Section},
};
use crate::proof::{Refusal, oidc};
use std::{path::Path, time::Duration};

/// All providers that stand.
pub(super) fn providers(sections: Vec<Section<'_, '_>>, folder: &Path) -> Vec<ProviderSettings> {
    let mut found: Vec<ProviderSettings> = Vec::new();
    for section in sections {
        let issuer = section.text("issuer");
        if let Some(provider) = provider(&section, issuer.clone(), folder) {
            if let Some(issuer) = issuer
                && found.iter().any(|other| other.oidc.issuer == issuer.value)
            {
                section.problem(issuer.line, "issuer", "this issuer is there already");
            }
            found.push(provider);
        }
        section.finish();
    }
    found
}

fn provider(
    section: &Section<'_, '_>,
    issuer: Option<At<String>>,
    folder: &Path,
) -> Option<ProviderSettings> {
    let client_id = section.text("client_id");
    for key in ["issuer", "client_id"] {
        if section.value(key).is_none() {
            section.problem(section.line, key, "missing; ask the provider's administrator for it");
        }
    }
    let metadata_url = section.text("metadata_url");
    let key_set = section.text("key_set_file");
    let key_set = key_set.map(|at| file(section, "key_set_file", &at, folder));
    let roots = section.text("roots_file").map(|at| file(section, "roots_file", &at, folder));
    let system_roots = section.flag("system_roots").is_none_or(|at| at.value);
    let proxy = section.text("proxy").map(|at| at.value);
    let leeway = section.text("leeway").and_then(|at| duration(section, "leeway", &at));
    let refetch = section.text("refetch").and_then(|at| duration(section, "refetch", &at));
    let algorithms = section.texts("algorithms");
    let (issuer, client_id) = (issuer?, client_id?);
    let line = issuer.line;
    let mut oidc = oidc::Settings::new(issuer.value, client_id.value);
    oidc.metadata_url = metadata_url.map(|at| at.value);
    oidc.key_set = key_set.flatten();
    oidc.leeway = leeway.unwrap_or(oidc.leeway);
    oidc.refetch = refetch.unwrap_or(oidc.refetch);
    oidc.algorithms = algorithms.map_or(oidc.algorithms, |at| at.value);
    check(section, line, &oidc);
    Some(ProviderSettings { oidc, roots: roots.flatten(), system_roots, proxy })
}

fn check(section: &Section<'_, '_>, line: usize, oidc: &oidc::Settings) {
    let (key, text): (&'static str, String) = match oidc.check() {
        Ok(()) => return,
        Err(Refusal::Setting("issuer")) => {
            ("issuer", "not an issuer; write its https address exactly as its tokens do".to_owned())
        }
        Err(Refusal::Setting("client_id")) => ("client_id", "write the client's id".to_owned()),
        Err(Refusal::Setting("metadata_url")) => {
            ("metadata_url", "not usable; write an https address of the issuer's".to_owned())
        }
        Err(Refusal::Setting("leeway")) => ("leeway", "at most \"5m\"".to_owned()),
        Err(Refusal::Setting("algorithms")) => (
            "algorithms",
            "write some of RS256 to RS512, PS256 to PS512, ES256 to ES512".to_owned(),
        ),
        Err(other) => ("key_set_file", other.to_string()),
    };
    let line = section.value(key).map_or(line, |at| at.line);
    section.problem(line, key, &text);
}

/// The text of a file that a key names.
pub(super) fn file(
    section: &Section<'_, '_>,
    key: &str,
    at: &At<String>,
    folder: &Path,
) -> Option<String> {
    let path = folder.join(&at.value);
    let length = std::fs::metadata(&path).map(|metadata| metadata.len());
    let text = match length {
        Ok(length) if length <= LONGEST => std::fs::read_to_string(&path),
        Ok(_) => Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge)),
        Err(error) => Err(error),
    };
    text.map_err(|error| {
        section.problem(at.line, key, &format!("{} cannot be read: {error}", path.display()));
    })
    .ok()
}

/// No file that a configuration names is longer.
const LONGEST: u64 = 1 << 20;

/// A whole number with s, m, h or d.
pub(super) fn duration(section: &Section<'_, '_>, key: &str, at: &At<String>) -> Option<Duration> {
    let read = || {
        let (number, unit) = at.value.split_at_checked(at.value.len().checked_sub(1)?)?;
        let seconds: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| number.parse::<u64>().ok()?.checked_mul(seconds)).flatten()
    };
    let seconds = read();
    if seconds.is_none() {
        section.problem(at.line, key, "write a whole number and s, m, h or d: \"60s\"");
    }
    seconds.map(Duration::from_secs)
}
