//! The life of cards in the protocol of hosts: what is asked, what is answered, both ends.

use super::{
    Client, Error,
    message::{Ask, CardLine, Reason, Reply},
};
use crate::{
    agent::{self, CardInfo, EndedCard, Pending, core::Core},
    card::CardId,
    derive::{Explanation, Finding, Verdict},
    pki::UserId,
    secret::User,
};
use serde::{Deserialize, Serialize};

/// What a host asks of cards' lives. Cards are 16 hexadecimal digits, persons 12 digits.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LifeAsk {
    /// The person taps out.
    TapOut {
        /// The card.
        card: String,
    },
    /// Ends all cards of a person.
    EndPerson {
        /// The person.
        person: String,
        /// Why.
        reason: Reason,
    },
    /// Takes all cards of a person out of use, and makes none.
    SuspendPerson {
        /// The person.
        person: String,
    },
    /// Ends that.
    ResumePerson {
        /// The person.
        person: String,
    },
    /// Ends all cards.
    StopAll {
        /// Why, in the administrator's words; empty leaves what is in force.
        reason: String,
        /// Whether none is made until `start_again`.
        hold: bool,
    },
    /// Cards are made again.
    StartAgain {},
    /// Nonce of a fresh proof by a card's person; `prove` takes it.
    StepUp {
        /// The card.
        card: String,
    },
    /// Cards that live, and some that have ended.
    List {},
    /// Which rule decided what about a card.
    Explain {
        /// The card.
        card: String,
    },
}

/// Cards that live, and some that have ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LivesLine {
    /// Those that live, oldest first.
    pub live: Vec<LifeLine>,
    /// Those that ended last, the latest first.
    pub ended: Vec<EndedLine>,
    /// Since when and why no card is made, where all were stopped.
    pub stopped: Option<String>,
    /// Persons who are suspended, 12 digits each, the first 500.
    pub suspended: Vec<String>,
    /// How many more there are.
    pub suspended_more: usize,
}

/// A card that lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifeLine {
    /// What is told of it anyway.
    pub card: CardLine,
    /// Why it is locked or suspended: away, idle, suspended, person-suspended.
    pub why: Option<String>,
    /// When it ends if its person does not come back, RFC 3339.
    pub away_until: Option<String>,
    /// The rule that says when it ends.
    pub ends_by: String,
    /// The level that it claims for itself at most.
    pub claims: u8,
}

/// A card that has ended. Times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndedLine {
    /// What its id was.
    pub card: String,
    /// The person's 12 digits.
    pub person: String,
    /// User for whom it was shown.
    pub uid: User,
    /// Logon session, where it was for one only.
    pub logon: Option<String>,
    /// When it was made.
    pub issued: String,
    /// When it ended.
    pub ended: String,
    /// Why.
    pub reason: String,
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingLine {
    /// The rule as it stands in the policy.
    pub rule: String,
    /// Its value.
    pub value: String,
    /// What the sign-in brought.
    pub found: String,
    /// met, decides, withholds, refuses.
    pub verdict: String,
}

impl From<&CardInfo> for LifeLine {
    fn from(info: &CardInfo) -> Self {
        Self {
            card: CardLine::from(info),
            why: info.why.map(|why| why.as_str().to_owned()),
            away_until: info.away_until.map(|until| until.to_string()),
            ends_by: info.ends_by.clone(),
            claims: info.claims.0,
        }
    }
}

impl From<&EndedCard> for EndedLine {
    fn from(ended: &EndedCard) -> Self {
        Self {
            card: ended.id.to_hex(),
            person: ended.person.as_str().to_owned(),
            uid: ended.seat.uid,
            logon: ended.seat.logon.clone(),
            issued: ended.issued.to_string(),
            ended: ended.ended.to_string(),
            reason: ended.reason.as_str().to_owned(),
        }
    }
}

impl From<&Finding> for FindingLine {
    fn from(finding: &Finding) -> Self {
        let Finding { rule, value, found, verdict } = finding.clone();
        Self { rule, value, found, verdict: verdict.name().to_owned() }
    }
}

/// Most suspended persons of one answer: it stays well below the longest message.
const SUSPENDED: usize = 500;

