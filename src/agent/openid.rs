//! What an agent does with its OpenID providers beside verifying ID tokens: sign-ins in progress,
//! and who has signed out.

use super::{Error, RequestId};
use crate::{
    clock::Time,
    derive,
    pki::Source,
    proof::{
        Assurance, Refusal, Used,
        oidc::{self, Flow, Logout, Provider},
    },
    store::Store,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Providers, sign-ins and sign-outs of an agent.
#[derive(Debug)]
pub(super) struct OpenId {
    providers: Vec<Provider>,
    flows: Mutex<HashMap<RequestId, Flow>>,
    /// Who has signed out: what proves a sign-in from before makes no card any more.
    ended: Mutex<VecDeque<Logout>>,
    /// Logout tokens that have been used.
    pub(super) used: Used,
}

/// Most sign-outs that are remembered; one more pushes the oldest out.
const MOST: usize = 4096;

/// Whether a sign-out ends what this assurance made: it was of that `sid`, or without one, of that
/// person.
pub(super) fn ends(logout: &Logout, assurance: &Assurance) -> bool {
    of_issuer(assurance, &logout.issuer)
        && match (&logout.session, &logout.person) {
            (Some(session), _) => assurance.session.as_ref() == Some(session),
            (None, Some(person)) => assurance.person == *person,
            (None, None) => false,
        }
}

/// Whether a sign-out forbids a card on this assurance still: without a `sid` it says nothing of
/// who has signed in anew since.
fn forbids(logout: &Logout, assurance: &Assurance) -> bool {
    ends(logout, assurance)
        && (logout.session.is_some() || assurance.authenticated_at <= logout.issued)
}

fn of_issuer(assurance: &Assurance, issuer: &str) -> bool {
    let mut sources = std::iter::once(&assurance.source).chain(&assurance.beside);
    sources.any(|source| matches!(source, Source::Oidc(name) if name == issuer))
}

impl OpenId {
    pub(super) fn new(providers: Vec<Provider>, store: &Arc<dyn Store>) -> Self {
        Self {
            providers,
            flows: Mutex::default(),
            ended: Mutex::default(),
            used: Used::new(Arc::clone(store)),
        }
    }

    /// The provider of this issuer; without one, the first.
    pub(super) fn provider(&self, issuer: Option<&str>) -> Result<&Provider, Error> {
        let found = match issuer {
            Some(issuer) => self.providers.iter().find(|provider| provider.issuer() == issuer),
            None => self.providers.first(),
        };
        found.ok_or_else(|| proof(Refusal::ProviderUnknown))
    }

    /// The provider that has to judge a token: the one that it names, or the only one.
    pub(super) fn judge(&self, token: &[u8]) -> Result<&Provider, Error> {
        match self.providers.as_slice() {
            [one] => Ok(one),
            _ => self.provider(Some(&oidc::claimed_issuer(token).map_err(proof)?)),
        }
    }

    /// Keeps a sign-in; one of the same request from before is given up.
    pub(super) fn begun(&self, id: RequestId, flow: Flow) {
        locked(&self.flows).insert(id, flow);
    }

    /// Takes a sign-in, which serves once.
    pub(super) fn take(&self, id: &RequestId) -> Option<Flow> {
        locked(&self.flows).remove(id)
    }

    /// Gives up the sign-ins of requests that are gone.
    pub(super) fn keep(&self, is_there: impl Fn(&RequestId) -> bool) {
        locked(&self.flows).retain(|id, _| is_there(id));
    }

    /// Remembers that somebody has signed out, until no proof of before could be accepted; an hour
    /// is longer than any waits.
    pub(super) fn signed_out(&self, logout: Logout, now: Time) {
        let mut ended = locked(&self.ended);
        ended.retain(|one| now.since(one.issued).as_secs() < 3600);
        while ended.len() >= MOST {
            ended.pop_front();
        }
        ended.push_back(logout);
    }

    /// Whether the session behind an assurance is there still, as far as is known.
    pub(super) fn check_live(&self, assurance: &Assurance) -> Result<(), Error> {
        if locked(&self.ended).iter().any(|logout| forbids(logout, assurance)) {
            return Err(proof(Refusal::SignedOut));
        }
        Ok(())
    }
}

pub(super) fn proof(refusal: Refusal) -> Error {
    Error::Refused(derive::Refusal::Proof(refusal))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
