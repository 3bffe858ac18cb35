//! Release: enrolled keys in the place of fresh ones, by the same proof, policy and passcode.

use super::*;
use crate::{
    card::{Enrolment, EnrolmentFault, KeySlot, ShelfPolicy},
    pki::{Authority, Profile, Validity},
    proof::{self, x509},
};

const OTHER: &str = "555000000002";
const DAY: Duration = Duration::from_secs(86_400);

fn person(number: &str) -> UserId {
    UserId::parse(number).unwrap()
}

/// A running deriver with a shelf, on which [`PERSON`] is enrolled with both keys.
struct Ward {
    running: Running,
    shelf: Arc<Shelf>,
    enrolment: Enrolment,
}

impl Ward {
    fn new(change: impl FnOnce(&mut Policy)) -> Self {
        Self::with(DAY * 730, change)
    }

    /// With certificates that end so long from now.
    fn with(life: Duration, change: impl FnOnce(&mut Policy)) -> Self {
        let mut world = World::new();
        world.policy.release = true;
        change(&mut world.policy);
        let mut running = world.run();
        let policy = ShelfPolicy::default();
        let key = SealKey::generate().unwrap();
        let shelf = Shelf::new(Arc::new(MemoryStore::new()), policy).unwrap().with_release(&key);
        let enrolment = enrol(&shelf, running.clock.now(), life);
        let shelf = Arc::new(shelf);
        running.deriver = running.deriver.with_shelf(Arc::clone(&shelf));
        Self { running, shelf, enrolment }
    }

    /// Request, sign-in, card.
    fn release(&self, passcode: PasscodeSource) -> Result<Derived, Refusal> {
        let request = self.running.deriver.request_release(&person(PERSON))?;
        let token = self.running.token(request.nonce(), |_| ());
        self.running.deriver.derive(request, token, passcode)
    }

    fn key(&self, slot: KeySlot) -> &Certificate {
        let keys = &self.enrolment.certified.as_ref().unwrap().keys;
        &keys.iter().find(|key| key.slot == slot).unwrap().certificate
    }
}

/// Enrols [`PERSON`] with both keys, and imports their certificates.
fn enrol(shelf: &Shelf, now: Time, life: Duration) -> Enrolment {
    let slots = [KeySlot::Authentication, KeySlot::ContentCommitment];
    let of = person(PERSON);
    let new = shelf.enrol(&of, &slots, KeyKind::P256, "a test", now).unwrap();
    let validity = Validity { not_before: now, not_after: now.plus(life) };
    let certificates: Vec<_> =
        new.waiting.unwrap().keys.iter().map(|key| certificate(key, &of, validity)).collect();
    shelf.certify(&of, &certificates).unwrap()
}

fn certificate(
    key: &card::WaitingKey,
    person: &UserId,
    validity: Validity,
) -> (Certificate, Vec<Certificate>) {
    let profile = match key.slot {
        KeySlot::Authentication => Profile::cis1_authentication(),
        KeySlot::ContentCommitment => Profile::cis1_content_commitment(),
    };
    let own = PrivateKey::generate(KeyKind::P256).unwrap();
    let authority = Authority::root(own, "NHS Issuing G2", validity).unwrap();
    let public = key.request.public_key();
    let certificate = authority.issue(&profile, person, public, validity).unwrap();
    (certificate, vec![authority.certificate().clone()])
}

#[test]
fn a_proof_of_the_person_releases_the_enrolled_key_which_signs_like_any_other() {
    let ward = Ward::new(|_| ());
    let Derived { card, named, released, blocked, .. } = ward.release(given(true)).unwrap();
    assert_eq!((card.person(), blocked), (&person(PERSON), false));
    assert_eq!(card.slots(), [KeySlot::Authentication], "content commitment is off");
    assert_eq!(released, Some(ward.enrolment.certified.as_ref().unwrap().card));
    assert_ne!(card.id(), released.unwrap(), "a working copy is a card of its own");
    assert_eq!(ward.running.asked(), 0, "no issuer");
    assert_eq!(ward.running.rows(), [1, 1, 0], "the proof is used, the passcode kept");
    assert_eq!(card.chain(KeySlot::Authentication).len(), 1);

    let login = offer(&card, PASSCODE).unwrap();
    let gate: Arc<dyn Gate> = Arc::new(AdmitAll);
    let (caller, verb) = (Caller::default(), Verb::Sign(Scheme::Ecdsa));
    let permit = card.admit(&gate, &caller, &login, None, KeySlot::Authentication, verb).unwrap();
    let digest = crypto::digest(Hash::Sha256, b"challenge");
    let signature = card.sign(&digest, permit).unwrap();
    let key = ward.key(KeySlot::Authentication).public_key();
    key.verify(Scheme::Ecdsa, &digest, &signature).unwrap();

    assert_eq!((named.way, named.authentication), (Way::Released, Level(2)));
    let text = named.to_string();
    assert!(text.starts_with("AAL2, keys in software, released on AAL3"), "{text}");
    // Its end leaves the enrolled key where it is: the next proof releases it again.
    card.remove();
    let again = ward.release(PasscodeSource::Kept).unwrap().card;
    assert_eq!(again.certificate(KeySlot::Authentication), Some(ward.key(KeySlot::Authentication)));
}

