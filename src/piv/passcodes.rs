//! VERIFY, CHANGE REFERENCE DATA and RESET RETRY COUNTER (SP 800-73-4 part 2 sections 3.2.1 to
//! 3.2.3, criteria of section 2.4.3).

use super::{Applet, status, tables::reference};
use crate::{
    apdu::{Command, Response, Status},
    card::Error,
};

/// Length of a passcode's field.
const FIELD: usize = 8;
const PADDING: u8 = 0xFF;

/// The passcode in a field that is padded to its length.
fn unpadded(field: &[u8]) -> &[u8] {
    let padding = field.iter().rev().take_while(|byte| **byte == PADDING).count();
    field.get(..field.len().saturating_sub(padding)).unwrap_or(field)
}

/// Two fields, one behind the other.
fn two_fields(data: &[u8]) -> Result<(&[u8], &[u8]), Status> {
    let (first, rest) = data.split_first_chunk::<FIELD>().ok_or(Status::WrongLength)?;
    let second: &[u8; FIELD] = rest.try_into().map_err(|_| Status::WrongLength)?;
    Ok((unpadded(first), unpadded(second)))
}

impl Applet {
    /// VERIFY.
    pub(super) fn verify(&mut self, command: &Command<'_>) -> Result<Response, Status> {
        if command.p2 != reference::PIN {
            return Err(Status::ReferenceNotFound);
        }
        match (command.p1, command.data) {
            (0x00, []) => self.state().map(Response::from),
            (0xFF, []) => {
                self.leave();
                Ok(Status::Success.into())
            }
            (0xFF, _) => Err(Status::IncorrectData),
            (0x00, field) => {
                let field: &[u8; FIELD] = field.try_into().map_err(|_| Status::WrongLength)?;
                self.enter(unpadded(field))
            }
            _ => Err(Status::IncorrectParameters),
        }
    }

    /// Whether verification is needed, and how many tries there are.
    fn state(&mut self) -> Result<Status, Status> {
        if self.session().is_ok() {
            return Ok(Status::Success);
        }
        match self.bearer.tries_left().map_err(|error| status::of_card(&error))? {
            0 => Err(Status::Blocked),
            left => Err(Status::TriesLeft(left)),
        }
    }

    fn enter(&mut self, passcode: &[u8]) -> Result<Response, Status> {
        let blocked = self.bearer.tries_left().is_ok_and(|left| left == 0);
        match self.bearer.verify(Some(passcode), &self.context) {
            Ok((session, fresh)) => {
                self.begin(session, Some(fresh));
                Ok(Status::Success.into())
            }
            Err(error) => {
                // A wrong passcode ends the session, one of a wrong shape was never compared.
                if !matches!(error, Error::PasscodeShape(_)) {
                    self.leave();
                }
                Err(of_look(&error, blocked))
            }
        }
    }

    /// CHANGE REFERENCE DATA.
    pub(super) fn change_reference(&mut self, command: &Command<'_>) -> Result<Response, Status> {
        if command.p1 != 0x00 {
            return Err(Status::IncorrectParameters);
        }
        match (command.p2, self.is_derived()) {
            // The passcode of a derived card is set with the sign-in, and there is no officer.
            (reference::PIN, true) => Err(Status::FunctionUnsupported),
            (reference::PIN, false) => {
                let (old, new) = two_fields(command.data)?;
                let blocked = self.bearer.tries_left().is_ok_and(|left| left == 0);
                match self.bearer.change_passcode(old, new, &self.context) {
                    Ok(session) => {
                        self.begin(session, None);
                        Ok(Status::Success.into())
                    }
                    Err(error) => {
                        if !matches!(error, Error::PasscodeShape(_)) {
                            self.leave();
                        }
                        Err(of_look(&error, blocked))
                    }
                }
            }
            (reference::PUK, false) => {
                let (old, new) = two_fields(command.data)?;
                let blocked = self.bearer.puk_tries_left().is_ok_and(|left| left == 0);
                self.bearer
                    .change_puk(old, new, &self.context)
                    .map(|_| Status::Success.into())
                    .map_err(|error| of_look(&error, blocked))
            }
            _ => Err(Status::ReferenceNotFound),
        }
    }

    /// RESET RETRY COUNTER.
    pub(super) fn reset_retry_counter(
        &mut self,
        command: &Command<'_>,
    ) -> Result<Response, Status> {
        if command.p1 != 0x00 {
            return Err(Status::IncorrectParameters);
        }
        if command.p2 != reference::PIN {
            return Err(Status::ReferenceNotFound);
        }
        if self.is_derived() {
            return Err(Status::FunctionUnsupported);
        }
        let (puk, new) = two_fields(command.data)?;
        let blocked = self.bearer.puk_tries_left().is_ok_and(|left| left == 0);
        match self.bearer.reset_passcode(puk, new, &self.context) {
            Ok(()) => {
                self.leave();
                Ok(Status::Success.into())
            }
            Err(error) => Err(of_look(&error, blocked)),
        }
    }
}

/// What came of a look at a passcode. The one that used up the last try is told 63C0, what comes
/// after it 6983.
fn of_look(error: &Error, was_blocked: bool) -> Status {
    match error {
        Error::Blocked if !was_blocked => Status::TriesLeft(0),
        error => status::of_card(error),
    }
}
