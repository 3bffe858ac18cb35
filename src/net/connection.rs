//! A connected stream that several threads share.

use super::{Address, Peer, ServerTrust, address::not_local};
use crate::secret::User;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType,
        connect, recv, send, shutdown, socket_with,
        sockopt::{Timeout, set_socket_timeout, socket_peercred},
    },
};
use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A connected stream: reads, and writes that never raise SIGPIPE. Shared reference does both, so a reader and writers
/// need no clone.
#[derive(Debug)]
pub struct Connection {
    socket: OwnedFd,
    /// Milliseconds; 0 is no limit.
    read_limit: AtomicU64,
    write_limit: AtomicU64,
    /// Looks ahead, begun or not, since one was in somebody's way; up to [`CALM`].
    calm: AtomicU32,
}

/// Calls that nobody else disturbs before it is worth looking ahead again.
const CALM: u32 = 8;
/// How long a server may leave a connection in its queue.
const QUEUED: Duration = Duration::from_secs(2);
/// Who comes back later than this from giving way has given way to work.
const GIVEN_WAY: Duration = Duration::from_micros(30);

impl Connection {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            read_limit: AtomicU64::new(0),
            write_limit: AtomicU64::new(0),
            calm: AtomicU32::new(CALM),
        }
    }

    /// Two ends of one connection within this process.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (here, there) = std::os::unix::net::UnixStream::pair()?;
        Ok((Self::new(here.into()), Self::new(there.into())))
    }

    /// Connects and checks the server before anything is sent: the owner and the mode of the socket's folder, and that the
    /// server's user is one to believe.
    ///
    /// # Errors
    ///
    /// PermissionDenied where folder or server are not to be believed, with a text that says why; otherwise what the
    /// system says, NotFound and ConnectionRefused where nothing is served, TimedOut where nobody takes connections.
    pub fn connect(address: &Address, trust: &ServerTrust) -> io::Result<Self> {
        let Address::Unix(path) = address else { return Err(not_local(address)) };
        trust.check_folder(path)?;
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        // It limits connect(2) too (socket(7)), which otherwise waits for ever at a full queue; our sends never wait.
        set_socket_timeout(&socket, Timeout::Send, Some(QUEUED))?;
        let place = SocketAddrUnix::new(path)?;
        // With a limit it is not begun again after a signal by itself.
        match rustix::io::retry_on_intr(|| connect(&socket, &place)) {
            Err(Errno::AGAIN) => return Err(io::ErrorKind::TimedOut.into()),
            connected => connected?,
        }
        let server = User::from(socket_peercred(&socket)?.uid.as_raw());
        if !trust.believes(server) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "{address} is served by user {server}, who is neither this user nor root nor named in the trust settings; nothing was sent"
                ),
            ));
        }
        Ok(Self::new(socket))
    }

    /// Who is at the other end.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn peer(&self) -> io::Result<Peer> {
        Peer::of(self.socket.as_fd())
    }

    /// Fills `bytes`, within the read timeout as a whole.
    ///
    /// # Errors
    ///
    /// UnexpectedEof where the other end is done, TimedOut, or what the system says.
    pub fn read_exact(&self, bytes: &mut [u8]) -> io::Result<()> {
        let deadline = deadline(&self.read_limit);
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = self.read_some(rest, deadline)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            rest = rest.get_mut(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// Reads what is there, at least a byte, until `deadline` at most (`None` waits without end). 0 is the end.
    ///
    /// # Errors
    ///
    /// TimedOut, or what the system says.
    pub(crate) fn read_some(
        &self,
        bytes: &mut [u8],
        deadline: Option<Instant>,
    ) -> io::Result<usize> {
        loop {
            let flags = match deadline {
                None => RecvFlags::empty(),
                Some(_) => RecvFlags::DONTWAIT,
            };
            match recv(&self.socket, &mut *bytes, flags) {
                Ok((count, _)) => return Ok(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(PollFlags::IN, deadline)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Looks for input for `limit` at most before anybody sleeps over it: waking a processor that
    /// sleeps costs more than a short call. Gives way to whoever else has work, and up where it is
    /// not `worth_it`. Where either has just happened it does not begin: who looks is not woken by
    /// what comes, and has to wait for the processor as if it worked.
    /// Whether there is some.
    pub(crate) fn look_ahead(&self, limit: Duration, worth_it: impl Fn() -> bool) -> bool {
        let crowded = || {
            self.calm.store(0, Ordering::Relaxed);
            false
        };
        if !worth_it() {
            return crowded();
        }
        if self.calm.fetch_add(1, Ordering::Relaxed) < CALM {
            return false;
        }
        self.calm.store(CALM, Ordering::Relaxed);
        let begun = Instant::now();
        let mut now = begun;
        while let Err(Errno::AGAIN | Errno::INTR) =
            recv(&self.socket, &mut [0u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT)
        {
            std::thread::yield_now();
            let before = std::mem::replace(&mut now, Instant::now());
            if now - before > GIVEN_WAY || !worth_it() {
                return crowded();
            }
            if now - begun >= limit {
                return false;
            }
        }
        true
    }

    /// Sends all of `bytes`, within the write timeout as a whole.
    ///
    /// # Errors
    ///
    /// TimedOut where the other end does not take them, or what the system says.
    pub fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let deadline = deadline(&self.write_limit);
        let mut rest = bytes;
        while !rest.is_empty() {
            match send(&self.socket, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, deadline)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn wait(&self, what: PollFlags, deadline: Option<Instant>) -> io::Result<()> {
        let limit = match deadline {
            None => None,
            Some(deadline) => {
                let rest = deadline.saturating_duration_since(Instant::now());
                if rest.is_zero() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Some(Timespec::try_from(rest).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 }))
            }
        };
        match poll(&mut [PollFd::new(&self.socket, what)], limit.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Limits each read; `None` waits without end.
    ///
    /// # Errors
    ///
    /// None now.
    pub fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        set(&self.read_limit, limit);
        Ok(())
    }

    /// Limits each write; `None` waits without end.
    ///
    /// # Errors
    ///
    /// None now.
    pub fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        set(&self.write_limit, limit);
        Ok(())
    }

    /// Ends both directions; blocked reads and writes of other threads return.
    pub fn shutdown(&self) {
        // It may be over already, which is as good.
        let _ = shutdown(&self.socket, Shutdown::Both);
    }

    /// Ends the way in: blocked reads of other threads return, and what is being answered still
    /// gets out.
    pub fn shutdown_reads(&self) {
        let _ = shutdown(&self.socket, Shutdown::Read);
    }

    /// Ends the way out: the other end reads what was sent and then the end.
    pub fn shutdown_writes(&self) {
        let _ = shutdown(&self.socket, Shutdown::Write);
    }

    /// Whether the other end of a Unix socket is closed, though there may be bytes left to read.
    pub fn hung_up(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut event = [PollFd::new(&self.socket, PollFlags::empty())];
        let seen = poll(&mut event, Some(&now)).is_ok();
        seen && event[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }

    pub(super) fn number(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn set(place: &AtomicU64, limit: Option<Duration>) {
    let millis = limit.map_or(0, |limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
    place.store(if limit.is_some() { millis.max(1) } else { 0 }, Ordering::Relaxed);
}

fn deadline(place: &AtomicU64) -> Option<Instant> {
    match place.load(Ordering::Relaxed) {
        0 => None,
        millis => Instant::now().checked_add(Duration::from_millis(millis)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::descriptor::abandon;

    #[test]
    fn reads_and_writes_keep_their_limits() {
        let (here, there) = Connection::pair().unwrap();
        here.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        assert_eq!(here.read_exact(&mut [0; 4]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        there.write_all(b"ab").unwrap();
        assert_eq!(here.read_exact(&mut [0; 4]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        there.write_all(b"cdef").unwrap();
        let mut bytes = [0; 4];
        here.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"cdef");
        here.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
        let error = here.write_all(&vec![0; 8 << 20]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_server_that_takes_nobody_holds_up_nobody_for_long() {
        use rustix::net::{bind, listen};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let server =
            socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        let server = server.unwrap();
        bind(&server, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        listen(&server, 0).unwrap();
        let address = Address::Unix(path);
        let connect = || Connection::connect(&address, &ServerTrust::default());
        let _queued = connect().unwrap();
        let begun = Instant::now();
        assert_eq!(connect().unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < 3 * QUEUED, "{:?}", begun.elapsed());
    }

    #[test]
    fn shutdown_wakes_a_blocked_reader_and_later_sends_fail_without_a_signal() {
        let (here, there) = Connection::pair().unwrap();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| here.read_exact(&mut [0]).unwrap_err().kind());
            std::thread::sleep(Duration::from_millis(20));
            here.shutdown();
            assert_eq!(reader.join().unwrap(), io::ErrorKind::UnexpectedEof);
        });
        assert_eq!(there.write_all(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn an_abandoned_connection_stays_open_for_the_other_holder() {
        let (here, there) = Connection::pair().unwrap();
        let copy = Connection::new(here.socket.try_clone().unwrap());
        abandon(copy.number());
        assert!(copy.write_all(b"x").is_err());
        drop(copy);
        here.write_all(b"y").unwrap();
        let mut byte = [0];
        there.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"y");
    }
}
