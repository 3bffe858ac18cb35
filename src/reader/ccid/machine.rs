//! One slot, as section 6 of CCID 1.1 has it: no I/O, no clock, no thread.

use super::{
    descriptor::{HEADER, LONGEST, RATE},
    message::{self, Kind, Message, Parameters, Request, error},
};
use crate::apdu::{Atr, Presence};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// What the card is to do. The machine goes on without it, and hears of the end by
/// [`Machine::done`].
pub enum Work {
    /// Power, or a warm reset where it has power already.
    PowerOn {
        /// It has power.
        again: bool,
    },
    /// No power.
    PowerOff,
    /// A command.
    Command(Zeroizing<Vec<u8>>),
}

/// How it ended.
pub enum Done {
    /// An answer to reset, or no card.
    Power(Option<Atr>),
    /// It has no power.
    Off,
    /// A response, or no powered card.
    Response(Option<Vec<u8>>),
}

/// What follows from an event.
pub enum Step {
    /// A message for the bulk pipe.
    Answer(Vec<u8>),
    /// A notice for the interrupt pipe.
    Notice([u8; 2]),
    /// Work for the card, by this number.
    Work(u64, Work),
}

/// One slot and the messages about it.
pub struct Machine {
    presence: Presence,
    powered: bool,
    parameters: Parameters,
    /// What the card works on, and who asked.
    busy: Option<Busy>,
    work: u64,
    /// A command that is coming in parts.
    command: Zeroizing<Vec<u8>>,
    /// A response that is going out in parts.
    response: Zeroizing<Vec<u8>>,
    abort: Abort,
}

// Of commands and responses the lengths alone: they hold passcodes and what is deciphered.

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PowerOn { again } => write!(f, "PowerOn {{ again: {again} }}"),
            Self::PowerOff => f.write_str("PowerOff"),
            Self::Command(command) => write!(f, "Command({} bytes)", command.len()),
        }
    }
}

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Power(atr) => write!(f, "Power({atr:?})"),
            Self::Off => f.write_str("Off"),
            Self::Response(response) => {
                write!(f, "Response({:?} bytes)", response.as_ref().map(Vec::len))
            }
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer) => write!(f, "Answer({} bytes)", answer.len()),
            Self::Notice(notice) => write!(f, "Notice({notice:02X?})"),
            Self::Work(number, work) => write!(f, "Work({number}, {work:?})"),
        }
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("presence", &self.presence)
            .field("powered", &self.powered)
            .field("busy", &self.busy)
            .field("abort", &self.abort)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug)]
struct Busy {
    work: u64,
    kind: Kind,
    sequence: u8,
    /// A computer waits longer for a response alone: libccid takes a request for more time as the
    /// answer to anything else.
    patient: bool,
}

/// An abort is asked for on both pipes, in either order (section 5.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Abort {
    /// By the control pipe, for this sequence number.
    control: Option<u8>,
    /// By the bulk pipe.
    bulk: Option<u8>,
}

/// The longest response in one message.
const MOST: usize = LONGEST as usize - HEADER;

impl Machine {
    /// A slot with this in it. A card that is there is told of at once.
    pub fn new(presence: Presence) -> (Self, Vec<Step>) {
        let machine = Self {
            presence,
            powered: false,
            parameters: Parameters::default(),
            busy: None,
            work: 0,
            command: Zeroizing::default(),
            response: Zeroizing::default(),
            abort: Abort::default(),
        };
        let notice = presence.present.then(|| machine.notice());
        (machine, notice.into_iter().collect())
    }

    /// A message has come over the bulk pipe.
    pub fn message(&mut self, bytes: &[u8]) -> Vec<Step> {
        // Without a sequence number there is nobody to answer.
        let Some(message) = Message::parse(bytes) else { return Vec::new() };
        let Message { slot, sequence, kind, request } = message;
        if slot != 0 {
            let status = (2, 1, error::SLOT);
            return vec![Step::Answer(message::answer(kind, (slot, sequence), status, 0, &[]))];
        }
        let abort = request == Ok(Request::Abort);
        if abort || self.abort != Abort::default() {
            return self.aborting(kind, sequence, abort);
        }
        match request {
            _ if self.busy.is_some() => vec![self.failed(kind, sequence, error::SLOT_BUSY)],
            Err(error) => vec![self.failed(kind, sequence, error)],
            Ok(request) => self.request(kind, sequence, request),
        }
    }

