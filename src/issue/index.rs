//! The record of an issuer: each certificate with the assurance that backs it, on disk before the
//! certificate goes out, in a [chained log](crate::store::log); and what was revoked.
//!
//! ```text
//! log/           the chain: `issued` and `revoked` lines; `wardcard audit verify` reads it
//! log.head       the last line as it was when a CRL was last made, or the issuer ended
//! revoked.jsonl  what stands on coming CRLs; also written by `wardcard ca crl --revoke`
//! ```
//!
//! An issuer in memory keeps the same without a disk.

mod read;
mod revoked;

pub(super) use read::entries;
pub(super) use revoked::{End, Ends, add, mark};

use super::{Issued, Serial, directory::CaError, files, slot_name};
use crate::{
    clock::{Clock, Time},
    pki::{Assurance, KeySlot, Reason, UserId},
    store::log::{AfterLoss, Entry as Line, Head, Log},
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One issued certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its serial number.
    pub serial: Serial,
    /// The issuing authority, by the name of its files.
    pub authority: String,
    /// Which kind of certificate.
    pub slot: KeySlot,
    /// Whose.
    pub person: UserId,
    /// The client of `ca serve` that ordered it; none where it was ordered in this process.
    pub client: Option<String>,
    /// Last second of its validity.
    pub not_after: Time,
    /// When and why it was revoked, if it was.
    pub revoked: Option<(Time, Reason)>,
}

/// The open record, held by one issuing process at a time.
#[derive(Debug)]
pub(super) struct Index {
    live: Mutex<Live>,
    disk: Option<Disk>,
}

/// What can still be revoked, and what was revoked in this process.
#[derive(Debug, Default)]
struct Live {
    certificates: HashMap<Serial, Certified>,
    /// How many there may be before those that have expired are let go of.
    most: usize,
    ended: Vec<End>,
}

#[derive(Clone, Debug)]
struct Certified {
    authority: String,
    slot: KeySlot,
    client: Option<String>,
    not_after: Time,
    revoked: bool,
}

#[derive(Debug)]
struct Disk {
    folder: PathBuf,
    log: Log,
}

/// Why a revocation was not recorded.
#[derive(Debug)]
pub(super) enum NotRevoked {
    /// This serial was not issued here, or not for that client.
    Unknown,
    /// The record cannot be kept.
    Failed(CaError),
}

/// A file of the chain is closed and the next begun from this size on.
const ROTATE: u64 = 64 << 20;
/// Certificates that are kept in mind before the expired among them are let go of.
const MOST_LIVE: usize = 1024;

impl Index {
    /// A record in memory.
    pub(super) fn in_memory() -> Self {
        Self { live: Mutex::default(), disk: None }
    }

    /// Opens the record in `folder` for adding, and verifies what is there of it.
    pub(super) fn open(
        folder: &Path,
        after_loss: AfterLoss,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CaError> {
        let now = clock.now();
        let path = log_folder(folder);
        let log = Log::open(&path, ROTATE, after_loss, head(folder)?, clock, Box::new(|| {}))
            .map_err(|error| CaError::log(&path, error))?;
        let mut live = Live { most: MOST_LIVE, ..Live::default() };
        for entry in entries(folder)?.into_iter().filter(|entry| entry.not_after >= now) {
            let Entry { serial, authority, slot, client, not_after, revoked, .. } = entry;
            let revoked = revoked.is_some();
            let one = Certified { authority, slot, client, not_after, revoked };
            live.certificates.insert(serial, one);
        }
        let disk = Some(Disk { folder: folder.to_owned(), log });
        Ok(Self { live: Mutex::new(live), disk })
    }

    /// Adds the certificates of one order, and waits until they are on disk.
    pub(super) fn record(
        &self,
        issued: &[(String, Issued)],
        client: Option<&str>,
        assurance: &Assurance,
        now: Time,
    ) -> Result<(), CaError> {
        if let Some(disk) = &self.disk {
            // Lines without a certificate, where a later one fails, stand for what nobody has.
            for (authority, one) in issued {
                disk.append(&issued_line(authority, one, client, assurance))?;
            }
            disk.sync()?;
        }
        let mut live = self.live();
        live.tidy(now);
        for (authority, one) in issued {
            let certified = Certified {
                authority: authority.clone(),
                slot: one.slot,
                client: client.map(str::to_owned),
                not_after: one.certificate.not_after(),
                revoked: false,
            };
            live.certificates.insert(Serial::of(&one.certificate), certified);
        }
        Ok(())
    }

    /// Adds a revocation of each, all or none, and waits until they are on disk. With a client:
    /// of what that client ordered. How many had not been revoked before.
    pub(super) fn revoke(
        &self,
        serials: &[Serial],
        client: Option<&str>,
        reason: Reason,
        now: Time,
    ) -> Result<usize, NotRevoked> {
        let mut ends = Vec::new();
        {
            let live = self.live();
            for serial in serials {
                let Some(one) = live.certificates.get(serial) else {
                    // What has expired since needs no revocation, if it was issued here at all.
                    self.expired(serial, client)?;
                    continue;
                };
                if client.is_some() && one.client.as_deref() != client {
                    return Err(NotRevoked::Unknown);
                }
                if !one.revoked {
                    ends.push(End {
                        serial: serial.clone(),
                        authority: one.authority.clone(),
                        slot: one.slot,
                        not_after: one.not_after,
                        at: now,
                        reason,
                    });
                }
            }
        }
        ends.sort_by(|one, other| one.serial.cmp(&other.serial));
        ends.dedup_by(|one, other| one.serial == other.serial);
        if let Some(disk) = &self.disk
            && !ends.is_empty()
        {
            add(&disk.folder, &ends).map_err(NotRevoked::Failed)?;
            for end in &ends {
                // The revocation stands; the chain's line of it is for who reads it later.
                let _ = disk.append(&revoked_line(end, client));
            }
        }
        let mut live = self.live();
        for end in &ends {
            if let Some(one) = live.certificates.get_mut(&end.serial) {
                one.revoked = true;
            }
        }
        live.ended.extend(ends.iter().filter(|_| self.disk.is_none()).cloned());
        Ok(ends.len())
    }

    /// Revocations of an issuer in memory.
    pub(super) fn ended(&self) -> Vec<End> {
        self.live().ended.clone()
    }

    /// Remembers the last line beside the log, so that a log that is cut short shows.
    pub(super) fn remember(&self) -> Result<(), CaError> {
        let Some(Disk { folder, log }) = &self.disk else { return Ok(()) };
        files::write(&head_file(folder), format!("{}\n", log.head()).as_bytes(), 0o600)
    }

    /// Whether a serial that is not live was issued here for that client.
    fn expired(&self, serial: &Serial, client: Option<&str>) -> Result<(), NotRevoked> {
        let Some(disk) = &self.disk else { return Err(NotRevoked::Unknown) };
        let all = entries(&disk.folder).map_err(NotRevoked::Failed)?;
        let known = all.iter().any(|entry| {
            entry.serial == *serial && (client.is_none() || entry.client.as_deref() == client)
        });
        if known { Ok(()) } else { Err(NotRevoked::Unknown) }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // A head that is older than the log is as good, only less tells.
        let _ = self.remember();
    }
}

impl Live {
    fn tidy(&mut self, now: Time) {
        if self.certificates.len() >= self.most.max(MOST_LIVE) {
            self.certificates.retain(|_, one| one.not_after >= now);
            self.most = self.certificates.len().saturating_mul(2);
        }
    }
}

impl Disk {
    fn append(&self, line: &Line) -> Result<(), CaError> {
        self.log.append(line).map(drop).map_err(|error| CaError::log(&self.folder, error))
    }

