//! PUT DATA and GENERATE ASYMMETRIC KEY PAIR (SP 800-73-4 part 2 sections 3.3.1 and 3.3.2), for the
//! card manager on a card of a store.
//!
//! Besides the card manager, whoever makes a key has verified the passcode: every private key of a
//! store is sealed under it, so that neither the store alone nor its manager opens one.

use super::{
    Algorithm, Applet, Container, Filing, KeyReference, Read,
    bearer::{Bearer, Session},
    containers::{self, DATA},
    status,
    tables::{BIT_GROUP, DISCOVERY},
};
use crate::{
    apdu::{Command, Response, Status},
    card::{Enrolled, EnrolledLogin, Error, KeyType, Managed, NewRecord, Outcome, Record},
    crypto::{PrivateKey, PublicKey},
    pki::Certificate,
    tlv,
};
use std::sync::Arc;

/// Longest content of a container: what the largest of the standard's has room for (part 1 appendix
/// A, table 8), and some.
const LONGEST: usize = 16 * 1024;

impl Applet {
    /// A card of a store, for its authenticated manager.
    fn managed(&self) -> Result<(Enrolled, Arc<dyn Filing>), Status> {
        match &self.bearer {
            Bearer::Enrolled(card, filing) if self.manager.is_authenticated() => {
                Ok((card.clone(), Arc::clone(filing)))
            }
            _ => Err(Status::SecurityStatus),
        }
    }

    /// PUT DATA.
    pub(super) fn put_data(&mut self, command: &Command<'_>) -> Result<Response, Status> {
        if (command.p1, command.p2) != (0x3F, 0xFF) {
            return Err(Status::IncorrectParameters);
        }
        let (card, filing) = self.managed()?;
        let (tag, content) = put(command.data)?;
        let container = Container::of(tag).ok_or(Status::FunctionUnsupported)?;
        if tag == DISCOVERY {
            // It says how this application works.
            return Err(Status::FunctionUnsupported);
        }
        if content.len() > LONGEST {
            return Err(Status::NoSpace);
        }
        let session = match container.read {
            Read::Always => None,
            // It is sealed under the passcode.
            Read::Pin => Some(self.session()?),
        };
        let login = session.as_deref().and_then(login_of);
        let key = containers::key_of(container);
        let new = match (content, key) {
            ([], _) => None,
            (content, Some(key)) => {
                let der = containers::certificate_in(content).ok_or(Status::IncorrectData)?;
                let certificate = Certificate::from_der(der).map_err(|_| Status::IncorrectData)?;
                let new = filing.new_certificate(&key.id(), &certificate);
                Some(new.ok_or(Status::Unspecific)?)
            }
            (content, None) => {
                let new = filing.new_container(tag, content, container.read == Read::Pin);
                Some(new.ok_or(Status::Unspecific)?)
            }
        };
        let old = |record: &Record| match key {
            Some(key) => {
                record.id.as_deref() == Some(&key.id()[..]) && filing.certificate(record).is_some()
            }
            None => filing.container(record).is_some_and(|(of, _)| of == tag),
        };
        let what = if new.is_some() { Managed::Written(tag) } else { Managed::Emptied(tag) };
        self.told(what, replace(&card, login, old, new.as_slice()))?;
        Ok(Status::Success.into())
    }

    /// Tells the gate what the manager did.
    fn told(&self, what: Managed, done: Result<(), Error>) -> Result<(), Status> {
        let outcome = if done.is_ok() { Outcome::Done } else { Outcome::Failed };
        self.context.gate.managed(&self.card(), &self.context.caller, what, outcome);
        done.map_err(|error| status::of_card(&error))
    }

    /// GENERATE ASYMMETRIC KEY PAIR.
    pub(super) fn generate(&mut self, command: &Command<'_>) -> Result<Response, Status> {
        if command.p1 != 0x00 {
            return Err(Status::IncorrectParameters);
        }
        let key = KeyReference::try_from(command.p2).map_err(|_| Status::IncorrectParameters)?;
        let (card, filing) = self.managed()?;
        if key == KeyReference::CardAuthentication {
            // It would work without a passcode, and no key here does.
            return Err(Status::FunctionUnsupported);
        }
        let algorithm = match tlv::element(command.data) {
            Ok((control, [])) if control.tag == 0xAC => match tlv::find(control.value, 0x80) {
                Some([number]) => {
                    Algorithm::try_from(*number).map_err(|_| Status::IncorrectData)?
                }
                _ => return Err(Status::IncorrectData),
            },
            _ => return Err(Status::IncorrectData),
        };
        let session = self.session()?;
        let login = login_of(&session).ok_or(Status::SecurityStatus)?;
        let made = PrivateKey::generate(algorithm.kind()).map_err(status::of_crypto)?;
        let new = filing.new_pair(key, &made).ok_or(Status::Unspecific)?;
        let old = |record: &Record| {
            record.id.as_deref() == Some(&key.id()[..])
                && (matches!(record.key, Some(KeyType::Private(_)))
                    || filing.public_key(record).is_some())
        };
        let what = Managed::Generated(key.number());
        self.told(what, replace(&card, Some(login), old, &new))?;
        self.used();
        public(made.public()).map(Response::of).ok_or(Status::Unspecific)
    }
}

fn login_of(session: &Session) -> Option<&EnrolledLogin> {
    match session {
        Session::Enrolled(login) => Some(login),
        Session::Derived(_) => None,
    }
}

/// Tag and content of PUT DATA (section 3.3.1, table 11).
fn put(data: &[u8]) -> Result<(u32, &[u8]), Status> {
    if let Ok((element, [])) = tlv::element(data)
        && matches!(element.tag, DISCOVERY | BIT_GROUP)
    {
        return Ok((element.tag, element.value));
    }
    let (tag, rest) = containers::listed(data)?;
    match tlv::element(rest) {
        Ok((element, [])) if element.tag == DATA => Ok((tag, element.value)),
        _ => Err(Status::IncorrectData),
    }
}

/// Puts new records in the place of old ones: first the new, so that there is always one.
fn replace(
    card: &Enrolled,
    login: Option<&EnrolledLogin>,
    old: impl Fn(&Record) -> bool,
    new: &[NewRecord],
) -> Result<(), Error> {
    let gone: Vec<u64> = card
        .records(login)?
        .iter()
        .filter(|record| old(record))
        .map(|record| record.number)
        .collect();
    if !new.is_empty() {
        card.add(login, new)?;
    }
    for number in gone {
        match card.remove(login, number) {
            // Somebody else was faster.
            Ok(()) | Err(Error::ObjectAbsent) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A public key as the command answers it (section 3.3.2, table 12).
fn public(key: &PublicKey) -> Option<Vec<u8>> {
    match (key.rsa(), key.ec_point()) {
        (Some((modulus, exponent)), _) => {
            Some(tlv::nested(0x7F49, &[(0x81, modulus), (0x82, exponent)]))
        }
        (None, Some(point)) => Some(tlv::nested(0x7F49, &[(0x86, point)])),
        (None, None) => None,
    }
}
