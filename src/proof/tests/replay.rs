//! Each proof once, across restarts.

use super::*;
use crate::{
    crypto::{KeyKind, SealKey},
    proof::{Accepted, Evidence, Sources, Used},
    secret::Secret,
    store::{Error, MemoryStore, Store, Transaction},
};

fn at(seconds: i64) -> Time {
    Time::from_unix_seconds(NOW + seconds)
}

fn rows(store: &Arc<MemoryStore>) -> usize {
    let mut count = 0;
    store
        .transact(&mut |rows| {
            count = rows.rows("used_proofs")?.len();
            Ok(())
        })
        .unwrap();
    count
}

#[test]
fn the_first_use_is_the_only_one() {
    let used = Used::new(Arc::new(MemoryStore::new()));
    assert!(used.first_use(b"one", at(60), at(0)).unwrap());
    assert!(!used.first_use(b"one", at(60), at(0)).unwrap());
    assert!(used.first_use(b"two", at(60), at(0)).unwrap());
    assert!(!used.first_use(b"one", at(60), at(59)).unwrap());
}

#[test]
fn several_are_used_together_or_not_at_all() {
    let store = Arc::new(MemoryStore::new());
    let used = Used::new(store.clone());
    let accepted = verifier().accept(sign(&claims(json!({}))).as_bytes(), &nonce()).unwrap();
    let proof = |signed: &[u8]| Accepted::new(accepted.assurance.clone(), signed.to_vec(), at(60));
    let of_all = |all: &[Accepted]| used.first_use_of_all(all, at(0));
    assert_eq!(of_all(&[proof(b"one"), proof(b"two")]), Ok(()));
    assert_eq!(of_all(&[proof(b"three"), proof(b"two")]), Err(Refusal::Replayed));
    assert_eq!(of_all(&[proof(b"four"), proof(b"four")]), Err(Refusal::Replayed));
    assert_eq!(rows(&store), 2, "nothing of what was refused");
    assert_eq!(of_all(&[proof(b"three"), proof(b"four")]), Ok(()));
}

#[test]
fn pieces_of_evidence_are_two_to_four_none_several_and_of_one_person() {
    let sources = Sources { providers: vec![verifier()], ..Sources::default() };
    let piece = |extra| Evidence::IdToken(Secret::new(sign(&claims(extra)).into_bytes()));
    let many = |count: i64| {
        let pieces = (0..count).map(|number| piece(json!({"exp": NOW + 100 + number})));
        sources.accept(&Evidence::Several(pieces.collect()), &nonce()).map(|all| all.len())
    };
    assert_eq!([many(2), many(4)], [Ok(2), Ok(4)]);
    assert_eq!([many(0), many(1), many(5)], [const { Err(Refusal::Pieces) }; 3]);
    let nested = vec![piece(json!({})), Evidence::Several(Vec::new())];
    let nested = sources.accept(&Evidence::Several(nested), &nonce());
    assert_eq!(nested.unwrap_err(), Refusal::Pieces);
    let others = vec![piece(json!({})), piece(json!({"sub": "555000000002"}))];
    let others = sources.accept(&Evidence::Several(others), &nonce());
    assert_eq!(others.unwrap_err(), Refusal::People);
}

#[cfg(feature = "sqlite")]
#[test]
fn a_restart_forgets_nothing() {
    use crate::{crypto::SealKey, store::SqliteStore};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("private").join("store");
    let key = SealKey::generate().unwrap();
    let verifier = verifier();
    let token = sign(&claims(json!({})));
    for restart in 0..3 {
        let used = Used::new(Arc::new(SqliteStore::open(&path, &key).unwrap()));
        let outcome = verifier.verify_once(token.as_bytes(), &nonce(), &used);
        match restart {
            0 => assert!(outcome.is_ok()),
            _ => assert_eq!(outcome.unwrap_err(), Refusal::Replayed),
        }
    }
}

#[test]
fn rows_go_an_hour_after_their_end_and_not_before() {
    let store = Arc::new(MemoryStore::new());
    let used = Used::new(store.clone());
    assert!(used.first_use(b"one", at(100), at(0)).unwrap());
    assert!(!used.first_use(b"one", at(100), at(3700)).unwrap());
    assert_eq!(rows(&store), 1);
    // The end is 3700 seconds; looked for once a minute.
    assert!(used.first_use(b"two", at(9000), at(3759)).unwrap());
    assert_eq!(rows(&store), 2);
    assert!(used.first_use(b"three", at(9000), at(3760)).unwrap());
    assert_eq!(rows(&store), 2);
}

#[test]
fn an_end_in_the_past_is_remembered_all_the_same() {
    let store = Arc::new(MemoryStore::new());
    let used = Used::new(store.clone());
    assert!(used.first_use(b"one", at(-9000), at(0)).unwrap());
    let restarted = Used::new(store);
    assert!(!restarted.first_use(b"one", at(-9000), at(1)).unwrap());
}

#[test]
fn a_clock_set_back_does_not_stop_pruning() {
    let store = Arc::new(MemoryStore::new());
    let used = Used::new(store.clone());
    assert!(used.first_use(b"far", at(1_000_000), at(1_000_000)).unwrap());
    assert!(used.first_use(b"old", at(0), at(0)).unwrap());
    assert_eq!(rows(&store), 2);
    // An hour after its end the old row goes, although the clock has been further on before.
    assert!(used.first_use(b"new", at(9000), at(3601)).unwrap());
    assert_eq!(rows(&store), 2);
}

