//! Fetching of providers' documents (RFC 9110 GET): HTTPS, or plain HTTP on loopback. No
//! redirects, no cookies, no compression; the content type is not trusted.

use crate::proof::{Fetch, Reach, reach};
use std::{fmt, time::Duration};

const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(10);

/// How documents are fetched. The environment is not asked for a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Further trusted roots for HTTPS, as PEM.
    pub roots: Option<String>,
    /// Whether the system's roots are trusted too.
    pub system_roots: bool,
    /// `http://[user:password@]host:port` of a proxy for everything but plain HTTP on
    /// loopback.
    pub proxy: Option<String>,
}

/// Why settings cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The PEM text is malformed or has no certificate.
    #[error("the trusted roots are no PEM certificates; give a file of BEGIN CERTIFICATE blocks")]
    Roots,
    /// The proxy's address is malformed.
    #[error("the proxy's address cannot be used; write it as http://host:port")]
    Proxy,
}

/// Fetches over HTTP: at most 5 seconds to connect and 10 in all.
pub struct Http {
    /// For plain HTTP on loopback, without the proxy.
    local: ureq::Agent,
    /// For all else; `None` if nothing there could be trusted.
    remote: Result<ureq::Agent, &'static str>,
}

impl fmt::Debug for Http {
    /// Without the proxy, whose address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl Http {
    /// A fetcher. Reads the system's roots if the settings say so.
    ///
    /// # Errors
    /// [`Error::Roots`] or [`Error::Proxy`] if what is configured cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        Self::with_timeouts(settings, CONNECT, TOTAL)
    }

    fn with_timeouts(
        settings: &Settings,
        connect: Duration,
        total: Duration,
    ) -> Result<Self, Error> {
        let base = || base().timeout_connect(Some(connect)).timeout_global(Some(total));
        let proxy = match &settings.proxy {
            Some(address) => Some(ureq::Proxy::new(address).map_err(|_| Error::Proxy)?),
            None => None,
        };
        let local = base().proxy(None).build().new_agent();
        let remote = trust(base().proxy(proxy), settings)?.map(|config| config.build().new_agent());
        Ok(Self { local, remote })
    }
}

impl Fetch for Http {
    fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, String> {
        let agent = match reach(url) {
            Some(Reach::Loopback) => &self.local,
            Some(Reach::Https) => self.remote.as_ref().map_err(|why| (*why).to_owned())?,
            None => {
                return Err(format!(
                    "{url} is not fetched: only https:// is, or http:// on loopback"
                ));
            }
        };
        let mut answer = agent.get(url).call().map_err(|error| format!("{url}: {error}"))?;
        match answer.status().as_u16() {
            200 => {}
            status @ 300..=399 => {
                return Err(format!(
                    "{url} redirects (status {status}); configure the address that it leads to"
                ));
            }
            status => return Err(format!("{url} answers with status {status}")),
        }
        // The reader refuses a body that reaches its limit, not only one that exceeds it.
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        answer
            .body_mut()
            .with_config()
            .limit(limit)
            .read_to_vec()
            .map_err(|error| format!("{url}: {error}"))
    }
}

type Config = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

fn base() -> Config {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_response_header_size(16 * 1024)
        .user_agent(concat!("wardcard/", env!("CARGO_PKG_VERSION")))
}

/// Adds what is trusted for HTTPS, or says why nothing is.
#[cfg(feature = "tls")]
fn trust(config: Config, settings: &Settings) -> Result<Result<Config, &'static str>, Error> {
    use std::sync::Arc;
    use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

    let mut roots = Vec::new();
    if let Some(pem) = &settings.roots {
        for item in parse_pem(pem.as_bytes()) {
            if let PemItem::Certificate(certificate) = item.map_err(|_| Error::Roots)? {
                roots.push(certificate);
            }
        }
        if roots.is_empty() {
            return Err(Error::Roots);
        }
    }
    if settings.system_roots {
        // Single unreadable files are left out, as every other TLS client leaves them out.
        let system = rustls_native_certs::load_native_certs().certs;
        roots.extend(system.iter().map(|der| Certificate::from_der(der.as_ref()).to_owned()));
    }
    if roots.is_empty() {
        return Ok(Err("no root certificate is trusted; configure roots, or install the system's"));
    }
    // Handed over here: no default is installed for the process, which may be another's.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .build();
    Ok(Ok(config.tls_config(tls)))
}