/// Does what a host asks; `by` says who it is.
pub(in crate::agent) fn answer(core: &Core, ask: LifeAsk, by: &str) -> Result<Reply, agent::Error> {
    match ask {
        LifeAsk::TapOut { card } => core.tap_out(parsed(&card)?).map(|()| Reply::Done {}),
        LifeAsk::EndPerson { person, reason } => {
            core.end_person(&who(&person)?, reason.into(), by).map(Reply::Count)
        }
        LifeAsk::SuspendPerson { person } => {
            core.suspend_person(&who(&person)?, by).map(Reply::Count)
        }
        LifeAsk::ResumePerson { person } => {
            let resumed = core.resume_person(&who(&person)?, by)?;
            Ok(resumed.map_or(Reply::Done {}, Reply::Count))
        }
        LifeAsk::StopAll { reason, hold } => core.stop_all(&reason, hold, by).map(Reply::Count),
        LifeAsk::StartAgain {} => core.start_again(by).map(|()| Reply::Done {}),
        LifeAsk::StepUp { card } => Ok(core.step_up(parsed(&card)?)?.into()),
        LifeAsk::List {} => {
            let suspended = core.suspended_persons()?;
            let persons = suspended.iter().take(SUSPENDED);
            Ok(Reply::Lives(Box::new(LivesLine {
                live: core.cards().iter().map(LifeLine::from).collect(),
                ended: core.past().iter().map(EndedLine::from).collect(),
                stopped: core.stopped_all().map(|stopped| stopped.to_string()),
                suspended: persons.map(|person| person.as_str().to_owned()).collect(),
                suspended_more: suspended.len().saturating_sub(SUSPENDED),
            })))
        }
        LifeAsk::Explain { card } => {
            let explanation = core.explain(parsed(&card)?)?;
            Ok(Reply::Explained(explanation.findings.iter().map(FindingLine::from).collect()))
        }
    }
}

fn parsed(card: &str) -> Result<CardId, agent::Error> {
    CardId::parse(card).ok_or(agent::Error::UnknownCard)
}

fn who(person: &str) -> Result<UserId, agent::Error> {
    UserId::parse(person).ok_or(agent::Error::Person)
}

impl Client {
    /// The person taps out: the card waits within the policy's grace, or goes.
    ///
    /// # Errors
    /// Why not.
    pub fn tap_out(&self, card: &str) -> Result<(), Error> {
        self.life_done(LifeAsk::TapOut { card: card.to_owned() })
    }

    /// Ends all cards of a person; how many there were.
    ///
    /// # Errors
    /// Why not.
    pub fn end_person(&self, person: &str, reason: Reason) -> Result<usize, Error> {
        self.count(LifeAsk::EndPerson { person: person.to_owned(), reason })
    }

    /// Takes all cards of a person out of use, and makes none, until they are resumed.
    ///
    /// # Errors
    /// Why not.
    pub fn suspend_person(&self, person: &str) -> Result<usize, Error> {
        self.count(LifeAsk::SuspendPerson { person: person.to_owned() })
    }

    /// Ends a person's suspension; how many cards are in use again, nothing if there was none.
    ///
    /// # Errors
    /// Why not.
    pub fn resume_person(&self, person: &str) -> Result<Option<usize>, Error> {
        match self.ask(&Ask::Life(LifeAsk::ResumePerson { person: person.to_owned() }))? {
            Reply::Count(count) => Ok(Some(count)),
            Reply::Done {} => Ok(None),
            _ => Err(Error::Answer),
        }
    }

    /// Ends every card and request at once; how many cards. With `hold` none is made until
    /// [`Client::start_again`]. An empty reason leaves the one that is in force.
    ///
    /// # Errors
    /// Why not.
    pub fn stop_all(&self, reason: &str, hold: bool) -> Result<usize, Error> {
        self.count(LifeAsk::StopAll { reason: reason.to_owned(), hold })
    }

    /// Cards are made again.
    ///
    /// # Errors
    /// Why not.
    pub fn start_again(&self) -> Result<(), Error> {
        self.life_done(LifeAsk::StartAgain {})
    }

    /// Nonce of a fresh proof by a card's person, which [`Client::prove`] takes.
    ///
    /// # Errors
    /// Why not.
    pub fn step_up(&self, card: &str) -> Result<Pending, Error> {
        self.pending(&Ask::Life(LifeAsk::StepUp { card: card.to_owned() }))
    }

    /// Cards that live, and some that have ended.
    ///
    /// # Errors
    /// The agent went away.
    pub fn lives(&self) -> Result<LivesLine, Error> {
        match self.ask(&Ask::Life(LifeAsk::List {}))? {
            Reply::Lives(lives) => Ok(*lives),
            _ => Err(Error::Answer),
        }
    }

    /// Which rule decided what about a card.
    ///
    /// # Errors
    /// Why not.
    pub fn explain(&self, card: &str) -> Result<Explanation, Error> {
        let Reply::Explained(lines) =
            self.ask(&Ask::Life(LifeAsk::Explain { card: card.to_owned() }))?
        else {
            return Err(Error::Answer);
        };
        let read = |line: FindingLine| {
            let FindingLine { rule, value, found, verdict } = line;
            let verdict = Verdict::named(&verdict).ok_or(Error::Answer)?;
            Ok(Finding { rule, value, found, verdict })
        };
        let findings = lines.into_iter().map(read).collect::<Result<_, Error>>()?;
        Ok(Explanation { findings, ends: None })
    }

    fn count(&self, ask: LifeAsk) -> Result<usize, Error> {
        match self.ask(&Ask::Life(ask))? {
            Reply::Count(count) => Ok(count),
            _ => Err(Error::Answer),
        }
    }

    fn life_done(&self, ask: LifeAsk) -> Result<(), Error> {
        match self.ask(&Ask::Life(ask))? {
            Reply::Done {} => Ok(()),
            _ => Err(Error::Answer),
        }
    }
}
