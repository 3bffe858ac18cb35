//! `wardcard doctor`.

use super::{Outcome, configuration};
use crate::{
    agent::doctor::{Grade, examine},
    clock::SystemClock,
};
use clap::Args;
use std::{io::Write, path::PathBuf};

/// Arguments of `wardcard doctor`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The agent's configuration; the usual ones are looked for
    #[arg(long)]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let config = configuration(arguments.config.as_ref())
        .map_err(|why| format!("{why} (examples/agent.toml shows one)"))?;
    let findings = examine(&config, &SystemClock);
    for finding in &findings {
        let grade = match finding.grade {
            Grade::Good => "good",
            Grade::Warning => "WARN",
            Grade::Bad => "BAD",
        };
        let mut lines = finding.text.lines();
        let first = lines.next().unwrap_or_default();
        writeln!(out, "{grade:<6}{:<16}{first}", finding.about)?;
        for line in lines {
            writeln!(out, "{:<22}{line}", "")?;
        }
    }
    out.flush()?;
    match findings.iter().filter(|finding| finding.grade == Grade::Bad).count() {
        0 => Ok(()),
        1 => Err("one check failed".into()),
        bad => Err(format!("{bad} checks failed").into()),
    }
}