    fn sync(&self) -> Result<(), CaError> {
        self.log.sync().map(drop).map_err(|error| CaError::log(&self.folder, error))
    }
}

/// Everything that the issuer knew when it signed.
fn issued_line(authority: &str, one: &Issued, client: Option<&str>, assurance: &Assurance) -> Line {
    let level = |level: crate::pki::Level| u64::from(level.0);
    let beside: Vec<String> = assurance.beside.iter().map(ToString::to_string).collect();
    Line::new("issued")
        .text("serial", Serial::of(&one.certificate).as_str())
        .text("authority", authority)
        .text("slot", slot_name(one.slot))
        .text("person", assurance.person.as_str())
        .some_text("client", client)
        .text("not_before", &one.certificate.not_before().to_string())
        .text("not_after", &one.certificate.not_after().to_string())
        .text("source", &assurance.source.to_string())
        .texts("beside", beside.iter().map(String::as_str))
        .text("binding", assurance.binding.name())
        .flag("offline", assurance.offline)
        .number("authentication", level(assurance.authentication))
        .number("identity", level(assurance.identity))
        .some_text("context", assurance.context.as_deref())
        .texts("methods", assurance.methods.iter().map(String::as_str))
        .text("authenticated_at", &assurance.authenticated_at.to_string())
}

fn revoked_line(end: &End, client: Option<&str>) -> Line {
    Line::new("revoked")
        .text("serial", end.serial.as_str())
        .text("authority", &end.authority)
        .text("reason", end.reason.name())
        .some_text("client", client)
}

pub(super) fn log_folder(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn head_file(folder: &Path) -> PathBuf {
    folder.join("log.head")
}

/// The line that is remembered of the chain.
fn head(folder: &Path) -> Result<Option<Head>, CaError> {
    let path = head_file(folder);
    let bytes = match files::read_private(&path) {
        Ok(bytes) => bytes,
        Err(CaError::Missing(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = String::from_utf8(bytes).unwrap_or_default();
    let head = Head::parse(text.trim_end()).ok_or_else(|| malformed(&path))?;
    Ok((head.seq > 0).then_some(head))
}

fn malformed(path: &Path) -> CaError {
    CaError::Malformed(path.to_owned(), "a line is not as it was written".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_has_expired_is_let_go_of_when_there_is_much_of_it() {
        let now = Time::from_unix_seconds(1_800_000_000);
        let one = |not_after| Certified {
            authority: "authentication".to_owned(),
            slot: KeySlot::Authentication,
            client: None,
            not_after,
            revoked: false,
        };
        let serial = |number: usize| Serial::parse(&format!("{number:032x}")).unwrap();
        let mut live = Live { most: MOST_LIVE, ..Live::default() };
        live.certificates.insert(serial(1), one(now));
        let past = now.minus(Duration::from_millis(1));
        live.certificates.extend((2..MOST_LIVE).map(|number| (serial(number), one(past))));
        live.tidy(now);
        assert_eq!(live.certificates.len(), MOST_LIVE - 1, "not yet");
        live.certificates.insert(serial(MOST_LIVE), one(past));
        live.tidy(now);
        assert_eq!(live.certificates.keys().collect::<Vec<_>>(), [&serial(1)]);
    }
}
