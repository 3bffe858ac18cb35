//! `wardcard ca backup`, `restore` and `renew`.

use super::{Error, KeyArgument, passphrase, show};
use crate::{
    clock::{Clock, SystemClock, Time},
    issue::directory::{CaDirectory, Renewal},
    pki::KeySlot,
    secret::Secret,
};
use clap::{Args, ValueEnum};
use std::{io::Write, path::PathBuf, sync::Arc};

/// Arguments of `wardcard ca backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// Folder of the certification authority; it may be in use
    pub folder: PathBuf,
    /// The file to make; must not exist
    #[arg(long)]
    pub out: PathBuf,
    /// File with the passphrase of the backup (mode 0600); without it the terminal is asked
    #[arg(long)]
    pub backup_passphrase_file: Option<PathBuf>,
    /// Keep the root's key in it too, where it is in the folder
    #[arg(long)]
    pub with_root: bool,
}

/// Arguments of `wardcard ca restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup
    pub file: PathBuf,
    /// Folder to make; must not exist, or be empty
    pub folder: PathBuf,
    /// File with the passphrase of the backup (mode 0600); without it the terminal is asked
    #[arg(long)]
    pub backup_passphrase_file: Option<PathBuf>,
    /// File with the passphrase that seals the keys, to see that they open
    #[arg(long)]
    pub passphrase_file: Option<PathBuf>,
}

/// Arguments of `wardcard ca renew`.
#[derive(Debug, Args)]
pub struct Renew {
    /// Folder of the certification authority, the root's key in it
    pub folder: PathBuf,
    /// Which authority gets a new key
    #[arg(long, value_enum)]
    pub role: RoleArgument,
    /// Common name of the new authority; the old one's may be used again
    #[arg(long)]
    pub name: String,
    /// Kind of its key
    #[arg(long, value_enum, default_value_t = KeyArgument::Rsa2048)]
    pub key: KeyArgument,
    /// Its life in years
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub years: u32,
    /// Names that it may certify; see `wardcard ca init --help`
    #[arg(long, value_name = "NAME", default_value = super::PERMITTED, value_parser = super::subtree)]
    pub permit: Vec<super::Subtree>,
    /// Constrain it to no names
    #[arg(long, conflicts_with = "permit")]
    pub permit_any_name: bool,
    /// File with the passphrase that seals the keys
    #[arg(long)]
    pub passphrase_file: Option<PathBuf>,
}

/// The issuing authorities by the names that the command line knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum RoleArgument {
    Authentication,
    Signing,
}

pub(super) fn backup(arguments: &Backup, now: Time, out: &mut dyn Write) -> Result<(), Error> {
    let passphrase = of_backup(arguments.backup_passphrase_file.as_ref(), true)?;
    let ca = CaDirectory::open(&arguments.folder)?;
    let count = ca.backup(&arguments.out, &passphrase, arguments.with_root, now)?;
    let file = arguments.out.display();
    writeln!(out, "{count} files kept in {file}, opened again and found whole")?;
    Ok(())
}

pub(super) fn restore(arguments: &Restore, now: Time, out: &mut dyn Write) -> Result<(), Error> {
    // Before anybody is asked for a passphrase.
    std::fs::metadata(&arguments.file)
        .map_err(|error| Error::Unread(arguments.file.clone(), error))?;
    let backup = of_backup(arguments.backup_passphrase_file.as_ref(), false)?;
    let of_keys = passphrase(arguments.passphrase_file.as_deref())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (file, folder) = (&arguments.file, &arguments.folder);
    let ca = CaDirectory::restore(file, folder, &backup, of_keys.as_ref(), &clock)?;
    show(&ca, now, out)
}

pub(super) fn renew(arguments: &Renew, now: Time, out: &mut dyn Write) -> Result<(), Error> {
    let passphrase = passphrase(arguments.passphrase_file.as_deref())?;
    let renewal = Renewal {
        slot: match arguments.role {
            RoleArgument::Authentication => KeySlot::Authentication,
            RoleArgument::Signing => KeySlot::ContentCommitment,
        },
        name: arguments.name.clone(),
        key: arguments.key.into(),
        years: arguments.years,
        permitted: super::permitted(&arguments.permit, arguments.permit_any_name),
    };
    let ca = CaDirectory::renew(&arguments.folder, &renewal, passphrase.as_ref(), now)?;
    show(&ca, now, out)?;
    writeln!(out, "A `wardcard ca serve` that runs issues by the new one within a second.")?;
    Ok(())
}

/// The passphrase of a backup.
fn of_backup(file: Option<&PathBuf>, new: bool) -> Result<Secret, Error> {
    match passphrase(file.map(PathBuf::as_path))? {
        Some(passphrase) => Ok(passphrase),
        None => super::prompt::passphrase("Passphrase of the backup", new),
    }
}
