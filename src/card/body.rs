//! The card itself: verification, admission, the private operations and the life cycle.

mod idle;

mod passcodes;

use super::{
    Access, Caller, CardId, CardSpec, Error, Fresh, Gate, HashPolicy, KeyRef, KeySlot, Login,
    Permit, State, Tray, Tries, Use, Verb, hashes,
    hashes::Strength,
    life::{End, Life},
    locked,
};
use crate::{
    clock::{Clock, Time},
    crypto::{self, KeyKind, Padding, PrivateKey, Scheme},
    pki::{Certificate, UserId},
    secret::Secret,
};
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

/// A virtual smartcard; a clone is the same card.
#[derive(Clone)]
pub struct Card(Arc<Body>);

struct Body {
    id: CardId,
    person: UserId,
    expires: Time,
    access: Access,
    hashes: HashPolicy,
    /// In the order of their slots.
    shown: Vec<Shown>,
    tries: Tries,
    clock: Arc<dyn Clock>,
    life: Mutex<Life>,
    sha1: AtomicU64,
    trays: Mutex<Vec<Weak<Tray>>>,
}

/// What everyone may see of a key.
struct Shown {
    slot: KeySlot,
    kind: KeyKind,
    certificate: Certificate,
    chain: Vec<Certificate>,
}

impl Card {
    /// Makes a card of `spec`. It ends when `spec` says or with the first of its certificates.
    ///
    /// # Errors
    /// [`Error::Spec`] with what is wrong with `spec`; [`Error::Crypto`] without random.
    pub fn new(spec: CardSpec, tries: Tries, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let now = clock.now();
        let expires = spec.check(now)?;
        let mut id = [0; 8];
        crypto::random(&mut id)?;
        let CardSpec { person, mut keys, access, hashes, .. } = spec;
        keys.sort_by_key(|key| key.slot);
        let mut shown = Vec::new();
        let mut private = Vec::new();
        for key in keys {
            let (slot, kind) = (key.slot, key.key.kind());
            shown.push(Shown { slot, kind, certificate: key.certificate, chain: key.chain });
            private.push((slot, key.key));
        }
        Ok(Self(Arc::new(Body {
            id: CardId(id),
            person,
            expires,
            access,
            hashes,
            shown,
            tries,
            clock,
            life: Mutex::new(Life::new(private, now)),
            sha1: AtomicU64::new(0),
            trays: Mutex::default(),
        })))
    }

    /// Its identity.
    pub fn id(&self) -> CardId {
        self.0.id
    }

    /// Whose it is.
    pub fn person(&self) -> &UserId {
        &self.0.person
    }

    /// When it ends by itself.
    pub fn expires(&self) -> Time {
        self.0.expires
    }

    /// State now (looks at the clock; erases when expired).
    pub fn state(&self) -> State {
        self.life().state()
    }

    /// Tries left; 0 is blocked.
    ///
    /// # Errors
    /// The store's.
    pub fn tries_left(&self) -> Result<u8, Error> {
        Ok(self.0.tries.left()?)
    }

    /// Tries of a person who has made no mistake.
    pub fn tries_limit(&self) -> u8 {
        self.0.tries.limit()
    }

    /// Slots in order, authentication first.
    pub fn slots(&self) -> Vec<KeySlot> {
        self.0.shown.iter().map(|shown| shown.slot).collect()
    }

    /// The certificate of a slot.
    pub fn certificate(&self, slot: KeySlot) -> Option<&Certificate> {
        self.shown(slot).map(|shown| &shown.certificate)
    }

    /// What stands above a slot's certificate, from the issuer's upwards.
    pub fn chain(&self, slot: KeySlot) -> &[Certificate] {
        self.shown(slot).map_or(&[], |shown| &shown.chain)
    }

    /// Whether a login made on this card still counts.
    pub fn logged_in(&self, login: &Login) -> bool {
        login.card == self.id() && self.life().counts(login.generation).is_ok()
    }

    /// Verifies; spends a try on disk first, gives it back when right. Tells the gate. A locked card
    /// goes on after the right passcode; where sign-in stands for it, after [`Card::unlock`] only.
    ///
    /// # Errors
    /// [`Error::PasscodeShape`] (also for no passcode at all) costs no try;
    /// [`Error::PasscodeIncorrect`], and [`Error::Blocked`] with the last; the state's own errors;
    /// [`Error::Locked`] too if the card was locked meanwhile.
    pub fn verify(
        &self,
        passcode: Option<&[u8]>,
        gate: &dyn Gate,
        caller: &Caller,
    ) -> Result<Login, Error> {
        let generation = match &self.0.access {
            Access::Passcode(_) | Access::OneTime(_) => {
                let generation = self.life().present()?;
                self.look(passcode, gate, caller)?;
                let mut life = self.life();
                life.counts(generation)?;
                life.unlock(self.0.clock.now());
                generation
            }
            Access::SignIn => {
                let mut life = self.life();
                let generation = life.present()?;
                if life.is_locked() {
                    return Err(Error::Locked);
                }
                life.use_at(self.0.clock.now());
                generation
            }
        };
        Ok(Login { card: self.id(), generation, connection: caller.connection })
    }

