//! Opening a log: the folder, the lock, what an earlier process left, and whether it is still what
//! that one left.

use super::{
    AfterLoss, Entry, Error, FILE, Head, Log, OnDirty, Writer, entry,
    verify::{End, Rest, TORN, Walk},
};
use crate::{
    clock::Clock,
    secret::{Access, files},
};
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

impl Log {
    /// Opens the log in `folder`, or begins one, and verifies what is written now. `head` is what
    /// is remembered of it.
    ///
    /// # Errors
    /// Another process has it; the folder cannot be used; what is there is not what was left, and
    /// `after_loss` says not to go on.
    pub fn open(
        folder: &Path,
        rotate_bytes: u64,
        after_loss: AfterLoss,
        head: Option<Head>,
        clock: Arc<dyn Clock>,
        on_dirty: OnDirty,
    ) -> Result<Self, Error> {
        files::make_folders(folder).map_err(Error::file(folder))?;
        own_folder(folder).map_err(Error::file(folder))?;
        let lock = lock(folder)?;
        let now = folder.join(FILE);
        let (found, loss) = match survey(folder, head) {
            Ok(found) => (found, None),
            Err(error) if after_loss == AfterLoss::Refuse => return Err(error),
            Err(error) => {
                set_aside(folder)?;
                (Found::default(), Some(error))
            }
        };
        let file = create(&now)?;
        let seq = found.head.map_or(0, |head| head.seq);
        let writer = Writer {
            file: Arc::new(file),
            first: found.first.unwrap_or(seq.saturating_add(1)),
            head: found.head.unwrap_or(Head { seq: 0, hash: [0; 32] }),
            bytes: found.end.bytes,
            broken: false,
            dirty: false,
        };
        let log = Self {
            folder: folder.to_owned(),
            rotate_bytes: rotate_bytes.max(1),
            clock,
            writer: Mutex::new(writer),
            on_dirty,
            left: found.last,
            _lock: lock,
        };
        log.mark(found.end.rest, loss, head)?;
        Ok(log)
    }

    /// Writes what an earlier process's end asks for: the mark of a torn line, the record of a loss.
    fn mark(
        &self,
        rest: Option<Rest>,
        loss: Option<Error>,
        head: Option<Head>,
    ) -> Result<(), Error> {
        if let Some(Rest { hash, length, ended }) = rest {
            if !ended {
                let mut writer = self.writer();
                writer.bytes = writer.bytes.saturating_add(length);
                // The rest becomes a line of its own; the record after it says what it is.
                let end = [TORN, b"\n"].concat();
                writer.write(&end).map_err(Error::file(&self.folder.join(FILE)))?;
            }
            let torn = entry::hex(&hash);
            self.append(&Entry::new("torn").text("torn", &torn).number("bytes", length))?;
        }
        if let Some(loss) = loss {
            {
                let mut writer = self.writer();
                let seq = head.map_or(0, |head| head.seq);
                writer.head = Head { seq, hash: [0; 32] };
                writer.first = seq.saturating_add(1);
            }
            let what = match &loss {
                Error::Fault(fault) => fault.to_string(),
                _ => "the log was cut off or replaced".to_owned(),
            };
            let remembered = head.map(|head| head.to_string());
            let entry = Entry::new("loss").text("what", &what);
            self.append(&entry.some_text("remembered", remembered.as_deref()))?;
        }
        Ok(())
    }
}

/// What an earlier process left.
#[derive(Debug, Default)]
struct Found {
    head: Option<Head>,
    /// First number of the file that is written now.
    first: Option<u64>,
    end: End,
    last: Option<String>,
}

/// Verifies the files from the one on that should hold the remembered line, at least the last
/// closed one and the one that is written now.
fn survey(folder: &Path, head: Option<Head>) -> Result<Found, Error> {
    let now = folder.join(FILE);
    let closed = closed(folder)?;
    let from = head.map(|head| closed_name(head.seq));
    let held = closed.iter().rposition(|path| match &from {
        Some(from) => path.file_name() <= Some(from.as_ref()),
        None => true,
    });
    let mut walk = Walk::new(head);
    for path in closed.iter().skip(held.unwrap_or(0)) {
        walk.file(path).map_err(Error::Fault)?;
    }
    let before = walk.report.records;
    let there = std::fs::metadata(&now).is_ok_and(|metadata| metadata.len() > 0);
    let end = if there { walk.file(&now).map_err(Error::Fault)? } else { End::default() };
    let here = walk.report.records.saturating_sub(before);
    let report = match (walk.finish(&now), head) {
        (Ok(report), _) => report,
        (Err(_), Some(head)) => return Err(Error::Lost(head)),
        (Err(fault), None) => return Err(Error::Fault(fault)),
    };
    let first = report.head.map(|head| head.seq.saturating_add(1).saturating_sub(here));
    Ok(Found { head: report.head, first, end, last: report.last })
}

/// Closed files, oldest first.
fn closed(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut names = Vec::new();
    for one in std::fs::read_dir(folder).map_err(Error::file(folder))? {
        let path = one.map_err(Error::file(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("audit-").and_then(|rest| rest.strip_suffix(".jsonl"));
        if number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
            names.push(path);
        }
    }
    names.sort();
    Ok(names)
}

/// The files of the log in a folder, oldest first; none where there is no folder.
///
/// # Errors
/// The folder cannot be read.
pub fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = closed(folder)?;
    files.extend(Some(folder.join(FILE)).filter(|path| path.exists()));
    Ok(files)
}

/// Name of a closed file; names sort as their records do.
pub(super) fn closed_name(first: u64) -> String {
    format!("audit-{first:020}.jsonl")
}

/// Opens the file for appending, made private if it is not there.
pub(super) fn create(path: &Path) -> Result<File, Error> {
    let file = files::open_append(path).map_err(Error::file(path))?;
    files::make_private(path, &file).map_err(Error::file(path))?;
    Ok(file)
}

/// Whether a folder is this user's, and nobody else may put something in the place of what is in it:
/// others may read it.
fn own_folder(folder: &Path) -> io::Result<()> {
    let found = Access::at(folder)?;
    let refuse = |why: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if !found.owner.owns_as_own() {
        return refuse("it belongs to another user; give it to the one who writes the log".into());
    }
    if found.writable {
        return refuse(files::close_to_others(folder));
    }
    Ok(())
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join("audit.lock");
    let file = files::open_to_lock(&path).map_err(Error::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::InUse(folder.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(Error::File { path, source }),
    }
}

/// Moves what does not hold out of the way, so that it can be looked into and the log goes on.
fn set_aside(folder: &Path) -> Result<(), Error> {
    let mut moved = closed(folder)?;
    moved.push(folder.join(FILE));
    let aside = (1_u32..).map(|number| folder.join(format!("aside-{number}")));
    let aside = aside.take(10_000).find(|path| !path.exists());
    let aside = aside.ok_or_else(|| {
        let source = io::Error::from(io::ErrorKind::AlreadyExists);
        Error::File { path: folder.to_owned(), source }
    })?;
    files::make_folder(&aside).map_err(Error::file(&aside))?;
    for path in moved {
        let Some(name) = path.file_name() else { continue };
        match std::fs::rename(&path, aside.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::file(&path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}
