//! Enrolments in the protocol of hosts: what is asked, what is answered, both ends.

use super::{
    Client, Error,
    message::{Ask, Hidden, Reply},
};
use crate::{
    agent::{self, Pending, Seat, core::Core, enrol::EnrolmentInfo, gate::slot_name},
    card::CardId,
    pki::{Certificate, UserId},
    secret::Secret,
};
use serde::{Deserialize, Serialize};

/// What a host asks of enrolments. Persons are their 12 digits, certificates PEM.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EnrolAsk {
    /// Begins one; the answer has the requests.
    New {
        /// The person.
        person: String,
    },
    /// Gives its keys their certificates.
    Import {
        /// The person.
        person: String,
        /// All of them, and what leads to the roots.
        certificates: String,
    },
    /// Enrols a card that a registration tool filled.
    Adopt {
        /// The card's serial number, 16 hexadecimal digits.
        card: String,
        /// The person.
        person: String,
        /// The card's passcode.
        passcode: Hidden,
        /// What leads to the roots, where the card does not have it.
        chain: Option<String>,
    },
    /// Some of them, by persons' numbers.
    List {
        /// Those after this person.
        after: Option<String>,
    },
    /// One; the answer has the requests.
    Show {
        /// The person.
        person: String,
    },
    /// Makes new keys beside the old ones; the answer has the requests.
    Renew {
        /// The person.
        person: String,
    },
    /// Ends one.
    Remove {
        /// The person.
        person: String,
    },
}

/// An enrolment as hosts are told of it. Times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentLine {
    /// The person's 12 digits.
    pub person: String,
    /// The enrolled card, 16 hexadecimal digits; none while the first certificates are awaited.
    pub card: Option<String>,
    /// When it began.
    pub enrolled_at: String,
    /// Who began it.
    pub by: String,
    /// When keys were last released.
    pub released_at: Option<String>,
    /// The keys that are released.
    pub keys: Vec<KeyLine>,
    /// The last second of the first certificate to end.
    pub ends: Option<String>,
    /// Whether it is time to renew.
    pub renew: bool,
    /// The keys that wait for certificates.
    pub waiting: Vec<KeyLine>,
}

/// A key of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyLine {
    /// authentication, content-commitment.
    pub key: String,
    /// The last second of its certificate.
    pub ends: Option<String>,
    /// What its certificate is asked for with, PKCS#10 as PEM; not in lists.
    pub request: Option<String>,
}

impl EnrolmentLine {
    fn of(info: &EnrolmentInfo, requests: bool) -> Self {
        let key = |slot| slot_name(slot).to_owned();
        let keys = info.keys.iter().map(|(slot, end)| KeyLine {
            key: key(*slot),
            ends: Some(end.to_string()),
            request: None,
        });
        let waiting = info.requests.iter().map(|(slot, pem)| KeyLine {
            key: key(*slot),
            ends: None,
            request: requests.then(|| pem.clone()),
        });
        Self {
            person: info.person.as_str().to_owned(),
            card: info.card.map(|card| card.to_hex()),
            enrolled_at: info.enrolled_at.to_string(),
            by: info.by.clone(),
            released_at: info.released_at.map(|at| at.to_string()),
            keys: keys.collect(),
            ends: info.ends.map(|at| at.to_string()),
            renew: info.renew,
            waiting: waiting.collect(),
        }
    }
}

impl From<&EnrolmentInfo> for EnrolmentLine {
    fn from(info: &EnrolmentInfo) -> Self {
        Self::of(info, true)
    }
}

/// Most lines of one answer: it stays well below the longest message.
const LINES: usize = 500;

/// Does what a host asks; `by` says who it is.
pub(in crate::agent) fn answer(
    core: &Core,
    ask: EnrolAsk,
    by: &str,
) -> Result<Reply, agent::Error> {
    let one = |info: EnrolmentInfo| Reply::Enrolment(Box::new(EnrolmentLine::from(&info)));
    match ask {
        EnrolAsk::New { person } => Ok(one(core.enrol(&parsed(&person)?, by)?)),
        EnrolAsk::Renew { person } => Ok(one(core.renew(&parsed(&person)?, by)?)),
        EnrolAsk::Show { person } => Ok(one(core.enrolment(&parsed(&person)?)?)),
        EnrolAsk::Import { person, certificates } => {
            Ok(one(core.certify(&parsed(&person)?, &pem(&certificates)?, by)?))
        }
        EnrolAsk::Adopt { card, person, passcode, chain } => {
            let chain = chain.as_deref().map(pem).transpose()?.unwrap_or_default();
            let card = CardId::parse(&card).ok_or(agent::Error::UnknownCard)?;
            Ok(one(core.adopt(card, &parsed(&person)?, &passcode.0, (&chain, by))?))
        }
        EnrolAsk::Remove { person } => core.unenrol(&parsed(&person)?, by).map(|()| Reply::Done {}),
        EnrolAsk::List { after } => {
            let after = after.as_deref().map(parsed).transpose()?;
            let all = core.enrolments()?;
            let rest = all.iter().filter(|info| Some(&info.person) > after.as_ref());
            let lines = rest.take(LINES).map(|info| EnrolmentLine::of(info, false));
            Ok(Reply::Enrolments(lines.collect()))
        }
    }
}

