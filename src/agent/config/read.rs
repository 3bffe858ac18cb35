//! From a document to a [`Config`]: what each key means and what may stand in it.

use super::{
    AfterLoss, AuditSettings, Config, HostSettings, Limits, Mode, ReaderSettings,
    document::{At, Document, Problem, Section},
    enrolled::enrolled,
    issuer::issuer,
    policy::policy,
    provider::providers,
    readers::readers,
    roster::{accounts, roster},
    sources::sources,
};
use crate::{
    agent::host::read_secret,
    net::{Address, LOCAL_FORM, places},
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Reads a whole configuration, or everything that is wrong with it.
pub(super) fn config(text: &str, folder: &Path) -> Result<Config, Vec<Problem>> {
    let (document, table) = Document::new(text);
    let root = Section::root(&document, &table);
    let config = read(&root, folder);
    root.finish();
    let problems = document.into_problems();
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems),
    }
}

/// `None` only where a problem has been noted.
fn read(root: &Section<'_, '_>, folder: &Path) -> Option<Config> {
    let mode = mode(root);
    let state = state(root, mode, folder);
    let pkcs11 = endpoints(root, mode);
    let host = root.section("host").map(|section| host(section, folder));
    let sources = sources(root, folder);
    let tables = root.sections("provider");
    let others = ["webauthn", "certificate", "attesting_host"];
    if tables.is_empty() && others.iter().all(|key| root.value(key).is_none()) {
        root.problem(1, "provider", "at least one provider must be there: write [[provider]]");
    }
    let providers = providers(tables, folder);
    let issuer = issuer(root, folder);
    let policy = policy(root, folder);
    let (roster, accounts) = (roster(root), accounts(root));
    let applications = applications(root);
    let audit = audit(root, folder);
    let releases = policy.as_ref().is_some_and(|policy| policy.release);
    let enrolled = enrolled(root, mode, releases, folder);
    let logout = root.section("logout").map(super::logout::logout);
    let readers = readers(root, mode, enrolled.is_some(), folder);
    let limits = limits(root);
    let logout = match logout {
        Some(logout) => Some(logout?),
        None => None,
    };
    let host = match host {
        Some(host) => Some(host?),
        None => None,
    };
    if let (Some(pkcs11), Some(host)) = (pkcs11.as_ref()?, &host)
        && *pkcs11 == host.address
    {
        root.problem(1, "host.address", "hosts and applications need an endpoint each");
    }
    Some(Config {
        mode: mode?,
        pkcs11: pkcs11?,
        host,
        providers,
        sources,
        issuer: issuer?,
        policy: policy?,
        applications,
        state: state?,
        audit,
        logout,
        enrolled,
        readers,
        limits,
        roster: roster?,
        accounts: accounts?,
    })
}

fn mode(root: &Section<'_, '_>) -> Option<Mode> {
    let wanted = "write mode = \"personal\" (cards of this user) or \"ward\" (of all users)";
    match root.text("mode") {
        Some(At { line, value }) => match value.as_str() {
            "personal" => Some(Mode::Personal),
            "ward" => Some(Mode::Ward),
            _ => {
                root.problem(line, "mode", wanted);
                None
            }
        },
        None => {
            if root.value("mode").is_none() {
                root.problem(1, "mode", wanted);
            }
            None
        }
    }
}

/// The state folder; its default depends on the mode.
fn state(root: &Section<'_, '_>, mode: Option<Mode>, folder: &Path) -> Option<Option<PathBuf>> {
    if root.value("state").is_some() {
        return root.text("state").map(|at| Some(folder.join(at.value)));
    }
    match mode? {
        Mode::Ward => Some(Some(places::ward_state())),
        Mode::Personal => match places::state(|name| std::env::var_os(name)) {
            Some(path) => Some(Some(path.join("agent"))),
            None => {
                let text = "there is no home folder to keep state in; name a folder";
                root.problem(1, "state", text);
                None
            }
        },
    }
}

/// The applications' endpoint: as written, `"none"`, or the well-known one.
fn endpoints(root: &Section<'_, '_>, mode: Option<Mode>) -> Option<Option<Address>> {
    if let Some(section) = root.section("endpoints") {
        let written = section.value("pkcs11").is_some();
        let found = section.text("pkcs11").map(|at| match at.value.as_str() {
            "none" => Some(None),
            _ => address(&section, "pkcs11", &at).map(Some),
        });
        section.finish();
        if written {
            return found.flatten();
        }
    }
    match mode? {
        Mode::Ward => Some(Some(places::ward())),
        Mode::Personal => {
            // Written and read again: a path may be longer than a socket's may be.
            let found = places::personal(|name| std::env::var_os(name));
            let found = found.and_then(|found| Address::parse(&found.to_string()));
            if found.is_none() {
                let text = "XDG_RUNTIME_DIR is not set; write pkcs11 = \"unix:path=/...\" there";
                root.problem(1, "endpoints.pkcs11", text);
            }
            found.map(Some)
        }
    }
}

