//! Where enrolments are asked for: an agent's host endpoint, or an agent of this process.

use crate::{
    agent::{
        Agent, AgentParts, Config, Error,
        host::{Client, message::EnrolmentLine},
    },
    card::CardId,
    pki::{Certificate, UserId},
    secret::{Secret, harden},
};
use std::path::Path;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Who does what is asked.
#[derive(Debug)]
pub(super) enum Desk {
    Host(Client),
    /// With the name that the record has.
    Own(Box<Agent>, String),
}

impl Desk {
    /// An agent without endpoints, for the moment. It fails while another one runs.
    pub(super) fn offline(config: &Path) -> Outcome<Self> {
        let config = Config::load(config)?;
        let by = format!("user {} offline", crate::secret::User::own());
        let (hardening, offline) = (Some(harden()), Some(by.clone()));
        let parts = AgentParts { hardening, offline, ..AgentParts::default() };
        Ok(Self::Own(Box::new(Agent::new(config, parts)?), by))
    }

    pub(super) fn enrol(&self, person: &str) -> Outcome<EnrolmentLine> {
        match self {
            Self::Host(client) => Ok(client.enrol(person)?),
            Self::Own(agent, by) => Ok((&agent.enrol(&parsed(person)?, by)?).into()),
        }
    }

    pub(super) fn renew(&self, person: &str) -> Outcome<EnrolmentLine> {
        match self {
            Self::Host(client) => Ok(client.renew(person)?),
            Self::Own(agent, by) => Ok((&agent.renew(&parsed(person)?, by)?).into()),
        }
    }

    pub(super) fn import(&self, person: &str, all: &[Certificate]) -> Outcome<EnrolmentLine> {
        match self {
            Self::Host(client) => Ok(client.import(person, &pem(all))?),
            Self::Own(agent, by) => Ok((&agent.certify(&parsed(person)?, all, by)?).into()),
        }
    }

    pub(super) fn adopt(
        &self,
        card: &str,
        person: &str,
        passcode: &Secret,
        chain: &[Certificate],
    ) -> Outcome<EnrolmentLine> {
        match self {
            Self::Host(client) => {
                let chain = (!chain.is_empty()).then(|| pem(chain));
                Ok(client.adopt(card, person, passcode, chain.as_deref())?)
            }
            Self::Own(agent, by) => {
                let card = CardId::parse(card).ok_or(Error::UnknownCard)?;
                let person = parsed(person)?;
                Ok((&agent.adopt(card, &person, passcode, chain, by)?).into())
            }
        }
    }

    pub(super) fn list(&self) -> Outcome<Vec<EnrolmentLine>> {
        match self {
            Self::Host(client) => Ok(client.enrolments()?),
            Self::Own(agent, _) => Ok(agent.enrolments()?.iter().map(Into::into).collect()),
        }
    }

    pub(super) fn show(&self, person: &str) -> Outcome<EnrolmentLine> {
        match self {
            Self::Host(client) => Ok(client.enrolment(person)?),
            Self::Own(agent, _) => Ok((&agent.enrolment(&parsed(person)?)?).into()),
        }
    }

    pub(super) fn remove(&self, person: &str) -> Outcome<()> {
        match self {
            Self::Host(client) => Ok(client.unenrol(person)?),
            Self::Own(agent, by) => Ok(agent.unenrol(&parsed(person)?, by)?),
        }
    }
}

fn parsed(person: &str) -> Result<UserId, Error> {
    UserId::parse(person).ok_or(Error::Person)
}

fn pem(all: &[Certificate]) -> String {
    all.iter().map(Certificate::to_pem).collect()
}
