//! What a [`super::RemoteIssuer`] and `ca serve` say to each other: length-prefixed JSON.
//!
//! A frame is its length (4 bytes, big-endian, at most [`LARGEST`]) and one JSON value in UTF-8.
//! The client asks, the server answers each frame by one frame, in order. An unknown version or
//! field is refused, so neither side ever acts on half of what was meant. DER stands in Base64.

use super::{Error, Issued, MOST_REVOKED, Order, Serial, slot_name, slot_named};
use crate::{
    clock::Time,
    net::Channel,
    pki::{Assurance, Binding, Level, Source},
    pki::{Certificate, Reason, UserId},
};
use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io;

/// Largest frame, in bytes.
pub(super) const LARGEST: usize = 64 * 1024;

/// The version of this protocol.
const VERSION: u32 = 1;

/// What a client asks.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// Certify these keys.
    Issue(Order),
    /// Tell your roots.
    Roots,
    /// Revoke these certificates.
    Revoke(Vec<Serial>, Reason),
}

/// What the issuer answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// To `Issue`.
    Issued(Vec<Issued>),
    /// To `Roots`.
    Roots(Vec<Certificate>),
    /// To `Revoke`.
    Revoked,
    /// To each of them.
    Error(Error),
}

/// Why a frame's content is not what it should be. Nothing of the content stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other side does not speak version 1 of the issuer's protocol ({0})")]
pub(super) struct Malformed(&'static str);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    version: u32,
    body: T,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum QuestionBody {
    Issue(Box<OrderBody>),
    Roots {},
    Revoke(RevocationBody),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevocationBody {
    serials: Vec<String>,
    reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    assurance: AssuranceBody,
    keys: Vec<KeyBody>,
    not_after: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AssuranceBody {
    person: String,
    authentication: u8,
    identity: u8,
    context: Option<String>,
    methods: Vec<String>,
    authenticated_at: i64,
    source: SourceBody,
    binding: String,
    session: Option<String>,
    beside: Vec<SourceBody>,
    offline: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceBody {
    kind: String,
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyBody {
    slot: String,
    request: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum AnswerBody {
    Issued(Vec<IssuedBody>),
    Roots(Vec<String>),
    Revoked {},
    Refused(String),
    Failed(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuedBody {
    slot: String,
    certificate: String,
    chain: Vec<String>,
}

impl Question {
    /// As a frame's content.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Malformed> {
        encode(match self {
            Self::Roots => QuestionBody::Roots {},
            Self::Revoke(serials, reason) => QuestionBody::Revoke(RevocationBody {
                serials: serials.iter().map(ToString::to_string).collect(),
                reason: reason.name().to_owned(),
            }),
            Self::Issue(order) => QuestionBody::Issue(Box::new(OrderBody {
                assurance: AssuranceBody::of(&order.assurance),
                keys: order
                    .keys
                    .iter()
                    .map(|(slot, request)| KeyBody {
                        slot: slot_name(*slot).to_owned(),
                        request: Base64::encode_string(request),
                    })
                    .collect(),
                not_after: order.not_after.unix_millis(),
            })),
        })
    }

    /// From a frame's content.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let order = match decode(bytes)? {
            QuestionBody::Roots {} => return Ok(Self::Roots),
            QuestionBody::Revoke(body) => return body.parse(),
            QuestionBody::Issue(order) => order,
        };
        let keys = order.keys.iter().map(|key| {
            let slot = slot_named(&key.slot).ok_or(Malformed("slot"))?;
            Ok((slot, base64(&key.request)?))
        });
        Ok(Self::Issue(Order {
            keys: keys.collect::<Result<_, Malformed>>()?,
            assurance: order.assurance.parse()?,
            not_after: Time::from_unix_millis(order.not_after),
        }))
    }
}

impl Answer {
    /// As a frame's content.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Malformed> {
        let der = |certificate: &Certificate| Base64::encode_string(certificate.der());
        encode(match self {
            Self::Roots(roots) => AnswerBody::Roots(roots.iter().map(der).collect()),
            Self::Revoked => AnswerBody::Revoked {},
            Self::Error(Error::Refused(reason)) => AnswerBody::Refused(reason.clone()),
            Self::Error(Error::Failed(reason) | Error::Unreachable(reason)) => {
                AnswerBody::Failed(reason.clone())
            }
            Self::Issued(all) => AnswerBody::Issued(
                all.iter()
                    .map(|one| IssuedBody {
                        slot: slot_name(one.slot).to_owned(),
                        certificate: der(&one.certificate),
                        chain: one.chain.iter().map(der).collect(),
                    })
                    .collect(),
            ),
        })
    }

    /// From a frame's content.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        Ok(match decode(bytes)? {
            AnswerBody::Roots(roots) => Self::Roots(certificates(&roots)?),
            AnswerBody::Revoked {} => Self::Revoked,
            AnswerBody::Refused(reason) => Self::Error(Error::Refused(plain(&reason))),
            AnswerBody::Failed(reason) => Self::Error(Error::Failed(plain(&reason))),
            AnswerBody::Issued(all) => Self::Issued(
                all.iter()
                    .map(|one| {
                        Ok(Issued {
                            slot: slot_named(&one.slot).ok_or(Malformed("slot"))?,
                            certificate: certificate(&one.certificate)?,
                            chain: certificates(&one.chain)?,
                        })
                    })
                    .collect::<Result<_, Malformed>>()?,
            ),
        })
    }
}

impl RevocationBody {
    fn parse(self) -> Result<Question, Malformed> {
        if !(1..=MOST_REVOKED).contains(&self.serials.len()) {
            return Err(Malformed("number of serials"));
        }
        let serial = |text: &String| Serial::parse(text).ok_or(Malformed("serial"));
        let serials = self.serials.iter().map(serial).collect::<Result<_, _>>()?;
        let reason = Reason::named(&self.reason).ok_or(Malformed("reason"))?;
        Ok(Question::Revoke(serials, reason))
    }
}

impl AssuranceBody {
    fn of(assurance: &Assurance) -> Self {
        Self {
            person: assurance.person.as_str().to_owned(),
            authentication: assurance.authentication.0,
            identity: assurance.identity.0,
            context: assurance.context.clone(),
            methods: assurance.methods.clone(),
            authenticated_at: assurance.authenticated_at.unix_millis(),
            source: SourceBody::of(&assurance.source),
            binding: assurance.binding.name().to_owned(),
            session: assurance.session.clone(),
            beside: assurance.beside.iter().map(SourceBody::of).collect(),
            offline: assurance.offline,
        }
    }

    fn parse(self) -> Result<Assurance, Malformed> {
        if self.authentication > 3 || self.identity > 3 {
            return Err(Malformed("level"));
        }
        Ok(Assurance {
            person: UserId::parse(&self.person).ok_or(Malformed("person"))?,
            authentication: Level(self.authentication),
            identity: Level(self.identity),
            context: self.context,
            methods: self.methods,
            authenticated_at: Time::from_unix_millis(self.authenticated_at),
            source: self.source.parse()?,
            binding: Binding::ALL
                .into_iter()
                .find(|binding| binding.name() == self.binding)
                .ok_or(Malformed("binding"))?,
            session: self.session,
            beside: self.beside.into_iter().map(SourceBody::parse).collect::<Result<_, _>>()?,
            offline: self.offline,
        })
    }
}

impl SourceBody {
    fn of(source: &Source) -> Self {
        Self { kind: source.kind().to_owned(), name: source.name().to_owned() }
    }

    fn parse(self) -> Result<Source, Malformed> {
        Source::named(&self.kind, self.name).ok_or(Malformed("source"))
    }
}

/// The next frame's content; `None` where the other side has ended the connection between frames.
/// `begun` is told once the first byte is there, so that the caller can stop waiting patiently.
pub(super) fn read_frame(
    connection: &Channel,
    begun: impl FnOnce() -> io::Result<()>,
) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let (first, rest) = length.split_at_mut(1);
    match connection.read_exact(first) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    begun()?;
    connection.read_exact(rest)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the frame is too long"));
    }
    let mut content = vec![0; length];
    connection.read_exact(&mut content)?;
    Ok(Some(content))
}

