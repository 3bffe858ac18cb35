//! What the library asks and tells its host.
#![allow(unsafe_code)]

use super::{
    agent::wardcard_agent,
    handles::{Outcome, bytes, live},
    result::{WARDCARD_ERROR_NO_SUCH_QUESTION, wardcard_result},
};
use crate::{
    ffi::{guard::call, pointers::sized},
    pki::UserId,
    secret::{PasscodeRule, Secret},
};
use std::{
    collections::HashMap,
    ffi::{c_char, c_void},
    fmt,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Sender, channel},
    },
    thread::{self, ThreadId},
    time::Duration,
};

/// Asks for the passcode of a person who has none yet: `person` is 12 digits without an end mark,
/// `min` and `max` are the shortest and longest passcode in characters. Answer `question` with
/// `wardcard_passcode_answer`, from inside the callback or later from any thread; show a dialog
/// outside it. After two minutes, or when the agent stops, nobody waits for the answer any more.
#[allow(non_camel_case_types)]
pub type wardcard_passcode_wanted = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        question: u64,
        person: *const c_char,
        person_length: usize,
        min: usize,
        max: usize,
    ),
>;

/// Tells why a call failed, in a sentence fit for an administrator; no secrets are in it.
#[allow(non_camel_case_types)]
pub type wardcard_diagnostic = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        result: wardcard_result,
        text: *const c_char,
        text_length: usize,
    ),
>;

/// What the library asks and tells its host. Each callback may be NULL. They are called from any
/// thread that calls into the library, must not throw, and end before `wardcard_agent_free` does.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct wardcard_callbacks {
    /// `sizeof(wardcard_callbacks)`.
    pub size: usize,
    /// Handed to each callback first. Must be usable from any thread until `wardcard_agent_free`
    /// has returned.
    pub userdata: *mut c_void,
    /// Asks for a passcode.
    pub passcode_wanted: wardcard_passcode_wanted,
    /// Tells why a call failed.
    pub diagnostic: wardcard_diagnostic,
}

impl fmt::Debug for wardcard_callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("wardcard_callbacks").finish_non_exhaustive()
    }
}

/// How long a question stays open.
const PATIENCE: Duration = Duration::from_secs(120);

/// The callbacks of one agent and the questions that are open.
#[derive(Debug)]
pub(super) struct Callbacks {
    of: Option<wardcard_callbacks>,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Questions by number.
    open: HashMap<u64, Sender<Option<Secret>>>,
    /// The last number.
    last: u64,
    /// Threads that are inside a callback, as often as they are.
    inside: Vec<ThreadId>,
    /// No more questions.
    mute: bool,
    /// No more callbacks.
    closed: bool,
}

// SAFETY: `wardcard.h` asks that `userdata` and the callbacks may be used from any thread; the
// library only passes the pointer on.
unsafe impl Send for Callbacks {}
// SAFETY: as above.
unsafe impl Sync for Callbacks {}

impl Callbacks {
    /// Takes the host's structure; NULL means none.
    ///
    /// # Safety
    /// `pointer` is NULL or points to a structure whose `size` is right.
    pub(super) unsafe fn read(pointer: *const wardcard_callbacks) -> Outcome<Self> {
        let of = match pointer.is_null() {
            true => None,
            // SAFETY: the caller's promise.
            false => Some(unsafe { sized(pointer) }?),
        };
        Ok(Self { of, state: Mutex::default(), returned: Condvar::new() })
    }

    /// Tells the host why a call fails, and gives the result back.
    pub(super) fn tell(
        &self,
        result: wardcard_result,
        error: &dyn fmt::Display,
    ) -> wardcard_result {
        let told = self.of.and_then(|of| Some((of.userdata, of.diagnostic?)));
        if let Some((userdata, diagnostic)) = told
            && let Some(_inside) = self.enter()
        {
            let text = error.to_string();
            // SAFETY: the host vouches for its callback; the text lives until it returns.
            unsafe { diagnostic(userdata, result, text.as_ptr().cast(), text.len()) };
        }
        result
    }

    /// Asks the host for a passcode and waits for the answer; no lock is held meanwhile.
    pub(super) fn passcode(&self, person: &UserId, rule: PasscodeRule) -> Option<Secret> {
        let (userdata, wanted) = self.of.and_then(|of| Some((of.userdata, of.passcode_wanted?)))?;
        let inside = self.enter()?;
        let (answer, answered) = channel();
        let question = self.ask(answer)?;
        let person = person.as_str();
        // SAFETY: the host vouches for its callback; the digits live until it returns.
        unsafe {
            let digits = person.as_ptr().cast();
            wanted(userdata, question, digits, person.len(), rule.min, rule.max);
        }
        drop(inside);
        let passcode = answered.recv_timeout(PATIENCE).ok().flatten();
        self.state().open.remove(&question);
        passcode
    }

