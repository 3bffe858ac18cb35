//! `wardcard ca`: a certification authority of the deployment's own.

mod keep;
mod list;
mod prompt;

pub use keep::{Backup, Renew, Restore, RoleArgument};
pub use list::List;

use super::signals::signals;
use crate::{
    clock::{Clock, SystemClock, Time},
    crypto::{self, Hash, KeyKind},
    issue::{
        Names,
        directory::{CaDirectory, CaError, Plan, Publisher},
        serial_hex, serve,
    },
    net::Address,
    pki::Reason,
    secret::{Access, Secret, User, files},
};
use clap::{Args, Subcommand, ValueEnum};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// What `wardcard ca` does.
#[derive(Debug, Subcommand)]
pub enum CaCommand {
    /// Makes a root and two issuing authorities in a new folder
    Init(Init),
    /// Shows the authorities of a folder and what they have issued
    Show(Show),
    /// Lists the certificates that were issued: serial, person, profile, end, revocation
    List(List),
    /// Makes the next CRLs, after revoking a certificate if asked
    Crl(Crl),
    /// Keeps a whole authority in one sealed file
    Backup(Backup),
    /// Brings an authority back from its backup, checked
    Restore(Restore),
    /// Makes another issuing authority beside the one that issues now
    Renew(Renew),
    /// Replaces what seals the authority's keys, seal.key or the passphrase, while ca serve runs
    Reseal(Reseal),
    /// Serves orders on a Unix socket until it is told to end (SIGTERM, SIGINT)
    Serve(Serve),
}

/// Arguments of `wardcard ca init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Folder to make; must not exist, or be empty
    pub folder: PathBuf,
    /// Common name of the root
    #[arg(long, default_value_t = Names::default().root)]
    pub root_name: String,
    /// Common name of the authority for authentication certificates
    #[arg(long, default_value_t = Names::default().authentication)]
    pub authentication_name: String,
    /// Common name of the authority for content commitment certificates
    #[arg(long, default_value_t = Names::default().signing)]
    pub signing_name: String,
    /// Kind of the issuing keys
    #[arg(long, value_enum, default_value_t = KeyArgument::Rsa2048)]
    pub key: KeyArgument,
    /// Kind of the root's key
    #[arg(long, value_enum, default_value_t = KeyArgument::Rsa4096)]
    pub root_key: KeyArgument,
    /// Life of the authorities, in years
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub years: u32,
    /// Certify content commitment keys too (see the manual on prescription signing)
    #[arg(long)]
    pub content_commitment: bool,
    /// A subtree of names that the issuing authorities may certify (RFC 5280 section 4.2.1.10);
    /// may be given more than once
    #[arg(long, value_name = "NAME", default_value = PERMITTED, value_parser = subtree)]
    pub permit: Vec<Subtree>,
    /// Constrain the issuing authorities to no names
    #[arg(long, conflicts_with = "permit")]
    pub permit_any_name: bool,
    /// Seal the keys by the passphrase in this file (mode 0600) instead of by DIR/seal.key
    #[arg(long, conflicts_with = "passphrase")]
    pub passphrase_file: Option<PathBuf>,
    /// Seal the keys by a passphrase that the terminal is asked for
    #[arg(long)]
    pub passphrase: bool,
}

/// Arguments of `wardcard ca show`.
#[derive(Debug, Args)]
pub struct Show {
    /// Folder of the certification authority
    pub folder: PathBuf,
}

/// Arguments of `wardcard ca reseal`.
#[derive(Debug, Args)]
pub struct Reseal {
    /// Folder of the certification authority
    pub folder: PathBuf,
    /// File with the passphrase that seals the keys; without it the terminal is asked, where one does
    #[arg(long)]
    pub passphrase_file: Option<PathBuf>,
    /// File with the passphrase (mode 0600) that is to seal them; without it the terminal is asked
    #[arg(long, requires = "passphrase_file")]
    pub new_passphrase_file: Option<PathBuf>,
}