fn address(section: &Section<'_, '_>, key: &str, at: &At<String>) -> Option<Address> {
    let address = Address::parse(&at.value);
    if address.is_none() {
        section.problem(at.line, key, &format!("not an address; write \"{LOCAL_FORM}\""));
    } else if matches!(address, Some(Address::Tls { .. })) {
        section.problem(
            at.line,
            key,
            &format!("this is served on this machine alone; write {LOCAL_FORM}"),
        );
        return None;
    }
    address
}

fn host(section: Section<'_, '_>, folder: &Path) -> Option<HostSettings> {
    let at = section.text("address");
    if section.value("address").is_none() {
        section.problem(section.line, "address", "missing; write \"unix:path=/folder/name\"");
    }
    let address = at.and_then(|at| address(&section, "address", &at));
    let users = section.users("users");
    let named = section.text("secret_file");
    let mut secret = None;
    if let Some(named) = &named {
        match read_secret(&folder.join(&named.value)) {
            Ok(read) => secret = Some(read),
            Err(why) => section.problem(named.line, "secret_file", &why),
        }
    }
    let previous = section.text("previous_secret_file");
    if let (Some(previous), None) = (&previous, &named) {
        let text = "it is one from before; name the present one as secret_file";
        section.problem(previous.line, "previous_secret_file", text);
    }
    let files = named.iter().chain(&previous).map(|at| folder.join(&at.value)).collect();
    let users = users.map(|at| at.value).unwrap_or_default();
    if users.is_empty() && named.is_none() {
        let text = "nobody could be a host; name users, or a secret_file, or leave out [host]";
        section.problem(section.line, "users", text);
    }
    section.finish();
    Some(HostSettings { address: address?, users, secret, secret_files: files })
}

fn applications(root: &Section<'_, '_>) -> Vec<PathBuf> {
    let Some(section) = root.section("applications") else { return Vec::new() };
    let allowed = section.texts("allowed");
    section.finish();
    let Some(At { line, value }) = allowed else { return Vec::new() };
    let paths: Vec<PathBuf> = value.into_iter().map(PathBuf::from).collect();
    let known = |path: &PathBuf| path.is_absolute() || path.as_os_str() == ReaderSettings::PC_SC;
    if !paths.iter().all(known) {
        let text = "write whole paths, or \"PC/SC\" for readers: [\"/usr/bin/ssh\"]";
        root.problem(line, "applications.allowed", text);
    }
    paths
}

fn audit(root: &Section<'_, '_>, folder: &Path) -> AuditSettings {
    let mut audit = AuditSettings::default();
    let Some(section) = root.section("audit") else { return audit };
    audit.folder = section.text("folder").map(|at| folder.join(at.value));
    if let Some(mib) = section.number("rotate_mib", 1..=4096) {
        audit.rotate_bytes = mib.value << 20;
    }
    if let Some(At { line, value }) = section.text("after_loss") {
        match value.as_str() {
            "refuse" => audit.after_loss = AfterLoss::Refuse,
            "record" => audit.after_loss = AfterLoss::Record,
            _ => section.problem(line, "after_loss", "write \"refuse\" or \"record\""),
        }
    }
    section.finish();
    audit
}

fn limits(root: &Section<'_, '_>) -> Limits {
    let mut limits = Limits::default();
    let Some(section) = root.section("limits") else { return limits };
    let set = |key, most, place: &mut usize, least| {
        if let Some(at) = section.number(key, least..=most) {
            *place = usize::try_from(at.value).unwrap_or(usize::MAX);
        }
    };
    set("requests", 10_000, &mut limits.requests, 1);
    set("cards", 100_000, &mut limits.cards, 1);
    set("hosts", 1024, &mut limits.hosts, 2);
    set("warm_keys", 16, &mut limits.warm_keys, 0);
    set("connections", 100_000, &mut limits.wire.connections, 1);
    set("connections_per_user", 10_000, &mut limits.wire.connections_per_user, 1);
    set("one_time_codes", 16, &mut limits.one_time_codes, 1);
    if let Some(days) = section.number("secret_days", 1..=3650) {
        limits.secret_days = days.value;
    }
    if let Some(seconds) = section.number("one_time_seconds", 5..=600) {
        limits.one_time_life = Duration::from_secs(seconds.value);
    }
    section.finish();
    limits
}
