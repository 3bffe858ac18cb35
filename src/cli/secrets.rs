//! `wardcard secrets`.

use super::{Outcome, configuration, usual_configuration};
use crate::{
    agent::{
        Config,
        config::Limits,
        secrets::{Rotated, Sealing, of_agent, of_authority, retire, rotate},
    },
    clock::{Clock, SystemClock},
};
use clap::{Args, Subcommand, ValueEnum};
use std::{io::Write, path::PathBuf};

/// Arguments of `wardcard secrets`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    list: List,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// What is listed.
#[derive(Debug, Args)]
struct List {
    /// The agent's configuration; the usual ones are looked for
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder of a certification authority
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Warn of what is older than so many days; default limits.secret_days of the configuration
    #[arg(long, value_name = "DAYS")]
    older_than: Option<u64>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Replaces a key that seals: all that lies under it is sealed anew, while the agent runs. The
    /// old key stays beside it until it is retired
    Rotate(Key),
    /// Takes the key away that was replaced; backups from before do not open without it
    Retire(Key),
}

/// Which key.
#[derive(Debug, Args)]
struct Key {
    /// store: of the agent's store, and of each that shares it; enrolled: of the store of enrolled
    /// cards, where it has its own; release: of the release of enrolled cards
    #[arg(value_enum)]
    which: Which,
    /// The agent's configuration; the usual ones are looked for
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder of another store under the same key (WARDCARD_STORE); may be given more than once
    #[arg(long, value_name = "DIR")]
    also: Vec<PathBuf>,
    /// Who does it, as it is recorded; default the user id
    #[arg(long)]
    by: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    Store,
    Enrolled,
    Release,
}

impl From<Which> for Sealing {
    fn from(which: Which) -> Self {
        match which {
            Which::Store => Self::Store,
            Which::Enrolled => Self::Enrolled,
            Which::Release => Self::Release,
        }
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    match &arguments.verb {
        None => list(&arguments.list, out),
        Some(Verb::Rotate(key)) => {
            let done = key.with(rotate)?;
            told(&done, out)?;
            let name = Sealing::from(key.which).name();
            writeln!(
                out,
                "when nothing needs the old one any more: wardcard secrets retire {name}"
            )?;
            Ok(())
        }
        Some(Verb::Retire(key)) => {
            let text = match key.with(retire)? {
                true => "the old key is gone; stores and backups that it alone opens are closed",
                false => "there is no old key",
            };
            Ok(writeln!(out, "{text}")?)
        }
    }
}

type Work<T> =
    fn(&Config, Sealing, &[PathBuf], (&str, crate::clock::Time)) -> Result<T, crate::agent::Error>;

impl Key {
    fn with<T>(&self, work: Work<T>) -> Outcome<T> {
        let path = configuration(self.config.as_ref())?;
        let own = || format!("user {}", crate::secret::User::own());
        let by = self.by.clone().unwrap_or_else(own);
        let config = Config::load(&path)?;
        Ok(work(&config, self.which.into(), &self.also, (&by, SystemClock.now()))?)
    }
}

fn told(done: &Rotated, out: &mut dyn Write) -> Outcome {
    for store in &done.stores {
        writeln!(out, "sealed anew    {}", store.display())?;
    }
    if done.cards > 0 {
        writeln!(out, "wrapped anew   {} cards", done.cards)?;
    }
    writeln!(out, "new key        {}", done.key.display())?;
    writeln!(out, "old key        {}", done.previous.display())?;
    Ok(())
}

fn list(arguments: &List, out: &mut dyn Write) -> Outcome {
    let config = arguments.config.clone().or_else(usual_configuration);
    let mut limits = Limits::default();
    let mut found = Vec::new();
    match &config {
        Some(path) if arguments.config.is_some() || arguments.ca.is_none() => {
            let (config, secrets) = of_agent(path)?;
            limits = config.limits;
            found.extend(secrets);
        }
        None if arguments.ca.is_none() => {
            return Err(
                "no configuration is known; name it by --config, or an authority by --ca".into()
            );
        }
        _ => {}
    }
    if let Some(folder) = &arguments.ca {
        found.extend(of_authority(folder)?);
    }
    let most = arguments.older_than.unwrap_or(limits.secret_days);
    let now = SystemClock.now();
    for one in found {
        let (grade, age) = match one.days(now) {
            Some(days) if days > most => ("WARN", format!("{days} days")),
            Some(days) => ("good", format!("{days} days")),
            None => ("gone", "no file".to_owned()),
        };
        writeln!(out, "{grade:<6}{age:<12}{}  {}", one.what, one.place.display())?;
        writeln!(out, "{:<18}{}", "", one.replace)?;
    }
    Ok(())
}
