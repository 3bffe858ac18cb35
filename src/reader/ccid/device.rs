//! A machine with what it needs to run: a thread for the card's work, one that watches the slot, and
//! both pipes as queues that somebody waits at.

use super::{
    descriptor::{BULK_PACKET, HEADER, LONGEST},
    machine::{Done, Machine, Step, Work},
};
use crate::{
    apdu::Icc,
    reader::{Running, running::End},
};
use std::{
    collections::VecDeque,
    fmt, io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use zeroize::{Zeroize, Zeroizing};

/// How often a computer is asked for patience while the card works. libccid waits for three
/// seconds.
const MORE_TIME: Duration = Duration::from_secs(1);
/// How long the slot is watched without looking up.
const LOOK: Duration = Duration::from_secs(60);
/// Answers that nobody fetches; a computer waits for each before it asks again.
const MOST_ANSWERS: usize = 64;
/// Threads besides the card's own.
const MOST_OTHERS: usize = 8;

/// A CCID device: three pipes, without the bus.
pub struct Device {
    inside: Arc<Inside>,
    /// Ended first, so that none of its threads gives power again.
    running: Running,
    _off: Unpowered,
}

/// Takes the power away when the device has ended, for good. Its threads do not: one that is late
/// would end the session of who came after.
struct Unpowered(Arc<Inside>);

impl Drop for Unpowered {
    fn drop(&mut self) {
        let mut ended = self.0.ended();
        *ended = true;
        self.0.icc.power_off();
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").finish_non_exhaustive()
    }
}

struct Inside {
    icc: Arc<dyn Icc>,
    state: Mutex<State>,
    /// Held while power is given or taken: whether it never is again.
    ended: Mutex<bool>,
    /// Something for the bulk pipe, the interrupt pipe, the card.
    answered: Condvar,
    noticed: Condvar,
    ordered: Condvar,
}

struct State {
    machine: Machine,
    /// What came over the bulk pipe and is no whole message yet.
    incoming: Zeroizing<Vec<u8>>,
    answers: VecDeque<Zeroizing<Vec<u8>>>,
    notices: VecDeque<[u8; 2]>,
    /// What has not begun: never more than what the computer waits for.
    work: VecDeque<(u64, Work)>,
    /// The card's thread is at work, and so many others are.
    working: bool,
    others: usize,
    /// When the computer was last answered about what the card works on.
    since: Instant,
    over: bool,
}

impl State {
    /// What is to begin now.
    fn next(&mut self) -> Option<(u64, Work)> {
        if self.over { None } else { self.work.pop_front() }
    }
}

impl Inside {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self) -> MutexGuard<'_, bool> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Power on, reset or off, unless the device has ended: the card may be another's by now.
    fn power(&self, change: impl FnOnce(&dyn Icc) -> Done) -> Done {
        let ended = self.ended();
        if *ended { Done::Off } else { change(&*self.icc) }
    }

    fn take(self: &Arc<Self>, state: &mut State, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Answer(answer) => {
                    state.answers.push_back(Zeroizing::new(answer));
                    if state.answers.len() > MOST_ANSWERS {
                        state.answers.pop_front();
                    }
                    self.answered.notify_all();
                }
                Step::Notice(notice) => {
                    state.notices.push_back(notice);
                    // Only whether there is a card now matters after a while.
                    if state.notices.len() > MOST_ANSWERS {
                        state.notices.pop_front();
                    }
                    self.noticed.notify_all();
                }
                Step::Work(number, work) => {
                    state.since = Instant::now();
                    // Whoever waits for answers is to ask for time from now on.
                    self.answered.notify_all();
                    state.work.push_back((number, work));
                    self.ordered.notify_one();
                    if state.working && state.others < MOST_OTHERS {
                        self.hire(state);
                    }
                }
            }
        }
        // What was aborted, or was for a card that is gone, does not begin any more.
        let wanted = state.machine.work();
        state.work.retain(|(number, _)| Some(*number) == wanted);
    }

    /// Has another thread do it: the card's own is still with what nobody waits for any more, an
    /// aborted command or one of a card that is gone.
    fn hire(self: &Arc<Self>, state: &mut State) {
        let inside = Arc::clone(self);
        let other = thread::Builder::new().name("ccid other".to_owned()).spawn(move || {
            let next = inside.state().next();
            if let Some((number, work)) = next {
                inside.perform(number, work);
            }
            inside.state().others -= 1;
        });
        // Without another thread it stays with the card's own, and the computer's patience may end it.
        state.others += usize::from(other.is_ok());
    }

    fn perform(self: &Arc<Self>, number: u64, work: Work) {
        let done = match work {
            Work::PowerOn { again: false } => self.power(|icc| Done::Power(icc.power_on())),
            Work::PowerOn { again: true } => self.power(|icc| Done::Power(icc.reset())),
            Work::PowerOff => self.power(|icc| {
                icc.power_off();
                Done::Off
            }),
            Work::Command(command) => Done::Response(self.icc.transmit(&command)),
        };
        let mut state = self.state();
        // A card that is gone is told of first: what it did is for nobody.
        let mut steps = state.machine.presence(self.icc.presence());
        steps.extend(state.machine.done(number, done));
        self.take(&mut state, steps);
    }

    fn end(&self) {
        self.state().over = true;
        self.answered.notify_all();
        self.noticed.notify_all();
        self.ordered.notify_all();
    }
}

