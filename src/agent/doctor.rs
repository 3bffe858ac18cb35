//! What keeps an agent from working, and what to do about it: one finding for each check, for
//! `wardcard doctor`. Nothing is changed by looking.

use super::{
    audit::{self, verify},
    config::{Config, EnrolledSettings, IssuerSettings, ProviderSettings},
    parts, state,
};
use crate::{
    clock::{Clock, Time},
    issue::directory::CaDirectory,
    net::{Address, Connection, ServerTrust},
    secret,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// Nothing to do.
    Good,
    /// Works, but look at it.
    Warning,
    /// Does not work.
    Bad,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub about: &'static str,
    /// How it came out.
    pub grade: Grade,
    /// What was found, and what to do.
    pub text: String,
}

fn good(about: &'static str, text: impl Into<String>) -> Finding {
    Finding { about, grade: Grade::Good, text: text.into() }
}

fn warning(about: &'static str, text: impl Into<String>) -> Finding {
    Finding { about, grade: Grade::Warning, text: text.into() }
}

fn bad(about: &'static str, text: impl Into<String>) -> Finding {
    Finding { about, grade: Grade::Bad, text: text.into() }
}

/// Checks everything that the configuration at `path` needs, as the user of this process. Hardens
/// the process, to see whether it can be.
pub fn examine(path: &Path, clock: &dyn Clock) -> Vec<Finding> {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(problems) => return vec![bad("configuration", problems.to_string())],
    };
    let mut findings = vec![good("configuration", format!("{} holds", path.display()))];
    if let Some(folder) = &config.state {
        findings.extend(state(folder, &config));
    }
    findings
        .extend(config.enrolled.as_ref().map(|settings| enrolled(&config, settings, clock.now())));
    findings.push(answers("applications", config.pkcs11.as_ref()));
    findings.push(answers("hosts", config.host.as_ref().map(|host| &host.address)));
    findings.push(issuer(&config));
    findings.extend(config.providers.iter().map(provider));
    findings.push(time(clock.now(), config.policy.cis1_end));
    findings.push(hardening());
    findings.push(module(std::env::current_exe().ok().as_deref()));
    findings
}

/// The state folder, the store in it, and the audit log against what the store remembers.
fn state(folder: &Path, config: &Config) -> Vec<Finding> {
    let shown = folder.display();
    match state::own_folder(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = format!("{shown} is not there yet; the agent makes it at its first start");
            return vec![warning("state", text)];
        }
        Err(error) => return vec![bad("state", format!("{shown}: {error}"))],
    }
    let mut findings = vec![good("state", format!("{shown} is this user's alone"))];
    let mut head = None;
    if folder.join(state::STORE).exists() {
        let opened = state::open_store(folder, &folder.join(state::KEY));
        let sound = opened.and_then(|store| {
            store.check()?;
            Ok(state::remembered(&*store)?)
        });
        match sound.map_err(|error| error.to_string()) {
            Ok(found) => {
                head = found;
                findings.push(good("store", "opens with its key and is whole"));
            }
            Err(why) => findings.push(bad("store", why)),
        }
    } else {
        findings.push(warning("store", "not there yet; the agent makes it at its first start"));
    }
    let audit = config.audit.folder.clone().unwrap_or_else(|| folder.join("audit"));
    findings.push(log(&audit, head));
    findings.extend(room(folder));
    if !audit.starts_with(folder) {
        findings.extend(room(&audit));
    }
    findings
}

/// The store of the enrolled cards, read as a whole.
fn enrolled(config: &Config, settings: &EnrolledSettings, now: Time) -> Finding {
    let about = "enrolled cards";
    if !settings.store.join(state::STORE).exists() {
        return warning(about, "no store yet; the agent makes it at its first start");
    }
    let found = parts::shelf_and_store(config, settings).and_then(|(shelf, store)| {
        store.check()?;
        let count = || Ok((shelf.cards()?.len(), shelf.enrolments()?));
        let found = count().map_err(|error| parts::enrolled(&error))?;
        if config.policy.release {
            parts::release_key_path(config, settings, &shelf)?;
        }
        Ok(found)
    });
    let (cards, enrolments) = match found {
        Ok(found) => found,
        Err(error) => return bad(about, error.to_string()),
    };
    let soon = now.plus(settings.renewal_notice);
    let due = enrolments.iter().filter(|one| one.ends().is_some_and(|end| end <= soon)).count();
    let text = format!(
        "{cards} used by passcode, {} enrolled for release in {}",
        enrolments.len(),
        settings.store.display()
    );
    match due {
        0 => good(about, text),
        due => warning(about, format!("{text}\n{due} to be renewed (wardcard enrol renew)")),
    }
}

