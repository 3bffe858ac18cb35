//! Being told of input on a connection that another thread may read: who is told, and whether, is
//! decided by the system while they sleep, which costs less than waking them to say so.

use super::{
    Connection,
    event::{Event, all, any},
};
use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Threads that sleep until there is input on a connection, while it is armed.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Lets one through each time it is armed.
    armed: Event,
    input: Event,
}

impl Watch {
    /// A watch over this connection, not armed. It is of no use when the connection is gone.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn over(connection: &Connection) -> io::Result<Self> {
        Ok(Self { armed: Event::new(true)?, input: connection.input()? })
    }

    /// Wakes one of those who wait, once, as soon as there is input (there may be now) or the end.
    ///
    /// # Errors
    ///
    /// None now.
    pub(crate) fn arm(&self, connection: &Connection) -> io::Result<()> {
        connection.expect_input();
        self.armed.set();
        Ok(())
    }

    /// Wakes nobody any more.
    pub(crate) fn disarm(&self, _: &Connection) {
        self.armed.reset();
    }

    /// Wakes one of those who wait without input. The system cannot wait for two events at once or
    /// else for a third, so it cannot be told here.
    pub(crate) fn ring(&self) -> bool {
        false
    }

    /// Sleeps until woken, for `limit` at most; whether it was woken.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        // An error is as if the time were over: who waits looks around and waits again.
        all([self.armed.raw(), self.input.raw()], limit).unwrap_or(false)
    }
}

/// What a single thread sleeps on until there is input on a connection, while it is armed, or until
/// it is rung for.
#[derive(Debug)]
pub(crate) struct Bell {
    armed: AtomicBool,
    rung: AtomicBool,
    /// Has who waits look at the two.
    changed: Event,
    input: Event,
}

impl Bell {
    /// A bell over this connection, not armed. It is of no use when the connection is gone.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn over(connection: &Connection) -> io::Result<Self> {
        Ok(Self {
            armed: AtomicBool::new(false),
            rung: AtomicBool::new(false),
            changed: Event::new(true)?,
            input: connection.input()?,
        })
    }

    /// Wakes who waits, once, as soon as there is input (there may be now) or the end.
    ///
    /// # Errors
    ///
    /// None now.
    pub(crate) fn arm(&self, connection: &Connection) -> io::Result<()> {
        connection.expect_input();
        self.armed.store(true, Ordering::Release);
        self.changed.set();
        Ok(())
    }

    /// Wakes nobody any more.
    pub(crate) fn disarm(&self, _: &Connection) {
        self.armed.store(false, Ordering::Release);
    }

    /// Wakes who waits, once, or the next who does.
    pub(crate) fn ring(&self) -> bool {
        self.rung.store(true, Ordering::Release);
        self.changed.set();
        true
    }

    /// Sleeps until woken, for `limit` at most; whether it was woken.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let until = Instant::now().checked_add(limit);
        loop {
            if self.rung.swap(false, Ordering::AcqRel) {
                return true;
            }
            let armed = self.armed.load(Ordering::Acquire);
            let told = match armed {
                true => any([self.input.raw(), self.changed.raw()], until),
                false => any([self.changed.raw()], until).map(|told| told.map(|_| 1)),
            };
            match told {
                Ok(Some(0)) if self.armed.swap(false, Ordering::AcqRel) => return true,
                Ok(Some(_)) => {}
                // An error is as if the time were over: who waits looks around and waits again.
                _ => return false,
            }
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
    fn a_bell_is_heard_while_armed_or_rung() {
        let (here, there) = Connection::pair().unwrap();
        let bell = Bell::over(&here).unwrap();
        there.write_all(b"x").unwrap();
        assert!(!bell.wait(SHORT), "not armed yet");
        bell.arm(&here).unwrap();
        assert!(bell.wait(LONG), "input that was there before");
        assert!(!bell.wait(SHORT), "once");
        bell.arm(&here).unwrap();
        bell.disarm(&here);
        assert!(!bell.wait(SHORT), "not armed any more");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| bell.wait(LONG));
            thread::sleep(SHORT);
            bell.arm(&here).unwrap();
            assert!(waiting.join().unwrap(), "armed by another");
        });
        assert!(bell.ring() && bell.wait(LONG) && !bell.wait(SHORT), "rung, once");
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
