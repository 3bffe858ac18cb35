//! The endpoint that providers post logout tokens to (OpenID Connect Back-Channel Logout 1.0
//! sections 2.5 to 2.8). It speaks plain HTTP, behind the proxy that speaks TLS.

mod places;

use self::places::{Place, Places};
use crate::{
    agent::{
        Error,
        audit::Entry,
        config::LogoutSettings,
        core::Core,
        refusals::Refusals,
        web::{self, Fault, Head, Reply},
    },
    proof::form,
    secret::{Secret, User},
};
use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How long a request may take to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tokens that are verified in a second: a ward that goes home at once signs out by fewer, and so
/// many cost less than a tenth of a processor.
const A_SECOND: u32 = 1000;

/// The running endpoint; dropping it ends it.
#[derive(Debug)]
pub(in crate::agent) struct Endpoint {
    served: Arc<Served>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Served {
    core: Arc<Core>,
    path: String,
    stopping: AtomicBool,
    places: Arc<Places>,
    rate: Mutex<Rate>,
    refusals: Refusals,
}

/// Requests of the second that runs.
#[derive(Debug)]
struct Rate {
    began: Instant,
    count: u32,
}

impl Rate {
    /// Whether there is room for one more.
    fn admits(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.began) >= Duration::from_secs(1) {
            (self.began, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(1);
        self.count <= A_SECOND
    }
}

impl Endpoint {
    /// Listens, and serves in threads of its own.
    pub(in crate::agent) fn start(
        core: &Arc<Core>,
        settings: &LogoutSettings,
    ) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::Endpoint {
            address: settings.listen.to_string(),
            why: error.to_string(),
        };
        let listener = TcpListener::bind(settings.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let served = Arc::new(Served {
            core: Arc::clone(core),
            path: settings.path.clone(),
            stopping: AtomicBool::new(false),
            places: Arc::default(),
            rate: Mutex::new(Rate { began: Instant::now(), count: 0 }),
            refusals: Refusals::default(),
        });
        let serving = Arc::clone(&served);
        let builder = std::thread::Builder::new().name("wardcard-logout".to_owned());
        let thread = builder.spawn(move || accept(&serving, &listener)).map_err(failed)?;
        Ok(Self { served, address, thread: Some(thread) })
    }

    /// Where it listens.
    pub(in crate::agent) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.served.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let local = SocketAddr::new(
            match self.address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            },
            self.address.port(),
        );
        let woken = TcpStream::connect_timeout(&local, Duration::from_secs(1));
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            // It has no panic of its own to tell of.
            let _ = thread.join();
        }
    }
}

fn accept(served: &Arc<Served>, listener: &TcpListener) {
    loop {
        let accepted = listener.accept();
        if served.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, as a rule: no faster the next time.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        let Some(place) = served.places.take(&stream) else {
            busy(&stream);
            continue;
        };
        let served = Arc::clone(served);
        let builder = std::thread::Builder::new().name("wardcard-logout".to_owned());
        // Without a thread the connection is closed, and its place given back.
        let _ = builder.spawn(move || served.serve(&stream, &place));
    }
}

fn busy(stream: &TcpStream) {
    // Not `web::reply`, which may wait for the other end.
    use std::io::Write as _;
    let _ = stream.set_nonblocking(true);
    let _ = { stream }.write_all(
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nCache-Control: no-store\r\n\
          Content-Length: 0\r\nConnection: close\r\n\r\n",
    );
}

/// What a request came to.
enum Outcome {
    /// Signed out.
    Done,
    /// Not by this method, at this path, or in this form: status, words.
    Wrong(&'static str, &'static str),
    /// The token is refused.
    Refused(Error),
}

impl Served {
    fn serve(&self, stream: &TcpStream, place: &Place) {
        let outcome = match web::read(stream, form::LONGEST, Instant::now() + PATIENCE) {
            Ok((head, body)) => self.answer(&head, &body, place),
            Err(Fault::Gone) => return,
            Err(Fault::Malformed) => Outcome::Wrong("400 Bad Request", "no request"),
            Err(Fault::TooLong) => Outcome::Wrong("413 Content Too Large", "too long"),
        };
        let text = |status, description: &str| {
            let body = serde_json::json!({
                "error": "invalid_request", "error_description": description,
            });
            let body = body.to_string();
            let media_type = "application/json";
            web::reply(stream, &Reply { status, media_type, fields: "", body: &body });
        };
        match outcome {
            Outcome::Done => {
                let media_type = "text/plain";
                web::reply(stream, &Reply { status: "200 OK", media_type, fields: "", body: "" });
            }
            Outcome::Wrong(status, why) => text(status, why),
            Outcome::Refused(error) => {
                self.record(&error);
                // Section 2.8: 400 for what is wrong with the token; the sentence names its claim.
                text("400 Bad Request", &error.to_string());
            }
        }
    }

    fn answer(&self, head: &Head, body: &Secret, place: &Place) -> Outcome {
        if head.target.expose() != self.path.as_bytes() {
            return Outcome::Wrong("404 Not Found", "nothing is here");
        }
        if head.method != "POST" {
            return Outcome::Wrong("405 Method Not Allowed", "logout tokens are posted");
        }
        if head.media_type != "application/x-www-form-urlencoded" {
            return Outcome::Wrong("415 Unsupported Media Type", "a form is posted here");
        }
        let pairs = form::pairs(body.expose());
        let token = pairs.as_ref().and_then(|pairs| form::once(pairs, "logout_token").ok()?);
        let Some(token) = token else {
            return Outcome::Wrong("400 Bad Request", "there is not one logout_token");
        };
        // What is no token for here costs nobody a turn.
        if let Err(error) = self.core.is_logout_token(token.as_bytes()) {
            return Outcome::Refused(error);
        }
        let now = Instant::now();
        if !self.rate.lock().unwrap_or_else(PoisonError::into_inner).admits(now) {
            return Outcome::Wrong("429 Too Many Requests", "too many requests");
        }
        let verified =
            place.working(|| self.core.logout_token(&Secret::copied_from(token.as_bytes())));
        match verified {
            Ok(_) => Outcome::Done,
            Err(error) => Outcome::Refused(error),
        }
    }

    /// Puts a refusal on record, at a limited rate: anyone who reaches the proxy can post.
    fn record(&self, error: &Error) {
        let Some(left_out) = self.refusals.count(User::own(), Instant::now()) else { return };
        let entry = Entry::new("logout-refused").text("why", &error.to_string());
        let entry = entry.some_number("left_out", (left_out > 0).then_some(left_out));
        // Nothing is ended either way.
        let _ = self.core.record(&entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_requests_in_a_second_and_no_more() {
        let began = Instant::now();
        let mut rate = Rate { began, count: 0 };
        let late = began + Duration::from_millis(999);
        assert!((0..A_SECOND).all(|_| rate.admits(late)));
        assert!(!rate.admits(late));
        assert!(rate.admits(began + Duration::from_secs(1)));
    }
}
