//! Keys of an enrolled card: admitted by the gate, used under a login, prepared once.

use super::{
    super::{
        Caller, Error, Fresh, Gate, KeyRef, Permit, Use, Verb, hashes, hashes::Strength, locked,
    },
    Enrolled, EnrolledLogin,
    record::{KeyType, OBJECTS},
};
use crate::{
    crypto::{Padding, PrivateKey, PublicKey, Scheme, SecretKey, Wrap},
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
    key: Held,
}

#[derive(Clone)]
enum Held {
    Private(PrivateKey),
    Secret(SecretKey),
}

impl Held {
    fn private(&self) -> Result<&PrivateKey, Error> {
        match self {
            Self::Private(key) => Ok(key),
            Self::Secret(_) => Err(Error::Usage),
        }
    }

    fn secret(&self) -> Result<&SecretKey, Error> {
        match self {
            Self::Secret(key) => Ok(key),
            Self::Private(_) => Err(Error::Usage),
        }
    }
}

/// A private key that an object of a card holds, as far as it is no secret.
#[derive(Clone, Debug)]
pub struct PrivateObject {
    /// The object.
    pub number: u64,
    /// What it is found by (PKCS#11 CKA_ID).
    pub id: Option<Vec<u8>>,
    /// The public half of the key.
    pub public: PublicKey,
}