/// Sends one frame in one write.
pub(super) fn write_frame(connection: &Channel, content: &[u8]) -> io::Result<()> {
    let length = u32::try_from(content.len()).ok().filter(|_| content.len() <= LARGEST);
    let length = length
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the frame is too long"))?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(content);
    connection.write_all(&frame)
}

fn encode<T: Serialize>(body: T) -> Result<Vec<u8>, Malformed> {
    serde_json::to_vec(&Envelope { version: VERSION, body }).map_err(|_| Malformed("JSON"))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Malformed> {
    if bytes.len() > LARGEST {
        return Err(Malformed("length"));
    }
    let Envelope { version, body } =
        serde_json::from_slice(bytes).map_err(|_| Malformed("JSON"))?;
    if version == VERSION { Ok(body) } else { Err(Malformed("version")) }
}

fn base64(text: &str) -> Result<Vec<u8>, Malformed> {
    Base64::decode_vec(text).map_err(|_| Malformed("Base64"))
}

fn certificate(text: &str) -> Result<Certificate, Malformed> {
    Certificate::from_der(&base64(text)?).map_err(|_| Malformed("certificate"))
}

fn certificates(texts: &[String]) -> Result<Vec<Certificate>, Malformed> {
    texts.iter().map(|text| certificate(text)).collect()
}

/// A reason from the other side, fit for a log: one line of printable text, not too long.
fn plain(reason: &str) -> String {
    reason.chars().filter(|char| !char.is_control()).take(300).collect()
}
