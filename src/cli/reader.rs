//! `wardcard reader`.

use super::Outcome;
use crate::{agent::doctor::MODULE, net::Address, reader::ifd::reader_conf, secret::User};
use clap::{Args, Subcommand};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What `wardcard reader` does.
#[derive(Debug, Subcommand)]
pub(super) enum ReaderCommand {
    /// Makes an agent's card a reader of pcscd: writes the entry that names our library
    Install(Install),
    /// Takes that entry away
    Remove(Place),
}

/// Where the entry stands.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Folder of pcscd's configuration
    #[arg(long, value_name = "DIR", default_value = "/etc/reader.conf.d")]
    conf_dir: PathBuf,
}

/// Arguments of `wardcard reader install`.
#[derive(Debug, Args)]
pub(super) struct Install {
    /// Prints the entry instead of writing it
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    place: Place,
    /// The agent's reader endpoint
    #[arg(long, default_value = "unix:path=/run/wardcard/reader")]
    address: String,
    /// User of that agent, if neither root nor the owner of /run/wardcard
    #[arg(long, value_name = "UID")]
    uid: Option<User>,
    /// The library; looked for beside this program, then where systems keep libraries
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
    /// Takes a library that others than root may change: pcscd loads it as root, so whoever may change
    /// it is root then
    #[arg(long)]
    any_library: bool,
    /// Name of the reader
    #[arg(long, default_value = "Wardcard")]
    name: String,
}

/// The entry's file.
const FILE: &str = "wardcard";
/// How our entry begins.
const MARK: &str = "# The card of a Wardcard agent";

pub(super) fn run(command: &ReaderCommand, out: &mut dyn Write) -> Outcome {
    match command {
        ReaderCommand::Install(arguments) => install(arguments, out),
        ReaderCommand::Remove(place) => remove(place, out),
    }
}

fn install(arguments: &Install, out: &mut dyn Write) -> Outcome {
    let Install { print, place, address, uid, library, any_library, name } = arguments;
    let parsed = Address::parse(address).filter(Address::is_local);
    let parsed = parsed.ok_or_else(|| format!("{address} is no address: unix:path=/... is one"))?;
    let device = match uid {
        Some(uid) => format!("{parsed};uid={uid}"),
        None => parsed.to_string(),
    };
    let library = match library {
        Some(library) => {
            fs::canonicalize(library).map_err(|error| format!("{}: {error}", library.display()))?
        }
        None => found_library(*any_library)?,
    };
    if !any_library {
        roots_alone(&library)?;
    }
    let library = library.to_str().ok_or("the library's path is not UTF-8")?;
    let entry = reader_conf(name, library, &device).ok_or(
        "name, library and address must be neither empty nor long, and hold no quotes or control characters; library and address hold no spaces either",
    )?;
    if *print {
        write!(out, "{entry}")?;
        return Ok(());
    }
    let file = place.conf_dir.join(FILE);
    ours(&file)?;
    if !place.conf_dir.is_dir() {
        return Err(format!(
            "{} is no folder; install pcscd, or name its configuration by --conf-dir",
            place.conf_dir.display()
        )
        .into());
    }
    fs::write(&file, entry).map_err(|error| failed(&file, &error))?;
    writeln!(out, "wrote {}", file.display())?;
    writeln!(out, "restart pcscd: systemctl restart pcscd")?;
    Ok(())
}

fn remove(place: &Place, out: &mut dyn Write) -> Outcome {
    let file = place.conf_dir.join(FILE);
    if !ours(&file)? {
        return Err(format!("{} is not there: nothing to remove", file.display()).into());
    }
    fs::remove_file(&file).map_err(|error| failed(&file, &error))?;
    writeln!(out, "removed {}", file.display())?;
    writeln!(out, "restart pcscd: systemctl restart pcscd")?;
    Ok(())
}

fn failed(file: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("{}: permission denied; run it as root", file.display())
        }
        _ => format!("{}: {error}", file.display()),
    }
}

/// Whether our entry is there; another's is not touched.
fn ours(file: &Path) -> Result<bool, String> {
    match fs::read_to_string(file) {
        Ok(text) if text.starts_with(MARK) => Ok(true),
        Ok(_) => Err(format!("{} was written by somebody else; move it away", file.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(file, &error)),
    }
}

/// Whether nobody but root can change what is found under this path: pcscd, which is root's, loads it.
fn roots_alone(library: &Path) -> Result<(), String> {
    for part in library.ancestors() {
        let found = fs::metadata(part).map_err(|error| failed(part, &error))?;
        if found.uid() != 0 || found.mode() & 0o022 != 0 {
            return Err(format!(
                "pcscd would load {} as root, but others than root can change {}; install it first: \
                 sudo install -m 755 {0} /usr/local/lib/",
                library.display(),
                part.display(),
            ));
        }
    }
    Ok(())
}

/// The library in one of the system's folders, or beside this program: the first that is root's alone,
/// or, if any will do, the first.
fn found_library(any: bool) -> Result<PathBuf, String> {
    let program = std::env::current_exe().unwrap_or_default();
    let beside = program.parent().unwrap_or(Path::new("/usr/bin"));
    let folders = [
        "/usr/local/lib".into(),
        "/usr/lib".into(),
        "/usr/lib64".into(),
        Path::new("/usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH)),
        beside.join("../lib"),
        beside.to_path_buf(),
    ];
    let found = folders.into_iter().filter_map(|folder| fs::canonicalize(folder.join(MODULE)).ok());
    let mut found: Vec<PathBuf> = found.filter(|file| file.is_file()).collect();
    let good = found.iter().position(|file| any || roots_alone(file).is_ok());
    match (good, found.is_empty()) {
        (Some(good), _) => Ok(found.swap_remove(good)),
        // What is wrong with it is told by who asks.
        (None, false) => Ok(found.swap_remove(0)),
        (None, true) => Err(format!(
            "{MODULE} is neither beside this program nor where systems keep libraries; name it by --library"
        )),
    }
}
