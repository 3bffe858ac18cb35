//! The CRLs of a certification authority (RFC 5280 section 5): numbered, never back; made again in
//! time and at once after a revocation; published as files that are replaced whole.

use super::{CaDirectory, CaError, Role, files};
use crate::{
    clock::Time,
    crypto::SealKey,
    issue::{
        LocalIssuer,
        index::{Ends, mark},
    },
    pki::{Authority, Revoked},
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

/// What `crl.json` remembers, by authority.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbers {
    last: BTreeMap<String, u64>,
    /// When the last CRL was made that was due, not made in between for a revocation.
    #[serde(default)]
    scheduled: BTreeMap<String, String>,
}

/// Why a CRL is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occasion {
    /// It is due, or somebody asked for it.
    Scheduled,
    /// Something was revoked.
    Revocation,
}

/// How long the root's CRL is good for at least: its key is offline, and it lists authorities alone.
const ROOT_LIFE: Duration = Duration::from_secs(190 * 86_400);

/// What to make, and where it goes.
#[derive(Clone, Copy, Debug)]
struct Edition<'a> {
    out: Option<&'a Path>,
    life: Duration,
    now: Time,
    occasion: Occasion,
}

impl CaDirectory {
    /// Makes the next CRL of each authority whose key is here, writes them as `NAME.crl` (DER)
    /// into `out` (default `DIR/crl`), and answers where they are. The root's is good for half a year
    /// at least.
    ///
    /// # Errors
    /// Keys that do not open, or files that cannot be written.
    pub fn crls(
        &self,
        passphrase: Option<&Secret>,
        out: Option<&Path>,
        life: Duration,
        now: Time,
    ) -> Result<Vec<PathBuf>, CaError> {
        let mut authorities = Vec::new();
        if Role::Root.key_file(&self.folder, Role::Root.name()).is_file() {
            // Else the root is offline, as it should be.
            let folder = Role::Root.folder(&self.folder);
            let seal = self.settings.sealing.open(&folder, passphrase)?;
            let name = Role::Root.name();
            let root = self.authority(Role::Root, name, &self.root, &seal)?;
            authorities.push((name.to_owned(), root));
        }
        let desks = self.desks(passphrase)?;
        authorities.extend(desks.all().map(|desk| (desk.name.clone(), desk.authority.clone())));
        self.press(&authorities, Edition { out, life, now, occasion: Occasion::Scheduled })
    }

    fn press(
        &self,
        authorities: &[(String, Authority)],
        edition: Edition<'_>,
    ) -> Result<Vec<PathBuf>, CaError> {
        // One at a time: no number twice, and no older list over a newer one.
        let _turn = files::lock_folder(&self.folder)?;
        let out = edition.out.map_or_else(|| self.folder.join("crl"), Path::to_owned);
        if !out.is_dir() {
            files::make_folder(&out)?;
        }
        let now = Time::from_unix_seconds(edition.now.unix_seconds());
        let mut numbers = self.numbers()?;
        let ends = Ends::current(&self.folder)?.let_go(&self.folder, |end| {
            let last = numbers.scheduled.get(&end.authority);
            let last = last.and_then(|text| Time::parse_rfc3339(text));
            // It has stood on a scheduled CRL that was made after the certificate's end.
            last.is_some_and(|last| end.at < last && end.not_after < last)
        })?;
        for (name, _) in authorities {
            numbers.count(name, edition.occasion, now).ok_or_else(|| self.malformed())?;
        }
        // Counted on disk before a CRL is made, so that no number is used twice.
        let bytes = serde_json::to_vec(&numbers).map_err(|_| self.malformed())?;
        files::write(&self.numbers_file(), &bytes, 0o600)?;
        let mut written = Vec::new();
        for (name, authority) in authorities {
            let mut revoked: Vec<Revoked> = Vec::new();
            for end in ends.all.iter().filter(|end| end.authority == *name) {
                let serial_der = end.serial.der();
                if !revoked.iter().any(|one| one.serial_der == serial_der) {
                    revoked.push(Revoked { serial_der, at: end.at, reason: end.reason });
                }
            }
            let number = numbers.last.get(name).copied().unwrap_or_default();
            let root = name == Role::Root.name();
            let next = now.plus(if root { edition.life.max(ROOT_LIFE) } else { edition.life });
            let crl = authority.crl_with_reasons(&revoked, number, now, next)?;
            let path = out.join(format!("{name}.crl"));
            files::write(&path, &crl, 0o644)?;
            written.push(path);
        }
        Ok(written)
    }

    fn numbers(&self) -> Result<Numbers, CaError> {
        match files::read_private(&self.numbers_file()) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| self.malformed()),
            Err(CaError::Missing(_)) => Ok(Numbers::default()),
            Err(error) => Err(error),
        }
    }

    fn numbers_file(&self) -> PathBuf {
        self.folder.join("crl.json")
    }

    fn malformed(&self) -> CaError {
        CaError::Malformed(self.numbers_file(), "not the numbers of CRLs".to_owned())
    }
}

/// Has a restored authority count on above any number that was used since the backup: there is
/// never more than one CRL a second for long.
pub(super) fn skip_numbers(restored: &CaDirectory, now: Time) -> Result<(), CaError> {
    let mut numbers = restored.numbers()?;
    let seconds = u64::try_from(now.unix_seconds()).unwrap_or_default();
    for listed in restored.list() {
        let last = numbers.last.entry(listed.name).or_default();
        *last = (*last).max(seconds);
    }
    let bytes = serde_json::to_vec(&numbers).map_err(|_| restored.malformed())?;
    files::write(&restored.numbers_file(), &bytes, 0o600)
}