fn parsed(person: &str) -> Result<UserId, agent::Error> {
    UserId::parse(person).ok_or(agent::Error::Person)
}

fn pem(text: &str) -> Result<Vec<Certificate>, agent::Error> {
    Certificate::from_pem(text).map_err(|error| agent::Error::Certificates(vec![error.to_string()]))
}

impl Client {
    /// Nonce of the release of a person's enrolled keys for `seat`.
    ///
    /// # Errors
    /// Why not.
    pub fn request_release(&self, seat: &Seat, person: &str) -> Result<Pending, Error> {
        let (uid, logon, person) = (seat.uid, seat.logon.clone(), person.to_owned());
        self.pending(&Ask::RequestRelease { uid, logon, person })
    }

    /// Begins an enrolment.
    ///
    /// # Errors
    /// Why not.
    pub fn enrol(&self, person: &str) -> Result<EnrolmentLine, Error> {
        self.enrolment_of(EnrolAsk::New { person: person.to_owned() })
    }

    /// Gives the keys of an enrolment their certificates, PEM in one text.
    ///
    /// # Errors
    /// Why not, with every problem of the certificates.
    pub fn import(&self, person: &str, certificates: &str) -> Result<EnrolmentLine, Error> {
        let (person, certificates) = (person.to_owned(), certificates.to_owned());
        self.enrolment_of(EnrolAsk::Import { person, certificates })
    }

    /// Enrols a card that a registration tool filled.
    ///
    /// # Errors
    /// Why not.
    pub fn adopt(
        &self,
        card: &str,
        person: &str,
        passcode: &Secret,
        chain: Option<&str>,
    ) -> Result<EnrolmentLine, Error> {
        self.enrolment_of(EnrolAsk::Adopt {
            card: card.to_owned(),
            person: person.to_owned(),
            passcode: Hidden(passcode.clone()),
            chain: chain.map(str::to_owned),
        })
    }

    /// One enrolment, with the requests of keys that wait.
    ///
    /// # Errors
    /// Why not.
    pub fn enrolment(&self, person: &str) -> Result<EnrolmentLine, Error> {
        self.enrolment_of(EnrolAsk::Show { person: person.to_owned() })
    }

    /// Makes new keys for an enrolment beside the old ones.
    ///
    /// # Errors
    /// Why not.
    pub fn renew(&self, person: &str) -> Result<EnrolmentLine, Error> {
        self.enrolment_of(EnrolAsk::Renew { person: person.to_owned() })
    }

    /// Ends an enrolment.
    ///
    /// # Errors
    /// Why not.
    pub fn unenrol(&self, person: &str) -> Result<(), Error> {
        match self.ask(&Ask::Enrol(EnrolAsk::Remove { person: person.to_owned() }))? {
            Reply::Done {} => Ok(()),
            _ => Err(Error::Answer),
        }
    }

    /// All enrolments, without requests.
    ///
    /// # Errors
    /// Why not.
    pub fn enrolments(&self) -> Result<Vec<EnrolmentLine>, Error> {
        let mut all: Vec<EnrolmentLine> = Vec::new();
        loop {
            let after = all.last().map(|line| line.person.clone());
            let ask = Ask::Enrol(EnrolAsk::List { after: after.clone() });
            let Reply::Enrolments(more) = self.ask(&ask)? else { return Err(Error::Answer) };
            // Numbers grow; a server that goes round is not one of ours.
            if more.first().is_some_and(|first| Some(&first.person) <= after.as_ref()) {
                return Err(Error::Answer);
            }
            if more.is_empty() {
                return Ok(all);
            }
            all.extend(more);
        }
    }

    fn enrolment_of(&self, ask: EnrolAsk) -> Result<EnrolmentLine, Error> {
        match self.ask(&Ask::Enrol(ask))? {
            Reply::Enrolment(line) => Ok(*line),
            _ => Err(Error::Answer),
        }
    }
}
