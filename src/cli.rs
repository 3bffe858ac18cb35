//! The program: what `wardcard` does when it is called by name.
//!
//! Commands write to standard output, and what went wrong as a sentence to standard error. The
//! exit code is 0 when it was done, 1 when it was not, 2 when it was not understood.

mod agent;
mod audit;
pub mod ca;
mod card_proof;
mod cards;
mod confirm;
mod demo;
mod doctor;
mod enrol;
mod host;
mod policy;
#[cfg(unix)]
mod reader;
mod roster;
mod secrets;
#[cfg(windows)]
mod service;
mod sign_in;
mod signals;
mod status;

use crate::secret::{harden, search_system_alone};
use clap::{Parser, Subcommand};
use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

/// Virtual NHS smartcards, derived from a strong sign-in
#[derive(Debug, Parser)]
#[command(name = "wardcard", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the main job on embedded defaults: sign-in, card, a legacy application signing
    Demo(demo::Args),
    /// Runs the agent until it is told to end (SIGTERM, SIGINT, or a host)
    Agent(agent::Arguments),
    /// Signs a person in with the system's browser, for a card
    SignIn(sign_in::Arguments),
    /// Shows how a running agent is
    Status(host::Way),
    /// Looks for what keeps this machine's agent from working, and says what to do
    Doctor(doctor::Arguments),
    /// Lists the secrets that live long, with their ages, and how each is replaced
    Secrets(secrets::Arguments),
    /// The audit log
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// A certification authority of the deployment's own
    #[command(subcommand)]
    Ca(ca::CaCommand),
    /// Lists the cards that live, with states, reasons and ends, and those that ended last
    Cards(host::Way),
    /// All cards of a person: end, suspend, resume
    Person(cards::Person),
    /// Ends every card at once
    StopAll(cards::StopAll),
    /// Lets cards be made again after stop-all
    StartAgain(host::Way),
    /// The policy: whether it holds, which rule decides what
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Who may have a card: the roster
    Roster(roster::Arguments),
    /// The verbs of hosts (SSO agents), to try them by hand
    Host(host::Arguments),
    /// Enrolled cards: keys that last, released for a sign-in
    Enrol(enrol::Arguments),
    /// Has an existing card sign a request's challenge, through its own PKCS#11 middleware
    CardProof(card_proof::Arguments),
    /// The card in a reader of pcscd
    #[cfg(unix)]
    #[command(subcommand)]
    Reader(reader::ReaderCommand),
    /// The ward's agent as a service of Windows
    #[cfg(windows)]
    #[command(subcommand)]
    Service(service::ServiceCommand),
    /// What the demo starts in a second process
    #[command(hide = true)]
    LegacyApplication(demo::ApplicationArgs),
}

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // A foreign module has libraries of its own beside it.
    if !matches!(cli.command, Command::CardProof(_) | Command::LegacyApplication(_)) {
        search_system_alone();
    }
    let mut out = io::stdout().lock();
    let outcome = run(&cli.command, &mut out).and_then(|()| Ok(out.flush()?));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "wardcard: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command, out: &mut dyn Write) -> Outcome {
    match command {
        Command::Agent(arguments) => agent::run(arguments, out),
        Command::SignIn(arguments) => sign_in::run(arguments, out),
        Command::Status(way) => status::run(way, out),
        Command::Doctor(arguments) => doctor::run(arguments, out),
        Command::Secrets(arguments) => secrets::run(arguments, out),
        Command::Audit(command) => audit::run(command, out),
        Command::Ca(command) => {
            if let ca::CaCommand::Serve(_) = command {
                harden();
            }
            Ok(ca::run(command, out)?)
        }
        Command::Cards(way) => cards::list(way, out),
        Command::Person(arguments) => cards::person(arguments, out),
        Command::StopAll(arguments) => cards::stop_all(arguments, out),
        Command::StartAgain(way) => cards::start_again(way, out),
        Command::Policy(command) => policy::run(command, out),
        Command::Roster(arguments) => roster::run(arguments, out),
        Command::Host(arguments) => host::run(arguments, out),
        Command::Enrol(arguments) => enrol::run(arguments, out),
        Command::CardProof(arguments) => card_proof::run(arguments, out),
        #[cfg(unix)]
        Command::Reader(command) => reader::run(command, out),
        #[cfg(windows)]
        Command::Service(command) => service::run(command, out),
        Command::Demo(arguments) => demo::run(arguments, out),
        Command::LegacyApplication(arguments) => demo::run_application(arguments, out),
    }
}

/// What the program says wherever a content commitment key is asked for.
const NOT_FOR_PRESCRIBING: &str = "content commitment keys made here are not approved for \
     prescribing: NHS England wants those on the user's own mobile device";

/// What to say where no configuration was named and none of the usual ones is there.
fn no_configuration() -> String {
    let all = crate::net::places::configurations(|name| std::env::var_os(name));
    let all: Vec<String> = all.iter().map(|path| path.display().to_string()).collect();
    format!("there is no configuration at {}; name it by --config", all.join(" or "))
}

/// The configuration that was named, else a usual one.
fn configuration(named: Option<&PathBuf>) -> Result<PathBuf, String> {
    named.cloned().or_else(usual_configuration).ok_or_else(no_configuration)
}

/// The configuration that is meant when none is named: the machine's, else the person's.
fn usual_configuration() -> Option<PathBuf> {
    let all = crate::net::places::configurations(|name| std::env::var_os(name));
    all.into_iter().find(|path| path.exists())
}
