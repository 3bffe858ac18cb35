//! GET DATA, and what lies in the containers (SP 800-73-4 part 1 section 3 and appendix A, part 2
//! section 3.1.2).

use super::{
    Applet, Container, Content, KeyReference, Read,
    bearer::{self, Bearer, Session},
    enrolled, security, status,
    tables::{AID, BIT_GROUP, CONTAINERS, DISCOVERY},
};
use crate::{
    apdu::{Command, Response, Status},
    card::{CardId, Error},
    clock::Time,
    crypto::{self, Hash},
    tlv,
};
use std::sync::Arc;

/// Tag of a tag list in GET DATA and PUT DATA.
pub(super) const TAG_LIST: u32 = 0x5C;
/// Tag around what a container holds.
pub(super) const DATA: u32 = 0x53;
/// Tag of the error detection code, empty, at the end of most containers.
const ERROR_DETECTION: u32 = 0xFE;

/// The namespace of our cards' GUIDs (RFC 9562 section 5.5): a UUID made for it once.
const NAMESPACE: [u8; 16] = [
    0x6D, 0x0C, 0x3F, 0x5A, 0x91, 0x7E, 0x4B, 0x22, 0xA8, 0x43, 0x1F, 0xD9, 0x5E, 0x70, 0xC6, 0x8B,
];

/// FASC-N of a card that no federal agency issued: agency 9999, system 9999, credential 999999
/// (SP 800-73-4 part 1 section 3.1.2; the encoding is TIG SCEPACS 2.3's).
const FASC_N: [u8; 25] = [
    0xD4, 0xE7, 0x39, 0xDA, 0x73, 0x9C, 0xED, 0x39, 0xCE, 0x73, 0x9D, 0x83, 0x68, 0x58, 0x21, 0x08,
    0x42, 0x10, 0x84, 0x21, 0xC8, 0x42, 0x10, 0xC3, 0xEB,
];

/// When a card ends that has no end of its own.
const NO_END: Time = Time::from_unix_seconds(4_102_358_400);

/// The one tag of a tag list, alone in its data field or before something else.
pub(super) fn listed(data: &[u8]) -> Result<(u32, &[u8]), Status> {
    match tlv::element(data) {
        Ok((list, rest)) if list.tag == TAG_LIST => match tlv::tag(list.value) {
            Ok((tag, [])) => Ok((tag, rest)),
            _ => Err(Status::IncorrectData),
        },
        _ => Err(Status::IncorrectData),
    }
}

impl Applet {
    /// GET DATA.
    pub(super) fn get_data(&mut self, command: &Command<'_>) -> Result<Response, Status> {
        if (command.p1, command.p2) != (0x3F, 0xFF) {
            return Err(Status::IncorrectParameters);
        }
        let (tag, []) = listed(command.data)? else { return Err(Status::IncorrectData) };
        // Read before every other command by some clients: nothing is looked up for it.
        if tag == DISCOVERY {
            return Ok(Response::of(discovery()));
        }
        let container = Container::of(tag).ok_or(Status::NotFound)?;
        let session = match container.read {
            Read::Always => None,
            Read::Pin => Some(self.session()?),
        };
        let content = self.content(container, session.as_deref());
        let content = content.map_err(|error| status::of_card(&error))?.ok_or(Status::NotFound)?;
        if session.is_some() {
            self.used();
        }
        Ok(Response::of(wrapped(tag, &content)))
    }

    /// What a container holds, without the tag around it.
    fn content(
        &mut self,
        container: Container,
        session: Option<&Session>,
    ) -> Result<Option<Arc<[u8]>>, Error> {
        let version = match &self.bearer {
            Bearer::Derived(_) => 0,
            Bearer::Enrolled(card, _) => card.version()?,
        };
        if self.known.0 != Some(version) {
            self.known = (Some(version), Default::default());
        }
        if session.is_none()
            && let Some(content) = self.known.1.get(&container.tag)
        {
            return Ok(Some(Arc::clone(content)));
        }
        let content: Option<Arc<[u8]>> = self.made(container, session)?.map(Arc::from);
        // What only the verified may read is not kept.
        if let (None, Some(content)) = (session, &content) {
            self.known.1.insert(container.tag, Arc::clone(content));
        }
        Ok(content)
    }

    fn made(
        &self,
        container: Container,
        session: Option<&Session>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let records = match (&self.bearer, session) {
            (Bearer::Derived(_), _) => Vec::new(),
            (Bearer::Enrolled(card, _), Some(Session::Enrolled(login))) => {
                card.records(Some(login))?
            }
            (Bearer::Enrolled(card, _), _) => card.records(None)?,
        };
        if let Bearer::Enrolled(_, filing) = &self.bearer {
            let written = records.iter().find_map(|record| {
                filing.container(record).filter(|(tag, _)| *tag == container.tag)
            });
            if let Some((_, value)) = written {
                return Ok(Some(value));
            }
        }
        let id = self.bearer.id();
        Ok(match (container.content, &self.bearer) {
            (Content::Discovery, _) => Some(discovery_content()),
            (Content::Chuid, _) => Some(chuid(id, self.end())),
            (Content::Capability, _) => Some(capability(id)),
            (Content::KeyHistory, _) => Some(key_history()),
            (Content::Certificate(key), Bearer::Derived(card)) => {
                let slot = bearer::slot(key, self.settings.key_management);
                slot.and_then(|slot| card.certificate(slot)).map(|one| certificate(one.der()))
            }
            (Content::Certificate(key), Bearer::Enrolled(_, filing)) => {
                enrolled::certificate(&records, &**filing, key)
                    .map(|one| certificate(one.certificate.der()))
            }
            (Content::Printed, Bearer::Derived(card)) => {
                Some(printed(card.person().as_str(), id, card.expires()))
            }
            (Content::Security, Bearer::Derived(_)) => Some(self.security()?),
            (Content::Printed | Content::Security, Bearer::Enrolled(..)) => None,
            (Content::Empty, _) => None,
        })
    }