impl Enrolled {
    /// The private keys that the card holds, in the order of their objects. Each is opened for its
    /// public half, which the row does not tell.
    ///
    /// # Errors
    /// [`Error::NotVerified`] if `login` no longer counts, [`Error::Store`].
    pub fn private_keys(&self, login: &EnrolledLogin) -> Result<Vec<PrivateObject>, Error> {
        let mut keys = Vec::new();
        for record in self.records(Some(login))? {
            if let Some(KeyType::Private(_)) = record.key {
                let ready = self.ready(login, record.number)?;
                let public = ready.key.private()?.public().clone();
                keys.push(PrivateObject { number: record.number, id: record.id, public });
            }
        }
        Ok(keys)
    }

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
                // A bare block has passed its own switch; it is no DigestInfo, whatever it holds.
                let judged = (scheme != Scheme::Raw).then_some(strength);
                self.run(login, &permit, judged, |key| Ok(key.private()?.sign(scheme, data)?))
            }
            _ => Err(Error::Permit),
        };
        permit.settle(result)
    }

    /// Decrypts with the padding that the permit is for; one for [`Verb::Unwrap`] is for any but
    /// none. [`Padding::Pkcs1`] rejects implicitly: bad padding gives random bytes.
    ///
    /// # Errors
    /// As [`Enrolled::sign`].
    pub fn decrypt(
        &self,
        login: &EnrolledLogin,
        padding: &Padding,
        ciphertext: &[u8],
        permit: Permit,
    ) -> Result<Secret, Error> {
        let result = match (permit.usage().verb, padding) {
            (Verb::Decrypt | Verb::Unwrap, Padding::Pkcs1)
            | (Verb::DecryptOaep | Verb::Unwrap, Padding::Oaep(_))
            | (Verb::DecryptRaw, Padding::Raw) => self.run(login, &permit, None, |key| {
                Ok(key.private()?.decrypt(padding, ciphertext)?)
            }),
            _ => Err(Error::Permit),
        };
        permit.settle(result)
    }

    /// Agrees on a secret with the owner of an uncompressed point (ECDH): its x coordinate.
    ///
    /// # Errors
    /// As [`Enrolled::sign`].
    pub fn agree(
        &self,
        login: &EnrolledLogin,
        point: &[u8],
        permit: Permit,
    ) -> Result<Secret, Error> {
        let result = match permit.usage().verb {
            Verb::Agree => self.run(login, &permit, None, |key| Ok(key.private()?.agree(point)?)),
            _ => Err(Error::Permit),
        };
        permit.settle(result)
    }

    /// The permit's key, private or secret, wrapped.
    ///
    /// # Errors
    /// As [`Enrolled::sign`].
    pub fn wrap(
        &self,
        login: &EnrolledLogin,
        wrap: &Wrap,
        permit: Permit,
    ) -> Result<Vec<u8>, Error> {
        let result = match permit.usage().verb {
            Verb::Wrap => self.run(login, &permit, None, |key| match key {
                Held::Private(key) => Ok(wrap.private(key)?),
                Held::Secret(key) => Ok(wrap.secret(key)?),
            }),
            _ => Err(Error::Permit),
        };
        permit.settle(result)
    }

    /// The permit's secret key, for one operation in several parts.
    ///
    /// # Errors
    /// As [`Enrolled::sign`].
    pub fn secret(&self, login: &EnrolledLogin, permit: Permit) -> Result<SecretKey, Error> {
        let result = match permit.usage().verb {
            Verb::Secret => self.run(login, &permit, None, |key| key.secret().cloned()),
            _ => Err(Error::Permit),
        };
        permit.settle(result)
    }

    /// The secret key of an object whose template lets it be read. No gate is asked, since nothing
    /// is done with it; of a private key there is no such thing.
    ///
    /// # Errors
    /// [`Error::NotVerified`], [`Error::ObjectAbsent`], [`Error::KeyAbsent`], [`Error::Usage`] for a
    /// private key.
    pub fn readable(&self, login: &EnrolledLogin, number: u64) -> Result<SecretKey, Error> {
        self.ready(login, number)?.key.secret().cloned()
    }

    /// Has the permit's key work without a lock; the result counts only if login and object are
    /// still what they were.
    fn run<T>(
        &self,
        login: &EnrolledLogin,
        permit: &Permit,
        strength: Option<Strength>,
        work: impl FnOnce(&Held) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let usage = permit.usage();
        let KeyRef::Object(number) = usage.key else { return Err(Error::Permit) };
        let of = (usage.card, permit.generation(), usage.caller.connection);
        if of != (self.id(), login.login.generation, login.login.connection) {
            return Err(Error::Permit);
        }
        // Admission has just made it ready; what changes from there on is noticed afterwards, and the
        // result then discarded.
        let ready = locked(&login.prepared).get(&number).cloned();
        let ready = ready.map_or_else(|| self.ready(login, number), Ok)?;
        if let Some(strength) = strength {
            self.policy().hashes.allow_enrolled(ready.each_time, strength)?;
        }
        let result = work(&ready.key)?;
        self.ready(login, number)?;
        Ok(result)
    }

    /// Whether the key can do that, and the policy lets it as far as the verb tells.
    fn fits(&self, verb: Verb, ready: &Ready) -> Result<(), Error> {
        let Held::Private(key) = &ready.key else {
            let fits = matches!(verb, Verb::Secret | Verb::Wrap);
            return if fits { Ok(()) } else { Err(Error::Usage) };
        };
        let rsa = || hashes::fits(Scheme::Pkcs1Raw, key.kind());
        match verb {
            Verb::Secret => Err(Error::Usage),
            Verb::Wrap => Ok(()),
            Verb::Sign(Scheme::Raw) | Verb::DecryptRaw if !self.policy().raw_rsa => {
                Err(Error::RawRefused)
            }
            Verb::Sign(Scheme::Raw)
            | Verb::Decrypt
            | Verb::DecryptOaep
            | Verb::DecryptRaw
            | Verb::Unwrap => rsa(),
            Verb::Agree => hashes::fits(Scheme::Ecdsa, key.kind()),
            Verb::Sign(scheme) => {
                hashes::fits(scheme, key.kind())?;
                match hashes::of_scheme(scheme) {
                    Some(strength) => {
                        self.policy().hashes.allow_enrolled(ready.each_time, strength)
                    }
                    None => Ok(()),
                }
            }
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
        let place = self.place(number).bytes(b"key");
        let sealed = |_| store::Error::Sealed(OBJECTS);
        let key = match (known, stored.key) {
            (Some(ready), _) if ready.revision == stored.revision => ready.key,
            (_, Some(KeyType::Private(_))) => {
                let key = PrivateKey::unseal(&login.key, &place, &stored.sealed_key);
                Held::Private(key.map_err(sealed)?)
            }
            (_, Some(KeyType::Secret(_))) => {
                let key = SecretKey::unseal(&login.key, &place, &stored.sealed_key);
                Held::Secret(key.map_err(sealed)?)
            }
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
