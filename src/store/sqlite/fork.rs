//! Forks: SQLite is never used on both sides of one.
//!
//! SQLite keeps, for the whole process, a list of the files it has open and of the locks it holds on
//! them. A child of a fork inherits the list, but none of the locks: they belong to the process
//! (POSIX advisory locks). Three things follow.
//!
//! 1. A connection opened in the child beside an inherited one would believe in its shared lock and
//!    never take one. Others would then think the store unused, and could delete or reset the
//!    write-ahead log under the child. So the inherited connections are closed first: with the last
//!    of them the entry goes, and the next open takes real locks.
//! 2. Closing must not leave a trace. Our connections neither check-point nor delete the log at
//!    their end (`SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE`); closing in the child then only gives back
//!    memory and descriptors. It drops locks of the child, which has none, and none of its parent.
//!    The log and its index are never deleted, so no process is left with one that has no name.
//! 3. If a thread of the parent was inside SQLite at the moment of the fork, its mutexes may be held
//!    for ever in the child: there it is not called again at all. Nothing is closed, and every
//!    open fails with a clear word.
//!
//! Whether a thread was inside is told by the count of those inside, as the child finds it before
//! its own first call.

use super::Error;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The process that the rest is about: its id, doubled, plus 1 where SQLite cannot be used in it. 0
/// before the first.
static PROCESS: AtomicU64 = AtomicU64::new(0);
/// Threads inside SQLite.
static INSIDE: AtomicUsize = AtomicUsize::new(0);

/// A thread inside SQLite; leaves when dropped.
#[derive(Debug)]
pub(super) struct Inside(());

/// Goes inside, if this process, whose id is told, may.
pub(super) fn enter(process: u32) -> Result<Inside, Error> {
    let here = u64::from(process) << 1;
    loop {
        let of = PROCESS.load(Ordering::SeqCst);
        if of == here {
            INSIDE.fetch_add(1, Ordering::SeqCst);
            return Ok(Inside(()));
        }
        if of == here | 1 {
            return Err(Error::Medium(
                "this process was forked while its parent used a store, and can use none; start \
                 the program anew, or have it finalise before it forks"
                    .into(),
            ));
        }
        // The first call of this process. Nobody here goes inside before the exchange is made.
        let usable = INSIDE.load(Ordering::SeqCst) == 0;
        let next = here | u64::from(!usable);
        let _ = PROCESS.compare_exchange(of, next, Ordering::SeqCst, Ordering::SeqCst);
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}
