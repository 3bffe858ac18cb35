//! The keeper: one thread that lets go of what has expired and brings the audit log onto the
//! medium, each second while there is something to bring. It sleeps until then.

use super::{Error, core::Core};
use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// The running keeper; dropping it ends it.
#[derive(Debug)]
pub(super) struct Keeper {
    core: Arc<Core>,
    thread: Option<JoinHandle<()>>,
}

/// Longest time that a record stays off the medium.
const SYNC: Duration = Duration::from_secs(1);

impl Keeper {
    pub(super) fn start(core: Arc<Core>) -> Result<Self, Error> {
        let kept = Arc::clone(&core);
        let builder = std::thread::Builder::new().name("wardcard-keeper".to_owned());
        let thread = builder
            .spawn(move || keep(&kept))
            .map_err(|error| Error::Part { what: "the keeper's thread", why: error.to_string() })?;
        Ok(Self { core, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.core.alarm.ring(|reasons| reasons.ended = true);
        if let Some(thread) = self.thread.take() {
            // It has no panic of its own to tell of.
            let _ = thread.join();
        }
    }
}

fn keep(core: &Core) {
    let mut sync_at: Option<Instant> = None;
    loop {
        let now = Instant::now();
        let mut until = now + core.reap();
        core.tend();
        if let Some(at) = sync_at {
            until = until.min(at);
        }
        let reasons = core.alarm.keeper(until);
        if reasons.ended {
            break;
        }
        let now = Instant::now();
        if reasons.dirty {
            sync_at.get_or_insert(now + SYNC);
        }
        if sync_at.is_some_and(|at| now >= at) {
            // Tried again a second later: the records are still to be brought.
            sync_at = core.state.sync().err().map(|_| now + SYNC);
        }
    }
}
