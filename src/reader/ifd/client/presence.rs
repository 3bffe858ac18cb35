//! Whether a card is there, as the agent says of itself.

use super::{Link, PATIENCE, lock, try_lock};
use crate::{
    apdu::Presence,
    net::{Address, Connection, ServerTrust},
    reader::ifd::{
        SILENCE,
        frame::{self, Answer, Malformed, Role},
    },
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    io,
    sync::Mutex,
    time::{Duration, Instant},
};

/// Words that are taken in at once: an agent says the presence, not a flood of it.
const MOST_WORDS: usize = 64;
/// How soon an agent that was not there is looked for again.
const RETRY: Duration = Duration::from_millis(100);

/// A card of an agent: another connection, or another insertion, is another card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Card {
    connection: u64,
    presence: Presence,
}

#[derive(Debug)]
pub(super) struct Watcher {
    stream: Mutex<Stream>,
    /// What the agent said last; without an agent there is no card.
    known: Mutex<Card>,
    /// What pcscd was told last.
    told: Mutex<Card>,
    /// A byte in it ends a wait.
    stop: (Connection, Connection),
}

#[derive(Debug, Default)]
struct Stream {
    link: Option<Link>,
    connections: u64,
    heard: Option<Instant>,
    tried: Option<Instant>,
}

impl Watcher {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            stream: Mutex::default(),
            known: Mutex::default(),
            told: Mutex::default(),
            stop: Connection::pair()?,
        })
    }

    /// The card as far as is known.
    pub(super) fn card(&self) -> Card {
        *lock(&self.known)
    }

    pub(super) fn present(&self, address: &Address, trust: &ServerTrust) -> bool {
        // Who waits holds the stream, and takes in what comes.
        if let Some(mut stream) = try_lock(&self.stream) {
            self.connect(&mut stream, address, trust);
            self.take_in(&mut stream);
        }
        let card = self.card();
        let mut told = lock(&self.told);
        let exchanged = card.presence.present && told.presence.present && card != *told;
        *told = card;
        if exchanged {
            // As if it were an older one that is gone: the next question finds this one.
            told.presence.present = false;
        }
        told.presence.present
    }

    /// Takes in what has come, if nobody else does.
    pub(super) fn look(&self) {
        if let Some(mut stream) = try_lock(&self.stream) {
            self.take_in(&mut stream);
        }
    }

    pub(super) fn wait(&self, address: &Address, trust: &ServerTrust, most: Duration) {
        let until = Instant::now().checked_add(most);
        let mut stream = lock(&self.stream);
        loop {
            self.connect(&mut stream, address, trust);
            self.take_in(&mut stream);
            let rest = until
                .map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
            if self.card() != *lock(&self.told) || rest.is_zero() {
                return;
            }
            if self.sleep(&stream, rest) {
                return;
            }
        }
    }

    pub(super) fn stop(&self) {
        // One that is full ends a wait as well.
        let _ = self.stop.0.set_write_timeout(Some(Duration::from_millis(1)));
        let _ = self.stop.0.write_all(&[0]);
    }

    /// Sleeps until something comes or is due; whether it was told to stop.
    fn sleep(&self, stream: &Stream, rest: Duration) -> bool {
        let due = match &stream.link {
            Some(_) => SILENCE.saturating_sub(stream.heard.map_or(SILENCE, |then| then.elapsed())),
            None => RETRY,
        };
        let due = due.min(rest).max(Duration::from_millis(1));
        let limit = Timespec::try_from(due).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        let stop = PollFd::new(&self.stop.1, PollFlags::IN);
        let stopped = match &stream.link {
            Some(link) => {
                let mut both = [stop, PollFd::new(&link.connection, PollFlags::IN)];
                // An interrupted sleep is a short one.
                let _ = poll(&mut both, Some(&limit));
                !both[0].revents().is_empty()
            }
            None => {
                let mut one = [stop];
                let _ = poll(&mut one, Some(&limit));
                !one[0].revents().is_empty()
            }
        };
        if stopped {
            let mut bytes = [0; 64];
            let _ = self.stop.1.read_some(&mut bytes, Some(Instant::now()));
        }
        stopped
    }

    fn connect(&self, stream: &mut Stream, address: &Address, trust: &ServerTrust) {
        let lately = stream.tried.is_some_and(|tried| tried.elapsed() < RETRY);
        if stream.link.is_some() || lately {
            return;
        }
        stream.tried = Some(Instant::now());
        let Ok(link) = Link::open(address, trust, Role::Presence) else { return };
        stream.link = Some(link);
        stream.connections += 1;
        stream.heard = Some(Instant::now());
        // The first word comes at once.
        self.hear(stream, Instant::now() + PATIENCE);
    }

    /// All that has come.
    fn take_in(&self, stream: &mut Stream) {
        let words = (0..MOST_WORDS).take_while(|_| self.hear(stream, Instant::now())).count();
        if words == MOST_WORDS {
            self.lose(stream);
        }
        if stream.heard.is_some_and(|heard| heard.elapsed() > SILENCE) {
            self.lose(stream);
        }
    }

    /// One word of the agent, until then; whether there was one.
    fn hear(&self, stream: &mut Stream, until: Instant) -> bool {
        let Some(link) = stream.link.as_mut() else { return false };
        let word = frame::read(&mut link.intake, &link.connection, Some(until)).and_then(|body| {
            match Answer::parse(body)? {
                Answer::Presence(presence) => Ok((presence, 4 + body.len())),
                _ => Err(Malformed.into()),
            }
        });
        match word {
            Ok((presence, length)) => {
                link.intake.done(length);
                stream.heard = Some(Instant::now());
                *lock(&self.known) = Card { connection: stream.connections, presence };
                true
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => false,
            Err(_) => {
                self.lose(stream);
                false
            }
        }
    }

    fn lose(&self, stream: &mut Stream) {
        stream.link = None;
        stream.heard = None;
        let mut known = lock(&self.known);
        known.presence.present = false;
    }
}
