//! A card that our own issuer has certified.

use super::*;
use wardcard::{
    derive::{self, Deriver, PasscodeSource, Policy, SourceKind, SourceRule},
    issue::{Issuer, LocalIssuer, Names, Rules},
    pki::KeySlot,
    proof::{Evidence, Sources},
    secret::Secret,
    store::MemoryStore,
};

#[test]
fn a_card_of_our_own_issuer_vouches_for_nobody() {
    type Trust = fn(&World, &LocalIssuer) -> (Vec<Certificate>, Vec<Certificate>);
    fn issuing(issuer: &LocalIssuer) -> Certificate {
        issuer.authority(KeySlot::Authentication).certificate().clone()
    }
    let trusts: [Trust; 3] = [
        |_, issuer| (issuer.roots().unwrap(), vec![issuing(issuer)]),
        // The issuing authority as an anchor of its own.
        |_, issuer| (vec![issuing(issuer)], Vec::new()),
        // Another authority has certified our root.
        |world, issuer| {
            let root = &issuer.roots().unwrap()[0];
            (vec![world.root.clone()], vec![issuing(issuer), cross(world, root)])
        },
    ];
    for trust in trusts {
        let refusal = Own::new(trust).derive_by_own_card().unwrap_err();
        assert!(
            matches!(&refusal, derive::Refusal::Proof(Refusal::Certificate(Fault::OwnRoot))),
            "{refusal}"
        );
    }
}

#[test]
fn a_card_of_our_own_issuer_vouches_for_nobody_below_an_authority_that_others_certified() {
    let ward = Own::new(|world, issuer| {
        let own = issuer.authority(KeySlot::Authentication).certificate().clone();
        (vec![world.root.clone()], vec![world.issuing.clone(), cross(world, &own)])
    });
    // Somebody's own card makes a card here, so that it is known who certifies.
    ward.derive(|world, message| world.answer_over(message)).unwrap();
    let refusal = ward.derive_by_own_card().unwrap_err();
    assert!(
        matches!(&refusal, derive::Refusal::Proof(Refusal::Certificate(Fault::OwnRoot))),
        "{refusal}"
    );
}

/// What another authority certifies of ours.
fn cross(world: &World, ours: &Certificate) -> Certificate {
    let (issuer, subject) = (world.root.subject_der(), ours.subject_der());
    Contents::authority(7, issuer, subject, ours.public_key()).signed(&world.root_key)
}

/// A deriver that believes cards, and a card that its own issuer has certified.
struct Own {
    world: World,
    own: PrivateKey,
    made: Certificate,
    deriver: Deriver,
}

impl Own {
    fn new(trust: impl Fn(&World, &LocalIssuer) -> (Vec<Certificate>, Vec<Certificate>)) -> Self {
        let mut world = World::new();
        let rules = Rules::behind_a_policy();
        let issuer =
            LocalIssuer::in_memory(&Names::default(), KeyKind::P256, rules, world.clock.clone());
        let issuer = Arc::new(issuer.unwrap());
        let authority = issuer.authority(KeySlot::Authentication);
        let end = authority.certificate().validity().not_after;
        let validity = pki::Validity { not_before: now(), not_after: end };
        let own = p256();
        let person = UserId::parse(PERSON).unwrap();
        let made = authority.issue(&any_key(), &person, own.public(), validity).unwrap();
        (world.settings.roots, world.settings.intermediates) = trust(&world, &issuer);
        world.settings.revocation = Revocation::Unchecked;
        world.settings.policies.clear();
        let mut policy = Policy { key: KeyKind::P256, ..Policy::default() };
        policy.sources = vec![SourceRule::new(SourceKind::Certificate)];
        let sources = Sources { cards: Some(world.verifier()), ..Sources::default() };
        let store = Arc::new(MemoryStore::new());
        let deriver = Deriver::new(policy, sources, issuer, store, world.clock.clone());
        Self { world, own, made, deriver }
    }

    fn derive(&self, answer: impl Fn(&World, &[u8]) -> Value) -> Result<(), derive::Refusal> {
        let request = self.deriver.request().unwrap();
        let answer = answer(&self.world, &x509::challenge(request.nonce()));
        let evidence = Evidence::Certificate(Secret::new(answer.to_string().into_bytes()));
        let given = PasscodeSource::Given { passcode: Secret::copied_from(b"135790"), keep: true };
        self.deriver.derive(request, evidence, given).map(drop)
    }

    fn derive_by_own_card(&self) -> Result<(), derive::Refusal> {
        self.derive(|_, message| {
            let digest = crypto::digest(Hash::Sha256, message);
            let signature = self.own.sign(Scheme::Ecdsa, &digest).unwrap();
            let signature = Base64::encode_string(&signature);
            json!({"scheme": "ES256", "signature": signature, "certificates": self.made.to_pem()})
        })
    }
}

/// The profile of a card's authentication certificate, for keys that are quickly made.
fn any_key() -> pki::Profile {
    let text = r#"
        [profile.card]
        subject = ["O=nhs", "OU=people", "CN={id}"]
        keys = ["P-256"]
        key-usage = ["digitalSignature"]
    "#;
    pki::Profile::from_toml(text).unwrap().remove(0)
}