/// Arguments of `wardcard ca crl`.
#[derive(Debug, Args)]
pub struct Crl {
    /// Folder of the certification authority
    pub folder: PathBuf,
    /// Serial number of a certificate to revoke, in hexadecimal; may be given more than once
    #[arg(long, value_name = "SERIAL")]
    pub revoke: Vec<String>,
    /// Why (RFC 5280 section 5.3.1), for example key-compromise or cessation-of-operation
    #[arg(long, default_value = "unspecified", value_parser = reason)]
    pub reason: Reason,
    /// Folder for the CRLs (DER); default DIR/crl
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Hours until the next CRL is due
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8784))]
    pub hours: u32,
    /// File with the passphrase that seals the keys
    #[arg(long)]
    pub passphrase_file: Option<PathBuf>,
}

/// Arguments of `wardcard ca serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Folder of the certification authority
    pub folder: PathBuf,
    /// Where to listen: unix:path=/run/wardcard-ca/issuer; may be left out where ca.toml has a table tls
    #[arg(long, value_parser = address)]
    pub listen: Option<Address>,
    /// Another user id that may order certificates; may be given more than once
    #[arg(long, value_name = "UID")]
    pub allow_uid: Vec<User>,
    /// Folder for the CRLs (DER); default DIR/crl
    #[arg(long)]
    pub crl_out: Option<PathBuf>,
    /// Hours that a CRL is good for; the next is made when half of them are over
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8784))]
    pub crl_hours: u32,
    /// File with the passphrase that seals the keys
    #[arg(long)]
    pub passphrase_file: Option<PathBuf>,
}

/// Kinds of key by the names that the command line knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum KeyArgument {
    Rsa2048,
    Rsa3072,
    Rsa4096,
    P256,
    P384,
}

impl From<KeyArgument> for KeyKind {
    fn from(argument: KeyArgument) -> Self {
        match argument {
            KeyArgument::Rsa2048 => Self::Rsa2048,
            KeyArgument::Rsa3072 => Self::Rsa3072,
            KeyArgument::Rsa4096 => Self::Rsa4096,
            KeyArgument::P256 => Self::P256,
            KeyArgument::P384 => Self::P384,
        }
    }
}

/// Why a command ended without doing what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The authority.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// The passphrase's file.
    #[error("the passphrase in {0} cannot be used: {1}")]
    Passphrase(PathBuf, String),
    /// The socket.
    #[error("{0} cannot be served: {1}")]
    Serve(Address, io::Error),
    /// Not a person's number.
    #[error("a person's number has exactly 12 digits")]
    Person,
    /// A file that is to be read is not there.
    #[error("{0}: {1}")]
    Unread(PathBuf, io::Error),
    /// No passphrase from the terminal.
    #[error(
        "no passphrase came from the terminal ({0}); give it in a file (--help names the option)"
    )]
    Terminal(String),
    /// Nobody could be heard.
    #[error("give --listen unix:path=/..., or write [tls] into ca.toml, or both")]
    Nowhere,
    /// Standard output, or a signal's pipe.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Runs a command; what it has to say goes to `out`.
///
/// # Errors
/// Why it could not.
pub fn run(command: &CaCommand, out: &mut dyn Write) -> Result<(), Error> {
    let now = SystemClock.now();
    match command {
        CaCommand::Init(arguments) => init(arguments, now, out),
        CaCommand::Show(arguments) => show(&CaDirectory::open(&arguments.folder)?, now, out),
        CaCommand::List(arguments) => list::run(arguments, now, out),
        CaCommand::Crl(arguments) => crl(arguments, now, out),
        CaCommand::Backup(arguments) => keep::backup(arguments, now, out),
        CaCommand::Restore(arguments) => keep::restore(arguments, now, out),
        CaCommand::Renew(arguments) => keep::renew(arguments, now, out),
        CaCommand::Reseal(arguments) => {
            let names = reseal(arguments)?;
            Ok(writeln!(out, "sealed anew: {}", names.join(", "))?)
        }
        CaCommand::Serve(arguments) => serve_until_told(arguments, out),
    }
}

fn reseal(arguments: &Reseal) -> Result<Vec<String>, Error> {
    let folder = &arguments.folder;
    let old = passphrase(arguments.passphrase_file.as_deref())?;
    if old.is_none() && !CaDirectory::open(folder)?.needs_passphrase() {
        return Ok(CaDirectory::reseal(folder)?);
    }
    let old = match old {
        Some(old) => old,
        None => prompt::passphrase("Passphrase of the keys", false)?,
    };
    let new = match passphrase(arguments.new_passphrase_file.as_deref())? {
        Some(new) => new,
        None => prompt::passphrase("New passphrase of the keys", true)?,
    };
    Ok(CaDirectory::change_passphrase(folder, &old, &new)?)
}