/// Built without TLS there is nothing that could be trusted.
#[cfg(not(feature = "tls"))]
fn trust(_: Config, _: &Settings) -> Result<Result<Config, &'static str>, Error> {
    Ok(Err("this build has no TLS; build it with feature tls, or hand in the key set as a file"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread::{self, JoinHandle},
        time::Instant,
    };

    /// Serves one connection: reads a request's head, writes `answer`, gives back the head.
    fn serve(answer: Vec<u8>) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                head.extend(byte);
            }
            // The other end may have stopped listening.
            let _ = stream.write_all(&answer);
            String::from_utf8(head).unwrap()
        });
        (format!("http://127.0.0.1:{port}/keys"), thread)
    }

    fn answer(status: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    fn http() -> Http {
        Http::new(&Settings::default()).unwrap()
    }

    #[test]
    fn a_document_comes_whole_whatever_its_content_type() {
        let (url, server) = serve(answer("200 OK", "{\"keys\":[]}"));
        assert_eq!(http().get(&url, 100).unwrap(), b"{\"keys\":[]}");
        let head = server.join().unwrap();
        assert!(head.starts_with("GET /keys HTTP/1.1\r\n"), "{head}");
        assert!(!head.to_ascii_lowercase().contains("cookie"), "{head}");
    }

    #[test]
    fn a_document_above_the_limit_is_refused_with_or_without_a_length() {
        let (url, server) = serve(answer("200 OK", "12345"));
        assert_eq!(http().get(&url, 5).unwrap(), b"12345");
        server.join().unwrap();
        let (url, server) = serve(answer("200 OK", "123456"));
        http().get(&url, 5).unwrap_err();
        server.join().unwrap();
        let (url, server) = serve(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n123456".to_vec());
        http().get(&url, 5).unwrap_err();
        server.join().unwrap();
    }

    #[test]
    fn only_status_200_is_an_answer_and_redirects_are_not_followed() {
        for status in ["204 No Content", "404 Not Found", "500 Internal Server Error"] {
            let (url, server) = serve(answer(status, "x"));
            let error = http().get(&url, 100).unwrap_err();
            assert!(error.contains(&format!("status {}", &status[..3])), "{error}");
            server.join().unwrap();
        }
        let (target, _never_asked) = serve(answer("200 OK", "elsewhere"));
        let (url, server) = serve(
            format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n")
                .into_bytes(),
        );
        let error = http().get(&url, 100).unwrap_err();
        assert!(error.contains("redirects"), "{error}");
        server.join().unwrap();
    }

    #[test]
    fn plain_http_to_another_machine_is_never_tried() {
        let error = http().get("http://provider.example/keys", 100).unwrap_err();
        assert!(error.contains("only https"), "{error}");
        http().get("file:///etc/passwd", 100).unwrap_err();
    }

    #[test]
    fn a_server_that_says_nothing_is_given_up() {
        assert_eq!((CONNECT.as_secs(), TOTAL.as_secs()), (5, 10));
        let short = Duration::from_millis(200);
        let http = Http::with_timeouts(&Settings::default(), short, short).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let begin = Instant::now();
        http.get(&url, 100).unwrap_err();
        let waited = begin.elapsed();
        assert!(waited < TOTAL, "{waited:?}");
    }

    #[test]
    fn without_roots_https_says_what_to_do() {
        let error = http().get("https://provider.example/", 100).unwrap_err();
        assert!(error.contains("configure roots") || error.contains("feature tls"), "{error}");
    }

    #[test]
    fn loopback_goes_past_the_proxy_and_the_rest_through_it() {
        let (proxy, proxy_server) = serve(b"HTTP/1.1 403 Forbidden\r\n\r\n".to_vec());
        let settings = Settings {
            proxy: Some(proxy.trim_end_matches("/keys").replace("//", "//user:secret@")),
            system_roots: false,
            roots: cfg!(feature = "tls").then(|| ROOT.to_owned()),
        };
        let http = Http::new(&settings).unwrap();
        assert!(!format!("{http:?}").contains("secret"));
        let (url, server) = serve(answer("200 OK", "local"));
        assert_eq!(http.get(&url, 100).unwrap(), b"local");
        server.join().unwrap();
        if cfg!(feature = "tls") {
            let error = http.get("https://provider.example/", 100).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
            let head = proxy_server.join().unwrap();
            assert!(head.starts_with("CONNECT provider.example:443 "), "{head}");
        }
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused_at_once() {
        let proxy = Settings { proxy: Some("no address at all".into()), ..Settings::default() };
        assert_eq!(Http::new(&proxy).unwrap_err(), Error::Proxy);
        #[cfg(feature = "tls")]
        for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"] {
            let roots = Settings { roots: Some(pem.into()), ..Settings::default() };
            assert_eq!(Http::new(&roots).unwrap_err(), Error::Roots, "{pem}");
        }
    }

    /// Any certificate will do where nothing is verified with it.
    const ROOT: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
}
