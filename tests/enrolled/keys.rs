//! Keys of enrolled cards: what they do, for whom, and what the policy keeps them from.

use super::*;
use wardcard::{
    card::{KeyRef, KeyType, Permit, Verb},
    crypto::{Cipher, CipherMode, Direction, Hash, Oaep, Padding, Scheme, SecretKey, Wrap, digest},
};

const SHA256: Verb = Verb::Sign(Scheme::Pkcs1(Hash::Sha256));

impl Desk {
    fn admit(&self, login: &EnrolledLogin, number: u64, verb: Verb) -> Result<Permit, Error> {
        self.card.admit(&self.gate(), &self.caller, login, None, number, verb)
    }

    fn sign(
        &self,
        login: &EnrolledLogin,
        number: u64,
        scheme: Scheme,
        data: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let permit = self.admit(login, number, Verb::Sign(scheme))?;
        self.card.sign(login, data, permit)
    }
}

#[test]
fn a_signature_verifies_and_the_gate_is_told_of_which_key() {
    let desk = Desk::new();
    let login = desk.login();
    for (kind, scheme) in
        [(KeyKind::Rsa2048, Scheme::Pkcs1(Hash::Sha256)), (KeyKind::P256, Scheme::Ecdsa)]
    {
        let (number, key) = desk.key(&login, kind, false);
        let record = desk.card.record(number, Some(&login)).unwrap().unwrap();
        assert_eq!(record.key, Some(KeyType::Private(kind)));
        let data = digest(Hash::Sha256, b"data");
        let signature = desk.sign(&login, number, scheme, &data).unwrap();
        key.public().verify(scheme, &data, &signature).unwrap();
        let uses = desk.watcher.uses.lock().unwrap();
        let usage = uses.last().unwrap();
        assert_eq!((usage.card, usage.key), (desk.card.id(), KeyRef::Object(number)));
        assert_eq!((usage.person.is_none(), usage.verb), (true, Verb::Sign(scheme)));
    }
    assert_eq!(*desk.watcher.outcomes.lock().unwrap(), [Outcome::Done, Outcome::Done]);
}

#[test]
fn rsa_decrypts_in_each_padding_that_the_policy_has() {
    let desk = Desk::with(ShelfPolicy { raw_rsa: true, ..policy() });
    let login = desk.login();
    let (number, key) = desk.key(&login, KeyKind::Rsa2048, false);
    let oaep = Padding::Oaep(Oaep { hash: Hash::Sha256, mgf: Hash::Sha256, label: vec![1] });
    let block = [&[0][..], &[7; 255]].concat();
    for (verb, padding, message) in [
        (Verb::Decrypt, &Padding::Pkcs1, &b"message"[..]),
        (Verb::DecryptOaep, &oaep, b"message"),
        (Verb::Unwrap, &oaep, b"message"),
        (Verb::Unwrap, &Padding::Pkcs1, b"message"),
        (Verb::DecryptRaw, &Padding::Raw, &block),
    ] {
        let ciphertext = key.public().encrypt(padding, message).unwrap();
        let permit = desk.admit(&login, number, verb).unwrap();
        let clear = desk.card.decrypt(&login, padding, &ciphertext, permit).unwrap();
        assert_eq!(clear.expose(), message);
    }
    let signature = desk.sign(&login, number, Scheme::Raw, &block).unwrap();
    assert_eq!(key.public().recover(Scheme::Raw, &signature).unwrap(), block);
    for (verb, padding) in [
        (Verb::Decrypt, &oaep),
        (Verb::Decrypt, &Padding::Raw),
        (Verb::Unwrap, &Padding::Raw),
        (Verb::DecryptOaep, &Padding::Pkcs1),
        (SHA256, &Padding::Pkcs1),
    ] {
        let permit = desk.admit(&login, number, verb).unwrap();
        let refused = desk.card.decrypt(&login, padding, &[1; 256], permit);
        assert!(matches!(refused, Err(Error::Permit)), "{verb:?} {padding:?}");
    }
}