fn init(arguments: &Init, now: Time, out: &mut dyn Write) -> Result<(), Error> {
    let plan = Plan {
        names: Names {
            root: arguments.root_name.clone(),
            authentication: arguments.authentication_name.clone(),
            signing: arguments.signing_name.clone(),
        },
        root_key: arguments.root_key.into(),
        issuing_key: arguments.key.into(),
        years: arguments.years,
        content_commitment: arguments.content_commitment,
        permitted: permitted(&arguments.permit, arguments.permit_any_name),
    };
    let passphrase = match arguments.passphrase {
        true => Some(prompt::passphrase("Passphrase of the keys", true)?),
        false => passphrase(arguments.passphrase_file.as_deref())?,
    };
    let ca = CaDirectory::init(&arguments.folder, &plan, passphrase.as_ref(), now)?;
    show(&ca, now, out)?;
    ca.crls(passphrase.as_ref(), None, hours(24), now)?;
    root_crl(&arguments.folder.join("crl").join("root.crl"), now, out)?;
    let root = arguments.folder.join("root");
    writeln!(
        out,
        "Move {} to a medium that is kept offline: issuing does not need it.",
        root.display()
    )?;
    writeln!(out, "Trust the certificate in {}.", arguments.folder.join("root.pem").display())?;
    writeln!(
        out,
        "This is a root of your own and none of NHS England: the Spine does not know it."
    )?;
    if arguments.content_commitment {
        writeln!(out, "Note: {}.", super::NOT_FOR_PRESCRIBING)?;
    }
    Ok(())
}

fn show(ca: &CaDirectory, now: Time, out: &mut dyn Write) -> Result<(), Error> {
    for listed in ca.list() {
        let certificate = &listed.certificate;
        let key = if listed.key_present { "in this folder" } else { "not in this folder" };
        writeln!(out, "{}", listed.name)?;
        writeln!(out, "  subject      {}", certificate.subject_text())?;
        writeln!(out, "  SHA-256      {}", fingerprint(certificate.der()))?;
        writeln!(out, "  serial       {}", serial_hex(certificate.serial_der()))?;
        writeln!(
            out,
            "  valid        {} to {}",
            certificate.not_before(),
            certificate.not_after()
        )?;
        writeln!(out, "  key          {}, {key}", certificate.public_key().kind())?;
        if let Some(profile) = &listed.profile {
            writeln!(out, "  profile      {profile}")?;
        }
    }
    let issued = ca.issued()?;
    let live = issued.iter().filter(|one| one.not_after > now && one.revoked.is_none()).count();
    let revoked = issued.iter().filter(|one| one.revoked.is_some()).count();
    writeln!(out, "issued {}, of which valid now {live}, revoked {revoked}", issued.len())?;
    Ok(())
}

fn crl(arguments: &Crl, now: Time, out: &mut dyn Write) -> Result<(), Error> {
    let ca = CaDirectory::open(&arguments.folder)?;
    let passphrase = passphrase(arguments.passphrase_file.as_deref())?;
    for serial in &arguments.revoke {
        let what = if ca.revoke(serial, arguments.reason, now)? {
            "revoked"
        } else {
            "was revoked before"
        };
        writeln!(out, "{serial} {what}")?;
    }
    let life = hours(arguments.hours);
    let written = ca.crls(passphrase.as_ref(), arguments.out.as_deref(), life, now)?;
    for path in &written {
        writeln!(out, "{}", path.display())?;
    }
    let folder = arguments.out.clone().unwrap_or_else(|| arguments.folder.join("crl"));
    let of_root = folder.join("root.crl");
    if written.contains(&of_root) { Ok(()) } else { root_crl(&of_root, now, out) }
}