impl Device {
    /// A device with what is in `icc` in its slot.
    ///
    /// # Errors
    ///
    /// What the system says of threads.
    pub fn start(icc: Arc<dyn Icc>) -> io::Result<Self> {
        icc.power_off();
        let seen = icc.presence();
        let (machine, steps) = Machine::new(seen);
        let inside = Arc::new(Inside {
            icc: Arc::clone(&icc),
            state: Mutex::new(State {
                machine,
                incoming: Zeroizing::default(),
                answers: VecDeque::new(),
                notices: VecDeque::new(),
                work: VecDeque::new(),
                working: false,
                others: 0,
                since: Instant::now(),
                over: false,
            }),
            ended: Mutex::new(false),
            answered: Condvar::new(),
            noticed: Condvar::new(),
            ordered: Condvar::new(),
        });
        inside.take(&mut inside.state(), steps);
        let mut running = Running::new(Arc::clone(&icc));
        let ended = Arc::clone(&inside);
        running.end().calls(move || ended.end());
        let working = Arc::clone(&inside);
        running.thread("ccid card", move |_, _| work(&working))?;
        let watching = Arc::clone(&inside);
        running.thread("ccid slot", move |end, icc| {
            let mut seen = seen;
            while !end.over() {
                seen = icc.wait(seen, LOOK);
                let mut state = watching.state();
                // Asked anew: the card's own thread may know more by now than the wait does.
                let steps = state.machine.presence(icc.presence());
                watching.take(&mut state, steps);
            }
        })?;
        let off = Unpowered(Arc::clone(&inside));
        Ok(Self { inside, running, _off: off })
    }

    /// What the computer sent over the bulk pipe: a whole message, or a transfer's part of one,
    /// whose end is a packet that is not full (USB 2.0 section 5.8.3).
    pub fn bulk_out(&self, bytes: &[u8]) {
        let mut state = self.inside.state();
        let longest = usize::try_from(LONGEST).unwrap_or(usize::MAX);
        let full = !bytes.is_empty() && bytes.len().is_multiple_of(usize::from(BULK_PACKET));
        // What is too long already is not kept, and is answered for its length.
        let room = (longest + 1).saturating_sub(state.incoming.len());
        let mut whole = Zeroizing::new(Vec::with_capacity(state.incoming.len() + bytes.len()));
        whole.extend_from_slice(&state.incoming);
        whole.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        if !full || whole.len() >= claimed(&whole) {
            state.incoming = Zeroizing::default();
            let steps = state.machine.message(&whole);
            self.inside.take(&mut state, steps);
        } else {
            state.incoming = whole;
        }
    }

    /// The next message for the bulk pipe, `most` long at most of which the rest comes next time;
    /// `None` when nothing comes within `limit`, or at the end.
    pub fn bulk_in(&self, most: usize, limit: Duration) -> Option<Zeroizing<Vec<u8>>> {
        let deadline = Instant::now() + limit;
        let mut state = self.inside.state();
        loop {
            if let Some(answer) = state.answers.pop_front() {
                let (part, rest) = answer.split_at_checked(most).unwrap_or((&answer, &[]));
                if !rest.is_empty() {
                    state.answers.push_front(Zeroizing::new(rest.to_vec()));
                }
                return Some(Zeroizing::new(part.to_vec()));
            }
            let now = Instant::now();
            if state.over || now >= deadline {
                return None;
            }
            let mut until = deadline;
            if state.machine.busy() {
                let due = state.since + MORE_TIME;
                if now >= due {
                    state.since = now;
                    let asked = state.machine.more_time();
                    state.answers.extend(asked.map(Zeroizing::new));
                    continue;
                }
                until = until.min(due);
            }
            state = wait(&self.inside.answered, state, until - now);
        }
    }

    /// The next notice for the interrupt pipe; `None` when there is none within `limit`, or at the
    /// end.
    pub fn interrupt_in(&self, limit: Duration) -> Option<[u8; 2]> {
        let deadline = Instant::now() + limit;
        let mut state = self.inside.state();
        loop {
            if let Some(notice) = state.notices.pop_front() {
                return Some(notice);
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            if state.over || rest.is_zero() {
                return None;
            }
            state = wait(&self.inside.noticed, state, rest);
        }
    }

    /// ABORT over the control pipe (section 5.3.1).
    pub fn abort(&self, slot: u8, sequence: u8) {
        let mut state = self.inside.state();
        let steps = state.machine.abort(slot, sequence);
        self.inside.take(&mut state, steps);
    }

    /// What a thread does that took its work before the end.
    #[cfg(test)]
    pub(super) fn late(&self) -> impl Fn(Work) + 'static {
        let inside = Arc::clone(&self.inside);
        move |work| inside.perform(0, work)
    }

    pub(in crate::reader) fn end(&self) -> &Arc<End> {
        self.running.end()
    }
}

/// How long the message is of which this is the beginning.
fn claimed(bytes: &[u8]) -> usize {
    let &[_, l0, l1, l2, l3, ..] = bytes else { return HEADER };
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    // Longer than the longest is wrong as soon as so much has come.
    let longest = usize::try_from(LONGEST).unwrap_or(usize::MAX);
    length.saturating_add(HEADER).min(longest + 1)
}

fn wait<'a>(
    condition: &Condvar,
    state: MutexGuard<'a, State>,
    limit: Duration,
) -> MutexGuard<'a, State> {
    condition.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
}

/// The card's thread: one thing after another.
fn work(inside: &Arc<Inside>) {
    loop {
        let mut state = inside.state();
        state.working = false;
        let (number, work) = loop {
            if state.over {
                return;
            }
            match state.next() {
                Some(work) => break work,
                None => state = wait(&inside.ordered, state, LOOK),
            }
        };
        state.working = true;
        drop(state);
        inside.perform(number, work);
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.incoming.zeroize();
    }
}