fn log(folder: &Path, head: Option<audit::Head>) -> Finding {
    let files = match audit::files_in(folder) {
        Ok(files) => files,
        Err(error) => return bad("audit", error.to_string()),
    };
    if files.is_empty() && head.is_none() {
        return warning("audit", "no log yet; the agent begins one at its first start");
    }
    match verify::files(&files, head) {
        Err(fault) => bad("audit", format!("{fault}\nfind out who changed the log")),
        Ok(report) if report.losses > 0 => warning(
            "audit",
            format!("{} records hold; losses on record: {}", report.records, report.losses),
        ),
        Ok(report) => good("audit", format!("{} records, an unbroken chain", report.records)),
    }
}

/// Room where records are written: without it nothing is signed and nobody signs in.
#[cfg(unix)]
fn room(folder: &Path) -> Option<Finding> {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    /// What a ward writes in some days.
    const ENOUGH: u64 = 256 << 20;
    const LEAST: u64 = 8 << 20;
    let found = statvfs(folder).ok()?;
    let shown = folder.display();
    if found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        let text = format!("{shown} is mounted read-only; nothing can be recorded there");
        return Some(bad("room", text));
    }
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let text = format!("{} MiB are free where {shown} lies", free >> 20);
    Some(match free {
        0..LEAST => bad("room", format!("{text}\nfree some: without a record nothing is signed")),
        LEAST..ENOUGH => warning("room", format!("{text}; that is soon used up")),
        _ => good("room", text),
    })
}

/// Elsewhere the system tells by itself when a disk fills.
#[cfg(not(unix))]
fn room(_: &Path) -> Option<Finding> {
    None
}

fn answers(about: &'static str, address: Option<&Address>) -> Finding {
    let Some(address) = address else { return good(about, "no endpoint, as configured") };
    match Connection::connect(address, &ServerTrust::default()) {
        Ok(_) => good(about, format!("{address} answers")),
        Err(error) => bad(
            about,
            format!("{address} does not answer ({error})\nstart the agent, or look at its log"),
        ),
    }
}

fn issuer(config: &Config) -> Finding {
    let clock: Arc<dyn Clock> = Arc::new(crate::clock::SystemClock);
    match &config.issuer {
        IssuerSettings::Local(folder) => match CaDirectory::open(folder) {
            Ok(_) => warning("issuer", "the issuing key is inside the agent, as configured"),
            Err(error) => bad("issuer", error.to_string()),
        },
        IssuerSettings::Given => bad("issuer", "none in the configuration"),
        IssuerSettings::Remote { address, .. } | IssuerSettings::Tls { address, .. } => {
            let roots = parts::issuer(config, &clock)
                .map_err(|error| error.to_string())
                .and_then(|issuer| issuer.roots().map_err(|error| error.to_string()));
            match roots {
                Ok(roots) => good("issuer", format!("{address} answers, roots: {}", roots.len())),
                Err(why) => bad(
                    "issuer",
                    format!("{why}\nstart `wardcard ca serve` and have it hear this agent"),
                ),
            }
        }
    }
}

fn provider(settings: &ProviderSettings) -> Finding {
    let issuer = &settings.oidc.issuer;
    if settings.oidc.key_set.is_some() {
        return good(
            "provider",
            format!("{issuer}: its key set is configured, nothing is fetched"),
        );
    }
    let url = settings.oidc.metadata_url.clone().unwrap_or_else(|| {
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        format!("{base}/.well-known/openid-configuration")
    });
    let fetched = parts::fetch(settings)
        .map_err(|error| error.to_string())
        .and_then(|fetch| fetch.get(&url, 256 << 10));
    match fetched {
        Ok(_) => good("provider", format!("{issuer} answers")),
        Err(why) => bad("provider", format!("{why}\ncheck address, proxy and trusted roots")),
    }
}

