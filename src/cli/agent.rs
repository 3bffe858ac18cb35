//! `wardcard agent`.

use super::{Outcome, signals::signals};
use crate::{
    agent::{Agent, AgentParts, Config},
    secret::harden,
};
use clap::Args;
use std::{io::Write, path::PathBuf};

/// Arguments of `wardcard agent`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration (TOML)
    #[arg(long)]
    config: PathBuf,
    /// Only says whether the configuration holds, with everything that is wrong with it
    #[arg(long)]
    check: bool,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Outcome {
    let config = Config::load(&arguments.config)?;
    if arguments.check {
        config.check_user()?;
        writeln!(out, "the configuration {} holds", arguments.config.display())?;
        if config.policy.content_commitment {
            writeln!(out, "note: {}", super::NOT_FOR_PRESCRIBING)?;
        }
        return Ok(());
    }
    // Before there is any secret, and before any thread.
    let hardening = harden();
    let told = signals()?;
    let (pkcs11, host) = (config.pkcs11.clone(), config.host.as_ref().map(|it| it.address.clone()));
    let parts = AgentParts { hardening: Some(hardening), ..AgentParts::default() };
    let agent = Agent::start(config, parts)?;
    let stop = agent.stopper();
    let name = "wardcard-signals".to_owned();
    std::thread::Builder::new().name(name).spawn(move || {
        // A byte has come or the stream has ended: either way it is time to stop.
        let _ = told.wait();
        stop();
    })?;
    for (what, address) in [("applications", pkcs11), ("hosts", host)] {
        if let Some(address) = address {
            writeln!(out, "serving {what} at {address}")?;
        }
    }
    out.flush()?;
    agent.wait();
    agent.stop();
    writeln!(out, "stopped; all cards are removed")?;
    Ok(())
}
