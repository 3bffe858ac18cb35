//! `wardcard cards`, `person`, `stop-all` and `start-again`: the life of cards.

use super::{Outcome, host::Way, status};
use crate::agent::host::message::{EndedLine, LifeLine, LivesLine, Reason};
use clap::{Args, Subcommand};
use std::io::{self, Write};

/// Arguments of `wardcard person`.
#[derive(Debug, Args)]
pub(super) struct Person {
    #[command(flatten)]
    way: Way,
    #[command(subcommand)]
    verb: PersonVerb,
}

#[derive(Debug, Subcommand)]
enum PersonVerb {
    /// Ends all cards of a person, wherever they are shown
    End {
        /// The person's 12 digits
        person: String,
        /// Why, for the audit log
        #[arg(long, value_enum, default_value = "administrator")]
        reason: Reason,
    },
    /// Takes a person's cards out of use and makes none for them, until they are resumed
    Suspend {
        /// The person's 12 digits
        person: String,
    },
    /// Ends a person's suspension
    Resume {
        /// The person's 12 digits
        person: String,
    },
}

/// Arguments of `wardcard stop-all`.
#[derive(Debug, Args)]
pub(super) struct StopAll {
    #[command(flatten)]
    way: Way,
    /// Why, for the audit log and for those who are refused a card: at most 200 characters; without
    /// it the reason of an earlier stop-all stays
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// Let new cards be made at once; else none is made until `wardcard start-again`
    #[arg(long)]
    once: bool,
}

/// Lists the cards that live and those that ended last.
pub(super) fn list(way: &Way, out: &mut dyn Write) -> Outcome {
    Ok(show(&way.connect()?.lives()?, out)?)
}

/// A person's cards everywhere.
pub(super) fn person(arguments: &Person, out: &mut dyn Write) -> Outcome {
    let client = arguments.way.connect()?;
    match &arguments.verb {
        PersonVerb::End { person, reason } => {
            writeln!(out, "{} ended", cards(client.end_person(person, *reason)?))?;
        }
        PersonVerb::Suspend { person } => {
            let count = client.suspend_person(person)?;
            let live = if count == 1 { "card" } else { "cards" };
            writeln!(
                out,
                "{person} is suspended and gets no card; {count} live {live} out of use; \
                 `wardcard person resume` ends that"
            )?;
        }
        PersonVerb::Resume { person } => match client.resume_person(person)? {
            Some(count) => {
                writeln!(out, "{person} is no longer suspended; {} in use again", cards(count))?;
            }
            None => writeln!(out, "{person} was not suspended; nothing is changed")?,
        },
    }
    Ok(())
}

/// Ends every card.
pub(super) fn stop_all(arguments: &StopAll, out: &mut dyn Write) -> Outcome {
    let count = arguments.way.connect()?.stop_all(&arguments.reason, !arguments.once)?;
    writeln!(out, "{} ended", cards(count))?;
    if !arguments.once {
        writeln!(out, "no card is made until `wardcard start-again`")?;
    }
    Ok(())
}

/// Lets cards be made again.
pub(super) fn start_again(way: &Way, out: &mut dyn Write) -> Outcome {
    way.connect()?.start_again()?;
    Ok(writeln!(out, "cards are made again")?)
}

fn cards(count: usize) -> String {
    if count == 1 { "1 card".to_owned() } else { format!("{count} cards") }
}

fn show(lives: &LivesLine, out: &mut dyn Write) -> io::Result<()> {
    let LivesLine { live, ended, stopped, suspended, suspended_more } = lives;
    if let Some(stopped) = stopped {
        writeln!(out, "{stopped}")?;
    }
    if !suspended.is_empty() {
        let more = match suspended_more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        writeln!(out, "suspended persons: {}{more}", suspended.join(", "))?;
    }
    if live.is_empty() {
        writeln!(out, "no cards")?;
    }
    for LifeLine { card, why, away_until, ends_by, claims } in live {
        status::cards(std::slice::from_ref(card), out)?;
        if let Some(why) = why {
            writeln!(out, "  {:<14}{}", "because", because(why))?;
        }
        if let Some(until) = away_until {
            writeln!(out, "  {:<14}{until}, if nobody comes back", "waits until")?;
        }
        writeln!(out, "  {:<14}{ends_by}", "ends by")?;
        writeln!(out, "  {:<14}level {claims}", "claims")?;
        if card.assurance.offline {
            writeln!(out, "  {:<14}accepted while others were out of reach", "offline")?;
        }
        if !card.assurance.beside.is_empty() {
            writeln!(out, "  {:<14}{}", "together with", card.assurance.beside.join(", "))?;
        }
    }
    if !ended.is_empty() {
        writeln!(out, "ended, the latest first")?;
    }
    for EndedLine { card, person, issued, ended, reason, .. } in ended {
        writeln!(out, "  {ended}  {card}  {person}  {reason}  made {issued}")?;
    }
    Ok(())
}

/// The word of the protocol as a person would say it.
fn because(why: &str) -> &str {
    match why {
        "away" => "the person is away",
        "idle" => "nobody used it for too long",
        "suspended" => "it was suspended",
        "person-suspended" => "its person is suspended",
        other => other,
    }
}