/// When the root's CRL is due again: nothing renews it but a person with the root's key.
fn root_crl(path: &Path, now: Time, out: &mut dyn Write) -> Result<(), Error> {
    let read = fs::read(path).ok().and_then(|bytes| crate::pki::Crl::from_der(&bytes).ok());
    let how = "`wardcard ca crl` makes it, with the root's folder here";
    match read.map(|crl| crl.next_update()) {
        Some(due) if due >= now => writeln!(out, "root.crl is good until {due}; {how}")?,
        Some(due) => writeln!(out, "WARNING: root.crl was due again at {due}; {how}")?,
        None => writeln!(out, "there is no root.crl; {how}")?,
    }
    Ok(())
}

fn serve_until_told(arguments: &Serve, out: &mut dyn Write) -> Result<(), Error> {
    let told = signals()?;
    let passphrase = passphrase(arguments.passphrase_file.as_deref())?;
    let directory = CaDirectory::open(&arguments.folder)?;
    let passphrase = match passphrase {
        None if directory.needs_passphrase() => {
            Some(prompt::passphrase("Passphrase of the keys", false)?)
        }
        given => given,
    };
    let issuer = Arc::new(directory.issuer(passphrase.as_ref(), Arc::new(SystemClock))?);
    let publisher = Publisher::start(
        directory.clone(),
        Arc::clone(&issuer),
        (arguments.crl_out.clone(), hours(arguments.crl_hours)),
        passphrase.as_ref(),
        Box::new(|error| eprintln!("wardcard: the CRLs cannot be made: {error}")),
    )?;
    drop(passphrase);
    let mut serving = Vec::new();
    if let Some(listen) = &arguments.listen {
        let failed = |error| Error::Serve(listen.clone(), error);
        let issuer = Arc::clone(&issuer);
        serving.push(serve::serve(issuer, listen, &arguments.allow_uid).map_err(failed)?);
        writeln!(out, "serving orders at {listen}")?;
    }
    if let Some(tls) = directory.serve_tls(issuer)? {
        serving.push(tls);
        let address = directory.tls_address().map(|address| address.to_string());
        writeln!(out, "serving orders at {}", address.unwrap_or_default())?;
    }
    if serving.is_empty() {
        return Err(Error::Nowhere);
    }
    out.flush()?;
    told.wait()?;
    drop(serving);
    drop(publisher);
    Ok(())
}

/// The passphrase in a file, without the end of its line.
fn passphrase(path: Option<&Path>) -> Result<Option<Secret>, Error> {
    let Some(path) = path else { return Ok(None) };
    let failed = |text: String| Error::Passphrase(path.to_owned(), text);
    let access = Access::at(path).map_err(|error| failed(error.to_string()))?;
    if access.open {
        return Err(failed(format!("it lets other users in; {}", files::close_to_others(path))));
    }
    let bytes = Secret::new(fs::read(path).map_err(|error| failed(error.to_string()))?);
    let line = bytes.expose().strip_suffix(b"\n").unwrap_or(bytes.expose());
    Ok(Some(Secret::copied_from(line.strip_suffix(b"\r").unwrap_or(line))))
}

fn address(text: &str) -> Result<Address, String> {
    Address::parse(text)
        .filter(Address::is_local)
        .ok_or_else(|| "an address is written unix:path=/... (TLS is set in ca.toml)".to_owned())
}

/// Names that an authority may certify, unless it is told otherwise: those of CIS1's people.
const PERMITTED: &str = "O=nhs,OU=people";

/// A subtree of names: parts in encoded order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subtree(pub Vec<String>);

fn subtree(text: &str) -> Result<Subtree, String> {
    let parts: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
    let named = parts.iter().all(|part| part.contains('='));
    named.then_some(Subtree(parts)).ok_or_else(|| format!("names are written {PERMITTED}"))
}

fn permitted(subtrees: &[Subtree], any: bool) -> Vec<Vec<String>> {
    if any { Vec::new() } else { subtrees.iter().map(|Subtree(parts)| parts.clone()).collect() }
}

fn reason(text: &str) -> Result<Reason, String> {
    Reason::named(text).ok_or_else(|| {
        let names: Vec<&str> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        format!("a reason is one of {}", names.join(", "))
    })
}

fn hours(number: u32) -> Duration {
    Duration::from_secs(3600 * u64::from(number))
}

/// SHA-256 in colon-separated upper-case pairs, as `openssl x509 -fingerprint` writes it.
fn fingerprint(der: &[u8]) -> String {
    let pairs: Vec<String> =
        crypto::digest(Hash::Sha256, der).iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}
