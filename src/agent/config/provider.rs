//! The `[[provider]]` tables.

use super::{
    ProviderSettings, client,
    document::{At, Section},
};
use crate::proof::{
    Refusal,
    oidc::{self, Preset},
};
use std::{path::Path, time::Duration};

/// All providers that stand.
pub(super) fn providers(sections: Vec<Section<'_, '_>>, folder: &Path) -> Vec<ProviderSettings> {
    let mut found: Vec<ProviderSettings> = Vec::new();
    for section in sections {
        if let Some(provider) = provider(&section, folder) {
            if found.iter().any(|other| other.oidc.issuer == provider.oidc.issuer) {
                let line = section.value("issuer").map_or(section.line, |at| at.line);
                section.problem(line, "issuer", "this issuer is there already");
            }
            found.push(provider);
        }
        section.finish();
    }
    found
}

fn provider(section: &Section<'_, '_>, folder: &Path) -> Option<ProviderSettings> {
    let preset = preset(section);
    let issuer = section.text("issuer").or_else(|| {
        let issuer = preset.as_ref()?.value.issuer?.to_owned();
        Some(At { line: preset.as_ref()?.line, value: issuer })
    });
    let client_id = section.text("client_id");
    for (key, known) in [("issuer", issuer.is_some()), ("client_id", false)] {
        if section.value(key).is_none() && !known {
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
    let algorithms = section.texts("algorithms").map(|at| at.value);
    let stale = section.text("stale_keys").and_then(|at| duration(section, "stale_keys", &at));
    let unbound = section.flag("unbound").is_some_and(|at| at.value);
    let preset = preset.map(|at| at.value);
    let client = client::client(section, preset, folder);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let (issuer, client_id) = (issuer?, client_id?);
    let line = issuer.line;
    let mut oidc = oidc::Settings::new(issuer.value, client_id.value);
    oidc.metadata_url = metadata_url.map(|at| at.value);
    oidc.key_set = key_set.flatten();
    oidc.leeway = leeway.unwrap_or(oidc.leeway);
    oidc.refetch = refetch.unwrap_or(oidc.refetch);
    let usual = preset.map_or(oidc.algorithms, |preset| words(preset.algorithms));
    oidc.algorithms = algorithms.unwrap_or(usual);
    oidc.stale_keys = stale.unwrap_or(oidc.stale_keys);
    oidc.unbound = unbound;
    oidc.client = client?;
    check(section, line, &oidc);
    Some(ProviderSettings { oidc, roots: roots.flatten(), system_roots, proxy })
}

/// The preset that is named.
fn preset(section: &Section<'_, '_>) -> Option<At<Preset>> {
    let At { line, value } = section.text("preset")?;
    let found = Preset::named(&value).map(|value| At { line, value });
    if found.is_none() {
        let names: Vec<&str> = Preset::ALL.iter().map(|preset| preset.name).collect();
        section.problem(line, "preset", &format!("write one of {}", names.join(", ")));
    }
    found
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
        Err(Refusal::Setting("stale_keys")) => ("stale_keys", "at most \"7d\"".to_owned()),
        Err(Refusal::Setting(key @ ("scopes" | "acr_values"))) => {
            (key, "write a list of words, none with a space in it".to_owned())
        }
        Err(Refusal::Setting("prompt")) => {
            ("prompt", "write \"login\", \"consent\" or \"select_account\"".to_owned())
        }
        Err(Refusal::Setting(
            key @ ("authorization_endpoint" | "token_endpoint" | "userinfo_endpoint"),
        )) => (key, "not usable; write an https address of the issuer's".to_owned()),
        Err(refusal @ Refusal::ClientKey(_)) => ("client_algorithm", refusal.to_string()),
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
pub(super) const LONGEST: u64 = 1 << 20;

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
