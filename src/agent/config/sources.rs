//! The tables `[webauthn]`, `[certificate]` and `[[attesting_host]]`: what may vouch for people
//! beside an OpenID provider. Levels have no default: what a source stands for has to be said.

use super::{
    CertificateSettings, SourceSettings,
    document::Section,
    provider::{duration, file},
    watched::WatchedFile,
};
use crate::{
    pki::Certificate,
    proof::{
        Level, attested,
        webauthn::{self, Aaguid, Algorithm, Models},
        x509::{self, Revocation},
    },
};
use std::{path::Path, sync::Arc, time::Duration};

/// All of them.
pub(super) fn sources(root: &Section<'_, '_>, folder: &Path) -> SourceSettings {
    let webauthn = root.section("webauthn").and_then(|section| webauthn(section, folder));
    let certificate = root.section("certificate").and_then(|section| certificate(section, folder));
    let mut hosts: Vec<attested::Settings> = Vec::new();
    for section in root.sections("attesting_host") {
        let line = section.line;
        let found = host(section, folder);
        let Some(host) = found else { continue };
        if hosts.iter().any(|other| other.name == host.name) {
            root.problem(line, "attesting_host.name", "a host of this name is there already");
        }
        hosts.push(host);
    }
    SourceSettings { webauthn, certificate, hosts }
}

fn webauthn(section: Section<'_, '_>, folder: &Path) -> Option<webauthn::Settings> {
    let id = needed(&section, "id", "write the relying party's domain: \"sso.trust.example\"");
    let origins = section.texts("origins");
    if section.value("origins").is_none() {
        let text = "missing; write the pages' origins: [\"https://sso.trust.example\"]";
        section.problem(section.line, "origins", text);
    }
    let authentication = level(&section, "authentication");
    let identity = level(&section, "identity");
    let models = models(&section);
    let roots = certificates(&section, "attestation_roots_file", folder);
    let algorithms = algorithms(&section);
    let name = section.text("name").map(|at| at.value);
    let top_origins = section.texts("top_origins").map(|at| at.value);
    let unattested = section.flag("unattested").is_some_and(|at| at.value);
    let backup_eligible = section.flag("backup_eligible").is_some_and(|at| at.value);
    let whole = || {
        let id = id?;
        Some(webauthn::Settings {
            name: name.unwrap_or_else(|| id.clone()),
            id,
            origins: origins?.value,
            top_origins: top_origins.unwrap_or_default(),
            algorithms: algorithms?,
            models: models?,
            attestation_roots: roots?,
            unattested,
            backup_eligible,
            authentication: authentication?,
            identity: identity?,
        })
    };
    let settings = whole();
    if let Some(Err(webauthn::Fault::Setting(key))) = settings.as_ref().map(|one| one.check()) {
        let (key, text) = match key {
            "origins" => {
                (key, "each is https:// and the id or a host below it, as browsers write it")
            }
            "top_origins" => (key, "each is https:// and a host, as browsers write it"),
            "attestation_roots" => (
                "attestation_roots_file",
                "missing; models are shown by certificates up to these roots; to take the \
                 authenticator's word for its model, write unattested = true",
            ),
            other => (other, "cannot be used"),
        };
        section.problem(section.value(key).map_or(section.line, |at| at.line), key, text);
    }
    section.finish();
    settings
}

/// Which models, by name or by their absence's name.
fn models(section: &Section<'_, '_>) -> Option<Models> {
    let any = section.flag("any_model").is_some_and(|at| at.value);
    match (section.texts("models"), any) {
        (None, true) => Some(Models::Any),
        (Some(at), false) if !at.value.is_empty() => {
            let listed: Option<Vec<Aaguid>> =
                at.value.iter().map(|text| Aaguid::parse(text)).collect();
            if listed.is_none() {
                let text = "write AAGUIDs: [\"08987058-cadc-4b81-b6e1-30de50dcbe96\"]";
                section.problem(at.line, "models", text);
            }
            listed.map(Models::Listed)
        }
        (Some(at), _) => {
            let text = "list models, or write any_model = true to admit whatever it is; not both";
            section.problem(at.line, "models", text);
            None
        }
        (None, false) => {
            if section.value("models").is_none() {
                let text = "missing; list the authenticators' AAGUIDs, or write any_model = true";
                section.problem(section.line, "models", text);
            }
            None
        }
    }
}

fn algorithms(section: &Section<'_, '_>) -> Option<Vec<Algorithm>> {
    let Some(at) = section.texts("algorithms") else {
        return section.value("algorithms").is_none().then(|| Algorithm::ALL.to_vec());
    };
    let known: Option<Vec<Algorithm>> = at.value.iter().map(|one| Algorithm::named(one)).collect();
    let known = known.filter(|all| !all.is_empty());
    if known.is_none() {
        let names: Vec<&str> = Algorithm::ALL.iter().map(|one| one.name()).collect();
        let text = format!("this build has {}", names.join(", "));
        section.problem(at.line, "algorithms", &text);
    }
    known
}

