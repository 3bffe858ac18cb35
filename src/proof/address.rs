//! Which URLs a provider may be reached at: HTTPS anywhere, plain HTTP on loopback alone.

/// How a URL is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// `https://`, whatever the host.
    Https,
    /// `http://` to 127.0.0.0/8, `[::1]` or `localhost`.
    Loopback,
}

/// How `url` is reached, or `None` if it may not be fetched at all: another scheme, plain HTTP to
/// another machine, user information (RFC 3986 section 3.2.1), a fragment, or characters that do
/// not belong in a URL.
pub fn reach(url: &str) -> Option<Reach> {
    if !url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"#<>@\\^`{|}".contains(&byte)) {
        return None;
    }
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let host = host(authority)?;
    match scheme {
        "https" => Some(Reach::Https),
        "http" if is_loopback(host) => Some(Reach::Loopback),
        _ => None,
    }
}

/// The host of `host[:port]`, brackets of an IPv6 address included.
fn host(authority: &str) -> Option<&str> {
    let end = match authority.strip_prefix('[') {
        Some(inner) => inner.find(']')?.checked_add(2)?,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at_checked(end)?;
    let port_is_well_formed = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    (!host.is_empty() && port_is_well_formed).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host == "[::1]"
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_goes_anywhere() {
        for url in [
            "https://am.nhsidentity.spineservices.nhs.uk:443/openam/oauth2/realms/root",
            "https://provider.example",
            "https://[2001:db8::1]:8443/x?y=z",
        ] {
            assert_eq!(reach(url), Some(Reach::Https), "{url}");
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for url in
            ["http://127.0.0.1:8080/x", "http://127.9.9.9", "http://[::1]:80/", "http://localhost/"]
        {
            assert_eq!(reach(url), Some(Reach::Loopback), "{url}");
        }
        for url in [
            "http://provider.example/",
            "http://128.0.0.1/",
            "http://127.0.0.1.example/",
            "http://localhost.example/",
            "http://[::2]/",
            "http://0.0.0.0/",
        ] {
            assert_eq!(reach(url), None, "{url}");
        }
    }

    #[test]
    fn what_is_no_plain_url_is_refused() {
        for url in [
            "",
            "https",
            "https://",
            "https:///path",
            "https://:443/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "HTTPS://provider.example/",
            "http://127.0.0.1@provider.example/",
            "https://user@provider.example/",
            "https://provider.example/#part",
            "https://provider.example/a b",
            "https://provider.example\\@127.0.0.1/",
            "https://provider.example:/",
            "https://provider.example:99999/",
            "https://provider.example:+80/",
            "https://provider.example:44x/",
            "https://[::1/",
            "https://[::1]x/",
            "https://pr\u{f6}vider.example/",
            "http://127.0.0.1\r\nHost: x/",
        ] {
            assert_eq!(reach(url), None, "{url}");
        }
    }
}
