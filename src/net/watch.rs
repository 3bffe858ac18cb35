//! Being told of input on a connection that another thread may read (epoll(7)): who is told, and whether, is decided while
//! they sleep, which costs less than waking them to say so.

use super::Connection;
use rustix::{
    buffer::spare_capacity,
    event::{
        EventfdFlags, Timespec,
        epoll::{self, CreateFlags, EventData, EventFlags},
        eventfd,
    },
};
use std::{io, os::fd::OwnedFd, time::Duration};

/// Threads that sleep until there is input on a connection, while it is armed, or until one is rung
/// for.
#[derive(Debug)]
pub(crate) struct Watch {
    epoll: OwnedFd,
    bell: OwnedFd,
}

/// What a single thread sleeps on.
pub(crate) type Bell = Watch;

/// Told once, then not before it is armed again.
const ONCE: EventFlags = EventFlags::ONESHOT;

impl Watch {
    /// A watch over this connection, not armed. It is of no use when the connection is gone.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn over(connection: &Connection) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, connection, EventData::new_u64(0), ONCE)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // By edge: each ring is told once, and nobody has to take it back.
        epoll::add(&epoll, &bell, EventData::new_u64(1), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { epoll, bell })
    }

    /// Wakes one of those who wait, once, as soon as there is input (there may be now) or the end.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn arm(&self, connection: &Connection) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, connection, EventData::new_u64(0), ONCE | EventFlags::IN)?)
    }

    /// Wakes nobody any more, but at the end of the connection.
    pub(crate) fn disarm(&self, connection: &Connection) {
        // Left armed it would wake somebody for nothing, no more.
        let _ = epoll::modify(&self.epoll, connection, EventData::new_u64(0), ONCE);
    }

    /// Wakes one of those who wait, once, or the next who does. Whether it could be told.
    pub(crate) fn ring(&self) -> bool {
        // It fails when rung for 2^64 times.
        rustix::io::write(&self.bell, &1_u64.to_ne_bytes()).is_ok()
    }

    /// Sleeps until woken, for `limit` at most; whether it was woken.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let limit = Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
        let mut events = Vec::with_capacity(1);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&limit)) {
            Ok(count) => count > 0,
            // As if the time were over: who waits looks around and waits again.
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Arc, thread};

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn input_wakes_one_who_waits_once_and_only_while_armed() {
        let (here, there) = Connection::pair().unwrap();
        let watch = Watch::over(&here).unwrap();
        there.write_all(b"x").unwrap();
        assert!(!watch.wait(SHORT), "not armed yet");
        watch.arm(&here).unwrap();
        assert!(watch.wait(LONG), "input that was there before");
        assert!(!watch.wait(SHORT), "once");
        watch.arm(&here).unwrap();
        watch.disarm(&here);
        assert!(!watch.wait(SHORT), "not armed any more");
    }

    #[test]
    fn a_ring_wakes_one_who_waits_or_the_next_who_does_once() {
        let (here, _there) = Connection::pair().unwrap();
        let watch = Arc::new(Watch::over(&here).unwrap());
        for _ in 0..2 {
            assert!(watch.ring());
            assert!(watch.wait(LONG), "rung before");
            assert!(!watch.wait(SHORT), "once");
        }
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let watch = Arc::clone(&watch);
                thread::spawn(move || watch.wait(SHORT * 10))
            })
            .collect();
        thread::sleep(SHORT);
        assert!(watch.ring());
        let told = waiting.into_iter().map(|one| one.join().unwrap());
        assert_eq!(told.filter(|told| *told).count(), 1);
    }

    #[test]
    fn the_end_wakes_one_after_another_who_arm_it_again() {
        let (here, there) = Connection::pair().unwrap();
        let watch = Arc::new(Watch::over(&here).unwrap());
        let here = Arc::new(here);
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let (here, watch) = (Arc::clone(&here), Arc::clone(&watch));
                thread::spawn(move || {
                    let told = watch.wait(LONG);
                    watch.arm(&here).unwrap();
                    told
                })
            })
            .collect();
        thread::sleep(SHORT);
        watch.arm(&here).unwrap();
        drop(there);
        assert!(waiting.into_iter().all(|one| one.join().unwrap()));
    }
}
