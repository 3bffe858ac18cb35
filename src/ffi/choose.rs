//! Which cards a loaded module shows, decided at C_Initialize.
//!
//! The enrolled cards in the folder that `WARDCARD_STORE` names; else the agent that
//! `WARDCARD_AGENT` names, else the first that answers of `/run/wardcard/pkcs11` and
//! `$XDG_RUNTIME_DIR/wardcard/pkcs11`. A process with raised privileges believes no variable.
//! `/etc/wardcard/client.toml` may name more users whose servers are believed: `servers = [990]`.
//!
//! A refusal is CKR_GENERAL_ERROR and an agent that is not reached is an empty slot, neither of which
//! says anything. With `WARDCARD_DEBUG` set the reason goes to the standard error as one line; without
//! it a library has no business there.

#![allow(unsafe_code)]

#[cfg(feature = "sqlite")]
mod enrolled;

use crate::{
    net::{Address, LOCAL_FORM, ServerTrust, places},
    pkcs11::{Cryptoki, Rv, ck::CKR_GENERAL_ERROR},
    secret,
    wire::{Client, Endpoint},
};
use std::{
    ffi::OsString,
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

/// The Cryptoki that a C_Initialize in this process gets.
pub(super) fn choose() -> Result<Arc<dyn Cryptoki>, Rv> {
    let raised = secret::is_raised();
    let set = |name: &str| {
        let value = if raised { None } else { std::env::var_os(name) };
        value.filter(|value| !value.is_empty())
    };
    chosen(set).map_err(|reason| {
        if set("WARDCARD_DEBUG").is_some() {
            // Nobody to tell if that fails.
            let _ = writeln!(io::stderr(), "wardcard: no cards: {reason}");
        }
        CKR_GENERAL_ERROR
    })
}

/// By these variables; in words, why not.
fn chosen(set: impl Fn(&str) -> Option<OsString>) -> Result<Arc<dyn Cryptoki>, String> {
    if let Some(folder) = set("WARDCARD_STORE") {
        return store(Path::new(&folder), set);
    }
    let debug = set("WARDCARD_DEBUG").is_some();
    let addresses = addresses(set)?;
    // While no agent answers the client shows one empty slot, which fills when one appears.
    let client = Client::new(Endpoint { addresses, trust: ServerTrust::of_machine()? });
    Ok(Arc::new(if debug { client.with_report(unreached) } else { client }))
}

#[cfg(feature = "sqlite")]
fn store(
    folder: &Path,
    set: impl Fn(&str) -> Option<OsString>,
) -> Result<Arc<dyn Cryptoki>, String> {
    enrolled::open(folder, set)
}

#[cfg(not(feature = "sqlite"))]
fn store(_: &Path, _: impl Fn(&str) -> Option<OsString>) -> Result<Arc<dyn Cryptoki>, String> {
    Err("WARDCARD_STORE is set, and this build has no store (feature `sqlite`)".to_owned())
}

/// Where to look for an agent. An address that cannot be read is an error, not an absent agent:
/// who set it wants to know.
fn addresses(set: impl Fn(&str) -> Option<OsString>) -> Result<Vec<Address>, String> {
    if let Some(named) = set("WARDCARD_AGENT") {
        let address = named.to_str().and_then(Address::parse);
        let none = || format!("WARDCARD_AGENT is no address: {LOCAL_FORM} is one");
        return Ok(vec![address.ok_or_else(none)?]);
    }
    Ok([Some(places::ward()), places::personal(set)].into_iter().flatten().collect())
}

fn unreached(why: &str) {
    // Nobody to tell if that fails.
    let _ = writeln!(io::stderr(), "wardcard: no agent, so the slot is empty: {why}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Result<Vec<Address>, ()> {
        let found = addresses(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        });
        found.map_err(|_| ())
    }

    #[cfg(unix)]
    #[test]
    fn the_systems_agent_comes_before_the_persons() {
        let system = places::ward();
        assert_eq!(found(&[]), Ok(vec![system.clone()]));
        assert_eq!(
            found(&[("XDG_RUNTIME_DIR", "/run/user/1")]),
            Ok(vec![system.clone(), Address::Unix("/run/user/1/wardcard/pkcs11".into())])
        );
        assert_eq!(found(&[("XDG_RUNTIME_DIR", "relative")]), Ok(vec![system]));
    }

    #[test]
    fn a_named_agent_is_the_only_one_and_must_be_readable() {
        let named = if cfg!(unix) { "unix:path=/a/b" } else { "pipe:a-b" };
        let both = [("WARDCARD_AGENT", named), ("XDG_RUNTIME_DIR", "/run/user/1")];
        assert_eq!(found(&both), Ok(vec![Address::parse(named).unwrap()]));
        assert_eq!(found(&[("WARDCARD_AGENT", "tcp:nowhere")]), Err(()));
    }
}
