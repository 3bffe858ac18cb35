//! The application: which command is whose, and what of the state each of them ends.
//!
//! | state | ends with |
//! |---|---|
//! | verified passcode | power-off, reset, P1=FF, a wrong passcode, [`Settings::idle`], and what the card itself says: lock, removal, another passcode |
//! | verified for 9C | any command |
//! | card manager authenticated | power-off, reset, a wrong response |
//!
//! SELECT changes none of it: PIV is the only application and selected from the start (SP 800-73-4
//! part 2 section 3.1.1).

use super::{
    Context, Filing, Settings,
    bearer::{Bearer, Session},
    management::Manager,
    tables::{AID, PROVIDER},
};
use crate::{
    apdu::{Application, Channel, Command, Response, Status},
    card::{Card, CardId, Enrolled, Fresh},
    clock::Time,
    crypto,
    secret::Secret,
    tlv,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

/// Instructions (SP 800-73-4 part 2 table 2).
mod ins {
    pub(super) const VERIFY: u8 = 0x20;
    pub(super) const CHANGE_REFERENCE_DATA: u8 = 0x24;
    pub(super) const RESET_RETRY_COUNTER: u8 = 0x2C;
    pub(super) const GENERATE_ASYMMETRIC_KEY_PAIR: u8 = 0x47;
    pub(super) const GENERAL_AUTHENTICATE: u8 = 0x87;
    pub(super) const SELECT: u8 = 0xA4;
    pub(super) const GET_DATA: u8 = 0xCB;
    pub(super) const PUT_DATA: u8 = 0xDB;
}

/// The PIV card application on a powered card. One power-up, one applet: a new one is what a reset
/// leaves.
pub struct Applet {
    pub(super) bearer: Bearer,
    pub(super) context: Context,
    pub(super) settings: Arc<Settings>,
    pub(super) manager: Manager,
    /// Verified, and when that was made use of last.
    session: Option<(Arc<Session>, Time)>,
    /// VERIFY was the command just before.
    fresh: Option<Fresh>,
    /// Containers as they were at a version of the card.
    pub(super) known: (Option<u64>, BTreeMap<u32, Arc<[u8]>>),
    /// What the padding of decrypted messages is made from.
    pub(super) filler: Secret,
    channel: Channel,
}

impl Applet {
    /// Over the card of a sign-in.
    pub fn new(card: Card, context: &Context, settings: Arc<Settings>) -> Self {
        Self::over(Bearer::Derived(card), context, settings)
    }

    /// Over a card of a store.
    pub fn enrolled(
        card: Enrolled,
        filing: Arc<dyn Filing>,
        context: &Context,
        settings: Arc<Settings>,
    ) -> Self {
        Self::over(Bearer::Enrolled(card, filing), context, settings)
    }

    pub(super) fn over(bearer: Bearer, context: &Context, settings: Arc<Settings>) -> Self {
        Self {
            bearer,
            context: context.powered(),
            settings,
            manager: Manager::default(),
            session: None,
            fresh: None,
            known: (None, BTreeMap::new()),
            filler: filler(),
            channel: Channel::default(),
        }
    }

    /// The card's identity.
    pub fn card(&self) -> CardId {
        self.bearer.id()
    }

    /// The response to a command; `None` if the card went before or while it worked.
    pub fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        if self.bearer.gone() {
            return None;
        }
        let mut channel = std::mem::take(&mut self.channel);
        let response = channel.transmit(command, self);
        self.channel = channel;
        response
    }

    pub(super) fn is_derived(&self) -> bool {
        matches!(self.bearer, Bearer::Derived(_))
    }

    /// A passcode was right.
    pub(super) fn begin(&mut self, session: Session, fresh: Option<Fresh>) {
        self.session = Some((Arc::new(session), self.context.clock.now()));
        self.fresh = fresh;
    }

    /// The PIN state ends.
    pub(super) fn leave(&mut self) {
        self.session = None;
        self.fresh = None;
    }

    /// The session, if the passcode has been verified and that still counts.
    pub(super) fn session(&mut self) -> Result<Arc<Session>, Status> {
        let now = self.context.clock.now();
        if let Some((session, used)) = &self.session {
            let idle = self.settings.idle;
            // A clock that was set back by more tells nothing any more.
            let over = now.since(*used) >= idle || used.since(now) >= idle;
            if !over
                && self.bearer.counts(session).map_err(|error| super::status::of_card(&error))?
            {
                return Ok(Arc::clone(session));
            }
            self.leave();
        }
        if self.bearer.needs_no_passcode() {
            // The sign-in stands for it. A locked card says no here.
            let verified = self.bearer.verify(None, &self.context);
            let (session, _) = verified.map_err(|error| super::status::of_card(&error))?;
            let session = Arc::new(session);
            self.session = Some((Arc::clone(&session), now));
            return Ok(session);
        }
        Err(Status::SecurityStatus)
    }

    /// The session was made use of.
    pub(super) fn used(&mut self) {
        let now = self.context.clock.now();
        if let Some((_, used)) = &mut self.session {
            *used = now;
        }
    }

    fn answer(&mut self, command: &Command<'_>, fresh: Option<Fresh>) -> Result<Response, Status> {
        match command.ins {
            ins::SELECT => select(command),
            ins::GET_DATA => self.get_data(command),
            ins::VERIFY => self.verify(command),
            ins::CHANGE_REFERENCE_DATA => self.change_reference(command),
            ins::RESET_RETRY_COUNTER => self.reset_retry_counter(command),
            ins::GENERAL_AUTHENTICATE => self.general_authenticate(command, fresh),
            ins::PUT_DATA => self.put_data(command),
            ins::GENERATE_ASYMMETRIC_KEY_PAIR => self.generate(command),
            _ => Err(Status::Instruction),
        }
    }
}

