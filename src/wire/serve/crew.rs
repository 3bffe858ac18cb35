//! The threads of one connection: one leads (reads frames), the others run slow calls or stand by.
//!
//! The leader runs quick calls itself. Before a slow one it leaves the lead to those who stand by, so that nothing behind a
//! signature, a passcode or a person has to wait: the next frame wakes one of them. Whoever is done before there is
//! one takes the lead back, and nobody was woken; so a program that makes one call after another is served by one thread.
//! Calls of one session keep their order: while one runs, those behind it queue. Blocked waits for slot events have a small
//! budget of their own; when the budget of calls is used up the leader stops reading for as long as its patience
//! lasts and then refuses, so that people who do not answer can never stop everything.

use super::{Place, Seat, lock, run, spawn};
use crate::{
    net::{Connection, Peer, Watch},
    pkcs11::Cryptoki,
    wire::{
        bytes::Output,
        calls::Pace,
        cx::{Cx, DEVICE_MEMORY, NEWEST},
        frame::{self, Intake},
        processors,
    },
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Blocked waits for slot events of one connection.
const WAITS: usize = 4;
/// How long the leader looks for the next call before it sleeps, while others leave it a processor:
/// calls come in pairs (C_SignInit, C_Sign), and who does not sleep is not woken beside another that
/// works.
const LOOK_AHEAD: Duration = Duration::from_micros(60);
/// Threads that stand by.
const STANDBY: usize = 4;
/// How long they do.
const STANDBY_TIME: Duration = Duration::from_secs(10);
/// Bytes of slow calls and of calls in queues, in largest frames.
const KEPT_FRAMES: usize = 4;

pub(super) struct Crew {
    connection: Arc<Connection>,
    cryptoki: Arc<dyn Cryptoki>,
    cx: Cx,
    state: Mutex<State>,
    /// Tells those who stand by of a frame when the lead is vacant, or that all is over.
    watch: Watch,
    /// A call is done.
    done: Condvar,
    writer: Mutex<()>,
    intake: Mutex<Intake>,
    // Last, so that the count goes down when everything else is gone.
    seat: Seat,
}

#[derive(Default)]
struct State {
    vacant: bool,
    standby: usize,
    /// Slow calls and calls in queues.
    calls: usize,
    waits: usize,
    /// Bytes of these calls.
    kept: usize,
    /// The leader waits for room in the budget.
    admitting: bool,
    /// Sessions with a call running, and what queues behind it.
    sessions: HashMap<u64, VecDeque<Job>>,
    ended: bool,
}

struct Job {
    code: u32,
    body: Output,
    place: Place,
}

/// A thread's own buffers.
#[derive(Default)]
struct Desk {
    body: Output,
    answer: Output,
}

/// What a thread does next.
enum Next {
    Lead,
    Follow,
    Leave,
}

impl State {
    /// The next call of a session whose call is done; without one the session is free.
    fn next_of(&mut self, session: u64) -> Option<Job> {
        let next = self.sessions.get_mut(&session).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.sessions.remove(&session);
        }
        next
    }
}

impl Crew {
    /// Serves a connection from its first byte to its end.
    pub(super) fn serve(seat: Seat, connection: Arc<Connection>, peer: &Peer) {
        let limits = seat.shared.limits.clone();
        let patience = Some(limits.patience);
        let mut version = [0];
        let greeted = connection
            .set_read_timeout(patience)
            .and_then(|()| connection.set_write_timeout(patience))
            .and_then(|()| connection.read_exact(&mut version));
        if greeted.is_err() {
            return;
        }
        let version = version[0].min(NEWEST);
        let Some(cryptoki) = (seat.shared.factory)(peer, seat.number) else { return };
        let Ok(watch) = Watch::over(&connection) else { return };
        let crew = Arc::new(Self {
            connection,
            cryptoki,
            cx: Cx::server(version),
            state: Mutex::default(),
            watch,
            done: Condvar::new(),
            writer: Mutex::default(),
            intake: Mutex::new(Intake::new(limits.frame, limits.patience)),
            seat,
        });
        if crew.connection.write_all(&[version]).is_err() {
            return crew.end();
        }
        crew.work(Next::Lead);
    }

    fn work(self: &Arc<Self>, mut next: Next) {
        let mut desk = Desk::default();
        loop {
            next = match next {
                Next::Lead => self.read_one(&mut desk),
                Next::Follow => self.follow(),
                Next::Leave => return,
            };
        }
    }

    fn read_one(self: &Arc<Self>, desk: &mut Desk) -> Next {
        self.connection.look_ahead(LOOK_AHEAD, || lock(&self.state).calls < processors());
        let (read, more) = {
            let mut intake = lock(&self.intake);
            let read = intake.next(&self.connection, &mut desk.body);
            (read, intake.holds_more())
        };
        let Ok(code) = read else {
            self.end();
            return Next::Leave;
        };
        let Desk { body, answer } = desk;
        let Ok(call) = run::parse(body.as_slice(), self.cx) else {
            self.end();
            return Next::Leave;
        };
        if call.waits {
            return self.wait(code, &call, answer, more);
        }
        let mut state = lock(&self.state);
        let busy = call.session.is_some_and(|session| state.sessions.contains_key(&session));
        if !busy && call.pace == Pace::Quick {
            drop(state);
            return self.run(code, &call, answer, Next::Lead);
        }
        let size = body.len();
        let Some((admitted, place)) =
            self.admit(state, size).and_then(|state| Some((state, self.seat.place()?)))
        else {
            frame::error(answer, code, DEVICE_MEMORY);
            return self.send(answer, Next::Lead);
        };
        state = admitted;
        if state.ended {
            return Next::Leave;
        }
        // While the leader waited the session may have become free.
        if let Some(queue) = call.session.and_then(|session| state.sessions.get_mut(&session)) {
            queue.push_back(Job { code, body: std::mem::take(body), place });
            state.calls += 1;
            state.kept += size;
            return Next::Lead;
        }
        state.calls += 1;
        state.kept += size;
        if let Some(session) = call.session {
            state.sessions.insert(session, VecDeque::new());
        }
        let led = self.give_lead(state, more);
        let mut next = self.run(code, &call, answer, if led { Next::Follow } else { Next::Lead });
        let session = call.session;
        body.clear();
        let (mut size, mut _place) = (size, place);
        while let Some(job) = self.finish(session, size) {
            (size, _place) = (job.body.len(), job.place);
            if let Ok(call) = run::parse(job.body.as_slice(), self.cx) {
                next = self.run(job.code, &call, answer, next);
            }
        }
        next
    }

