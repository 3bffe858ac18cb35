//! The `[issuer]` table.

use super::{
    IssuerFiles, IssuerSettings,
    document::{At, Section},
    provider::file,
};
use crate::{net::Address, secret::User};
use std::path::Path;

/// What stands beside an address.
struct Beside {
    users: Option<At<Vec<User>>>,
    roots: Option<At<String>>,
    files: Option<Option<IssuerFiles>>,
}

const MISSING: &str = "missing; write address = \"unix:path=/...\" of `wardcard ca serve`";

/// Who certifies; `None` only where a problem has been noted.
pub(super) fn issuer(root: &Section<'_, '_>, folder: &Path) -> Option<IssuerSettings> {
    let Some(section) = root.section("issuer") else {
        root.problem(1, "issuer", MISSING);
        return None;
    };
    let address = section.text("address");
    let local = section.text("local");
    let inside = section.flag("inside_agent").is_some_and(|at| at.value);
    let beside = Beside {
        users: section.users("users"),
        roots: section.text("roots_file"),
        files: files(&section, folder),
    };
    let found = match (address, local) {
        (Some(at), None) => remote(&section, &at, beside, folder),
        (None, Some(at)) if inside => Some(IssuerSettings::Local(folder.join(at.value))),
        (None, Some(at)) => {
            let text = "the issuing key would be inside the agent; if that is wanted, write \
                        inside_agent = true beside it, else run `wardcard ca serve`";
            section.problem(at.line, "local", text);
            None
        }
        (Some(_), Some(at)) => {
            section.problem(at.line, "local", "write either address or local, not both");
            None
        }
        (None, None) => {
            if section.value("address").is_none() && section.value("local").is_none() {
                section.problem(section.line, "address", MISSING);
            }
            None
        }
    };
    section.finish();
    found
}

fn remote(
    section: &Section<'_, '_>,
    at: &At<String>,
    Beside { users, roots, files }: Beside,
    folder: &Path,
) -> Option<IssuerSettings> {
    let roots = match roots {
        Some(at) => Some(file(section, "roots_file", &at, folder)?),
        None => None,
    };
    let Some(address) = Address::parse(&at.value) else {
        let text = "not an address; write \"unix:path=/folder/name\" or \"tls:HOST:PORT\"";
        section.problem(at.line, "address", text);
        return None;
    };
    match (&address, files, users) {
        (local, None, users) if local.is_local() => {
            let users = users.map(|at| at.value).unwrap_or_default();
            Some(IssuerSettings::Remote { address, users, roots })
        }
        (local, Some(_), _) if local.is_local() => {
            let text = "certificates are for an issuer at tls:HOST:PORT; leave them out";
            section.problem(at.line, "address", text);
            None
        }
        (_, _, Some(users)) => {
            let text = "users are those of this machine; leave them out";
            section.problem(users.line, "users", text);
            None
        }
        (_, Some(files), None) => Some(IssuerSettings::Tls { address, files: files?, roots }),
        (_, None, None) => {
            let text = "an issuer over TLS needs certificate_file, key_file and tls_roots_file";
            section.problem(at.line, "address", text);
            None
        }
    }
}

/// The files of TLS, where one is named; all that are needed, or a problem.
fn files(section: &Section<'_, '_>, folder: &Path) -> Option<Option<IssuerFiles>> {
    let keys = ["certificate_file", "key_file", "tls_roots_file"];
    let named = keys.map(|key| section.text(key));
    let crls = section.text("tls_crl_file");
    let any = named.iter().flatten().chain(&crls).map(|at| at.line).next()?;
    for (key, at) in keys.iter().zip(&named) {
        if at.is_none() {
            section.problem(any, key, "missing beside the other files of TLS");
        }
    }
    let path = |at: &At<String>| folder.join(&at.value);
    let [certificate, key, roots] = named;
    Some((|| {
        Some(IssuerFiles {
            certificate: path(&certificate?),
            key: path(&key?),
            roots: path(&roots?),
            crls: crls.as_ref().map(path),
        })
    })())
}
