//! `wardcard host`: the verbs of hosts, and the way to the endpoint.

use super::{Outcome, no_configuration, status, usual_configuration};
use crate::{
    agent::{
        Config, Pending, RequestId, Seat,
        host::{
            Client, Piece,
            message::{Hidden, Passcode, Reason},
            read_secret,
        },
    },
    net::{Address, ServerTrust},
    secret::{Secret, User},
};
use clap::{Args, Subcommand};
use std::{
    error::Error,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// How the agent's host endpoint is reached
#[derive(Debug, Args)]
pub(super) struct Way {
    /// The agent's configuration, for address and secret; the usual ones are looked for
    #[arg(long, global = true)]
    pub(super) config: Option<PathBuf>,
    /// The host endpoint: unix:path=/...
    #[arg(long, value_parser = address, global = true)]
    address: Option<Address>,
    /// The secret of hosts
    #[arg(long, global = true)]
    secret_file: Option<PathBuf>,
    /// A user id that the agent may run as, besides this one, root, the owner of /run/wardcard and
    /// those of client.toml
    #[arg(long, value_name = "UID", global = true)]
    agent_uid: Vec<User>,
}

/// Arguments of `wardcard host`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    way: Way,
    #[command(subcommand)]
    verb: Verb,
}

/// Which card is asked for, and for whom it is shown.
#[derive(Debug, Args)]
pub(super) struct CardArguments {
    /// User for whom the card is shown; default this one
    #[arg(long)]
    uid: Option<User>,
    /// That user's logon session, where the card is for one only
    #[arg(long)]
    logon: Option<String>,
    /// Release this person's enrolled keys (12 digits) instead of making new ones
    #[arg(long, value_name = "PERSON")]
    release: Option<String>,
}

impl CardArguments {
    /// Begins it.
    pub(super) fn request(&self, client: &Client) -> Outcome<Pending> {
        let uid = self.uid.unwrap_or_else(User::own);
        let seat = Seat { uid, logon: self.logon.clone() };
        Ok(match &self.release {
            Some(person) => client.request_release(&seat, person)?,
            None => client.request(&seat)?,
        })
    }
}

/// Where the card's passcode comes from.
#[derive(Debug, Args)]
pub(super) struct PasscodeArguments {
    /// File with the passcode of the card; default the one that is kept for the person
    #[arg(long, conflicts_with = "sign_in")]
    passcode_file: Option<PathBuf>,
    /// Keep that passcode for the person's next cards
    #[arg(long, requires = "passcode_file")]
    keep: bool,
    /// No passcode: the sign-in stands for it
    #[arg(long)]
    sign_in: bool,
    /// A new passcode for each login, which `wardcard host one-time` makes
    #[arg(long, conflicts_with_all = ["sign_in", "passcode_file"])]
    one_time: bool,
}

impl PasscodeArguments {
    /// As the host protocol says it.
    pub(super) fn source(&self) -> Outcome<Passcode> {
        Ok(match &self.passcode_file {
            Some(path) => Passcode::Given { passcode: Hidden(line_of(path)?), keep: self.keep },
            None if self.sign_in => Passcode::SignIn {},
            None if self.one_time => Passcode::OneTime {},
            None => Passcode::Kept {},
        })
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Begins a card; prints the request and the nonce that the sign-in must carry
    Request(CardArguments),
    /// Ends a request with the ID token of a sign-in; the card is there then
    Prove {
        /// The request
        request: String,
        /// File with the ID token, - for standard input
        #[arg(long)]
        token_file: PathBuf,
        #[command(flatten)]
        passcode: PasscodeArguments,
    },
    /// Ends a request with evidence of another kind; the card is there then
    ProveBy {
        /// The request
        request: String,
        /// File with the evidence as JSON, - for standard input
        #[arg(long)]
        evidence_file: PathBuf,
        #[command(flatten)]
        passcode: PasscodeArguments,
    },
    /// Lists the cards
    Cards,
    /// The person is away
    Lock {
        /// The card
        card: String,
    },
    /// The person is back
    Unlock {
        /// The card
        card: String,
    },
    /// Prints a passcode for one login, to be filled into a program's prompt at once
    OneTime {
        /// The card
        card: String,
        /// Whole path of the program that logs in
        application: String,
    },
    /// Takes a card out of use
    Suspend {
        /// The card
        card: String,
    },
    /// Puts it back into use
    Resume {
        /// The card
        card: String,
    },
    /// Erases a card
    Remove {
        /// The card
        card: String,
        /// Why, for the audit log
        #[arg(long, value_enum, default_value = "tap-out")]
        reason: Reason,
    },
    /// Forgets the passcode that is kept for a person
    ForgetPasscode {
        /// The person's 12 digits
        person: String,
    },
    /// Hands in a logout token of the provider
    LogoutToken {
        /// File with the token, - for standard input
        token_file: PathBuf,
    },
    /// Removes all cards and ends the agent
    Stop,
}

fn address(text: &str) -> Result<Address, String> {
    Address::parse(text).ok_or_else(|| "an address is written unix:path=/...".to_owned())
}

impl Way {
    /// The configuration that was named.
    pub(super) fn configuration(&self) -> Option<PathBuf> {
        self.config.clone()
    }

