//! `wardcard status`.

use super::{Outcome, host};
use crate::agent::{host::message::CardLine, status::Status};
use std::io::{self, Write};

pub(super) fn run(way: &host::Way, out: &mut dyn Write) -> Outcome {
    let status = way.connect()?.status()?;
    Ok(show(&status, out)?)
}

fn show(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    if let Some(stopped) = &status.stopped {
        writeln!(out, "{stopped}")?;
    }
    let none = || "none".to_owned();
    let rows = [
        ("agent", format!("{} {}, process {}", status.version, status.mode, status.pid)),
        ("started", status.started.clone()),
        ("its time", status.now.clone()),
        ("CIS1 ends", status.cis1_end.clone()),
        ("applications", status.pkcs11.clone().unwrap_or_else(none)),
        ("connections", status.connections.to_string()),
        ("hosts", status.host.clone().unwrap_or_else(none)),
        ("cryptography", status.crypto.clone()),
        ("audit head", status.audit.clone().unwrap_or_else(none)),
        ("requests", status.requests.to_string()),
        ("enrolments", enrolments(status)),
    ];
    for (name, value) in rows {
        writeln!(out, "{name:<14}{value}")?;
    }
    for (number, line) in status.hardening.iter().enumerate() {
        let name = if number == 0 { "protection" } else { "" };
        writeln!(out, "{name:<14}{line}")?;
    }
    for (number, line) in status.readers.iter().enumerate() {
        let name = if number == 0 { "readers" } else { "" };
        writeln!(out, "{name:<14}{line}")?;
    }
    writeln!(out, "{:<14}{}", "cards", status.cards.len())?;
    cards(&status.cards, out)
}

fn enrolments(status: &Status) -> String {
    match status.renewals {
        0 => status.enrolments.to_string(),
        due => {
            format!("{}, of which {due} are to be renewed: wardcard enrol list", status.enrolments)
        }
    }
}

/// Cards, a block each.
pub(super) fn cards(cards: &[CardLine], out: &mut dyn Write) -> io::Result<()> {
    for card in cards {
        let seat = match &card.logon {
            Some(logon) => format!("user {}, logon session {logon}", card.uid),
            None => format!("user {}", card.uid),
        };
        let tries = match card.tries_left {
            Some(0) => "none, blocked".to_owned(),
            Some(left) => left.to_string(),
            None => "unknown".to_owned(),
        };
        let assurance = &card.assurance;
        let mut derived = format!(
            "{}, authentication level {}, identity level {}",
            assurance.source, assurance.authentication, assurance.identity
        );
        if let Some(context) = &assurance.context {
            derived.push_str(&format!(", {context}"));
        }
        let front = if card.sign_in { "sign-in" } else { "passcode" };
        let from = match &card.released {
            Some(enrolled) => ("released", format!("card {enrolled}, on {derived}")),
            None => ("derived from", derived),
        };
        let rows = [
            ("state", card.state.clone()),
            ("person", card.person.clone()),
            ("shown to", seat),
            ("keys", card.keys.join(", ")),
            ("in front", front.to_owned()),
            ("tries left", tries),
            ("signed in", assurance.authenticated_at.clone()),
            from,
            ("expires", card.expires.clone()),
            ("SHA-1 made", card.sha1_count.to_string()),
        ];
        writeln!(out, "card {}", card.card)?;
        for (name, value) in rows {
            writeln!(out, "  {name:<14}{value}")?;
        }
        if card.break_glass {
            writeln!(out, "  {:<14}a rule for emergencies made it", "break-glass")?;
        }
        if let Some(end) = &card.renewal {
            writeln!(
                out,
                "  {:<14}its certificates end at {end}: wardcard enrol renew",
                "renewal"
            )?;
        }
    }
    Ok(())
}