    /// Hashes of the containers that no signature covers.
    fn security(&self) -> Result<Vec<u8>, Error> {
        let mut covered = Vec::new();
        for container in CONTAINERS {
            let own = matches!(
                container.content,
                Content::Capability
                    | Content::Chuid
                    | Content::KeyHistory
                    | Content::Discovery
                    | Content::Printed
            );
            if own && let Some(content) = self.made(container, None)? {
                covered.push((container.id, content));
            }
        }
        Ok(security::object(&covered))
    }

    fn end(&self) -> Time {
        match &self.bearer {
            Bearer::Derived(card) => card.expires(),
            Bearer::Enrolled(..) => NO_END,
        }
    }
}

/// What a container holds, with the tag around it that it has in GET DATA.
fn wrapped(tag: u32, content: &[u8]) -> Vec<u8> {
    match tag {
        DISCOVERY | BIT_GROUP => tlv::of(tag, content),
        _ => tlv::of(DATA, content),
    }
}

/// A certificate (table 10 and its like): not compressed.
fn certificate(der: &[u8]) -> Vec<u8> {
    fields(&[(0x70, der), (0x71, &[0x00]), (ERROR_DETECTION, &[])])
}

/// The discovery object (section 3.3.2): this application, and that its PIN alone does.
fn discovery() -> Vec<u8> {
    tlv::of(DISCOVERY, &discovery_content())
}

fn discovery_content() -> Vec<u8> {
    fields(&[(0x4F, &AID), (0x5F2F, &[0x40, 0x00])])
}

/// The cardholder unique identifier (section 3.1.2), without the signature of an issuer: nobody signs
/// for cards that live for a session.
fn chuid(card: CardId, end: Time) -> Vec<u8> {
    let date: Vec<u8> = day(end).bytes().collect();
    fields(&[
        (0x30, &FASC_N),
        (0x34, &guid(card)),
        (0x35, &date),
        (0x3E, &[]),
        (ERROR_DETECTION, &[]),
    ])
}

/// The capability container (section 3.1.1).
fn capability(card: CardId) -> Vec<u8> {
    // GSC-RID, manufacturer, card type, and 14 bytes that are this card's.
    let mut identifier = vec![0xA0, 0x00, 0x00, 0x01, 0x16, 0xFF, 0x02];
    identifier.extend(guid(card).iter().take(14));
    fields(&[
        (0xF0, &identifier),
        (0xF1, &[0x21]),
        (0xF2, &[0x21]),
        (0xF3, &[]),
        (0xF4, &[0x00]),
        (0xF5, &[0x10]),
        (0xF6, &[]),
        (0xF7, &[]),
        (0xFA, &[]),
        (0xFB, &[]),
        (0xFC, &[]),
        (0xFD, &[]),
        (ERROR_DETECTION, &[]),
    ])
}

/// The key history object (section 3.3.3): no retired keys, on the card or off it.
fn key_history() -> Vec<u8> {
    fields(&[(0xC1, &[0x00]), (0xC2, &[0x00]), (ERROR_DETECTION, &[])])
}

/// Printed information (section 3.2.3): the person's number, the card's end and serial number.
fn printed(person: &str, card: CardId, end: Time) -> Vec<u8> {
    const MONTHS: [&str; 12] =
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let day = day(end);
    let (year, rest) = day.split_at_checked(4).unwrap_or_default();
    let (month, day) = rest.split_at_checked(2).unwrap_or_default();
    let month = month.parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    let date = [year, month.copied().unwrap_or_default(), day].concat();
    fields(&[
        (0x01, person.as_bytes()),
        (0x02, &[]),
        (0x04, date.as_bytes()),
        (0x05, card.to_hex().to_uppercase().as_bytes()),
        (0x06, b"WARDCARD"),
        (ERROR_DETECTION, &[]),
    ])
}

/// A date as eight digits.
fn day(time: Time) -> String {
    time.to_string().chars().filter(char::is_ascii_digit).take(8).collect()
}

/// The card's GUID: a UUID of version 5 (RFC 9562 section 5.5) of its id, the same for as long as
/// there is this card.
fn guid(card: CardId) -> [u8; 16] {
    let name = [&NAMESPACE[..], card.to_hex().as_bytes()].concat();
    let digest = crypto::digest(Hash::Sha1, &name);
    let mut guid: [u8; 16] = digest.first_chunk().copied().unwrap_or_default();
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut guid;
    *version = *version & 0x0F | 0x50;
    *variant = *variant & 0x3F | 0x80;
    guid
}

fn fields(fields: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (tag, value) in fields {
        tlv::put(&mut out, *tag, value);
    }
    out
}

/// The certificate in what was written into a certificate's container; `None` if it is no plain one.
pub(super) fn certificate_in(content: &[u8]) -> Option<&[u8]> {
    let plain = tlv::find(content, 0x71).is_none_or(|info| info == [0x00]);
    tlv::find(content, 0x70).filter(|_| plain)
}

/// The certificate container's key.
pub(super) fn key_of(container: Container) -> Option<KeyReference> {
    match container.content {
        Content::Certificate(key) => Some(key),
        _ => None,
    }
}