impl Application for Applet {
    fn chains(&self, ins: u8) -> bool {
        matches!(ins, ins::GENERAL_AUTHENTICATE | ins::PUT_DATA | ins::GENERATE_ASYMMETRIC_KEY_PAIR)
    }

    fn command(&mut self, command: &Command<'_>) -> Option<Response> {
        let fresh = self.fresh.take();
        let response = self.answer(command, fresh).unwrap_or_else(Response::from);
        (!self.bearer.gone()).then_some(response)
    }

    fn passed_over(&mut self) {
        self.fresh = None;
    }
}

/// SELECT (SP 800-73-4 part 2 section 3.1.1).
fn select(command: &Command<'_>) -> Result<Response, Status> {
    if command.p1 != 0x04 {
        // By file or path: there are none.
        return Err(Status::IncorrectParameters);
    }
    let identifier = command.data;
    if identifier.len() < PROVIDER || !AID.starts_with(identifier) {
        return Err(Status::NotFound);
    }
    let (provider, rest) = AID.split_at_checked(PROVIDER).unwrap_or_default();
    match command.p2 {
        0x00 => {
            Ok(Response::of(tlv::nested(0x61, &[(0x4F, rest), (0x79, &tlv::of(0x4F, provider))])))
        }
        // Nothing is to come back.
        0x0C => Ok(Status::Success.into()),
        _ => Err(Status::IncorrectParameters),
    }
}

impl fmt::Debug for Applet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verified = self.session.is_some();
        f.debug_struct("Applet").field("card", &self.bearer).field("verified", &verified).finish()
    }
}

/// The same for each power-up of this process, so that the same block is answered alike.
fn filler() -> Secret {
    static FILLER: OnceLock<Secret> = OnceLock::new();
    // Without random nothing else works either: no key is made, no card has an id.
    FILLER
        .get_or_init(|| Secret::filled(32, crypto::random).unwrap_or_else(|_| Secret::new(vec![])))
        .clone()
}
