//! Fetching of providers' documents and calls of their endpoints (RFC 9110 GET and POST): HTTPS, or
//! plain HTTP on loopback. No redirects, no cookies, no compression.

use crate::{
    proof::{Answer, Call, Fetch, Reach, reach},
    secret::Secret,
};
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

impl Http {
    /// The way to `url`, if there is one.
    fn agent(&self, url: &str) -> Result<&ureq::Agent, String> {
        match reach(url) {
            Some(Reach::Loopback) => Ok(&self.local),
            Some(Reach::Https) => self.remote.as_ref().map_err(|why| (*why).to_owned()),
            None => Err(format!("{url} is not fetched: only https:// is, or http:// on loopback")),
        }
    }
}

impl Fetch for Http {
    fn get(&self, url: &str, limit: usize) -> Result<Vec<u8>, String> {
        let agent = self.agent(url)?;
        let mut answer = agent.get(url).call().map_err(|error| format!("{url}: {error}"))?;
        not_elsewhere(url, &answer)?;
        match answer.status().as_u16() {
            200 => body(url, &mut answer, limit),
            status => Err(format!("{url} answers with status {status}")),
        }
    }

    fn call(&self, call: &Call<'_>) -> Result<Answer, String> {
        let url = call.url;
        let agent = self.agent(url)?;
        let failed = |error: ureq::Error| format!("{url}: {error}");
        let sent = match &call.form {
            Some(form) => {
                let post = agent.post(url).content_type("application/x-www-form-urlencoded");
                shown(post, call)?.send(form.expose())
            }
            None => shown(agent.get(url), call)?.call(),
        };
        let mut answer = sent.map_err(failed)?;
        not_elsewhere(url, &answer)?;
        let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        let media_type = kind.unwrap_or_default().split(';').next().unwrap_or_default();
        Ok(Answer {
            status: answer.status().as_u16(),
            media_type: media_type.trim().to_ascii_lowercase(),
            body: Secret::new(body(url, &mut answer, call.limit)?),
        })
    }
}

type Response = ureq::http::Response<ureq::Body>;

/// A call with what it shows of us.
fn shown<B>(
    request: ureq::RequestBuilder<B>,
    call: &Call<'_>,
) -> Result<ureq::RequestBuilder<B>, String> {
    let request = request.header("accept", "application/json, application/jwt");
    let Some(value) = &call.authorization else { return Ok(request) };
    let value = ureq::http::HeaderValue::from_bytes(value.expose());
    let mut value =
        value.map_err(|_| format!("{}: the authorization is no header's value", call.url))?;
    value.set_sensitive(true);
    Ok(request.header("authorization", value))
}

/// Refuses an answer that leads elsewhere.
fn not_elsewhere(url: &str, answer: &Response) -> Result<(), String> {
    match answer.status().as_u16() {
        status @ 300..=399 => Err(format!(
            "{url} redirects (status {status}); configure the address that it leads to"
        )),
        _ => Ok(()),
    }
}

fn body(url: &str, answer: &mut Response, limit: usize) -> Result<Vec<u8>, String> {
    // The reader refuses a body that reaches its limit, not only one that exceeds it.
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = answer.body_mut().with_config().limit(limit).read_to_vec();
    read.map_err(|error| format!("{url}: {error}"))
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
    fn a_call_posts_a_form_and_takes_any_status_but_a_redirect() {
        let bad = b"HTTP/1.1 400 Bad Request\r\nContent-Type: Application/JSON; charset=utf-8\r\n\
                    Content-Length: 2\r\n\r\n{}";
        let (url, server) = serve(bad.to_vec());
        let call = |url, limit| {
            http().call(&Call {
                url,
                authorization: Some(Secret::copied_from(b"Basic abc")),
                form: Some(Secret::copied_from(b"a=b")),
                limit,
            })
        };
        let answered = call(&url, 2).unwrap();
        assert_eq!((answered.status, answered.media_type.as_str()), (400, "application/json"));
        assert_eq!(answered.body.expose(), b"{}");
        let head = server.join().unwrap().to_ascii_lowercase();
        assert!(head.starts_with("post /keys http/1.1\r\n"), "{head}");
        assert!(head.contains("authorization: basic abc\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-www-form-urlencoded\r\n"), "{head}");
        assert!(head.contains("content-length: 3\r\n"), "{head}");
        let (url, server) = serve(bad.to_vec());
        call(&url, 1).unwrap_err();
        server.join().unwrap();
        let (url, server) = serve(
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"
                .to_vec(),
        );
        let error = call(&url, 9).unwrap_err();
        assert!(error.contains("redirects") && !error.contains("abc"), "{error}");
        server.join().unwrap();
        let error = call("http://provider.example/token", 9).unwrap_err();
        assert!(error.contains("only https"), "{error}");
    }

    #[test]
    fn an_endpoint_that_says_nothing_or_drips_is_given_up() {
        let short = Duration::from_millis(300);
        let http = Http::with_timeouts(&Settings::default(), short, short).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let dripping = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
            // Until the other end has had enough.
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let begin = Instant::now();
        let call = Call { url: &url, authorization: None, form: None, limit: 1000 };
        http.call(&call).unwrap_err();
        let waited = begin.elapsed();
        assert!(waited < TOTAL, "{waited:?}");
        dripping.join().unwrap();
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