    /// Waits for room in the budget; `None` where patience ends first.
    fn admit<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        size: usize,
    ) -> Option<MutexGuard<'a, State>> {
        let limits = &self.seat.shared.limits;
        let full = |state: &mut State| {
            !state.ended
                && (state.calls >= limits.calls
                    || (state.kept > 0
                        && state.kept.saturating_add(size)
                            > limits.frame.saturating_mul(KEPT_FRAMES)))
        };
        state.admitting = true;
        let (mut state, timeout) = self
            .done
            .wait_timeout_while(state, limits.patience, full)
            .unwrap_or_else(PoisonError::into_inner);
        state.admitting = false;
        (!timeout.timed_out()).then_some(state)
    }

    /// Takes a call of `size` bytes off the budget and gives the next of its session, if one
    /// queues.
    fn finish(&self, session: Option<u64>, size: usize) -> Option<Job> {
        let mut state = lock(&self.state);
        state.calls = state.calls.saturating_sub(1);
        state.kept = state.kept.saturating_sub(size);
        let next = session.and_then(|session| state.next_of(session));
        let admitting = state.admitting;
        drop(state);
        // A notification is a system call, whether or not anybody waits.
        if admitting {
            self.done.notify_one();
        }
        next
    }

    fn wait(
        self: &Arc<Self>,
        code: u32,
        call: &run::Call<'_>,
        answer: &mut Output,
        more: bool,
    ) -> Next {
        let mut state = lock(&self.state);
        if state.waits >= WAITS {
            drop(state);
            frame::error(answer, code, DEVICE_MEMORY);
            return self.send(answer, Next::Lead);
        }
        state.waits += 1;
        let led = self.give_lead(state, more);
        let next = if led {
            self.run(code, call, answer, Next::Follow)
        } else {
            // Without a second thread a wait would stop everything.
            frame::error(answer, code, DEVICE_MEMORY);
            self.send(answer, Next::Lead)
        };
        lock(&self.state).waits -= 1;
        next
    }

    /// Leaves the lead to whoever stands by; `false` where nobody does or can. What was read `more`
    /// than this frame wakes nobody by itself: somebody leads at once.
    fn give_lead(self: &Arc<Self>, mut state: MutexGuard<'_, State>, more: bool) -> bool {
        let standby = state.standby > 0;
        let crew = Arc::clone(self);
        if more && !(standby && self.watch.ring()) {
            drop(state);
            return spawn("wardcard-call", move || crew.work(Next::Lead)).is_ok();
        }
        state.vacant = true;
        // Whoever wakes finds the lock free.
        drop(state);
        if more {
            return true;
        }
        if (standby || spawn("wardcard-call", move || crew.work(Next::Follow)).is_ok())
            && self.watch.arm(&self.connection).is_ok()
        {
            return true;
        }
        // Somebody who was done may have taken it meanwhile.
        !std::mem::take(&mut lock(&self.state).vacant)
    }

    /// Takes the lead if it is vacant, or stands by for a while until it is and there is a frame.
    fn follow(&self) -> Next {
        let until = Instant::now() + STANDBY_TIME;
        let mut told = false;
        let mut state = lock(&self.state);
        state.standby += 1;
        let next = loop {
            if state.ended {
                // One wakes the next.
                let _ = self.watch.arm(&self.connection);
                break Next::Leave;
            }
            if std::mem::take(&mut state.vacant) {
                break Next::Lead;
            }
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() || state.standby > STANDBY {
                break Next::Leave;
            }
            drop(state);
            told = self.watch.wait(rest);
            state = lock(&self.state);
        };
        state.standby -= 1;
        drop(state);
        if matches!(next, Next::Lead) && !told {
            self.watch.disarm(&self.connection);
        }
        next
    }

    fn run(&self, code: u32, call: &run::Call<'_>, answer: &mut Output, next: Next) -> Next {
        let done = run::run(&*self.cryptoki, self.cx, code, call, answer);
        let next = self.send(answer, next);
        if done.is_ok() {
            return next;
        }
        self.end();
        Next::Leave
    }

    fn send(&self, answer: &mut Output, next: Next) -> Next {
        let sent = {
            let _writer = lock(&self.writer);
            self.connection.write_all(answer.as_slice())
        };
        answer.clear();
        if sent.is_ok() {
            return next;
        }
        self.end();
        Next::Leave
    }

    /// Ends the connection, once: waiters end, sessions end, buffers are erased with their owners.
    fn end(&self) {
        let mut state = lock(&self.state);
        if std::mem::replace(&mut state.ended, true) {
            return;
        }
        state.sessions.values_mut().for_each(VecDeque::clear);
        drop(state);
        self.connection.shutdown();
        let _ = self.watch.arm(&self.connection);
        self.done.notify_all();
        // It may never have been initialised.
        let _ = self.cryptoki.finalize();
    }
}
