//! A connected pipe or TCP stream that several threads share.
//!
//! What comes is read by the system into the connection's own buffer, by one read that goes on for
//! as long as it takes; who waits for input waits for the end of that, so that a limit which is
//! reached takes nothing back and loses nothing.

mod intake;
mod output;

use super::{
    Address, Peer, ServerTrust,
    address::not_local,
    event::{Event, any},
    pipe,
};
use intake::Intake;
use output::write;
use std::{
    io,
    net::{Shutdown, TcpStream},
    os::windows::io::{AsRawHandle as _, AsRawSocket as _, OwnedHandle},
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use windows_sys::Win32::Foundation::HANDLE;

/// A connected stream. Shared reference reads and writes, so a reader and writers need no clone.
#[derive(Debug)]
pub struct Connection {
    /// None once it is shut.
    stream: RwLock<Option<Stream>>,
    intake: Mutex<Intake>,
    /// There is input, or the end.
    input: Event,
    /// One writes at a time.
    output: Mutex<Event>,
    reads_over: Event,
    writes_over: Event,
    /// Milliseconds; 0 is no limit.
    read_limit: AtomicU64,
    write_limit: AtomicU64,
    /// Looks ahead, begun or not, since one was in somebody's way; up to [`CALM`].
    calm: AtomicU32,
}

/// What is connected.
#[derive(Debug)]
pub(super) enum Stream {
    /// A pipe, and whether this is the server's end.
    Pipe(OwnedHandle, bool),
    Tcp(TcpStream),
}

impl Stream {
    fn raw(&self) -> HANDLE {
        match self {
            Self::Pipe(handle, _) => handle.as_raw_handle(),
            Self::Tcp(stream) => stream.as_raw_socket() as HANDLE,
        }
    }
}

/// Calls that nobody else disturbs before it is worth looking ahead again.
const CALM: u32 = 8;
/// Who comes back later than this from giving way has given way to work.
const GIVEN_WAY: Duration = Duration::from_micros(30);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    pub(super) fn new(stream: Stream) -> io::Result<Self> {
        let tcp = matches!(stream, Stream::Tcp(_));
        Ok(Self {
            stream: RwLock::new(Some(stream)),
            intake: Mutex::new(Intake::new(tcp)),
            input: Event::new(false)?,
            output: Mutex::new(Event::new(false)?),
            reads_over: Event::new(false)?,
            writes_over: Event::new(false)?,
            read_limit: AtomicU64::new(0),
            write_limit: AtomicU64::new(0),
            calm: AtomicU32::new(CALM),
        })
    }

    /// Two ends of one connection within this process.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (here, there) = pipe::pair()?;
        Ok((Self::new(Stream::Pipe(here, true))?, Self::new(Stream::Pipe(there, false))?))
    }

    /// Connects and checks the server before anything is sent: that the pipe and the server's process
    /// are of a user to believe. The server may ask who this is, and nothing more.
    ///
    /// # Errors
    ///
    /// PermissionDenied where the server is not to be believed, with a text that says why; otherwise
    /// what the system says, NotFound where nothing is served, TimedOut where nobody takes
    /// connections.
    pub fn connect(address: &Address, trust: &ServerTrust) -> io::Result<Self> {
        let Address::Pipe(name) = address else { return Err(not_local(address)) };
        let connected = pipe::connect(name)?;
        for server in pipe::servers(&connected)? {
            if !trust.believes(server) {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    format!(
                        "{address} is served by user {server}, who is neither this user nor the system nor named in the trust settings; nothing was sent"
                    ),
                ));
            }
        }
        Self::new(Stream::Pipe(connected, false))
    }

    /// Who is at the other end.
    ///
    /// # Errors
    ///
    /// What the system says; a TCP connection tells nobody.
    pub fn peer(&self) -> io::Result<Peer> {
        let stream = self.stream.read().unwrap_or_else(PoisonError::into_inner);
        match &*stream {
            Some(Stream::Pipe(pipe, true)) => Peer::client_of(pipe),
            Some(Stream::Pipe(pipe, false)) => Peer::server_of(pipe),
            Some(Stream::Tcp(_)) => Err(io::ErrorKind::Unsupported.into()),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
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
            if let Some(count) = self.take(|intake| intake.take(bytes, &self.input))? {
                return Ok(count);
            }
            let waited = any([self.input.raw(), self.reads_over.raw()], deadline)?;
            if waited.is_none() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// Takes from what has come; with nothing there, has the system read.
    fn take<T>(
        &self,
        what: impl FnOnce(&mut Intake) -> io::Result<Option<T>>,
    ) -> io::Result<Option<T>>
    where
        T: Default,
    {
        let mut intake = lock(&self.intake);
        if self.reads_over.is_set() {
            return Ok(Some(T::default()));
        }
        let stream = self.stream.read().unwrap_or_else(PoisonError::into_inner);
        let Some(stream) = &*stream else { return Ok(Some(T::default())) };
        intake.go_on(stream.raw(), &self.input)?;
        what(&mut intake)
    }

    /// Set while there is input, or at the end, once [`Connection::expect_input`] was called.
    pub(super) fn input(&self) -> io::Result<Event> {
        self.input.another()
    }

    /// Has the system read, if it does not and nothing is there.
    pub(super) fn expect_input(&self) {
        // What is wrong shows to the next who reads, and has ended the input.
        let _ = self.take(|_| Ok(Some(())));
    }

    /// Looks for input for `limit` at most before anybody sleeps over it: waking a processor that
    /// sleeps costs more than a short call. Gives way to whoever else has work, and up where it is
    /// not `worth_it`. Where either has just happened it does not begin.
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
        self.expect_input();
        let begun = Instant::now();
        let mut now = begun;
        while !lock(&self.intake).has_come() {
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
        let event = lock(&self.output);
        let mut rest = bytes;
        while !rest.is_empty() {
            let handle = || {
                let stream = self.stream.read().unwrap_or_else(PoisonError::into_inner);
                stream.as_ref().map(Stream::raw).ok_or(io::ErrorKind::BrokenPipe)
            };
            if self.writes_over.is_set() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let count = write(handle()?, rest, &event, &self.writes_over, deadline)?;
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(())
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
        self.shutdown_reads();
        self.writes_over.set();
        // Whoever writes has let go of the stream by then, and nobody begins anew.
        let _output = lock(&self.output);
        let shut = self.stream.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Stream::Tcp(stream)) = &shut {
            // It may be over already, which is as good.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Ends the way in: blocked reads of other threads return, and what is being answered still
    /// gets out.
    pub fn shutdown_reads(&self) {
        self.reads_over.set();
        let mut intake = lock(&self.intake);
        let stream = self.stream.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = &*stream {
            intake.end(stream.raw());
        }
        self.input.set();
    }

    /// Ends the way out. Over TCP the other end reads what was sent and then the end; a pipe has no
    /// such half, and its other end reads the end when this one is shut.
    pub fn shutdown_writes(&self) {
        self.writes_over.set();
        let stream = self.stream.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(Stream::Tcp(stream)) = &*stream {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// The TCP stream below, if that is what it is.
    pub(super) fn with_tcp<T>(&self, ask: impl FnOnce(&TcpStream) -> T) -> Option<T> {
        let stream = self.stream.read().unwrap_or_else(PoisonError::into_inner);
        match &*stream {
            Some(Stream::Tcp(stream)) => Some(ask(stream)),
            _ => None,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The system may still be reading into the buffer.
        self.shutdown();
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
mod tests;