/// The clock against a day that has certainly come, and against the end of CIS1.
fn time(now: Time, cis1_end: Time) -> Finding {
    if now < Time::from_unix_seconds(RELEASED) {
        return bad("clock", format!("it is not {now}; set this machine's clock"));
    }
    if now >= cis1_end {
        let text = format!("CIS1 ended on {cis1_end}: no card is made any more (policy.cis1_end)");
        return bad("clock", text);
    }
    let left = cis1_end.since(now);
    if left < Duration::from_secs(90 * 86_400) {
        let days = left.as_secs() / 86_400;
        return warning("clock", format!("{now}; CIS1 ends in {days} days, on {cis1_end}"));
    }
    good("clock", now.to_string())
}

/// 2026-11-01T00:00:00Z: this program is not older.
const RELEASED: i64 = 1_793_491_200;

fn hardening() -> Finding {
    let hardening = secret::harden();
    let text = hardening.to_string();
    let text = text.trim_end();
    if hardening.undumpable && hardening.no_core && hardening.no_new_privileges {
        good("protection", text)
    } else {
        warning("protection", text)
    }
}

/// The PKCS#11 module's file.
pub(crate) const MODULE: &str = if cfg!(windows) {
    "wardcard.dll"
} else if cfg!(target_os = "macos") {
    "libwardcard.dylib"
} else {
    "libwardcard.so"
};
/// How a shared library of this system begins.
const LIBRARY: &[u8] = if cfg!(windows) { b"MZ" } else { b"\x7fELF" };

/// The PKCS#11 module beside the program, where packages and builds put it.
fn module(program: Option<&Path>) -> Finding {
    let folder = program.and_then(Path::parent);
    let Some(folder) = folder else { return warning("module", "this program's folder is unknown") };
    let places = ["", "../lib", "../lib/wardcard"];
    let found: Option<PathBuf> =
        places.iter().map(|place| folder.join(place).join(MODULE)).find(|path| path.exists());
    let Some(path) = found else {
        let text = format!("{MODULE} is not beside {}; install it", folder.display());
        return warning("module", text);
    };
    let shown = path.display();
    match std::fs::read(&path) {
        Err(error) => bad("module", format!("{shown} cannot be read: {error}")),
        Ok(bytes) if !bytes.starts_with(LIBRARY) => {
            bad("module", format!("{shown} is no shared library; install it again"))
        }
        Ok(bytes) if !holds(&bytes, b"C_GetFunctionList\0") => {
            bad("module", format!("{shown} has no C_GetFunctionList; install it again"))
        }
        Ok(_) => good("module", format!("{shown}")),
    }
}

fn holds(bytes: &[u8], name: &[u8]) -> bool {
    bytes.windows(name.len()).any(|window| window == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_behind_or_past_the_end_is_bad_and_near_the_end_a_warning() {
        let end = Time::parse_rfc3339("2027-02-28T23:59:59Z").unwrap();
        for (now, grade) in [
            ("1970-01-01T00:00:00Z", Grade::Bad),
            ("2026-11-02T00:00:00Z", Grade::Good),
            ("2026-12-24T00:00:00Z", Grade::Warning),
            ("2027-02-28T23:59:59Z", Grade::Bad),
        ] {
            assert_eq!(time(Time::parse_rfc3339(now).unwrap(), end).grade, grade, "{now}");
        }
    }

    #[test]
    fn a_module_that_is_none_is_bad_and_a_missing_one_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("wardcard");
        assert_eq!(module(Some(&program)).grade, Grade::Warning);
        let library = folder.path().join(MODULE);
        for (bytes, grade) in [
            (b"text".to_vec(), Grade::Bad),
            ([LIBRARY, b" nothing"].concat(), Grade::Bad),
            ([LIBRARY, b" ..C_GetFunctionList\0.."].concat(), Grade::Good),
        ] {
            std::fs::write(&library, bytes).unwrap();
            assert_eq!(module(Some(&program)).grade, grade);
        }
    }

    #[test]
    fn a_configuration_that_does_not_hold_is_the_one_finding() {
        let folder = tempfile::tempdir().unwrap();
        let findings = examine(&folder.path().join("none.toml"), &crate::clock::SystemClock);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings.first().map(|finding| finding.grade), Some(Grade::Bad));
    }
}