#[test]
fn the_policy_is_kept_for_each_key() {
    let strict = ShelfPolicy { hashes: HashPolicy::default(), ..policy() };
    let desk = Desk::with(strict);
    let login = desk.login();
    let (rsa, _) = desk.key(&login, KeyKind::Rsa2048, false);
    let (ec, _) = desk.key(&login, KeyKind::P256, false);
    let sign = |number, scheme, data: &[u8]| desk.sign(&login, number, scheme, data);
    assert!(matches!(sign(rsa, Scheme::Pkcs1(Hash::Sha1), &[1; 20]), Err(Error::HashRefused)));
    assert!(matches!(sign(rsa, Scheme::Pkcs1Raw, b"no DigestInfo"), Err(Error::RawRefused)));
    assert!(matches!(sign(ec, Scheme::Ecdsa, &[1; 20]), Err(Error::HashRefused)));
    assert!(matches!(sign(rsa, Scheme::Raw, &[1; 256]), Err(Error::RawRefused)));
    assert!(matches!(desk.admit(&login, rsa, Verb::DecryptRaw), Err(Error::RawRefused)));

    let imported =
        NewKey::Private { key: PrivateKey::generate(KeyKind::P256).unwrap(), imported: true };
    let new = NewRecord { key: Some(imported), ..object(true, b"", b"") };
    desk.card.add(Some(&login), &[new]).unwrap();
    let closed = Desk::with(ShelfPolicy { import_private: false, ..policy() });
    let login = closed.login();
    let secret = SecretKey::generate(16).unwrap();
    let add = |imported| {
        let key = Some(NewKey::Secret { key: secret.clone(), imported });
        closed.card.add(Some(&login), &[NewRecord { key, ..object(true, b"", b"") }])
    };
    assert!(matches!(add(true), Err(Error::Policy)));
    add(false).unwrap();
}

#[test]
fn a_key_does_what_its_kind_does_and_nothing_else() {
    let desk = Desk::new();
    let login = desk.login();
    let (rsa, _) = desk.key(&login, KeyKind::Rsa2048, false);
    let (ec, _) = desk.key(&login, KeyKind::P256, false);
    let none = desk.card.add(Some(&login), &[object(true, b"", b"no key")]).unwrap()[0];
    let refused = |number, verb| {
        assert!(desk.admit(&login, number, verb).is_err(), "{number} {verb:?}");
    };
    for verb in [Verb::Agree, Verb::Secret, Verb::Sign(Scheme::Ecdsa)] {
        refused(rsa, verb);
    }
    for verb in [SHA256, Verb::Decrypt, Verb::DecryptOaep, Verb::Unwrap, Verb::Secret] {
        refused(ec, verb);
    }
    assert!(matches!(desk.admit(&login, none, SHA256), Err(Error::KeyAbsent)));
    assert!(matches!(desk.admit(&login, 99, SHA256), Err(Error::ObjectAbsent)));
    assert!(matches!(desk.card.readable(&login, rsa), Err(Error::Usage)));
    assert!(desk.watcher.uses.lock().unwrap().is_empty());
}

#[test]
fn keys_agree_wrap_and_lend_themselves() {
    let desk = Desk::new();
    let login = desk.login();
    let (ec, key) = desk.key(&login, KeyKind::P256, false);
    let other = PrivateKey::generate(KeyKind::P256).unwrap();
    let permit = desk.admit(&login, ec, Verb::Agree).unwrap();
    let agreed = desk.card.agree(&login, other.public().ec_point().unwrap(), permit).unwrap();
    assert!(agreed.matches(other.agree(key.public().ec_point().unwrap()).unwrap().expose()));

    let wrapping = SecretKey::generate(32).unwrap();
    let wrap = Wrap::Kwp(wrapping.clone());
    let permit = desk.admit(&login, ec, Verb::Wrap).unwrap();
    let wrapped = desk.card.wrap(&login, &wrap, permit).unwrap();
    assert_eq!(wrap.open_private(&wrapped).unwrap().public(), key.public());

    let held = NewKey::Secret { key: wrapping.clone(), imported: true };
    let new = NewRecord { key: Some(held), ..object(true, b"", b"a secret key") };
    let secret = desk.card.add(Some(&login), &[new]).unwrap()[0];
    let record = desk.card.record(secret, Some(&login)).unwrap().unwrap();
    assert_eq!(record.key, Some(KeyType::Secret(32)));
    let permit = desk.admit(&login, secret, Verb::Secret).unwrap();
    let lent = desk.card.secret(&login, permit).unwrap();
    let encrypt = |key: &SecretKey| {
        let cipher = Cipher::new(key, CipherMode::Ecb, Direction::Encrypt).unwrap();
        cipher.whole(&[7; 32]).unwrap()
    };
    assert_eq!(encrypt(&lent), encrypt(&wrapping));
    assert_eq!(desk.card.readable(&login, secret).unwrap().expose(), wrapping.expose());
    let permit = desk.admit(&login, secret, Verb::Wrap).unwrap();
    let wrapped = desk.card.wrap(&login, &wrap, permit).unwrap();
    assert_eq!(wrap.open_secret(&wrapped).unwrap().expose(), wrapping.expose());
    assert!(matches!(desk.admit(&login, secret, SHA256), Err(Error::Usage)));

    // A copy is the same key, and stays when the first goes.
    let copy = NewRecord { key: Some(NewKey::Copy(ec)), ..object(true, b"", b"a copy") };
    let copy = desk.card.add(Some(&login), &[copy]).unwrap()[0];
    desk.card.remove(Some(&login), ec).unwrap();
    assert!(matches!(desk.admit(&login, ec, Verb::Agree), Err(Error::ObjectAbsent)));
    let data = digest(Hash::Sha256, b"data");
    let signature = desk.sign(&login, copy, Scheme::Ecdsa, &data).unwrap();
    key.public().verify(Scheme::Ecdsa, &data, &signature).unwrap();
}

