//! `wardcard policy`: whether one holds, and which rule decides what.

use super::{Outcome, host::Way, usual_configuration};
use crate::{
    agent::{Config, config::load_policy},
    card::KeySlot,
    clock::{Clock as _, SystemClock, Time},
    derive::{
        Explanation, Judgement, Policy,
        roster::{Kind, Standing},
    },
    pki::UserId,
    proof::{Assurance, Binding, Level, Source},
};
use clap::{Args, Subcommand};
use std::{error::Error, io::Write, path::PathBuf, time::Duration};

/// Verbs of `wardcard policy`.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Says whether a policy in a file of its own holds, with everything that is wrong with it
    Check {
        /// The file (TOML)
        file: PathBuf,
    },
    /// Says which rule decides what about a sign-in: one that is described, or a live card's
    Explain(Box<Explain>),
}

/// Arguments of `wardcard policy explain`.
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    way: Way,
    /// A policy in a file of its own, instead of the configuration's
    #[arg(long)]
    policy: Option<PathBuf>,
    /// A live card: what decided about it, from the agent
    #[arg(long, conflicts_with_all = ["source", "policy"])]
    card: Option<String>,
    /// What vouches: KIND or KIND:NAME (oidc, webauthn, certificate, host), and =LEVEL where its
    /// authentication level is another than --authentication; more than once for several together
    #[arg(long, default_value = "oidc", value_parser = source)]
    source: Vec<(Source, Option<u8>)>,
    /// Authentication assurance level of the sign-in
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=3))]
    authentication: u8,
    /// Identity assurance level
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=3))]
    identity: u8,
    /// Its acr
    #[arg(long)]
    acr: Option<String>,
    /// Its methods (amr), with commas between
    #[arg(long, value_delimiter = ',')]
    amr: Vec<String>,
    /// How many seconds ago it was
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    age: u64,
    /// Not bound to its request
    #[arg(long)]
    unbound: bool,
    /// Checked while the latest keys or revocation list could not be had
    #[arg(long)]
    offline: bool,
    /// What the roster says of the person: staff, temporary or robot
    #[arg(long, default_value = "staff", value_parser = kind)]
    kind: Kind,
    /// When it is looked at: 2026-12-01T08:00:00Z; default now
    #[arg(long, value_parser = time)]
    at: Option<Time>,
}

pub(super) fn run(command: &PolicyCommand, out: &mut dyn Write) -> Outcome {
    match command {
        PolicyCommand::Check { file } => {
            load_policy(file)?;
            writeln!(out, "the policy {} holds", file.display())?;
            Ok(())
        }
        PolicyCommand::Explain(arguments) => explain(arguments, out),
    }
}

fn explain(arguments: &Explain, out: &mut dyn Write) -> Outcome {
    if let Some(card) = &arguments.card {
        let explanation = arguments.way.connect()?.explain(card)?;
        writeln!(out, "card {card}")?;
        return Ok(write!(out, "{explanation}")?);
    }
    let policy = arguments.policy()?;
    let now = arguments.at.unwrap_or_else(|| SystemClock.now());
    let each = arguments.assurances(now)?;
    let slots = match policy.content_commitment {
        true => vec![KeySlot::Authentication, KeySlot::ContentCommitment],
        false => vec![KeySlot::Authentication],
    };
    let standing = Standing { kind: arguments.kind, until: None, account: None };
    for one in &each {
        writeln!(
            out,
            "a sign-in by {}, authentication {}, identity {}, {} old{}{}",
            one.source,
            one.authentication,
            one.identity,
            crate::derive::written(now.since(one.authenticated_at)),
            if one.offline { ", checked offline" } else { "" },
            if one.binding == Binding::Unbound { ", not bound to its request" } else { "" },
        )?;
    }
    let Judgement { explanation, outcome } = policy.judge(&each, &slots, &standing, now);
    write!(out, "{}", Shown(&explanation))?;
    match outcome {
        Ok(admitted) => {
            let keys = admitted.slots.iter().map(|slot| match slot {
                KeySlot::Authentication => "authentication",
                KeySlot::ContentCommitment => "content commitment",
            });
            let keys = keys.collect::<Vec<_>>().join(" and ");
            let claims = admitted.assurance.authentication.min(policy.claims_at_most);
            let by = explanation.end();
            writeln!(out, "a card: {keys}, claims level {claims}, until {} by {by}", admitted.end)?;
        }
        Err(refusal) => writeln!(out, "no card: {refusal}")?,
    }
    Ok(())
}

/// An explanation, indented below the sign-in that it is about.
struct Shown<'e>(&'e Explanation);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in self.0.to_string().lines() {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

impl Explain {
    fn policy(&self) -> Result<Policy, Box<dyn Error>> {
        if let Some(path) = &self.policy {
            return Ok(load_policy(path)?);
        }
        let path = self.way.configuration().or_else(usual_configuration);
        let path =
            path.ok_or("no policy is known; name it by --policy, or the agent's --config")?;
        Ok(Config::load(&path)?.policy)
    }

    fn assurances(&self, now: Time) -> Result<Vec<Assurance>, Box<dyn Error>> {
        let person = UserId::parse("000000000000").ok_or("no person")?;
        let one = |(source, level): &(Source, Option<u8>)| Assurance {
            person: person.clone(),
            authentication: Level(level.unwrap_or(self.authentication)),
            identity: Level(self.identity),
            context: self.acr.clone(),
            methods: self.amr.clone(),
            authenticated_at: now.minus(Duration::from_secs(self.age)),
            source: source.clone(),
            binding: if self.unbound { Binding::Unbound } else { Binding::Nonce },
            session: None,
            beside: Vec::new(),
            offline: self.offline,
        };
        Ok(self.source.iter().map(one).collect())
    }
}

fn source(text: &str) -> Result<(Source, Option<u8>), String> {
    let (text, level) = match text.rsplit_once('=') {
        Some((text, digit)) => match digit.parse::<u8>() {
            Ok(level) if level <= 3 => (text, Some(level)),
            _ => return Err("after = stands a level, 0 to 3".to_owned()),
        },
        None => (text, None),
    };
    let (kind, name) = text.split_once(':').unwrap_or((text, "any"));
    let source = Source::named(kind, name.to_owned());
    let wanted =
        || "a source is oidc, webauthn, certificate or host, and :NAME after it".to_owned();
    Ok((source.ok_or_else(wanted)?, level))
}

fn kind(text: &str) -> Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| "write staff, temporary or robot".to_owned())
}

fn time(text: &str) -> Result<Time, String> {
    Time::parse_rfc3339(text).ok_or_else(|| "write it in UTC: 2026-12-01T08:00:00Z".to_owned())
}
