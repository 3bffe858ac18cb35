//! `wardcard secrets`.

use super::{Outcome, usual_configuration};
use crate::{
    agent::{
        config::Limits,
        secrets::{of_agent, of_authority},
    },
    clock::{Clock, SystemClock},
};
use clap::Args;
use std::{io::Write, path::PathBuf};

/// Arguments of `wardcard secrets`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
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

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Outcome {
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
        if grade == "WARN" {
            writeln!(out, "{:<18}{}", "", one.replace)?;
        }
    }
    Ok(())
}
