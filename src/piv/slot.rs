//! A place where a card comes and goes, as a reader's slot.

use super::{ATR, Applet, Context, Filing, Settings, bearer::Bearer};
use crate::{
    apdu::{Atr, Icc, Presence},
    card::{Enrolled, Tray},
};
use std::{
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use zeroize::Zeroize as _;

/// A place where a card comes and goes, as a reader's slot: powers it, carries commands to the PIV
/// application, and ends its PIN state with the power.
///
/// Commands are answered one after the other. No lock is held while one works, so that presence,
/// power-off and removal are seen at once; what a command answers after that is discarded.
pub struct Slot {
    place: Place,
    context: Context,
    settings: Arc<Settings>,
    powered: Mutex<Powered>,
    /// Commands one after the other.
    turn: Mutex<()>,
    wakes: AtomicU64,
    /// For who waits at a card that never goes.
    woken: (Mutex<()>, Condvar),
}

enum Place {
    Tray(Arc<Tray>, usize),
    Enrolled(Enrolled, Arc<dyn Filing>),
}

/// What has the power.
#[derive(Debug, Default)]
struct Powered {
    /// Grows with each change of the power.
    period: u64,
    applet: Option<Box<Applet>>,
}

impl Slot {
    /// Over a place of a tray.
    pub fn new(tray: Arc<Tray>, place: usize, context: Context, settings: Settings) -> Self {
        Self::over(Place::Tray(tray, place), context, settings)
    }

    /// Over a card of a store, which is always there.
    pub fn enrolled(
        card: Enrolled,
        filing: Arc<dyn Filing>,
        context: Context,
        settings: Settings,
    ) -> Self {
        Self::over(Place::Enrolled(card, filing), context, settings)
    }

    fn over(place: Place, context: Context, settings: Settings) -> Self {
        let context = context.in_reader();
        Self {
            place,
            context,
            settings: Arc::new(settings),
            powered: Mutex::default(),
            turn: Mutex::default(),
            wakes: AtomicU64::new(0),
            woken: Default::default(),
        }
    }

    fn bearer(&self) -> Option<Bearer> {
        match &self.place {
            Place::Tray(tray, place) => tray.card(*place).map(Bearer::Derived),
            Place::Enrolled(card, filing) => {
                Some(Bearer::Enrolled(card.clone(), Arc::clone(filing)))
            }
        }
    }

    /// Changes the power; what had it before is dropped without the lock.
    fn power(&self, applet: Option<Box<Applet>>) {
        let mut powered = locked(&self.powered);
        powered.period = powered.period.wrapping_add(1);
        let before = std::mem::replace(&mut powered.applet, applet);
        drop(powered);
        drop(before);
    }

    /// Whether the card that has the power is still there.
    fn is_there(&self, applet: &Applet) -> bool {
        self.bearer().is_some_and(|bearer| bearer.id() == applet.card())
    }
}

impl Icc for Slot {
    fn presence(&self) -> Presence {
        match &self.place {
            Place::Enrolled(..) => Presence { present: true, changes: 1 },
            Place::Tray(tray, place) => loop {
                let changes = tray.changes(*place);
                let present = tray.card(*place).is_some();
                if tray.changes(*place) == changes {
                    return Presence { present, changes };
                }
            },
        }
    }

    fn wait(&self, seen: Presence, most: Duration) -> Presence {
        let wakes = self.wakes.load(Ordering::SeqCst);
        let changed = || {
            let woken = self.wakes.load(Ordering::SeqCst) != wakes;
            (woken || self.presence() != seen).then_some(())
        };
        match &self.place {
            Place::Tray(tray, _) => {
                tray.wait_for(most, changed);
            }
            Place::Enrolled(..) => {
                let (mutex, condvar) = &self.woken;
                let waiting =
                    condvar.wait_timeout_while(locked(mutex), most, |()| changed().is_none());
                drop(waiting.unwrap_or_else(PoisonError::into_inner));
            }
        }
        self.presence()
    }

    fn wake(&self) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        match &self.place {
            Place::Tray(tray, _) => tray.wake(),
            Place::Enrolled(..) => {
                // Taken once, so that who has looked and not slept yet is not missed.
                drop(locked(&self.woken.0));
                self.woken.1.notify_all();
            }
        }
    }

    fn power_on(&self) -> Option<Atr> {
        let applet = self.bearer().map(|bearer| {
            Box::new(Applet::over(bearer, &self.context, Arc::clone(&self.settings)))
        });
        let atr = applet.is_some().then_some(ATR);
        self.power(applet);
        atr
    }

    fn reset(&self) -> Option<Atr> {
        self.power_on()
    }

    fn power_off(&self) {
        self.power(None);
    }

    fn transmit(&self, command: &[u8]) -> Option<Vec<u8>> {
        self.transmit_within(self.period(), command)
    }
}

impl Slot {
    /// Which time of power it is.
    pub(super) fn period(&self) -> u64 {
        locked(&self.powered).period
    }

    /// The response to a command that came in a time of power. By its turn that may be over, and
    /// then it is none of the next one's.
    pub(super) fn transmit_within(&self, period: u64, command: &[u8]) -> Option<Vec<u8>> {
        let _turn = locked(&self.turn);
        let mut applet = {
            let mut powered = locked(&self.powered);
            if powered.period != period {
                return None;
            }
            powered.applet.take()?
        };
        if !self.is_there(&applet) {
            // Its power is gone with it; another card is powered anew.
            return None;
        }
        let mut response = applet.transmit(command);
        let there = self.is_there(&applet);
        let mut powered = locked(&self.powered);
        if powered.period != period || !there {
            drop(powered);
            // It may be a decrypted message.
            response.zeroize();
            return None;
        }
        powered.applet = Some(applet);
        response
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("presence", &self.presence()).finish_non_exhaustive()
    }
}

/// A panic elsewhere has left no half-made state behind any of our locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