#[test]
fn a_row_of_another_shape_is_kept_and_counts_as_used() {
    let store = Arc::new(MemoryStore::new());
    let key = crypto::digest(crypto::Hash::Sha256, b"one");
    store.transact(&mut |rows| rows.put("used_proofs", &key, b"?")).unwrap();
    let used = Used::new(store.clone());
    assert!(!used.first_use(b"one", at(60), at(0)).unwrap());
    assert_eq!(rows(&store), 1);
}

#[test]
fn a_token_is_accepted_once_and_remembered_until_exp_and_leeway() {
    let verifier = verifier();
    let used = Used::new(Arc::new(MemoryStore::new()));
    let token = sign(&claims(json!({"exp": NOW + 100})));
    let accepted = verifier.accept(token.as_bytes(), &nonce()).unwrap();
    assert_eq!(accepted.until, Time::from_unix_seconds(NOW + 100 + LEEWAY));
    assert_eq!(verifier.issuer(), ISSUER);
    let assurance = verifier.verify_once(token.as_bytes(), &nonce(), &used).unwrap();
    assert_eq!(assurance, accepted.assurance);
    let again = verifier.verify_once(token.as_bytes(), &nonce(), &used);
    assert_eq!(again.unwrap_err(), Refusal::Replayed);
}

#[test]
fn a_refused_token_is_not_used_up() {
    let verifier = verifier();
    let used = Used::new(Arc::new(MemoryStore::new()));
    let token = sign(&claims(json!({})));
    let other = Nonce::new(&[b"other"]).unwrap();
    assert_eq!(verifier.verify_once(token.as_bytes(), &other, &used).unwrap_err(), Refusal::Nonce);
    verifier.verify_once(token.as_bytes(), &nonce(), &used).unwrap();
}

/// The order of P-256 (SP 800-186 section 3.2.1.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// `ORDER - s`, big-endian.
fn twin(s: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut twin: Vec<u8> = ORDER
        .iter()
        .zip(s)
        .rev()
        .map(|(n, s)| {
            let difference = i16::from(*n) - i16::from(*s) - borrow;
            borrow = i16::from(difference < 0);
            difference.rem_euclid(256) as u8
        })
        .collect();
    twin.reverse();
    twin
}

#[test]
fn the_twin_of_an_ecdsa_signature_is_the_same_proof() {
    let verifier = with_keys(&[jwk("k1", key(KeyKind::P256), json!({}))]);
    let used = Used::new(Arc::new(MemoryStore::new()));
    let text = claims(json!({})).to_string();
    let token = sign_raw(r#"{"alg":"ES256","kid":"k1"}"#, &text, key(KeyKind::P256), "ES256");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let other = format!("{signed}.{}", b64([r, &twin(s)].concat()));
    assert_ne!(token, other);
    verifier.verify(other.as_bytes(), &nonce()).unwrap();
    verifier.verify_once(token.as_bytes(), &nonce(), &used).unwrap();
    let again = verifier.verify_once(other.as_bytes(), &nonce(), &used);
    assert_eq!(again.unwrap_err(), Refusal::Replayed);
    assert_eq!(oidc::signed(token.as_bytes()), Some(signed.as_bytes()));
    assert_eq!(oidc::signed(b"no dot"), None);
}

/// Many requests at once, two with the same proof: all are on record but one.
#[test]
fn of_many_at_once_each_proof_is_used_once() {
    let store = Arc::new(MemoryStore::new());
    let used = Used::new(store.clone());
    let accepted = verifier().accept(sign(&claims(json!({}))).as_bytes(), &nonce()).unwrap();
    let first_use = |number: u8| {
        let proof = Accepted::new(accepted.assurance.clone(), vec![number / 2], at(60));
        used.first_use_of_all(&[proof], at(0))
    };
    let first_use = &first_use;
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let start = |number| scope.spawn(move || first_use(number));
        let threads: Vec<_> = (0..40).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for pair in outcomes.as_chunks::<2>().0 {
        assert!(pair.contains(&Ok(())) && pair.contains(&Err(Refusal::Replayed)), "{pair:?}");
    }
    assert_eq!(rows(&store), 20);
}

#[derive(Debug)]
struct BrokenStore;

impl Store for BrokenStore {
    fn transact(
        &self,
        _: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), Error>,
    ) -> Result<(), Error> {
        Err(Error::Medium("no space".to_owned()))
    }

    fn version(&self) -> Result<u64, Error> {
        Err(Error::Medium("no space".to_owned()))
    }

    fn key(&self, _: &[u8]) -> Result<SealKey, Error> {
        Err(Error::Medium("no space".to_owned()))
    }
}

#[test]
fn what_cannot_be_recorded_is_refused() {
    let used = Used::new(Arc::new(BrokenStore));
    let token = sign(&claims(json!({})));
    let refusal = verifier().verify_once(token.as_bytes(), &nonce(), &used).unwrap_err();
    assert!(matches!(&refusal, Refusal::Store(why) if why.contains("no space")), "{refusal}");
}
