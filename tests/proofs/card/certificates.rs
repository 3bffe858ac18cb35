//! What a card's certificate and its path have to be.

use super::*;

#[test]
fn a_certificate_for_other_uses_is_refused() {
    let with = |usage: Vec<u8>| move |world: &mut World| world.card.extensions[1] = usage;
    refuses(Fault::Usage, with(der::usage(NON_REPUDIATION)));
    refuses(Fault::Usage, with(der::usage(der::KEY_ENCIPHERMENT)));
    refuses(Fault::Usage, |world| drop(world.card.extensions.remove(1)));
    refuses(Fault::Authority, |world| world.card.extensions[0] = der::basic_constraints(true));
    refuses(Fault::Purpose, |world| {
        // serverAuth
        world.card.extensions.push(der::purpose("1.3.6.1.5.5.7.3.1"));
    });
    refuses(Fault::Policy, |world| drop(world.card.extensions.pop()));
    refuses(Fault::Policy, |world| world.card.extensions[2] = der::policy("1.2.3"));
    for purpose in ["1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.311.20.2.2", "2.5.29.37.0"] {
        let mut world = World::new();
        world.card.extensions.push(der::purpose(purpose));
        world.accept().unwrap();
    }
    let mut both = World::new();
    both.card.extensions[1] = der::usage(DIGITAL_SIGNATURE | NON_REPUDIATION);
    both.accept().unwrap();
    let mut any_policy = World::new();
    any_policy.card.extensions.pop();
    any_policy.settings.policies.clear();
    any_policy.accept().unwrap();
}

#[test]
fn names_that_only_look_right_are_refused() {
    let (o, ou, cn) = ("2.5.4.10", "2.5.4.11", "2.5.4.3");
    let nhs = (o, PRINTABLE, "nhs");
    let people = (ou, PRINTABLE, "people");
    let person = (cn, PRINTABLE, PERSON);
    let long = format!("{PERSON}0");
    let nul = format!("{PERSON}\0");
    let folded = format!("nhs, OU=people, CN={PERSON}");
    for subject in [
        der::name(&[&[people], &[nhs], &[person]]),
        der::name(&[&[nhs], &[people]]),
        der::name(&[&[nhs], &[people], &[person], &[(cn, PRINTABLE, "555000000002")]]),
        der::name(&[&[("2.5.4.6", PRINTABLE, "GB")], &[nhs], &[people], &[person]]),
        der::name(&[&[nhs], &[people, person]]),
        der::name(&[&[nhs], &[people], &[person, (o, PRINTABLE, "x")]]),
        der::name(&[&[(o, PRINTABLE, "NHS")], &[people], &[person]]),
        der::name(&[&[nhs], &[people], &[(cn, PRINTABLE, &PERSON[1..])]]),
        der::name(&[&[nhs], &[people], &[(cn, PRINTABLE, &long)]]),
        der::name(&[&[nhs], &[people], &[(cn, UTF8, &nul)]]),
        der::name(&[&[nhs], &[people], &[(cn, UTF8, "\u{665}55000000001")]]),
        der::name(&[&[(o, UTF8, &folded)]]),
        der::name(&[&[(o, UTF8, "nhs"), (ou, UTF8, "people")], &[person]]),
        der::name(&[&[nhs], &[people], &[("2.5.4.5", PRINTABLE, PERSON)]]),
    ] {
        refuses(Fault::Subject, |world| world.card.subject = subject);
    }
    let mut configured = World::new();
    configured.card.subject = der::name(&[&[("2.5.4.6", PRINTABLE, "GB")], &[(cn, UTF8, PERSON)]]);
    configured.settings.subject = "C=GB, CN={id}".to_owned();
    configured.accept().unwrap();
}

#[test]
fn the_path_has_to_lead_to_a_root() {
    let unknown = || Fault::Path(pki::Error::IssuerUnknown);
    refuses(unknown(), |world| world.settings.intermediates.clear());
    // A root of the same name with another key, and an impostor of the issuing authority's name.
    refuses(Fault::Path(pki::Error::Signature("certificate")), |world| {
        world.settings.roots = vec![World::new().root];
    });
    refuses(Fault::Path(pki::Error::Signature("certificate")), |world| {
        let issuing_key = p256();
        world.issuing_key = issuing_key;
    });
    // Somebody's card is no authority.
    let world = World::new();
    let key = p256();
    let forged = Contents {
        serial: 9,
        issuer: world.certificate().subject_der().to_vec(),
        subject: der::person("555000000002"),
        spki: key.public().spki().to_vec(),
        ..world.card.clone()
    };
    let forged = forged.signed(&world.key).to_pem() + &world.certificate().to_pem();
    let nonce = Nonce::new(&[b"key"]).unwrap();
    let digest = crypto::digest(Hash::Sha256, &x509::challenge(nonce.as_str()));
    let signature = Base64::encode_string(&key.sign(Scheme::Ecdsa, &digest).unwrap());
    let answer = json!({"scheme": "ES256", "signature": signature, "certificates": forged});
    let refused = world.verifier().accept(answer.to_string().as_bytes(), &nonce).unwrap_err();
    assert_eq!(refused, Fault::Path(pki::Error::NotAuthority { depth: 1 }).into());
}

#[test]
fn authorities_that_certify_each_other_lead_nowhere_and_end() {
    let mut world = World::new();
    let (one, two) = (der::plain("One"), der::plain("Two"));
    let (one_key, two_key) = (p256(), p256());
    let authority = |subject: &[u8], key: &PrivateKey, issuer: &[u8], by: &PrivateKey| {
        Contents::authority(5, issuer, subject, key.public()).signed(by)
    };
    world.settings.intermediates =
        vec![authority(&one, &one_key, &two, &two_key), authority(&two, &two_key, &one, &one_key)];
    world.card.issuer = one;
    world.issuing_key = one_key;
    assert_eq!(world.accept().unwrap_err(), Fault::Path(pki::Error::IssuerUnknown).into());
    // In the answer itself, more than anybody needs.
    let nonce = Nonce::new(&[b"key"]).unwrap();
    let mut answer = world.answer(&nonce);
    let pair: String = world.settings.intermediates.iter().map(Certificate::to_pem).collect();
    let many = world.certificate().to_pem() + &pair.repeat(5);
    answer["certificates"] = many.into();
    let refused = world.verifier().accept(answer.to_string().as_bytes(), &nonce).unwrap_err();
    assert_eq!(refused, Fault::Path(pki::Error::ChainLength { limit: 8 }).into());
}

#[test]
fn a_certificate_is_good_from_its_first_second_to_its_last() {
    let at = |time: &str, good: bool| {
        let mut world = World::new();
        world.card.dates = ("261202000000Z", "261203000000Z");
        world.clock.set(Time::parse_rfc3339(time).unwrap());
        let outcome = world.accept();
        assert_eq!(outcome.is_ok(), good, "{time}: {outcome:?}");
    };
    at("2026-12-01T23:59:59.999Z", false);
    at("2026-12-02T00:00:00Z", true);
    at("2026-12-03T00:00:00.999Z", true);
    at("2026-12-03T00:00:01Z", false);
}