    /// What is said of a slot while an abort is asked for on one pipe only.
    fn aborting(&mut self, kind: Kind, sequence: u8, abort: bool) -> Vec<Step> {
        match self.abort {
            Abort { control: Some(wanted), .. } if abort && wanted == sequence => {
                self.aborted(sequence)
            }
            Abort { control: None, .. } if abort => {
                self.abort.bulk = Some(sequence);
                Vec::new()
            }
            _ => vec![self.failed(kind, sequence, error::ABORTED)],
        }
    }

    /// The control pipe has asked to abort.
    pub fn abort(&mut self, slot: u8, sequence: u8) -> Vec<Step> {
        if slot != 0 {
            return Vec::new();
        }
        self.abort.control = Some(sequence);
        match self.abort.bulk {
            Some(wanted) if wanted == sequence => self.aborted(sequence),
            _ => Vec::new(),
        }
    }

    /// Both have: what the card works on is for nobody.
    fn aborted(&mut self, sequence: u8) -> Vec<Step> {
        self.abort = Abort::default();
        self.busy = None;
        self.forget();
        vec![self.good(Kind::SlotStatus, sequence, 0, &[])]
    }

    fn request(&mut self, kind: Kind, sequence: u8, request: Request<'_>) -> Vec<Step> {
        let absent = !self.presence.present;
        match request {
            Request::SlotStatus => vec![self.good(kind, sequence, 0, &[])],
            // A clock and a speed are the reader's, card or not.
            Request::Rate => {
                let rate = [4000_u32.to_le_bytes(), RATE.to_le_bytes()].concat();
                vec![self.good(kind, sequence, 0, &rate)]
            }
            Request::PowerOff if absent => vec![self.good(kind, sequence, 0, &[])],
            _ if absent => vec![self.failed(kind, sequence, error::MUTE)],
            Request::PowerOn => {
                self.forget();
                let again = self.powered;
                vec![self.begin(kind, sequence, Work::PowerOn { again })]
            }
            Request::PowerOff => {
                self.forget();
                self.powered = false;
                vec![self.begin(kind, sequence, Work::PowerOff)]
            }
            Request::Block { level, data } => self.block(kind, sequence, level, data),
            Request::Parameters => vec![self.said_parameters(kind, sequence)],
            Request::ResetParameters => {
                self.parameters = Parameters::default();
                vec![self.said_parameters(kind, sequence)]
            }
            Request::SetParameters(parameters) => {
                self.parameters = parameters;
                vec![self.said_parameters(kind, sequence)]
            }
            Request::Clock => vec![self.good(kind, sequence, 0, &[])],
            // Taken before.
            Request::Abort => Vec::new(),
        }
    }

    fn block(&mut self, kind: Kind, sequence: u8, level: u16, data: &[u8]) -> Vec<Step> {
        if !self.powered {
            return vec![self.failed(kind, sequence, error::MUTE)];
        }
        if level == 0x10 {
            return match self.response.is_empty() {
                true => vec![self.failed(kind, sequence, error::LEVEL)],
                false => vec![self.rest(kind, sequence, false)],
            };
        }
        self.response = Zeroizing::default();
        let begins = matches!(level, 0 | 1);
        if begins != self.command.is_empty() {
            // A part without its beginning, or a beginning in the middle of another.
            self.forget();
            if !begins {
                return vec![self.failed(kind, sequence, error::LEVEL)];
            }
        }
        if self.command.len() + data.len() > MOST {
            self.forget();
            return vec![self.failed(kind, sequence, error::LENGTH)];
        }
        // Erased where it moves: the old room would keep a passcode.
        let mut whole = Zeroizing::new(Vec::with_capacity(self.command.len() + data.len()));
        whole.extend_from_slice(&self.command);
        whole.extend_from_slice(data);
        match level {
            0 | 2 if whole.is_empty() => vec![self.failed(kind, sequence, error::LENGTH)],
            0 | 2 => {
                self.command = Zeroizing::default();
                vec![self.begin(kind, sequence, Work::Command(whole))]
            }
            _ => {
                self.command = whole;
                // An empty answer asks for the next part.
                vec![self.good(kind, sequence, 0x10, &[])]
            }
        }
    }

