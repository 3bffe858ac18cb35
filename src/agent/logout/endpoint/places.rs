//! The places of requests that are heard at once. Who is slow gives way to who comes: a connection
//! that only waits, for its request to come or for its answer to be taken, is closed for a new one
//! when no place is left. So nobody keeps others out by holding connections open; a provider's
//! request comes whole within a moment.

use crate::net::hang_up;
use std::{
    net::TcpStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Requests that are heard at once.
pub(super) const AT_ONCE: usize = 32;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    /// In the order in which they came.
    all: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    number: u64,
    /// The connection, to be closed.
    stream: TcpStream,
    /// Whether its token is being verified.
    working: bool,
    /// Whether it has given way; its thread is about to end.
    closed: bool,
}

impl Places {
    /// A place for a connection: a free one, else that of the oldest that only waits; none where
    /// all are at work.
    pub(super) fn take(self: &Arc<Self>, stream: &TcpStream) -> Option<Place> {
        let stream = stream.try_clone().ok()?;
        let mut taken = self.taken();
        if taken.all.iter().filter(|held| !held.closed).count() >= AT_ONCE {
            let oldest = taken.all.iter_mut().find(|held| !held.working && !held.closed)?;
            oldest.closed = true;
            hang_up(&oldest.stream);
        }
        // Threads that have been told to end and have not yet are bounded as well.
        if taken.all.len() >= 2 * AT_ONCE {
            return None;
        }
        let number = taken.next;
        taken.next = number.wrapping_add(1);
        taken.all.push(Held { number, stream, working: false, closed: false });
        Some(Place { of: Arc::clone(self), number })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one request, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    of: Arc<Places>,
    number: u64,
}

impl Place {
    /// Works; meanwhile it gives way to nobody.
    pub(super) fn working<T>(&self, work: impl FnOnce() -> T) -> T {
        self.set(true);
        let done = work();
        self.set(false);
        done
    }

    fn set(&self, working: bool) {
        let mut taken = self.of.taken();
        if let Some(held) = taken.all.iter_mut().find(|held| held.number == self.number) {
            held.working = working;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.taken().all.retain(|held| held.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Read as _, net::TcpListener};

    fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    #[test]
    fn the_oldest_that_waits_gives_way_and_none_that_works() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let places = Arc::new(Places::default());
        let mut all: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (near, far) = pair(&listener);
                (near, places.take(&far).unwrap())
            })
            .collect();
        let (near, far) = pair(&listener);
        let new = all[0].1.working(|| places.take(&far).unwrap());
        drop(near);
        // The first works, so the second was closed.
        assert_eq!(all[1].0.read(&mut [0]).unwrap(), 0);
        all[0].0.set_nonblocking(true).unwrap();
        assert!(all[0].0.read(&mut [0]).is_err(), "still open");
        drop(new);
        for (_, place) in &all {
            place.set(true);
        }
        let (_near, far) = pair(&listener);
        let free = places.take(&far).unwrap();
        free.set(true);
        let (_near, far) = pair(&listener);
        assert!(places.take(&far).is_none(), "all are at work");
        drop(all);
        assert!(places.take(&far).is_some());
    }
}