#[test]
fn a_key_that_asks_each_time_asks_each_time() {
    let desk = Desk::new();
    let login = desk.login();
    let (number, _) = desk.key(&login, KeyKind::P256, true);
    let verb = Verb::Sign(Scheme::Ecdsa);
    assert!(matches!(desk.admit(&login, number, verb), Err(Error::FreshVerification)));
    let fresh = || desk.card.verify_fresh(&login, USER, &*desk.watcher, &desk.caller);
    assert!(desk.card.verify_fresh(&login, WRONG, &*desk.watcher, &desk.caller).is_err());
    let admit =
        |fresh| desk.card.admit(&desk.gate(), &desk.caller, &login, Some(fresh), number, verb);
    let permit = admit(fresh().unwrap()).unwrap();
    desk.card.sign(&login, &[7; 32], permit).unwrap();
    let elsewhere = Caller { connection: 8, ..Caller::default() };
    let stranger = desk.card.verify_fresh(&login, USER, &*desk.watcher, &elsewhere);
    assert!(matches!(stranger, Err(Error::NotVerified)));
    let old = fresh().unwrap();
    let login = desk.card.change_passcode(USER, b"newer", &*desk.watcher, &desk.caller).unwrap();
    let late = desk.card.admit(&desk.gate(), &desk.caller, &login, Some(old), number, verb);
    assert!(matches!(late, Err(Error::FreshVerification)));
}

#[test]
fn a_login_counts_for_its_connection_card_and_time() {
    let desk = Desk::new();
    let login = desk.login();
    let (number, _) = desk.key(&login, KeyKind::P256, false);
    let verb = Verb::Sign(Scheme::Ecdsa);
    let elsewhere = Caller { connection: 8, ..Caller::default() };
    let stranger = desk.card.admit(&desk.gate(), &elsewhere, &login, None, number, verb);
    assert!(matches!(stranger, Err(Error::NotVerified)));

    // A permit in hand when another process changes the passcode, removes the key, or makes the
    // card anew is good for nothing any more.
    let permit = desk.admit(&login, number, verb).unwrap();
    desk.elsewhere().change_passcode(USER, b"newer", &*desk.watcher, &desk.caller).unwrap();
    assert!(matches!(desk.card.sign(&login, &[7; 32], permit), Err(Error::NotVerified)));
    let login = desk.verify(b"newer").unwrap();
    let permit = desk.admit(&login, number, verb).unwrap();
    desk.elsewhere().remove(Some(&login), number).unwrap();
    assert!(matches!(desk.card.sign(&login, &[7; 32], permit), Err(Error::ObjectAbsent)));
    let (number, _) = desk.key(&login, KeyKind::P256, false);
    let permit = desk.admit(&login, number, verb).unwrap();
    desk.elsewhere().initialize(SO, LABEL, &*desk.watcher, &desk.caller).unwrap();
    assert!(matches!(desk.card.sign(&login, &[7; 32], permit), Err(Error::NotVerified)));
    assert_eq!(*desk.watcher.outcomes.lock().unwrap(), [Outcome::Failed; 3]);
}

#[test]
fn a_permit_counts_for_its_card_and_login_alone() {
    let desk = Desk::new();
    let login = desk.login();
    let (number, _) = desk.key(&login, KeyKind::P256, false);
    let other = Desk::new();
    let theirs = other.login();
    let (same, _) = other.key(&theirs, KeyKind::P256, false);
    assert_eq!(number, same);
    let verb = Verb::Sign(Scheme::Ecdsa);
    let permit = other.admit(&theirs, same, verb).unwrap();
    assert!(matches!(desk.card.sign(&login, &[7; 32], permit), Err(Error::Permit)));
    let caller = Caller { connection: 8, ..Caller::default() };
    let second = desk.card.verify(USER, &*desk.watcher, &caller).unwrap();
    let permit = desk.admit(&login, number, verb).unwrap();
    assert!(matches!(desk.card.sign(&second, &[7; 32], permit), Err(Error::Permit)));
}

#[test]
fn what_the_gate_refuses_is_not_done() {
    let desk = Desk::new();
    let login = desk.login();
    let (number, _) = desk.key(&login, KeyKind::P256, false);
    *desk.watcher.refusal.lock().unwrap() = Some(Refusal::Audit);
    let refused = desk.admit(&login, number, Verb::Sign(Scheme::Ecdsa));
    assert!(matches!(refused, Err(Error::Refused(Refusal::Audit))));
}
