//! What models are shown by certificates.

use super::*;

/// An attestation root, and a certificate below it with this subject and these extensions.
fn vendor(
    unit: &str,
    extensions: Vec<Vec<u8>>,
    dates: (&'static str, &'static str),
) -> (Format, wardcard::pki::Certificate) {
    let (root_key, key) = (p256(), p256());
    let root_name = der::plain("Vendor Root");
    let root = Contents::authority(1, &root_name, &root_name, root_key.public());
    let subject = der::name(&[
        &[("2.5.4.6", PRINTABLE, "SE")],
        &[("2.5.4.10", UTF8, "Vendor")],
        &[("2.5.4.11", UTF8, unit)],
        &[("2.5.4.3", UTF8, "Vendor EE 1")],
    ]);
    let spki = key.public().spki().to_vec();
    let leaf = Contents { serial: 2, issuer: root_name, subject, dates, spki, extensions };
    let leaf = leaf.signed(&root_key);
    (Format::Certified(key, vec![leaf]), root.signed(&root_key))
}

fn p256() -> PrivateKey {
    PrivateKey::generate(KeyKind::P256).unwrap()
}

fn aaguid(model: [u8; 16], critical: bool) -> Vec<u8> {
    der::extension("1.3.6.1.4.1.45724.1.1.4", critical, &der::tlv(0x04, &[&model]))
}

const UNIT: &str = "Authenticator Attestation";

fn listed(root: wardcard::pki::Certificate, models: Vec<Aaguid>) -> Settings {
    let models = Models::Listed(models);
    Settings { models, attestation_roots: vec![root], ..open() }
}

#[test]
fn a_listed_model_is_shown_by_certificates() {
    let extensions = vec![der::basic_constraints(false), aaguid(MODEL, false)];
    let (format, root) = vendor(UNIT, extensions, DATES);
    let world = world(listed(root, vec![Aaguid(MODEL)]));
    let mut authenticator = Authenticator::p256();
    let begun = world.party.begin(&person()).unwrap();
    assert!(begun.options.contains(r#""attestation":"direct""#));
    let refusal = world.register(&mut authenticator).unwrap_err();
    assert_eq!(refusal, Fault::Unattested.into());
    authenticator.format = Format::Own;
    assert_eq!(world.register(&mut authenticator).unwrap_err(), Fault::Unattested.into());
    authenticator.format = format;
    let credential = world.register(&mut authenticator).unwrap();
    assert!(credential.certified && credential.model == Aaguid(MODEL));
    let assurance = world.sign_in(&authenticator).unwrap().assurance;
    assert_eq!(assurance.methods, ["hwk", "user", "mfa"]);
}

#[test]
fn attestation_certificates_are_judged_one_by_one() {
    let judge = |unit: &str, extensions: Vec<Vec<u8>>, dates, model: [u8; 16], foreign: bool| {
        let (format, root) = vendor(unit, extensions, dates);
        let other = vendor(UNIT, vec![der::basic_constraints(false)], DATES).1;
        let world = world(listed(if foreign { other } else { root }, vec![Aaguid(MODEL)]));
        let mut authenticator = Authenticator::p256();
        (authenticator.format, authenticator.model) = (format, model);
        world.register(&mut authenticator).map(|one| one.certified)
    };
    let good = || vec![der::basic_constraints(false), aaguid(MODEL, false)];
    assert_eq!(judge(UNIT, good(), DATES, MODEL, false), Ok(true));
    let bare = vec![der::basic_constraints(false)];
    assert_eq!(judge(UNIT, bare, DATES, MODEL, false), Ok(true), "without the extension");
    let none = || Err(Fault::Attestation("the certificate is none of an authenticator").into());
    assert_eq!(judge("Something", good(), DATES, MODEL, false), none());
    let authority = vec![der::basic_constraints(true), aaguid(MODEL, false)];
    assert_eq!(judge(UNIT, authority, DATES, MODEL, false), none());
    let bare = vec![aaguid(MODEL, false)];
    assert_eq!(judge(UNIT, bare, DATES, MODEL, false), none(), "no basicConstraints");
    let critical = vec![der::basic_constraints(false), aaguid(MODEL, true)];
    let refused = Err(Fault::Attestation("the certificate's AAGUID is critical").into());
    assert_eq!(judge(UNIT, critical, DATES, MODEL, false), refused);
    let model = Err(Fault::AttestationModel.into());
    assert_eq!(judge(UNIT, good(), DATES, [7; 16], false), model);
    let other = vec![der::basic_constraints(false), aaguid([7; 16], false)];
    assert_eq!(judge(UNIT, other, DATES, [7; 16], false), Err(Fault::Model.into()));
    let path = || Err(Fault::AttestationPath.into());
    assert_eq!(judge(UNIT, good(), DATES, MODEL, true), path(), "another root");
    let past = ("251101000000Z", "261101000000Z");
    assert_eq!(judge(UNIT, good(), past, MODEL, false), path(), "expired");
}

#[test]
fn an_attestation_has_five_certificates_and_no_more() {
    let refused = |count| {
        let extensions = vec![der::basic_constraints(false), aaguid(MODEL, false)];
        let (format, root) = vendor(UNIT, extensions, DATES);
        let world = world(listed(root.clone(), vec![Aaguid(MODEL)]));
        let mut authenticator = Authenticator::p256();
        let Format::Certified(key, mut chain) = format else { panic!("certificates") };
        chain.resize(count, root);
        authenticator.format = Format::Certified(key, chain);
        world.register(&mut authenticator).err()
    };
    let long = Some(Fault::Attestation("x5c is no list of certificates").into());
    assert_ne!(refused(5), long, "read, whatever comes of it");
    assert_eq!(refused(6), long);
}

#[test]
fn an_attestation_is_asked_for_where_it_is_looked_at() {
    let asked = |settings| {
        let begun = world(settings).party.begin(&person()).unwrap();
        begun.options.contains(r#""attestation":"direct""#)
    };
    let root = vendor(UNIT, vec![der::basic_constraints(false)], DATES).1;
    assert!(!asked(open()));
    assert!(asked(Settings { attestation_roots: vec![root], ..open() }));
    let models = Models::Listed(vec![Aaguid(MODEL)]);
    assert!(asked(Settings { models, unattested: true, ..open() }));
}
