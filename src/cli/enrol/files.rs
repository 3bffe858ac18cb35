//! The files of an enrolment: requests out, written whole and over nothing unasked; certificates in.

use crate::secret::files as private;
use crate::{agent::host::message::EnrolmentLine, pki::Certificate, pki::UserId};
use clap::Args;
use std::{
    error::Error,
    fs::{self, File},
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

/// Where requests are written
#[derive(Debug, Args)]
pub(super) struct Requests {
    /// Folder for the requests, PERSON-authentication.pem and so on
    #[arg(long, default_value = ".")]
    out: PathBuf,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
}

/// Where requests are written, if at all
#[derive(Debug, Args)]
pub(super) struct Optional {
    /// Folder for the requests of keys that wait
    #[arg(long)]
    out: Option<PathBuf>,
    /// Write over files that are there
    #[arg(long, requires = "out")]
    force: bool,
}

impl Optional {
    pub(super) fn wanted(&self) -> Option<Requests> {
        Some(Requests { out: self.out.clone()?, force: self.force })
    }
}

const KEYS: [&str; 2] = ["authentication", "content-commitment"];

impl Requests {
    /// Whether what would be written finds its place, before keys are made.
    pub(super) fn check(&self, person: &str) -> Result<(), Box<dyn Error>> {
        UserId::parse(person).ok_or("a person's number has exactly 12 digits")?;
        if !self.out.is_dir() {
            return Err(format!("{} is no folder", self.out.display()).into());
        }
        match KEYS.map(|key| self.path(person, key)).iter().find(|path| path.exists()) {
            Some(path) if !self.force => Err(there(path)),
            _ => Ok(()),
        }
    }

    /// Writes the request of each key that waits, and tells where.
    pub(super) fn write(
        &self,
        line: &EnrolmentLine,
        out: &mut dyn Write,
    ) -> Result<(), Box<dyn Error>> {
        for key in &line.waiting {
            let Some(request) = &key.request else { continue };
            let path = self.path(&line.person, &key.key);
            let written = self.put(&path, request);
            written.map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => there(&path),
                _ => format!(
                    "{}: {error}; the keys are made: wardcard enrol show --out writes their \
                     requests again",
                    path.display()
                )
                .into(),
            })?;
            writeln!(out, "{:<20}{}", key.key, path.display())?;
        }
        Ok(())
    }

    fn path(&self, person: &str, key: &str) -> PathBuf {
        self.out.join(format!("{person}-{key}.pem"))
    }

    /// Writes a file whole or not at all. It names a person, so it is this user's alone.
    fn put(&self, path: &Path, text: &str) -> io::Result<()> {
        let new = path.with_extension(format!("new-{}", std::process::id()));
        let mut file = private::create_new(&new)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        let placed = written.and_then(|()| match self.force {
            true => fs::rename(&new, path),
            false => fs::hard_link(&new, path),
        });
        if placed.is_err() || !self.force {
            fs::remove_file(&new)?;
        }
        placed
    }
}

fn there(path: &Path) -> Box<dyn Error> {
    format!("{} is there already; --force writes over it", path.display()).into()
}

/// No file of certificates is longer.
const LONGEST: u64 = 1 << 20;

/// The certificates in files, PEM or DER.
pub(super) fn certificates(files: &[PathBuf]) -> Result<Vec<Certificate>, Box<dyn Error>> {
    let mut all = Vec::new();
    for path in files {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| told(&error))?;
        file.take(LONGEST).read_to_end(&mut bytes).map_err(|error| told(&error))?;
        // DER begins with a SEQUENCE, which no text does.
        let found = match bytes.first() {
            Some(0x30) => Certificate::from_der(&bytes).map(|one| vec![one]),
            _ => Certificate::from_pem(&String::from_utf8_lossy(&bytes)),
        };
        all.extend(found.map_err(|error| told(&error))?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::host::message::KeyLine;

    fn line() -> EnrolmentLine {
        let request = Some("a request\n".to_owned());
        let key = KeyLine { key: "authentication".to_owned(), ends: None, request };
        EnrolmentLine {
            person: "555000000001".to_owned(),
            card: None,
            enrolled_at: String::new(),
            by: String::new(),
            released_at: None,
            keys: Vec::new(),
            ends: None,
            renew: false,
            waiting: vec![key],
        }
    }

    #[test]
    fn a_request_is_written_whole_for_this_user_and_over_nothing_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("555000000001-authentication.pem");
        let with = |force| Requests { out: folder.path().to_owned(), force };
        with(false).check("555000000001").unwrap();
        let mut told = Vec::new();
        with(false).write(&line(), &mut told).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a request\n");
        assert!(crate::secret::Access::at(&path).unwrap().is_private());
        assert!(String::from_utf8(told).unwrap().contains("authentication"));
        fs::write(&path, "another").unwrap();
        for refused in
            [with(false).check("555000000001"), with(false).write(&line(), &mut Vec::new())]
        {
            assert!(refused.unwrap_err().to_string().contains("--force"));
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "another");
        with(true).check("555000000001").unwrap();
        with(true).write(&line(), &mut Vec::new()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a request\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "and nothing else is left");
        assert!(with(true).check("12345").is_err());
        assert!(Requests { out: path, force: true }.check("555000000001").is_err());
    }

    #[test]
    fn what_is_no_certificate_is_told_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("empty", &b""[..]), ("der", &[0x30, 0x00]), ("text", b"-----BEGIN")]
        {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            let error = certificates(std::slice::from_ref(&path)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{}: ", path.display())), "{error}");
        }
        assert!(certificates(&[folder.path().join("none")]).is_err());
    }
}
