//! Being told of input on a connection that another thread may read: who is told, and whether, is
//! decided by the system while they sleep, which costs less than waking them to say so.

use super::{
    Connection,
    event::{Event, all},
};
use std::{io, time::Duration};

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

    /// Sleeps until woken, for `limit` at most; whether it was woken.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        // An error is as if the time were over: who waits looks around and waits again.
        all([self.armed.raw(), self.input.raw()], limit).unwrap_or(false)
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
