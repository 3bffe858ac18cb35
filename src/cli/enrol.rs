//! `wardcard enrol`: keys that last, released for a sign-in; requests out, certificates in.
//!
//! The agent owns the store, so it is asked at its host endpoint. With `--offline` this program is
//! the agent for the moment: the same checks and records, while no other agent runs.

mod desk;
mod files;

use self::{
    desk::Desk,
    files::{Requests, certificates},
};
use super::{
    Outcome, confirm,
    host::{Way, line_of},
};
use crate::agent::host::message::{EnrolmentLine, KeyLine};
use clap::{Args, Subcommand};
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// Arguments of `wardcard enrol`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    way: Way,
    /// Work on the store of --config while no agent runs
    #[arg(long, requires = "config")]
    offline: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Makes keys for a person and writes a certificate request (PKCS#10) for each
    New {
        /// The person's 12 digits
        person: String,
        #[command(flatten)]
        requests: Requests,
    },
    /// Gives the keys that wait the certificates that registration issued, checked
    Import {
        /// The person's 12 digits
        person: String,
        /// Certificates, PEM or DER
        #[arg(required = true)]
        certificates: Vec<PathBuf>,
        /// Authorities that lead to the configured roots, PEM or DER
        #[arg(long)]
        chain: Vec<PathBuf>,
    },
    /// Enrols a card that a registration tool filled through PKCS#11; its passcode is needed once
    Adopt {
        /// The card's serial number
        card: String,
        /// The person's 12 digits
        person: String,
        /// File with the card's passcode, - for standard input
        #[arg(long)]
        passcode_file: PathBuf,
        /// Authorities that lead to the configured roots, PEM or DER
        #[arg(long)]
        chain: Vec<PathBuf>,
    },
    /// Lists the enrolments, with the ends of their certificates
    List,
    /// Shows one enrolment; writes the requests of keys that wait where --out says
    Show {
        /// The person's 12 digits
        person: String,
        #[command(flatten)]
        requests: files::Optional,
    },
    /// Ends an enrolment: its keys, and cards that were released from it. Asks first
    Remove {
        /// The person's 12 digits
        person: String,
        /// Do not ask; needed where standard input is no terminal
        #[arg(long)]
        yes: bool,
    },
    /// Makes new keys beside the old ones, which are used until the import
    Renew {
        /// The person's 12 digits
        person: String,
        #[command(flatten)]
        requests: Requests,
    },
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    // What can be wrong with files is found before anything is asked for.
    let chain_of = |files: &[PathBuf]| certificates(files);
    match &arguments.verb {
        Verb::New { person, requests } => {
            requests.check(person)?;
            let line = arguments.desk()?.enrol(person)?;
            requests.write(&line, out)
        }
        Verb::Renew { person, requests } => {
            requests.check(person)?;
            let line = arguments.desk()?.renew(person)?;
            requests.write(&line, out)
        }
        Verb::Import { person, certificates, chain } => {
            let all = [chain_of(certificates)?, chain_of(chain)?].concat();
            shown(&arguments.desk()?.import(person, &all)?, out)
        }
        Verb::Adopt { card, person, passcode_file, chain } => {
            let (passcode, chain) = (line_of(passcode_file)?, chain_of(chain)?);
            shown(&arguments.desk()?.adopt(card, person, &passcode, &chain)?, out)
        }
        Verb::List => {
            let all = arguments.desk()?.list()?;
            if all.is_empty() {
                writeln!(out, "no enrolments")?;
            }
            for line in &all {
                let card = line.card.as_deref().unwrap_or("----------------");
                writeln!(out, "{}  {card}  {}", line.person, state(line))?;
            }
            Ok(())
        }
        Verb::Show { person, requests } => {
            let line = arguments.desk()?.show(person)?;
            shown(&line, out)?;
            match requests.wanted() {
                Some(requests) => requests.write(&line, out),
                None => Ok(()),
            }
        }
        Verb::Remove { person, yes } => {
            let desk = arguments.desk()?;
            if !yes {
                let line = desk.show(person)?;
                confirm::by_typing(&loss(&line), person)?;
            }
            desk.remove(person)?;
            writeln!(out, "the enrolment has ended; nothing of it can be released any more")?;
            Ok(())
        }
    }
}

impl Arguments {
    fn desk(&self) -> Result<Desk, Box<dyn std::error::Error>> {
        match &self.way.config {
            Some(config) if self.offline => Desk::offline(config),
            _ => Ok(Desk::Host(self.way.connect()?)),
        }
    }
}

/// What is lost with an enrolment.
fn loss(line: &EnrolmentLine) -> String {
    let keys = match line.keys.len() + line.waiting.len() {
        1 => "1 key".to_owned(),
        more => format!("{more} keys"),
    };
    format!(
        "This ends the enrolment of {}: {keys}, certificates to {}. Keys that were made here are in \
         no other place, and cannot be brought back.",
        line.person,
        line.ends.as_deref().unwrap_or("come still"),
    )
}

/// What there is to do with an enrolment, in one line.
fn state(line: &EnrolmentLine) -> String {
    let waiting = if line.waiting.is_empty() { "" } else { "; new keys wait for certificates" };
    match &line.ends {
        None => "waits for its certificates: wardcard enrol import".to_owned(),
        Some(end) if line.renew && waiting.is_empty() => {
            format!("certificates end at {end}: wardcard enrol renew")
        }
        Some(end) => format!("certificates end at {end}{waiting}"),
    }
}

fn shown(line: &EnrolmentLine, out: &mut dyn Write) -> Outcome {
    let none = || "none yet".to_owned();
    let keys = |keys: &[KeyLine]| {
        let all: Vec<String> = keys
            .iter()
            .map(|key| match &key.ends {
                Some(end) => format!("{}, to {end}", key.key),
                None => key.key.clone(),
            })
            .collect();
        if all.is_empty() { "none".to_owned() } else { all.join("; ") }
    };
    let rows = [
        ("state", state(line)),
        ("enrolled", format!("{} by {}", line.enrolled_at, line.by)),
        ("card", line.card.clone().unwrap_or_else(none)),
        ("keys", keys(&line.keys)),
        ("new keys", keys(&line.waiting)),
        ("released", line.released_at.clone().unwrap_or_else(|| "never".to_owned())),
    ];
    writeln!(out, "person {}", line.person)?;
    rows.iter().try_for_each(|(name, value)| writeln!(out, "  {name:<10}{value}")).map_err(failed)
}

fn failed(error: io::Error) -> Box<dyn std::error::Error> {
    error.into()
}
