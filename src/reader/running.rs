//! A reader that runs, and how it is ended.

use crate::{apdu::Icc, net::Connection};
use std::{
    fmt, io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long the end waits for threads. One that is in the card's hands ends with its command.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between attempts to take a connection.
const RESPITE: Duration = Duration::from_millis(100);

/// A reader that runs; dropping it ends it. A command that is in the card's hands then is still
/// ended by the card; its response reaches nobody.
pub struct Running {
    end: Arc<End>,
    icc: Arc<dyn Icc>,
    threads: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl Running {
    pub(super) fn new(icc: Arc<dyn Icc>) -> Self {
        Self { end: Arc::default(), icc, threads: Vec::new() }
    }

    /// A thread of this reader.
    pub(super) fn thread(
        &mut self,
        name: &str,
        work: impl FnOnce(&Arc<End>, &Arc<dyn Icc>) + Send + 'static,
    ) -> io::Result<()> {
        let (end, icc) = (Arc::clone(&self.end), Arc::clone(&self.icc));
        let thread =
            thread::Builder::new().name(name.to_owned()).spawn(move || work(&end, &icc))?;
        self.threads.push(thread);
        Ok(())
    }

    pub(super) fn end(&self) -> &Arc<End> {
        &self.end
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end.begin();
        let deadline = Instant::now() + PATIENCE;
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < deadline {
            // Again and again: one may have been on its way to waiting.
            self.icc.wake();
            self.end.begin();
            thread::sleep(Duration::from_millis(1));
        }
    }
}

type Hook = Box<dyn Fn() + Send>;

/// The end of a reader: asked for by all its threads, begun once.
#[derive(Default)]
pub(super) struct End {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    over: bool,
    connections: Vec<Weak<Connection>>,
    hooks: Vec<Hook>,
}

impl End {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it has begun.
    pub(super) fn over(&self) -> bool {
        self.state().over
    }

    /// Sleeps, but not past the beginning of the end; whether that has come.
    pub(super) fn sleep(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut state = self.state();
        while !state.over {
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, rest);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.over
    }

    /// The next that `accept` gives; `None` at the end. What it fails for, descriptors or memory that
    /// others have used up, may pass: it is tried again.
    pub(super) fn accepted<T>(&self, accept: impl Fn() -> io::Result<Option<T>>) -> Option<T> {
        loop {
            match accept() {
                Ok(next) => return next,
                Err(_) if self.sleep(RESPITE) => return None,
                Err(_) => {}
            }
        }
    }

    /// Has this connection shut at the end, which may be now.
    pub(super) fn shuts(&self, connection: &Arc<Connection>) {
        let mut state = self.state();
        if state.over {
            connection.shutdown();
        }
        state.connections.retain(|one| one.strong_count() > 0);
        state.connections.push(Arc::downgrade(connection));
    }

    /// Has this done at the end, which may be now.
    pub(super) fn calls(&self, hook: impl Fn() + Send + 'static) {
        let mut state = self.state();
        if state.over {
            hook();
        }
        state.hooks.push(Box::new(hook));
    }

    pub(super) fn begin(&self) {
        let mut state = self.state();
        state.over = true;
        state.connections.iter().filter_map(Weak::upgrade).for_each(|one| one.shutdown());
        state.hooks.iter().for_each(|hook| hook());
        drop(state);
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_connection_that_cannot_be_taken_ends_no_reader() {
        let end = End::default();
        let tries = AtomicU32::new(0);
        let full = || io::Error::from(io::ErrorKind::OutOfMemory);
        let third = end.accepted(|| match tries.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Err(full()),
            tried => Ok(Some(tried)),
        });
        assert_eq!(third, Some(2));
        end.begin();
        assert_eq!(end.accepted(|| Err::<Option<u32>, _>(full())), None);
    }
}