    /// Verifies for one use of an always-authenticate key.
    ///
    /// # Errors
    /// As [`Card::verify`], and [`Error::NotVerified`] or [`Error::Locked`] if `login` does not
    /// count.
    pub fn verify_fresh(
        &self,
        login: &Login,
        passcode: Option<&[u8]>,
        gate: &dyn Gate,
        caller: &Caller,
    ) -> Result<Fresh, Error> {
        self.check_login(login, caller)?;
        self.verify(passcode, gate, caller).map(Fresh)
    }

    /// Admits one use; the only way to a permit. Checks life cycle, login, usage, hash policy of
    /// scheme, `fresh` for the content commitment key, and then asks the gate.
    ///
    /// # Errors
    /// The first check that fails; [`Error::Refused`] is the gate's.
    pub fn admit(
        &self,
        gate: &Arc<dyn Gate>,
        caller: &Caller,
        login: &Login,
        fresh: Option<Fresh>,
        slot: KeySlot,
        verb: Verb,
    ) -> Result<Permit, Error> {
        self.check_login(login, caller)?;
        let shown = self.shown(slot).ok_or(Error::KeyAbsent)?;
        match verb {
            Verb::Decrypt | Verb::DecryptOaep if slot != KeySlot::Authentication => {
                return Err(Error::Usage);
            }
            Verb::Decrypt | Verb::DecryptOaep => hashes::fits(Scheme::Pkcs1Raw, shown.kind)?,
            Verb::DecryptRaw if self.raises(slot) => hashes::fits(Scheme::Pkcs1Raw, shown.kind)?,
            Verb::DecryptRaw | Verb::Agree | Verb::Unwrap | Verb::Wrap | Verb::Secret => {
                return Err(Error::Usage);
            }
            Verb::Sign(scheme) => self.signs(slot, scheme)?,
        }
        if slot == KeySlot::ContentCommitment {
            let Fresh(verified) = fresh.ok_or(Error::FreshVerification)?;
            self.check_login(&verified, caller).map_err(|_| Error::FreshVerification)?;
        }
        let usage = Use {
            card: self.id(),
            person: Some(self.person().clone()),
            key: KeyRef::Slot(slot),
            verb,
            caller: caller.clone(),
        };
        Permit::ask(gate, usage, login.generation)
    }

    /// Whether the key in a slot takes bare blocks from a face whose clients pad and unpad themselves
    /// (PIV's): the authentication key, where `raw_blocks` lets it sign any block anyhow.
    pub fn raises(&self, slot: KeySlot) -> bool {
        slot == KeySlot::Authentication && self.0.hashes.raw_blocks
    }

    /// Whether the key in a slot signs by this scheme, as far as that can be told before there is
    /// data. Faces ask early, so that a program hears of a no before it hands over a message.
    ///
    /// # Errors
    /// [`Error::KeyAbsent`], [`Error::Crypto`] for a scheme of another kind of key,
    /// [`Error::HashRefused`].
    pub fn signs(&self, slot: KeySlot, scheme: Scheme) -> Result<(), Error> {
        let shown = self.shown(slot).ok_or(Error::KeyAbsent)?;
        hashes::fits(scheme, shown.kind)?;
        match hashes::of_scheme(scheme) {
            Some(strength) => self.0.hashes.allow(slot, strength),
            None => Ok(()),
        }
    }

    /// The private operation: parses DigestInfo for the hash policy, clones the prepared key, works
    /// without a lock, checks the generation.
    ///
    /// # Errors
    /// [`Error::Permit`] for another card's or another verb's permit, [`Error::HashRefused`] and
    /// [`Error::RawRefused`] by the hash policy, the state's own errors (also if the card was
    /// locked, suspended or ended while the key worked: the signature is discarded).
    pub fn sign(&self, data: &[u8], permit: Permit) -> Result<Vec<u8>, Error> {
        let result = self.signed(data, &permit);
        permit.settle(result)
    }

    /// Decrypts RSAES-PKCS1-v1_5 with implicit rejection: bad padding gives random bytes.
    ///
    /// # Errors
    /// As [`Card::sign`].
    pub fn decrypt(&self, ciphertext: &[u8], permit: Permit) -> Result<Secret, Error> {
        self.decrypt_padded(&Padding::Pkcs1, ciphertext, permit)
    }

