//! Where the browser comes back (RFC 8252 sections 7.3 and 8.3): a listener on 127.0.0.1 that takes
//! one answer, the one with the `state` of its sign-in.

use crate::{
    agent::web::{self, Fault, Head, Reply},
    proof::form,
    secret::Secret,
};
use std::{
    error::Error,
    io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

/// How long one connection may take to say what it wants; a browser opens some ahead.
const PATIENCE: Duration = Duration::from_secs(2);

/// Connections that are heard at once.
const AT_ONCE: usize = 16;

/// A listener for one redirect.
#[derive(Debug)]
pub(super) struct Back {
    listener: TcpListener,
    place: Arc<Place>,
}

/// Where it is.
#[derive(Debug)]
struct Place {
    /// `127.0.0.1:PORT`, as `Host` must say: another page's name that leads here is refused.
    host: String,
    path: String,
    uri: String,
}

impl Back {
    /// Listens on a port, 0 for any, for what comes to this path.
    pub(super) fn listen(port: u16, path: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let host = listener.local_addr()?.to_string();
        let uri = format!("http://{host}{path}");
        Ok(Self { listener, place: Arc::new(Place { host, path: path.to_owned(), uri }) })
    }

    /// The redirect URI.
    pub(super) fn uri(&self) -> &str {
        &self.place.uri
    }

    /// Waits for the browser to come back with this `state`; the address that it came to. Whatever
    /// else comes is answered and not taken: any program of this machine, and any page in the
    /// browser, can come here. The listener is closed then.
    pub(super) fn wait(self, limit: Duration, state: &Secret) -> Result<Secret, Box<dyn Error>> {
        let deadline = Instant::now() + limit;
        let (found, redirects) = mpsc::sync_channel(AT_ONCE);
        // Who is heard holds one of these.
        let heard = Arc::new(());
        while Instant::now() < deadline {
            if let Ok(redirect) = redirects.try_recv() {
                return Ok(redirect);
            }
            let full = Arc::strong_count(&heard) > AT_ONCE;
            let stream = match self.listener.accept() {
                // Closed unheard; who has something to say comes again.
                Ok((stream, _)) if full => {
                    drop(stream);
                    continue;
                }
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    thread::sleep(Duration::from_millis(10));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let (place, state) = (Arc::clone(&self.place), state.clone());
            let (found, heard) = (found.clone(), Arc::clone(&heard));
            let until = deadline.min(Instant::now() + PATIENCE);
            let hear = move || {
                let _heard = heard;
                let redirect = stream.set_nonblocking(false).ok();
                if let Some(redirect) = redirect.and_then(|()| place.serve(&stream, until, &state))
                {
                    // The first that comes is taken; a second is the same one again.
                    let _ = found.try_send(redirect);
                }
            };
            thread::Builder::new().name("sign-in".to_owned()).spawn(hear)?;
        }
        Err("nobody signed in within the time limit (--timeout); begin again".into())
    }
}

impl Place {
    /// One connection; the redirect if it is the one that is waited for.
    fn serve(&self, stream: &TcpStream, deadline: Instant, state: &Secret) -> Option<Secret> {
        let (head, _) = match web::read(stream, 0, deadline) {
            Ok(request) => request,
            Err(Fault::Gone) => return None,
            Err(Fault::Malformed | Fault::TooLong) => {
                page(stream, "400 Bad Request", "This is not a request that is answered here.");
                return None;
            }
        };
        let Some(redirect) = self.redirect(&head) else {
            page(stream, "404 Not Found", "Nothing is here.");
            return None;
        };
        if !carries(&head, state) {
            let text = "This is not the answer to the sign-in that is waited for. If you have \
                        begun another one since, finish that one.";
            page(stream, "400 Bad Request", text);
            return None;
        }
        page(stream, "200 OK", "The sign-in is being finished. You can close this window.");
        Some(redirect)
    }

    /// The whole address of a request to the redirect URI with a query.
    fn redirect(&self, head: &Head) -> Option<Secret> {
        let target = std::str::from_utf8(head.target.expose()).ok()?;
        let (path, query) = target.split_once('?')?;
        let here = head.method == "GET"
            && head.host.as_ref() == Some(&self.host)
            && path == self.path
            && !query.is_empty();
        here.then(|| {
            let parts = [self.uri.as_bytes(), b"?", query.as_bytes()];
            Secret::new(parts.concat())
        })
    }
}

/// Whether the query of a request has this `state`, once.
fn carries(head: &Head, state: &Secret) -> bool {
    let target = head.target.expose();
    let query = target.iter().position(|byte| *byte == b'?').and_then(|at| target.get(at + 1..));
    let pairs = query.and_then(form::pairs);
    let found = pairs.as_ref().and_then(|pairs| form::once(pairs, "state").ok().flatten());
    found.is_some_and(|found| state.matches(found.as_bytes()))
}

fn page(stream: &TcpStream, status: &str, text: &str) {
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Wardcard</title>\
         <p>{text}</p></html>\n"
    );
    let reply = Reply {
        status,
        media_type: "text/html; charset=utf-8",
        // The address holds the code: it goes nowhere from here.
        fields: "Referrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\n",
        body: &body,
    };
    web::reply(stream, &reply);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    fn ask(address: &str, text: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn one_answer_is_taken_and_it_is_the_one_for_the_redirect_uri() {
        let back = Back::listen(0, "/callback").unwrap();
        let (host, uri) = (back.place.host.clone(), back.uri().to_owned());
        assert_eq!(uri, format!("http://{host}/callback"));
        let waiting = thread::spawn(move || {
            back.wait(Duration::from_secs(20), &Secret::copied_from(b"b")).map_err(drop)
        });
        let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        for (text, status) in [
            (get("/favicon.ico"), "404"),
            (get("/callback"), "404"),
            (get("/callback?"), "404"),
            (get("/callback/x?code=1"), "404"),
            (get("/callback?code=1").replace("GET", "POST"), "404"),
            (get("/callback?code=1").replace(&host, "evil.example"), "404"),
            ("GET /callback?code=1 HTTP/1.1\r\n\r\n".to_owned(), "404"),
            ("NONSENSE\r\n\r\n".to_owned(), "400"),
            (get("/callback?code=x"), "400"),
            (get("/callback?code=x&state=a"), "400"),
            (get("/callback?code=x&state=b&state=b"), "400"),
            (get("/callback?code=x&state="), "400"),
        ] {
            let answer = ask(&host, &text);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{text}: {answer}");
        }
        // Connections that a browser opens ahead, or that say nothing, hold nobody up.
        let ahead: Vec<_> = (0..8).map(|_| TcpStream::connect(&host).unwrap()).collect();
        let answer = ask(&host, &get("/callback?code=a&state=b"));
        drop(ahead);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        for field in ["no-store", "no-referrer", "default-src 'none'"] {
            assert!(answer.contains(field), "{field}");
        }
        let redirect = waiting.join().unwrap().unwrap();
        assert_eq!(redirect.expose(), format!("{uri}?code=a&state=b").as_bytes());
        assert!(TcpStream::connect(&host).is_err(), "nothing listens any more");
    }

    #[test]
    fn nobody_is_waited_for_beyond_the_limit() {
        let back = Back::listen(0, "/callback").unwrap();
        let error = back.wait(Duration::from_millis(50), &Secret::copied_from(b"b")).unwrap_err();
        assert!(error.to_string().contains("time limit"), "{error}");
    }
}