fn certificate(section: Section<'_, '_>, folder: &Path) -> Option<CertificateSettings> {
    if section.value("roots_file").is_none() {
        let text = "missing; write the file of the cards' root certificates, as PEM";
        section.problem(section.line, "roots_file", text);
    }
    let roots = certificates(&section, "roots_file", folder).filter(|roots| !roots.is_empty());
    let intermediates = certificates(&section, "intermediates_file", folder);
    let authentication = level(&section, "authentication");
    let identity = level(&section, "identity");
    let revocation = revocation(&section, folder);
    let stale = match section.text("stale") {
        None => Some(Duration::ZERO),
        Some(at) => duration(&section, "stale", &at),
    };
    let name = section.text("name").map(|at| at.value);
    let subject = section.text("subject").map(|at| at.value);
    let policies = section.texts("policies").map(|at| at.value);
    let sha1 = section.flag("sha1").is_some_and(|at| at.value);
    let proxy = section.text("proxy").map(|at| at.value);
    let whole = || {
        let mut x509 = x509::Settings::nhs(roots?, revocation?, authentication?, identity?);
        x509.intermediates = intermediates?;
        x509.stale = stale?;
        x509.name = name.unwrap_or(x509.name);
        x509.subject = subject.unwrap_or(x509.subject);
        x509.policies = policies.unwrap_or(x509.policies);
        x509.sha1 = sha1;
        Some(x509)
    };
    let x509 = whole();
    if let Some(Err(x509::Fault::Setting(key))) = x509.as_ref().map(x509::Settings::check) {
        let (key, text) = match key {
            "subject" => {
                (key, "write the whole name with {id} once: \"O=nhs, OU=people, CN={id}\"")
            }
            "stale" => (key, "at most \"7d\""),
            "revocation" => {
                ("crls", "each is a file, an https address, or an http address on loopback")
            }
            other => (other, "cannot be used"),
        };
        section.problem(section.value(key).map_or(section.line, |at| at.line), key, text);
    }
    section.finish();
    x509.map(|x509| CertificateSettings { x509, proxy })
}

/// The lists, files as `file:///` addresses; or none by name.
fn revocation(section: &Section<'_, '_>, folder: &Path) -> Option<Revocation> {
    let unchecked = section.flag("unchecked_revocation").is_some_and(|at| at.value);
    match (section.texts("crls"), unchecked) {
        (None, true) => Some(Revocation::Unchecked),
        (Some(at), false) if !at.value.is_empty() => {
            let address = |text: String| {
                if text.contains("://") {
                    return text;
                }
                let path = folder.join(text);
                let path = std::path::absolute(&path).unwrap_or(path);
                format!("file://{}", path.display())
            };
            Some(Revocation::Lists(at.value.into_iter().map(address).collect()))
        }
        (Some(at), _) => {
            let text = "list files or addresses, or write unchecked_revocation = true; not both";
            section.problem(at.line, "crls", text);
            None
        }
        (None, false) => {
            if section.value("crls").is_none() {
                let text = "missing; list the issuers' revocation lists (files or addresses), or \
                            write unchecked_revocation = true";
                section.problem(section.line, "crls", text);
            }
            None
        }
    }
}

fn host(section: Section<'_, '_>, folder: &Path) -> Option<attested::Settings> {
    let name = needed(&section, "name", "write the name that stands as iss in its attestations");
    let keys = section.text("keys_file");
    if section.value("keys_file").is_none() {
        let text = "missing; write the file of the host's public keys (JWKS)";
        section.problem(section.line, "keys_file", text);
    }
    // Watched from before the first look on.
    let in_use = keys.as_ref().map(|at| WatchedFile::new(folder.join(&at.value)));
    let keys = keys.and_then(|at| file(&section, "keys_file", &at, folder));
    let audience = section.text("audience").map_or_else(|| "wardcard".to_owned(), |at| at.value);
    let authentication = level(&section, "authentication");
    let identity = level(&section, "identity");
    let vouches = section.flag("vouches").is_none_or(|at| at.value);
    let relays = section.texts("relays").map(|at| at.value).unwrap_or_default();
    let whole = || {
        Some(attested::Settings {
            name: name?,
            keys: keys?,
            in_use: Some(Arc::new(in_use?)),
            audience,
            authentication: authentication?,
            identity: identity?,
            vouches,
            relays,
        })
    };
    let settings = whole();
    if let Some(Err(attested::Fault::Setting(key))) = settings.as_ref().map(|one| one.check()) {
        let (key, text) = match key {
            "keys" => (
                "keys_file",
                "write one to three keys for signatures, each with a kid of its own, none too weak",
            ),
            "vouches" => (key, "a host that does not vouch has to relay: name issuers in relays"),
            other => (other, "cannot be used"),
        };
        section.problem(section.value(key).map_or(section.line, |at| at.line), key, text);
    }
    section.finish();
    settings
}

/// A text that has to be there.
fn needed(section: &Section<'_, '_>, key: &'static str, text: &str) -> Option<String> {
    if section.value(key).is_none() {
        section.problem(section.line, key, &format!("missing; {text}"));
    }
    section.text(key).map(|at| at.value)
}

fn level(section: &Section<'_, '_>, key: &'static str) -> Option<Level> {
    if section.value(key).is_none() {
        let text = "missing; write the level from 1 to 3 that this stands for";
        section.problem(section.line, key, text);
    }
    section.number(key, 1..=3).and_then(|at| u8::try_from(at.value).ok()).map(Level)
}

/// The certificates of a file; none where the key is absent.
fn certificates(
    section: &Section<'_, '_>,
    key: &'static str,
    folder: &Path,
) -> Option<Vec<Certificate>> {
    let Some(at) = section.text(key) else {
        return section.value(key).is_none().then(Vec::new);
    };
    let pem = file(section, key, &at, folder)?;
    let read = Certificate::from_pem(&pem);
    if let Err(error) = &read {
        section.problem(at.line, key, &error.to_string());
    }
    read.ok()
}
