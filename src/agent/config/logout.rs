//! The `[logout]` table: where providers tell that somebody has signed out.

use super::document::{At, Section};
use std::net::SocketAddr;

/// The endpoint of OpenID Connect Back-Channel Logout 1.0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutSettings {
    /// Where it listens: on loopback, behind the proxy that speaks TLS, unless the file says
    /// otherwise by name.
    pub listen: SocketAddr,
    /// The path that the provider posts to.
    pub path: String,
}

/// The endpoint; `None` where a problem has been noted.
pub(super) fn logout(section: Section<'_, '_>) -> Option<LogoutSettings> {
    let listen = section.text("listen");
    if section.value("listen").is_none() {
        section.problem(section.line, "listen", "missing; write \"127.0.0.1:8090\"");
    }
    let anywhere = section.flag("beyond_loopback").is_some_and(|at| at.value);
    let address = listen.and_then(|At { line, value }| {
        let address: Option<SocketAddr> = value.parse().ok();
        match address {
            None => {
                section.problem(line, "listen", "write an address and a port: \"127.0.0.1:8090\"")
            }
            Some(address) if !address.ip().is_loopback() && !anywhere => {
                let text = "logout tokens would cross the network in the clear; listen on \
                            loopback behind a proxy that speaks TLS, or write \
                            beyond_loopback = true";
                section.problem(line, "listen", text);
                return None;
            }
            Some(_) => {}
        }
        address
    });
    let path = section.text("path");
    let line = path.as_ref().map_or(section.line, |at| at.line);
    let path = path.map_or_else(|| "/backchannel-logout".to_owned(), |at| at.value);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let good = path.starts_with('/') && path.bytes().all(plain);
    if !good {
        section.problem(line, "path", "write a plain path: \"/backchannel-logout\"");
    }
    section.finish();
    good.then_some(LogoutSettings { listen: address?, path })
}
