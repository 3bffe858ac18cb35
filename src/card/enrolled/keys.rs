//! Keys of an enrolled card: admitted by the gate, used under a login, prepared once.

use super::{
    super::{
        Caller, Error, Fresh, Gate, KeyRef, Permit, Use, Verb, hashes, hashes::Strength, locked,
    },
    Enrolled, EnrolledLogin,
    record::{KeyType, OBJECTS},
};
use crate::{
    crypto::{PrivateKey, Scheme},
    secret::Secret,
    store,
};
use std::{collections::BTreeMap, sync::Arc};

/// How many keys a login keeps prepared.
const ROOM: usize = 256;

/// Keys by the numbers of their objects.
pub(super) type Prepared = BTreeMap<u64, Ready>;

/// A key ready to work.
#[derive(Clone)]
pub(super) struct Ready {
    /// The change of the card up to which it is known to be this one.
    seen: u64,
    /// The change that wrote its object.
    revision: u64,
    each_time: bool,
    key: PrivateKey,
}

impl Enrolled {
    /// Admits one use; the only way to a permit. Checks login, object, kind of key, hash policy of
    /// the scheme, `fresh` for a key that asks each time, and then asks the gate.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::ObjectAbsent`], [`Error::KeyAbsent`] for an object without a
    /// key, [`Error::Usage`] for a key that cannot do that, [`Error::FreshVerification`], the hash
    /// policy's; [`Error::Refused`] is the gate's.
    pub fn admit(
        &self,
        gate: &Arc<dyn Gate>,
        caller: &Caller,
        login: &EnrolledLogin,
        fresh: Option<Fresh>,
        number: u64,
        verb: Verb,
    ) -> Result<Permit, Error> {
        if login.login.connection != caller.connection {
            return Err(Error::NotVerified);
        }
        let ready = self.ready(login, number)?;
        self.fits(verb, &ready)?;
        if ready.each_time {
            let Fresh(verified) = fresh.ok_or(Error::FreshVerification)?;
            let (now, then) = (&login.login, &verified);
            if (now.card, now.generation, now.connection)
                != (then.card, then.generation, then.connection)
            {
                return Err(Error::FreshVerification);
            }
        }
        let key = KeyRef::Object(number);
        let usage = Use { card: self.id(), person: None, key, verb, caller: caller.clone() };
        Permit::ask(gate, usage, login.login.generation)
    }

    /// Signs as the permit says: parses DigestInfo for the hash policy, works without a lock, checks
    /// that login and object are still there.
    ///
    /// # Errors
    /// [`Error::Permit`] for another card's, key's or login's permit or another verb,
    /// [`Error::HashRefused`] and [`Error::RawRefused`] by the hash policy, and as
    /// [`Enrolled::admit`]: then the signature is discarded.
    pub fn sign(
        &self,
        login: &EnrolledLogin,
        data: &[u8],
        permit: Permit,
    ) -> Result<Vec<u8>, Error> {
        let result = match permit.usage().verb {
            Verb::Sign(scheme) => {
                let strength = hashes::of_data(scheme, data);
                self.run(login, &permit, Some(strength), |key| Ok(key.sign(scheme, data)?))
            }
            _ => Err(Error::Permit),
        };
        permit.settle(result)
    }

    /// Decrypts RSAES-PKCS1-v1_5 with implicit rejection: bad padding gives random bytes.
    ///
    /// # Errors
    /// As [`Enrolled::sign`].
    pub fn decrypt(
        &self,
        login: &EnrolledLogin,
        ciphertext: &[u8],
        permit: Permit,
    ) -> Result<Secret, Error> {
        let result = match permit.usage().verb {
            Verb::Decrypt => {
                self.run(login, &permit, None, |key| Ok(key.decrypt_pkcs1(ciphertext)?))
            }
            _ => Err(Error::Permit),
        };
        permit.settle(result)
    }

    /// Has the permit's key work without a lock; the result counts only if login and object are
    /// still what they were.
    fn run<T>(
        &self,
        login: &EnrolledLogin,
        permit: &Permit,
        strength: Option<Strength>,
        work: impl FnOnce(&PrivateKey) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let usage = permit.usage();
        let KeyRef::Object(number) = usage.key else { return Err(Error::Permit) };
        let of = (usage.card, permit.generation(), usage.caller.connection);
        if of != (self.id(), login.login.generation, login.login.connection) {
            return Err(Error::Permit);
        }
        let ready = self.ready(login, number)?;
        if let Some(strength) = strength {
            self.policy().hashes.allow_enrolled(ready.each_time, strength)?;
        }
        let result = work(&ready.key)?;
        self.ready(login, number)?;
        Ok(result)
    }

    /// Whether the key can do that, and the policy lets it as far as the verb tells.
    fn fits(&self, verb: Verb, ready: &Ready) -> Result<(), Error> {
        let kind = ready.key.kind();
        let rsa = || hashes::fits(Scheme::Pkcs1Raw, kind);
        match verb {
            Verb::Sign(scheme) => {
                hashes::fits(scheme, kind)?;
                match hashes::of_scheme(scheme) {
                    Some(strength) => {
                        self.policy().hashes.allow_enrolled(ready.each_time, strength)
                    }
                    None => Ok(()),
                }
            }
            Verb::Decrypt | Verb::DecryptOaep | Verb::Unwrap => rsa(),
            Verb::Raw if !self.policy().raw_rsa => Err(Error::RawRefused),
            Verb::Raw => rsa(),
            Verb::Agree => hashes::fits(Scheme::Ecdsa, kind),
            Verb::Wrap => Ok(()),
            Verb::Secret => Err(Error::Usage),
        }
    }

    /// The key of an object, as it is now, under a login that counts now.
    fn ready(&self, login: &EnrolledLogin, number: u64) -> Result<Ready, Error> {
        let state = self.state()?;
        login.counts(&state)?;
        let known = locked(&login.prepared).get(&number).cloned();
        if let Some(ready) = &known
            && ready.seen == state.changes
        {
            return Ok(ready.clone());
        }
        let body = &self.0.body;
        let stored = body.read(&mut |rows| self.stored(rows, number))?;
        let stored = stored.ok_or(Error::ObjectAbsent)?;
        let key = match (known, stored.key) {
            (Some(ready), _) if ready.revision == stored.revision => ready.key,
            (_, Some(KeyType::Private(_))) => {
                let place = self.place(number).bytes(b"key");
                PrivateKey::unseal(&login.key, &place, &stored.sealed_key)
                    .map_err(|_| store::Error::Sealed(OBJECTS))?
            }
            (_, Some(KeyType::Secret(_))) => return Err(Error::Usage),
            (_, None) => return Err(Error::KeyAbsent),
        };
        let ready = Ready {
            seen: state.changes,
            revision: stored.revision,
            each_time: stored.each_time,
            key,
        };
        let mut prepared = locked(&login.prepared);
        if prepared.len() >= ROOM {
            prepared.clear();
        }
        prepared.insert(number, ready.clone());
        Ok(ready)
    }
}