#[test]
fn both_keys_come_where_the_policy_allows_both_and_never_with_the_sign_in_for_a_passcode() {
    let ward = Ward::new(|policy| policy.content_commitment = true);
    let card = ward.release(given(false)).unwrap().card;
    assert_eq!(card.slots(), [KeySlot::Authentication, KeySlot::ContentCommitment]);
    assert!(matches!(ward.release(PasscodeSource::SignIn), Err(Refusal::NothingToAsk)));
}

#[test]
fn another_persons_proof_releases_nothing_and_says_nothing_of_either() {
    let ward = Ward::new(|_| ());
    let request = ward.running.deriver.request_release(&person(PERSON)).unwrap();
    let token = ward.running.token(request.nonce(), |claims| claims["sub"] = json!(OTHER));
    let refused = ward.running.deriver.derive(request, token, given(true)).unwrap_err();
    assert!(matches!(refused, Refusal::OtherPerson));
    assert!(!refused.to_string().contains("555"), "{refused}");
    assert_eq!(ward.running.rows(), [0, 0, 0]);
    let none = ward.running.deriver.request_release(&person(OTHER)).unwrap_err();
    assert!(matches!(none, Refusal::NotEnrolled));
}

#[test]
fn a_proof_releases_once_and_only_for_its_own_request() {
    let ward = Ward::new(|_| ());
    let deriver = &ward.running.deriver;
    let request = |_| deriver.request_release(&person(PERSON)).unwrap();
    let [one, two] = [0, 1].map(request);
    assert_ne!(one.nonce(), two.nonce());
    let (nonce, token) = (one.nonce().to_owned(), |nonce: &str| ward.running.token(nonce, |_| ()));
    let misplaced = deriver.derive(two, token(&nonce), given(false));
    assert!(matches!(misplaced, Err(Refusal::Proof(proof::Refusal::Nonce))));
    let Evidence::IdToken(used) = token(&nonce) else { panic!("not a token") };
    deriver.derive(one, Evidence::IdToken(used.clone()), given(false)).unwrap();
    // The request is gone; a new one has another nonce. The mark is there for what has none.
    let late = deriver.derive(request(2), Evidence::IdToken(used), given(false));
    assert!(matches!(late, Err(Refusal::Proof(_))));
}

#[test]
fn a_proof_for_fresh_keys_is_none_for_enrolled_ones() {
    let ward = Ward::new(|_| ());
    let deriver = &ward.running.deriver;
    let fresh = deriver.request().unwrap();
    let release = deriver.request_release(&person(PERSON)).unwrap();
    let token = ward.running.token(fresh.nonce(), |_| ());
    let refused = deriver.derive(release, token, given(false));
    assert!(matches!(refused, Err(Refusal::Proof(proof::Refusal::Nonce))));
}

#[test]
fn release_is_off_unless_policy_and_shelf_say_so() {
    let off = Ward::new(|policy| policy.release = false);
    assert!(matches!(off.release(given(false)), Err(Refusal::ReleaseOff)));
    let mut world = World::new();
    world.policy.release = true;
    let none = world.run().deriver.request_release(&person(PERSON));
    assert!(matches!(none, Err(Refusal::ReleaseOff)), "no shelf");
    assert!(!Policy::default().release);
}

#[test]
fn an_enrolment_that_ends_or_changes_before_the_proof_releases_nothing() {
    let ward = Ward::new(|_| ());
    let deriver = &ward.running.deriver;
    let request = deriver.request_release(&person(PERSON)).unwrap();
    assert!(ward.shelf.end_enrolment(&person(PERSON)).unwrap());
    let token = ward.running.token(request.nonce(), |_| ());
    let refused = deriver.derive(request, token, given(false));
    assert!(matches!(refused, Err(Refusal::Enrolment(EnrolmentFault::Changed))));
    assert_eq!(ward.running.rows(), [1, 0, 0], "nothing but the mark that the proof was used");
}

#[test]
fn the_card_ends_with_the_first_of_its_reasons() {
    let lifetime = Duration::from_secs(12 * 3600);
    let ward = Ward::new(|_| ());
    let signed_in = ward.running.clock.now().minus(Duration::from_secs(5));
    assert_eq!(ward.release(given(false)).unwrap().card.expires(), signed_in.plus(lifetime));
    // The last second of a certificate is one of its own.
    let short = Ward::with(Duration::from_secs(3600), |_| ());
    let end = short.running.clock.now().plus(Duration::from_secs(3601));
    assert_eq!(short.release(given(false)).unwrap().card.expires(), end);
    let ending = Ward::new(|policy| {
        policy.cis1_end = Time::parse_rfc3339("2026-12-01T09:00:00Z").unwrap();
    });
    let end = ending.running.clock.now().plus(Duration::from_secs(3600));
    assert_eq!(ending.release(given(false)).unwrap().card.expires(), end);
    ending.running.clock.advance(Duration::from_secs(3600));
    assert!(matches!(ending.release(given(false)), Err(Refusal::CisOneEnded(_))));
}

