//! `wardcard roster`: who may have a card here.
//!
//! The roster is in the agent's store, which this program opens beside it: a running agent sees the
//! change within a second. Whoever does it owns the state folder.

use super::{Outcome, configuration};
use crate::{
    agent::{Config, open_roster},
    clock::{Clock as _, SystemClock},
    derive::roster::{self, Change, Decision, Difference, Problem, Roster, State},
    pki::UserId,
};
use clap::{Args, Subcommand};
use std::{
    error::Error,
    fs::File,
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

/// Arguments of `wardcard roster`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The agent's configuration, for its state folder; the usual ones are looked for
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Who does it, as it is kept; default the user id
    #[arg(long, global = true)]
    by: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists everyone
    List,
    /// Shows a person, with every change and decision so far
    Show {
        /// The 12 digits
        person: String,
    },
    /// Shows what a file would change, and with --apply changes it: CSV with the columns
    /// person,account,kind,valid_from,valid_to,state
    Import {
        /// The file, - for standard input
        file: PathBuf,
        /// Change it; else the difference is shown alone
        #[arg(long)]
        apply: bool,
        /// Who is not in the file stays; else they go
        #[arg(long)]
        partial: bool,
    },
    /// Writes everyone as a file that can be imported
    Export,
    /// Disables a person: live cards end within a second
    Disable {
        /// The 12 digits
        person: String,
    },
    /// Enables a person
    Enable {
        /// The 12 digits
        person: String,
    },
    /// Writes a file for a review, with empty columns decision, decided_by and decided_at
    Review,
    /// Takes a review's decisions (keep, remove) and keeps them; whom it removes is disabled
    Decide {
        /// The file, - for standard input
        file: PathBuf,
        /// Do it; else what would be done is shown alone
        #[arg(long)]
        apply: bool,
    },
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let path = configuration(arguments.config.as_ref())?;
    let roster = open_roster(&Config::load(&path)?)?;
    let own = || format!("user {}", crate::secret::User::own());
    let by = arguments.by.clone().unwrap_or_else(own);
    let now = SystemClock.now();
    match &arguments.verb {
        Verb::List => {
            let entries = roster.entries()?;
            for entry in &entries {
                writeln!(out, "{entry}")?;
            }
            if entries.is_empty() {
                writeln!(out, "nobody is on the roster")?;
            }
        }
        Verb::Show { person } => show(&roster, &parsed(person)?, out)?,
        Verb::Import { file, apply, partial } => {
            let entries = roster::read(&bytes_of(file)?).map_err(|all| told(file, &all))?;
            if entries.is_empty() && !partial && !roster.entries()?.is_empty() {
                return Err(
                    "the file names nobody, so everybody would go; if that is meant, disable \
                            them, or end all cards with wardcard stop-all"
                        .into(),
                );
            }
            if *apply {
                let done = roster.import(&entries, !partial, &by, now)?;
                difference(&done, out)?;
                writeln!(out, "done")?;
            } else {
                difference(&roster.difference(&entries, !partial)?, out)?;
                writeln!(out, "nothing is changed yet; --apply does it")?;
            }
        }
        Verb::Export => out.write_all(roster::export(&roster.entries()?).as_bytes())?,
        Verb::Disable { person } => {
            state(&roster, person, State::Disabled, &by)?;
            writeln!(out, "{person} is disabled and gets no card; live ones end within a second")?;
        }
        Verb::Enable { person } => {
            state(&roster, person, State::Enabled, &by)?;
            writeln!(out, "{person} is enabled")?;
        }
        Verb::Review => out.write_all(roster.review()?.as_bytes())?,
        Verb::Decide { file, apply } => {
            let read = roster::read_review(&bytes_of(file)?, now);
            decide(&roster, &read.map_err(|all| told(file, &all))?, *apply, out)?;
        }
    }
    Ok(())
}

fn show(roster: &Roster, person: &UserId, out: &mut dyn Write) -> Outcome {
    let entry = roster.entry(person)?.ok_or("this person is not on the roster")?;
    writeln!(out, "{entry}")?;
    for Change { at, by, what, .. } in roster.changes(Some(person))? {
        writeln!(out, "  {at}  {what}  by {by}")?;
    }
    for Decision { choice, by, at, .. } in roster.decisions(Some(person))? {
        writeln!(out, "  {at}  decided to {}  by {by}", choice.name())?;
    }
    Ok(())
}

fn difference(difference: &Difference, out: &mut dyn Write) -> io::Result<()> {
    let Difference { added, changed, removed, same } = difference;
    for entry in added {
        writeln!(out, "+ {entry}")?;
    }
    for (before, after) in changed {
        writeln!(out, "- {before}\n+ {after}")?;
    }
    for entry in removed {
        writeln!(out, "- {entry}")?;
    }
    let (added, changed, removed) = (added.len(), changed.len(), removed.len());
    writeln!(out, "{added} come, {changed} change, {removed} go, {same} stay")
}

fn state(roster: &Roster, person: &str, state: State, by: &str) -> Outcome {
    let there = roster.set_state(&parsed(person)?, state, by, SystemClock.now())?;
    if there { Ok(()) } else { Err("this person is not on the roster".into()) }
}

fn decide(roster: &Roster, all: &[Decision], apply: bool, out: &mut dyn Write) -> Outcome {
    for Decision { person, choice, by, at } in all {
        let known = roster.entry(person)?.ok_or_else(|| not_there(std::slice::from_ref(person)))?;
        writeln!(out, "{}: {known}; {by}, {at}", choice.name())?;
    }
    if !apply {
        return Ok(writeln!(out, "nothing is changed yet; --apply does it")?);
    }
    let unknown = roster.decide(all, SystemClock.now())?;
    if unknown.is_empty() { Ok(writeln!(out, "done")?) } else { Err(not_there(&unknown).into()) }
}

fn not_there(people: &[UserId]) -> String {
    let people: Vec<&str> = people.iter().map(UserId::as_str).collect();
    format!("not on the roster, so nothing is decided: {}", people.join(", "))
}

fn parsed(person: &str) -> Result<UserId, &'static str> {
    UserId::parse(person).ok_or("a person's number has exactly 12 digits")
}

/// Everything that is wrong in a file, a line each.
fn told(file: &Path, problems: &[Problem]) -> String {
    let mut text = format!("{} does not hold, so nothing is changed:", file.display());
    for Problem { line, text: what } in problems {
        text.push_str(&format!("\n  line {line}: {what}"));
    }
    text
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().take(LONGEST).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|open| open.take(LONGEST).read_to_end(&mut bytes))
    };
    read.map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(bytes)
}

/// One byte more than a roster may have, so that a longer file is seen to be one.
const LONGEST: u64 = (16 << 20) + 1;
