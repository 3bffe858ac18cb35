//! `wardcard audit`.

use super::Outcome;
use crate::agent::audit::{Head, files_in, verify};
use clap::{Args, Subcommand};
use std::{io::Write, path::PathBuf};

/// What `wardcard audit` does.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Verifies a log; names the first line that is altered, missing, reordered or torn
    Verify(Verify),
}

/// Arguments of `wardcard audit verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// All files of the log, in any order, or its folder
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A line that is remembered from before (`wardcard status` shows it): shows whether the end
    /// was cut off
    #[arg(long, value_name = "SEQ:HASH", value_parser = head)]
    head: Option<Head>,
}

fn head(text: &str) -> Result<Head, String> {
    Head::parse(text).ok_or_else(|| "write it as `wardcard status` shows it: SEQ:HASH".to_owned())
}

pub(super) fn run(command: &AuditCommand, out: &mut dyn Write) -> Outcome {
    let AuditCommand::Verify(Verify { files, head }) = command;
    let mut all = Vec::new();
    for path in files {
        if path.is_dir() {
            let inside = files_in(path)?;
            if inside.is_empty() {
                return Err(format!("{} holds no file of an audit log", path.display()).into());
            }
            all.extend(inside);
        } else {
            all.push(path.clone());
        }
    }
    let report = verify::files(&all, *head)?;
    let last = report.head.map_or_else(|| "none".to_owned(), |head| head.to_string());
    writeln!(out, "OK")?;
    writeln!(out, "{:<21}{}", "records", report.records)?;
    writeln!(out, "{:<21}{last}", "last (SEQ:HASH)")?;
    for (event, count) in &report.events {
        writeln!(out, "  {event:<19}{count}")?;
    }
    if report.first > 1 {
        let before = report.first - 1;
        writeln!(out, "note: records 1 to {before} stand in earlier files, not given here")?;
    }
    if report.unstopped > 0 {
        writeln!(
            out,
            "note: {} starts after an agent that was not stopped but ended, and its cards with it",
            report.unstopped
        )?;
    }
    if report.torn > 0 {
        writeln!(
            out,
            "note: {} torn lines, each marked by the start after the crash",
            report.torn
        )?;
    }
    if report.losses > 0 {
        writeln!(
            out,
            "WARNING: {} losses are on record: earlier records were cut off, replaced or altered",
            report.losses
        )?;
    }
    if head.is_none() {
        writeln!(out, "note: whether records after the last were cut off shows only with --head")?;
    }
    Ok(())
}