    /// Opens a question, unless there are to be no more.
    fn ask(&self, answer: Sender<Option<Secret>>) -> Option<u64> {
        let mut state = self.state();
        if state.mute {
            return None;
        }
        state.last = state.last.wrapping_add(1);
        let question = state.last;
        state.open.insert(question, answer);
        Some(question)
    }

    fn answer(&self, question: u64, passcode: Option<Secret>) -> Outcome {
        let sender = self.state().open.remove(&question);
        let sender = sender.ok_or(WARDCARD_ERROR_NO_SUCH_QUESTION)?;
        sender.send(passcode).map_err(|_| WARDCARD_ERROR_NO_SUCH_QUESTION)
    }

    /// Ends all questions; there will be no more.
    pub(super) fn mute(&self) {
        let mut state = self.state();
        state.mute = true;
        state.open.clear();
    }

    /// Ends all questions and callbacks: when this returns, no other thread is inside one, and
    /// none will be.
    pub(super) fn close(&self) {
        self.mute();
        let mut state = self.state();
        state.closed = true;
        let own = thread::current().id();
        while state.inside.iter().any(|thread| *thread != own) {
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Goes into a callback, unless there are to be no more.
    fn enter(&self) -> Option<Inside<'_>> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        state.inside.push(thread::current().id());
        Some(Inside(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread is inside a callback as long as this lives.
struct Inside<'c>(&'c Callbacks);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let own = thread::current().id();
        let mut state = self.0.state();
        if let Some(place) = state.inside.iter().position(|thread| *thread == own) {
            state.inside.swap_remove(place);
        }
        self.0.returned.notify_all();
    }
}

/// Answers a question of `passcode_wanted`; `(NULL, 0)` declines. The caller erases its own copy.
///
/// # Safety
/// `agent` is a live handle; `passcode` points to `passcode_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wardcard_passcode_answer(
    agent: *mut wardcard_agent,
    question: u64,
    passcode: *const c_char,
    passcode_length: usize,
) -> wardcard_result {
    call(|| {
        // SAFETY: the caller vouches for the handle.
        let agent = unsafe { live(agent) }?;
        // SAFETY: the caller vouches for the bytes.
        let passcode = unsafe { bytes(passcode, passcode_length) }?;
        let passcode = (!passcode.is_empty()).then(|| Secret::copied_from(passcode));
        agent.inner().callbacks.answer(question, passcode)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A diagnostic that takes its time; `userdata` counts how many have ended.
    unsafe extern "C" fn slow(
        userdata: *mut c_void,
        _: wardcard_result,
        _: *const c_char,
        _: usize,
    ) {
        thread::sleep(Duration::from_millis(100));
        // SAFETY: the test gives a counter that outlives it.
        let ended = unsafe { &*userdata.cast::<AtomicU32>() };
        ended.fetch_add(1, Ordering::SeqCst);
    }

    fn callbacks(ended: &AtomicU32) -> Callbacks {
        let own = wardcard_callbacks {
            size: size_of::<wardcard_callbacks>(),
            userdata: std::ptr::from_ref(ended).cast_mut().cast(),
            passcode_wanted: None,
            diagnostic: Some(slow),
        };
        // SAFETY: a structure of ours with its size.
        unsafe { Callbacks::read(&raw const own) }.unwrap()
    }

    #[test]
    fn closing_waits_for_callbacks_of_other_threads_and_ends_them() {
        let ended = AtomicU32::new(0);
        let callbacks = callbacks(&ended);
        thread::scope(|scope| {
            scope.spawn(|| callbacks.tell(1, &"a reason"));
            while callbacks.state().inside.is_empty() {
                thread::yield_now();
            }
            callbacks.close();
            assert_eq!(ended.load(Ordering::SeqCst), 1);
        });
        assert_eq!(callbacks.tell(7, &"another"), 7);
        assert_eq!(ended.load(Ordering::SeqCst), 1, "none after the end");
    }

    #[test]
    fn closing_inside_a_callback_does_not_wait_for_itself() {
        let ended = AtomicU32::new(0);
        let callbacks = callbacks(&ended);
        let inside = callbacks.enter();
        callbacks.close();
        drop(inside);
        assert!(callbacks.enter().is_none());
        assert!(callbacks.state().inside.is_empty());
    }

    #[test]
    fn muting_ends_open_questions_and_refuses_more() {
        let ended = AtomicU32::new(0);
        let callbacks = callbacks(&ended);
        let (answer, answered) = channel();
        let question = callbacks.ask(answer.clone()).unwrap();
        assert!(callbacks.answer(question + 1, None).is_err());
        callbacks.mute();
        drop(answer.clone());
        assert!(callbacks.answer(question, None).is_err());
        assert!(callbacks.ask(answer).is_none());
        assert!(answered.try_recv().is_err());
    }
}