#[test]
fn certificates_count_to_the_end_of_their_last_second() {
    let ward = Ward::with(DAY, |_| ());
    ward.running.clock.advance(DAY + Duration::from_millis(999));
    assert!(ward.release(given(false)).is_ok());
    ward.running.clock.advance(Duration::from_millis(1));
    assert!(matches!(ward.release(given(false)), Err(Refusal::CertificatesOver)));
    let early = Ward::new(|_| ());
    let before = early.running.clock.now().minus(Duration::from_secs(1));
    early.running.clock.set(before);
    assert!(matches!(early.release(given(false)), Err(Refusal::CertificatesOver)));
}

#[test]
fn the_policy_judges_the_sign_in_as_for_any_card() {
    let ward = Ward::new(|_| ());
    let deriver = &ward.running.deriver;
    let request = deriver.request_release(&person(PERSON)).unwrap();
    let weak = |claims: &mut Value| claims["authentication_assurance_level"] = json!(2);
    let token = ward.running.token(request.nonce(), weak);
    let refused = deriver.derive(request, token, given(false));
    assert!(
        matches!(refused, Err(Refusal::Policy(short)) if short.rule == "policy.least_authentication")
    );
    let request = deriver.request_release(&person(PERSON)).unwrap();
    let token = ward.running.token(request.nonce(), |_| ());
    ward.running.clock.advance(Duration::from_secs(600));
    assert!(matches!(deriver.derive(request, token, given(false)), Err(Refusal::RequestExpired)));
}

#[test]
fn a_released_card_vouches_for_nobody_while_it_is_enrolled_or_after() {
    let mut ward = Ward::new(|policy| {
        policy.sources = vec![SourceRule::new(SourceKind::Certificate)];
    });
    let enrolled = &ward.enrolment.certified.as_ref().unwrap().keys[0];
    let settings = x509::Settings::nhs(
        enrolled.chain.clone(),
        x509::Revocation::Unchecked,
        Level(3),
        Level(3),
    );
    let chain = [enrolled.certificate.to_pem(), enrolled.chain[0].to_pem()].concat();
    let clock = Arc::clone(&ward.running.clock) as Arc<dyn Clock>;
    let verifier = x509::Verifier::new(settings, Arc::new(NoFetch), clock);
    ward.running.deriver.sources.cards = Some(verifier);

    let card = ward.release(given(true)).unwrap().card;
    let login = offer(&card, PASSCODE).unwrap();
    let answer = |nonce: &str| {
        let gate: Arc<dyn Gate> = Arc::new(AdmitAll);
        let (caller, verb) = (Caller::default(), Verb::Sign(Scheme::Ecdsa));
        let permit = card.admit(&gate, &caller, &login, None, KeySlot::Authentication, verb);
        let digest = crypto::digest(Hash::Sha256, &x509::challenge(nonce));
        let signature = card.sign(&digest, permit.unwrap()).unwrap();
        let signature = base64ct::Base64::encode_string(&signature);
        let answer = json!({"scheme": "ES256", "signature": signature, "certificates": chain});
        Evidence::Certificate(Secret::new(answer.to_string().into_bytes()))
    };
    let refused = |request: Request| {
        let answer = answer(request.nonce());
        let refusal = ward.running.deriver.derive(request, answer, PasscodeSource::Kept);
        let own = proof::Refusal::from(x509::Fault::OwnKey);
        assert!(matches!(refusal, Err(Refusal::Proof(why)) if why == own));
    };
    refused(ward.running.deriver.request_release(&person(PERSON)).unwrap());
    refused(ward.running.deriver.request().unwrap());
    // As after a restart: it is enrolled, whether or not it was released since.
    let gave_out = || std::mem::take(&mut *ward.running.deriver.gave_out.lock().unwrap());
    let given_out = gave_out();
    refused(ward.running.deriver.request().unwrap());
    *ward.running.deriver.gave_out.lock().unwrap() = given_out;
    ward.shelf.end_enrolment(&person(PERSON)).unwrap();
    refused(ward.running.deriver.request().unwrap());
    // A key that is neither is as good as its certificate, though others are enrolled.
    drop(gave_out());
    enrol(&ward.shelf, ward.running.clock.now(), DAY * 730);
    let request = ward.running.deriver.request().unwrap();
    let answer = answer(request.nonce());
    ward.running.deriver.derive(request, answer, PasscodeSource::Kept).unwrap();
}