impl Numbers {
    /// The next number of an authority; none where there are no more.
    fn count(&mut self, name: &str, occasion: Occasion, now: Time) -> Option<()> {
        let number = self.last.entry(name.to_owned()).or_default();
        *number = number.checked_add(1)?;
        if occasion == Occasion::Scheduled {
            self.scheduled.insert(name.to_owned(), now.to_string());
        }
        Some(())
    }
}

/// Told what went wrong with a CRL; it is tried again.
pub type OnProblem = Box<dyn Fn(&CaError) + Send + Sync>;

/// Keeps the CRLs of an issuer fresh, by a thread of its own until it is dropped: made when half
/// of the last one's life is over, and at once after a revocation, by whatever process.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    press: Press,
    stopped: Mutex<bool>,
    changed: Condvar,
}

/// How often it looks for revocations: the longest time until one is published.
const LOOK: Duration = Duration::from_secs(1);

impl Publisher {
    /// Makes CRLs now, with this life each, and goes on. They go to `out`, default `DIR/crl`. Has
    /// the issuer take up an authority that is added to the folder meanwhile; the passphrase is the
    /// one of the keys.
    ///
    /// # Errors
    /// The first CRLs cannot be made, or no thread started.
    pub fn start(
        directory: CaDirectory,
        issuer: Arc<LocalIssuer>,
        (out, life): (Option<PathBuf>, Duration),
        passphrase: Option<&Secret>,
        on_problem: OnProblem,
    ) -> Result<Self, CaError> {
        let folder = directory.folder.clone();
        // What a passphrase gives is kept: it opens keys that this process holds anyway.
        let needs = directory.needs_passphrase();
        let seal = needs.then(|| directory.settings.sealing.open(&folder, passphrase));
        let seal = seal.transpose()?;
        let directory = Mutex::new(directory);
        let press = Press {
            directory,
            folder: folder.clone(),
            seal,
            issuer,
            out,
            life,
            state: Mutex::default(),
        };
        press.turn()?;
        let shared =
            Arc::new(Shared { press, stopped: Mutex::new(false), changed: Condvar::new() });
        let own = Arc::clone(&shared);
        let failed = |error: io::Error| CaError::io(&folder, &error);
        let builder = thread::Builder::new().name("ca crls".to_owned());
        let thread = builder.spawn(move || own.run(&on_problem)).map_err(failed)?;
        Ok(Self { shared, thread: Some(thread) })
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        *self.shared.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self, on_problem: &OnProblem) {
        let mut told = false;
        loop {
            let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self.changed.wait_timeout_while(stopped, LOOK, |stopped| !*stopped);
            if *waited.unwrap_or_else(PoisonError::into_inner).0 {
                return;
            }
            match self.press.turn() {
                Ok(_) => told = false,
                // Once for each time that it begins to fail: it is tried each second.
                Err(error) if !std::mem::replace(&mut told, true) => on_problem(&error),
                Err(_) => {}
            }
        }
    }
}

/// When to make CRLs, and making them.
struct Press {
    /// As the issuer has it.
    directory: Mutex<CaDirectory>,
    folder: PathBuf,
    /// What opens the keys, where it is no file.
    seal: Option<SealKey>,
    issuer: Arc<LocalIssuer>,
    out: Option<PathBuf>,
    life: Duration,
    state: Mutex<Printed>,
}

/// What there was at the last CRLs.
#[derive(Debug, Default)]
struct Printed {
    at: Option<Time>,
    scheduled: Option<Time>,
    revocations: Option<(u64, SystemTime)>,
}

impl fmt::Debug for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Press").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Press {
    /// Has the issuer issue by an authority that was added; whether there was one.
    fn take_up(&self, directory: &mut CaDirectory) -> Result<bool, CaError> {
        let Some(renewed) = directory.renewed()? else { return Ok(false) };
        let seal = match &self.seal {
            Some(seal) => seal.clone(),
            None => renewed.settings.sealing.open(&self.folder, None)?,
        };
        self.issuer.replace(renewed.desks_under(&seal)?);
        *directory = renewed;
        Ok(true)
    }

    /// Makes CRLs if it is time to, and says where they are.
    fn turn(&self) -> Result<Option<Vec<PathBuf>>, CaError> {
        let now = self.issuer.clock().now();
        let mut directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        let renewed = self.take_up(&mut directory)?;
        let mut printed = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the revocations are read: what comes later is for the next turn.
        let revocations = mark(&self.folder);
        let due = renewed
            || match (printed.at, printed.scheduled) {
                // A clock that was set back would leave CRLs of the future.
                (Some(at), Some(last)) => now < at || now >= last.plus(self.life / 2),
                _ => true,
            };
        let occasion = match due {
            true => Occasion::Scheduled,
            false if revocations != printed.revocations => Occasion::Revocation,
            false => return Ok(None),
        };
        let desks = self.issuer.desks();
        let authorities: Vec<(String, Authority)> =
            desks.all().map(|desk| (desk.name.clone(), desk.authority.clone())).collect();
        let edition = Edition { out: self.out.as_deref(), life: self.life, now, occasion };
        let written = directory.press(&authorities, edition)?;
        self.issuer.index().remember()?;
        // Letting go of old ones changes the file as well; one more CRL does no harm.
        *printed = Printed {
            at: Some(now),
            scheduled: if due { Some(now) } else { printed.scheduled },
            revocations,
        };
        Ok(Some(written))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