    /// Connects as far as arguments, configuration and the usual places tell how.
    pub(super) fn connect(&self) -> Result<Client, Box<dyn Error>> {
        let mut address = self.address.clone();
        let mut secret = self.secret_file.as_deref().map(read_secret).transpose()?;
        let config = self.config.clone().or_else(|| match address {
            Some(_) => None,
            None => usual_configuration(),
        });
        if let Some(path) = config {
            let host = Config::load(&path)?.host.ok_or(
                "the configuration has no [host]: such an agent has no endpoint for hosts",
            )?;
            address = address.or(Some(host.address));
            secret = secret.or(host.secret);
        }
        let address = address
            .ok_or_else(|| format!("{}, or the host endpoint by --address", no_configuration()))?;
        let mut trust = ServerTrust::of_machine()?;
        trust.users.extend(&self.agent_uid);
        Ok(Client::connect(&address, &trust, secret.as_ref())?)
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let client = arguments.way.connect()?;
    match &arguments.verb {
        Verb::Request(card) => {
            let pending = card.request(&client)?;
            writeln!(out, "{:<9}{}", "request", pending.request)?;
            writeln!(out, "{:<9}{}", "nonce", pending.nonce)?;
            writeln!(out, "{:<9}{}", "expires", pending.expires)?;
        }
        Verb::Prove { request, token_file, passcode } => {
            let token = line_of(token_file)?;
            let passcode = passcode.source()?;
            let card = client.prove(&request_id(request)?, &token, passcode)?;
            status::cards(&[card], out)?;
        }
        Verb::ProveBy { request, evidence_file, passcode } => {
            let evidence = Piece::read(line_of(evidence_file)?.expose());
            let evidence = evidence.ok_or("the evidence is no JSON of the host protocol")?;
            let passcode = passcode.source()?;
            let card = client.prove_by(&request_id(request)?, evidence, passcode)?;
            status::cards(&[card], out)?;
        }
        Verb::Cards => {
            let cards = client.cards()?;
            if cards.is_empty() {
                writeln!(out, "no cards")?;
            }
            status::cards(&cards, out)?;
        }
        Verb::Lock { card } => client.lock(card)?,
        Verb::Unlock { card } => client.unlock(card)?,
        Verb::OneTime { card, application } => {
            out.write_all(client.one_time_passcode(card, application)?.expose())?;
            writeln!(out)?;
        }
        Verb::Suspend { card } => client.suspend(card)?,
        Verb::Resume { card } => client.resume(card)?,
        Verb::Remove { card, reason } => client.remove(card, *reason)?,
        Verb::ForgetPasscode { person } => client.forget_passcode(person)?,
        Verb::LogoutToken { token_file } => {
            let ended = client.logout_token(&line_of(token_file)?)?;
            writeln!(out, "{ended} cards ended")?;
        }
        Verb::Stop => client.stop()?,
    }
    Ok(())
}

fn request_id(text: &str) -> Outcome<RequestId> {
    Ok(RequestId::parse(text).ok_or("a request has 32 hexadecimal digits")?)
}

/// What a file, or standard input, holds, without the end of its line.
pub(super) fn line_of(path: &Path) -> Result<Secret, Box<dyn Error>> {
    let mut bytes = Vec::with_capacity(LONGEST);
    let limit = LONGEST as u64;
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    let bytes = Secret::new(bytes);
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    let line = bytes.expose().strip_suffix(b"\n").unwrap_or(bytes.expose());
    Ok(Secret::copied_from(line.strip_suffix(b"\r").unwrap_or(line)))
}

/// No token is longer.
const LONGEST: usize = 64 << 10;