    fn begin(&mut self, kind: Kind, sequence: u8, work: Work) -> Step {
        self.work += 1;
        let patient = matches!(work, Work::Command(_));
        self.busy = Some(Busy { work: self.work, kind, sequence, patient });
        Step::Work(self.work, work)
    }

    /// The card has done its work.
    pub fn done(&mut self, work: u64, done: Done) -> Vec<Step> {
        let Some(Busy { kind, sequence, .. }) = self.busy.filter(|busy| busy.work == work) else {
            // Aborted, or the card went: answered already.
            if let Done::Response(Some(mut response)) = done {
                response.zeroize();
            }
            return Vec::new();
        };
        self.busy = None;
        vec![match done {
            Done::Power(Some(atr)) => {
                self.powered = true;
                self.good(kind, sequence, 0, atr.as_bytes())
            }
            Done::Off => self.good(kind, sequence, 0, &[]),
            Done::Response(Some(response)) => {
                self.response = Zeroizing::new(response);
                self.rest(kind, sequence, true)
            }
            Done::Power(None) | Done::Response(None) => {
                self.powered = false;
                self.failed(kind, sequence, error::MUTE)
            }
        }]
    }

    /// The response, or the next part of it (bChainParameter).
    fn rest(&mut self, kind: Kind, sequence: u8, first: bool) -> Step {
        let whole = std::mem::take(&mut self.response);
        let (part, rest) = whole.split_at_checked(MOST).unwrap_or((&whole, &[]));
        let chain = match (first, rest.is_empty()) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        let step = self.good(kind, sequence, chain, part);
        self.response = Zeroizing::new(rest.to_vec());
        step
    }

    /// A card has come or gone, or may have.
    pub fn presence(&mut self, presence: Presence) -> Vec<Step> {
        if presence == self.presence {
            return Vec::new();
        }
        let exchanged = self.presence.present && presence.present;
        self.presence = Presence { present: false, ..presence };
        self.powered = false;
        self.parameters = Parameters::default();
        self.forget();
        let mut steps = Vec::new();
        if let Some(Busy { kind, sequence, .. }) = self.busy.take() {
            steps.push(self.failed(kind, sequence, error::MUTE));
        }
        if exchanged {
            steps.push(self.notice());
        }
        self.presence = presence;
        steps.push(self.notice());
        steps
    }

    /// Asks for more time for what the card works on (bmCommandStatus 2), if it works.
    pub fn more_time(&self) -> Option<Vec<u8>> {
        let Busy { kind, sequence, .. } = self.busy.filter(|busy| busy.patient)?;
        Some(message::answer(kind, (0, sequence), (self.icc(), 2, 1), 0, &[]))
    }

    /// The work whose end somebody waits for.
    pub fn work(&self) -> Option<u64> {
        self.busy.map(|busy| busy.work)
    }

    /// Whether the card works on a command.
    pub fn busy(&self) -> bool {
        self.busy.is_some_and(|busy| busy.patient)
    }

    fn forget(&mut self) {
        self.command = Zeroizing::default();
        self.response = Zeroizing::default();
    }

    /// RDR_to_PC_NotifySlotChange (section 6.3.1).
    fn notice(&self) -> Step {
        Step::Notice([0x50, 2 | u8::from(self.presence.present)])
    }

    /// bmICCStatus.
    fn icc(&self) -> u8 {
        match (self.presence.present, self.powered) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        }
    }

    fn good(&self, kind: Kind, sequence: u8, specific: u8, data: &[u8]) -> Step {
        Step::Answer(message::answer(kind, (0, sequence), (self.icc(), 0, 0), specific, data))
    }

    fn failed(&self, kind: Kind, sequence: u8, error: u8) -> Step {
        Step::Answer(message::answer(kind, (0, sequence), (self.icc(), 1, error), 0, &[]))
    }

    fn said_parameters(&self, kind: Kind, sequence: u8) -> Step {
        self.good(kind, sequence, self.parameters.protocol(), self.parameters.bytes())
    }
}