    /// Decrypts RSAES-PKCS1-v1_5, RSAES-OAEP or a bare block, whichever the permit is for.
    ///
    /// # Errors
    /// As [`Card::sign`]; whatever is wrong inside of OAEP is one error.
    pub fn decrypt_padded(
        &self,
        padding: &Padding,
        ciphertext: &[u8],
        permit: Permit,
    ) -> Result<Secret, Error> {
        let result = match (permit.usage().verb, padding) {
            (Verb::Decrypt, Padding::Pkcs1)
            | (Verb::DecryptOaep, Padding::Oaep(_))
            | (Verb::DecryptRaw, Padding::Raw) => {
                self.run(&permit, |key| Ok(key.decrypt(padding, ciphertext)?))
            }
            _ => Err(Error::Permit),
        };
        permit.settle(result)
    }

    /// The person is away. Every login made until now is void.
    pub fn lock(&self) {
        self.life().lock(self.0.clock.now());
    }

    /// The person is back and has shown it to the host. Logins made before the lock stay void: each
    /// connection verifies again.
    pub fn unlock(&self) {
        self.life().unlock(self.0.clock.now());
    }

    /// Nothing is verified and no key used until [`Card::resume`].
    pub fn suspend(&self) {
        self.life().suspend(true);
    }

    /// Ends a suspension; a card that was locked is locked again.
    pub fn resume(&self) {
        self.life().suspend(false);
    }

    /// Erases the keys and empties every tray.
    pub fn remove(&self) {
        self.end(End::Removed);
    }

    /// How many SHA-1 signatures this card has made.
    pub fn sha1_count(&self) -> u64 {
        self.0.sha1.load(Ordering::Relaxed)
    }

    /// Whether it is removed or expired (looks at the clock; erases when expired).
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state(), State::Removed | State::Expired)
    }

    /// Has the card tell `tray` when it ends.
    pub(super) fn tell(&self, tray: Weak<Tray>) {
        let mut trays = locked(&self.0.trays);
        trays.retain(|known| known.strong_count() > 0 && !known.ptr_eq(&tray));
        trays.push(tray);
    }

    fn signed(&self, data: &[u8], permit: &Permit) -> Result<Vec<u8>, Error> {
        let Verb::Sign(scheme) = permit.usage().verb else { return Err(Error::Permit) };
        let strength = hashes::of_data(scheme, data);
        let KeyRef::Slot(slot) = permit.usage().key else { return Err(Error::Permit) };
        self.0.hashes.allow(slot, strength)?;
        let signature = self.run(permit, |key| Ok(key.sign(scheme, data)?))?;
        if strength == Strength::Sha1 {
            self.0.sha1.fetch_add(1, Ordering::Relaxed);
        }
        Ok(signature)
    }

    /// Has the permit's key work without a lock; the result counts only if the card is as it was.
    pub(super) fn run<T>(
        &self,
        permit: &Permit,
        work: impl FnOnce(&PrivateKey) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let KeyRef::Slot(slot) = permit.usage().key else { return Err(Error::Permit) };
        if permit.usage().card != self.id() {
            return Err(Error::Permit);
        }
        let key = {
            let mut life = self.life();
            life.counts(permit.generation())?;
            life.use_at(self.0.clock.now());
            life.key(slot)?
        };
        let result = work(&key)?;
        self.life().counts(permit.generation())?;
        Ok(result)
    }

    fn check_login(&self, login: &Login, caller: &Caller) -> Result<(), Error> {
        let life = self.life();
        life.present()?;
        if login.card != self.id() || login.connection != caller.connection {
            return Err(Error::NotVerified);
        }
        life.counts(login.generation)
    }

    fn shown(&self, slot: KeySlot) -> Option<&Shown> {
        self.0.shown.iter().find(|shown| shown.slot == slot)
    }

    /// The life, ended first if its time is over, locked if nobody has used it for too long.
    fn life(&self) -> MutexGuard<'_, Life> {
        let now = self.0.clock.now();
        if locked(&self.0.life).is_over(now, self.0.expires) {
            self.end(End::Expired);
        }
        let mut life = locked(&self.0.life);
        life.look(now);
        life
    }

    fn end(&self, end: End) {
        let Some(keys) = locked(&self.0.life).end(end) else { return };
        drop(keys);
        if let Some(codes) = self.one_time() {
            codes.end();
        }
        let trays = std::mem::take(&mut *locked(&self.0.trays));
        for tray in trays.iter().filter_map(Weak::upgrade) {
            tray.ended(self.id());
        }
    }
}

impl fmt::Debug for Card {
    /// Neither the person nor the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Card").field("id", &self.id().to_hex()).finish_non_exhaustive()
    }
}
