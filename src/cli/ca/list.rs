//! `wardcard ca list`: what an authority has issued, a line each.

use super::Error;
use crate::{
    clock::Time,
    issue::directory::{CaDirectory, Listed},
    pki::{KeySlot, UserId},
};
use clap::Args;
use std::{collections::HashMap, io::Write, path::PathBuf};

/// Arguments of `wardcard ca list`.
#[derive(Debug, Args)]
pub struct List {
    /// Folder of the certification authority
    pub folder: PathBuf,
    /// Certificates of this person alone (12 digits)
    #[arg(long)]
    pub person: Option<String>,
    /// Certificates that are valid now alone
    #[arg(long)]
    pub valid: bool,
    /// Certificates that were revoked alone
    #[arg(long, conflicts_with = "valid")]
    pub revoked: bool,
}

pub(super) fn run(arguments: &List, now: Time, out: &mut dyn Write) -> Result<(), Error> {
    if let Some(person) = &arguments.person
        && UserId::parse(person).is_none()
    {
        return Err(Error::Person);
    }
    let ca = CaDirectory::open(&arguments.folder)?;
    let profile = |one: Listed| Some((one.name, one.profile?));
    let profiles: HashMap<String, String> = ca.list().into_iter().filter_map(profile).collect();
    let mut count = 0usize;
    for one in ca.issued()? {
        let of_person =
            arguments.person.as_deref().is_none_or(|person| person == one.person.as_str());
        let valid = one.not_after > now && one.revoked.is_none();
        let wanted = of_person
            && (!arguments.valid || valid)
            && (!arguments.revoked || one.revoked.is_some());
        if !wanted {
            continue;
        }
        count += 1;
        let profile = profiles.get(&one.authority).map_or(name(one.slot), String::as_str);
        let revoked = match one.revoked {
            Some((at, reason)) => format!("revoked {at} ({})", reason.name()),
            None if valid => "valid".to_owned(),
            None => "over".to_owned(),
        };
        writeln!(
            out,
            "{}  {}  {profile}  until {}  {revoked}",
            one.serial,
            one.person.as_str(),
            one.not_after
        )?;
    }
    if count == 0 {
        writeln!(out, "no such certificate")?;
    }
    Ok(())
}

/// What a certificate is called whose authority is no longer here.
fn name(slot: KeySlot) -> &'static str {
    match slot {
        KeySlot::Authentication => "authentication",
        KeySlot::ContentCommitment => "content-commitment",
    }
}
