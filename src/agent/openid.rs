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

/// Whether a sign-out ends what this assurance made: it was of that `sid`, or of that person where
/// the sign-out or the proof names no session. Of several providers' sessions one is known only, so
/// there the person decides as well.
pub(super) fn ends(logout: &Logout, assurance: &Assurance) -> bool {
    let of_person = logout.person.as_ref() == Some(&assurance.person);
    let unclear = assurance.session.is_none() || providers(assurance).count() > 1;
    of_issuer(assurance, &logout.issuer)
        && (of_session(logout, assurance) || of_person && (logout.session.is_none() || unclear))
}

fn of_session(logout: &Logout, assurance: &Assurance) -> bool {
    logout.session.is_some() && assurance.session == logout.session
}

/// Whether a sign-out forbids a card on this assurance still: where its session is not known to be
/// the proof's, it says nothing of who has signed in anew since.
fn forbids(logout: &Logout, assurance: &Assurance) -> bool {
    ends(logout, assurance)
        && (of_session(logout, assurance) || assurance.authenticated_at <= logout.issued)
}

fn of_issuer(assurance: &Assurance, issuer: &str) -> bool {
    providers(assurance).any(|name| name == issuer)
}

fn providers(assurance: &Assurance) -> impl Iterator<Item = &str> {
    let sources = std::iter::once(&assurance.source).chain(&assurance.beside);
    sources.filter_map(|source| match source {
        Source::Oidc(name) => Some(name.as_str()),
        _ => None,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{Binding, Level, UserId};

    const ISSUER: &str = "https://provider.example";

    fn assurance(session: Option<&str>, beside: Vec<Source>) -> Assurance {
        Assurance {
            person: UserId::parse("555000000001").unwrap(),
            authentication: Level(3),
            identity: Level(3),
            context: None,
            methods: Vec::new(),
            authenticated_at: Time::from_unix_seconds(1_000),
            source: Source::Oidc(ISSUER.to_owned()),
            binding: Binding::Nonce,
            session: session.map(str::to_owned),
            beside,
            offline: false,
        }
    }

    fn logout(session: Option<&str>, person: Option<&str>, issued: i64) -> Logout {
        Logout {
            issuer: ISSUER.to_owned(),
            session: session.map(str::to_owned),
            person: person.and_then(UserId::parse),
            issued: Time::from_unix_seconds(issued),
            unique: Vec::new(),
            until: Time::from_unix_seconds(issued),
        }
    }

    #[test]
    fn a_sign_out_ends_its_session_and_its_person_where_no_session_is_known() {
        let (one, other) = ("555000000001", "555000000002");
        let known = assurance(Some("s1"), Vec::new());
        let unknown = assurance(None, Vec::new());
        let second = Source::Oidc("https://second.example".to_owned());
        let several = assurance(Some("s9"), vec![second]);
        for (logout, assurance, ended) in [
            (logout(Some("s1"), Some(one), 0), &known, true),
            (logout(Some("s2"), Some(one), 0), &known, false),
            (logout(None, Some(one), 0), &known, true),
            (logout(None, Some(other), 0), &known, false),
            (logout(Some("s1"), Some(one), 0), &unknown, true),
            (logout(Some("s1"), Some(other), 0), &unknown, false),
            (logout(Some("s1"), None, 0), &unknown, false),
            (logout(Some("s1"), Some(one), 0), &several, true),
        ] {
            assert_eq!(ends(&logout, assurance), ended, "{logout:?} {assurance:?}");
        }
    }

    #[test]
    fn a_sign_out_of_no_known_session_forbids_what_was_proven_before_it() {
        let unknown = assurance(None, Vec::new());
        let known = assurance(Some("s1"), Vec::new());
        let of = |issued| logout(Some("s1"), Some("555000000001"), issued);
        assert!(forbids(&of(1_000), &unknown));
        assert!(!forbids(&of(999), &unknown), "signed in anew since");
        assert!(forbids(&of(0), &known), "a session that has ended proves nothing more");
    }
}
