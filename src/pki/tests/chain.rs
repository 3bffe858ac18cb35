//! Path validation: the good chain, and each rule of RFC 5280 section 6 broken in turn.

use super::{revocation::crl, *};
use crate::pki::{
    asn1::{self, Algorithm, Signed},
    certificate::Contents,
    extensions as ext, name,
};
use x509_cert::{
    der::{asn1::Null, flagset::FlagSet},
    ext::{
        Extension,
        pkix::{BasicConstraints, KeyUsage, KeyUsages},
    },
};

pub(super) const OK: Result<(), Error> = Ok(());

/// What an authority's certificate says, to be bent.
struct Forged {
    name: &'static str,
    key: PrivateKey,
    validity: Validity,
    constraints: Option<(bool, Option<u8>)>,
    usage: Option<FlagSet<KeyUsages>>,
    more: Vec<Extension>,
}

fn authority(name: &'static str, which: usize) -> Forged {
    Forged {
        name,
        key: key(KeyKind::P256, which),
        validity: days(50, 1000),
        constraints: Some((true, None)),
        usage: Some(KeyUsages::KeyCertSign | KeyUsages::CRLSign),
        more: Vec::new(),
    }
}

/// A certificate as described, by any authority, which is not asked whether it may.
fn forge(issuer: Option<&Authority>, forged: &Forged) -> Certificate {
    let mut extensions = forged.more.clone();
    if let Some((ca, path_len_constraint)) = forged.constraints {
        let constraints = BasicConstraints { ca, path_len_constraint };
        extensions.push(asn1::extension(ext::BASIC_CONSTRAINTS, true, &constraints).unwrap());
    }
    if let Some(usage) = forged.usage {
        extensions.push(asn1::extension(ext::KEY_USAGE, true, &KeyUsage(usage)).unwrap());
    }
    let subject = name::build([name::part(forged.name).unwrap()]).unwrap();
    let (issuer, by) = match issuer {
        Some(issuer) => (issuer.certificate().subject_der(), issuer.key()),
        None => (subject.as_slice(), &forged.key),
    };
    let key = forged.key.public();
    let contents =
        Contents { issuer, subject: &subject, validity: forged.validity, key, extensions };
    let body = contents.tbs(Algorithm::of(by.kind())).unwrap();
    Certificate::from_der(&Signed::make(&body, by).unwrap()).unwrap()
}

/// An authority around a forged certificate, whatever that says.
fn around(certificate: Certificate, forged: &Forged) -> Authority {
    Authority::of(certificate, forged.key.clone())
}

/// The chain below a root: end entity, forged issuing authority.
fn chain_over(forged: &Forged) -> (Vec<Certificate>, Vec<Certificate>) {
    let root = root();
    let middle = forge(Some(&root), forged);
    let end = leaf(&around(middle.clone(), forged));
    (vec![end, middle], vec![root.certificate().clone()])
}

#[test]
fn a_good_chain_validates_with_and_without_the_root_in_it() {
    let root = root();
    let issuing = issuing(&root);
    let (end, middle) = (leaf(&issuing), issuing.certificate().clone());
    let roots = [root.certificate().clone()];
    assert_eq!(validate(&[end.clone(), middle.clone()], &roots, &[], now()), OK);
    let whole = [end, middle.clone(), roots[0].clone()];
    assert_eq!(validate(&whole, &roots, &[], now()), OK);
    assert_eq!(validate(&[middle], &roots, &[], now()), OK);
    assert_eq!(validate(&roots, &roots, &[], now()), OK);
    let direct = leaf(&root);
    assert_eq!(validate(&[direct], &roots, &[], now()), OK);
}

#[test]
fn a_chain_needs_a_trusted_root() {
    let root = root();
    let issuing = issuing(&root);
    let chain = [leaf(&issuing), issuing.certificate().clone()];
    assert_eq!(validate(&chain, &[], &[], now()), Err(Error::IssuerUnknown));
    let other = Authority::root(key(KeyKind::P384, 1), "Other Root", days(100, 3650)).unwrap();
    let others = [other.certificate().clone()];
    assert_eq!(validate(&chain, &others, &[], now()), Err(Error::IssuerUnknown));
    // The same name with another key, alone and beside the right one.
    let name = "Test Root Authority G2";
    let same = Authority::root(key(KeyKind::P384, 1), name, days(100, 3650)).unwrap();
    let same = same.certificate().clone();
    let signature = Err(Error::Signature("certificate"));
    assert_eq!(validate(&chain, std::slice::from_ref(&same), &[], now()), signature);
    let (good, whole) =
        (root.certificate().clone(), [&chain[..], std::slice::from_ref(&same)].concat());
    assert_eq!(validate(&chain, &[same.clone(), good.clone()], &[], now()), OK);
    assert_eq!(validate(&chain, &[good.clone(), same], &[], now()), OK);
    assert_eq!(validate(&whole, &[good], &[], now()), signature, "not issued by it");
}

#[test]
fn a_chain_has_1_to_8_certificates() {
    let roots = [root().certificate().clone()];
    let limit = Err(Error::ChainLength { limit: 8 });
    assert_eq!(validate(&[], &roots, &[], now()), limit);
    let one = leaf(&root());
    assert_eq!(validate(&vec![one.clone(); 9], &roots, &[], now()), limit);
    let mut ten = vec![one; 9];
    ten.push(roots[0].clone());
    assert_eq!(validate(&ten, &roots, &[], now()), limit);
}

#[test]
fn names_must_chain() {
    let root = root();
    let issuing = issuing(&root);
    let roots = [root.certificate().clone()];
    let other = root.issuing(key(KeyKind::P256, 0), "Test Signing G2", days(50, 1000)).unwrap();
    let chain = [leaf(&issuing), other.certificate().clone()];
    assert_eq!(validate(&chain, &roots, &[], now()), Err(Error::NameMismatch { depth: 0 }));
}

#[test]
fn each_signature_is_verified() {
    let root = root();
    let issuing = issuing(&root);
    let roots = [root.certificate().clone()];
    let other = root.issuing(key(KeyKind::P256, 1), "Test Authentication G2", days(50, 1000));
    let other = other.unwrap().certificate().clone();
    let failed = Err(Error::Signature("certificate"));
    assert_eq!(validate(&[leaf(&issuing), other], &roots, &[], now()), failed);
    let mut der = leaf(&issuing).der().to_vec();
    let at = der.windows(12).position(|bytes| bytes == b"555000000001").unwrap();
    der[at + 11] = b'2';
    let altered = Certificate::from_der(&der).unwrap();
    assert_eq!(altered.user_id().unwrap().as_str(), "555000000002");
    assert_eq!(validate(&[altered, issuing.certificate().clone()], &roots, &[], now()), failed);
}

#[test]
fn each_certificate_must_be_in_its_dates_to_the_second() {
    let (mut forged, roots) = (authority("CN=Middle", 1), [root().certificate().clone()]);
    let (chain, _) = chain_over(&forged);
    let second = Duration::from_secs(1);
    let (start, end) = (chain[0].not_before(), chain[0].not_after());
    assert_eq!(validate(&chain, &roots, &[], start), OK);
    let early = Err(Error::NotYetValid { depth: 0, not_before: start });
    assert_eq!(validate(&chain, &roots, &[], start.minus(Duration::from_millis(1))), early);
    assert_eq!(validate(&chain, &roots, &[], end.plus(Duration::from_millis(999))), OK);
    let late = Err(Error::Expired { depth: 0, not_after: end });
    assert_eq!(validate(&chain, &roots, &[], end.plus(second)), late);
    forged.validity =
        Validity { not_before: days(9, 0).not_before, not_after: now().minus(second) };
    let middle = forge(Some(&root()), &forged);
    let chain = [chain[0].clone(), middle.clone()];
    let late = Err(Error::Expired { depth: 1, not_after: middle.not_after() });
    assert_eq!(validate(&chain, &roots, &[], now()), late);
    let short = Authority::root(key(KeyKind::P384, 0), "Short Root", days(100, 1)).unwrap();
    let old = leaf_until(&short, days(0, 1));
    let roots = [short.certificate().clone()];
    let at = roots[0].not_after().plus(second);
    let late = Err(Error::Expired { depth: 1, not_after: roots[0].not_after() });
    assert_eq!(validate(&[old], &roots, &[], at), late, "the root's dates count");
}

fn leaf_until(issuer: &Authority, validity: Validity) -> Certificate {
    let profile = Profile::cis1_authentication();
    issuer.issue(&profile, &person(), key(KeyKind::Rsa2048, 0).public(), validity).unwrap()
}

#[test]
fn who_issues_must_be_an_authority_with_the_usage_for_it() {
    let mut forged = authority("CN=Middle", 1);
    let (chain, roots) = chain_over(&forged);
    assert_eq!(validate(&chain, &roots, &[], now()), OK);
    for constraints in [None, Some((false, None))] {
        forged.constraints = constraints;
        let (chain, roots) = chain_over(&forged);
        let refused = Err(Error::NotAuthority { depth: 1 });
        assert_eq!(validate(&chain, &roots, &[], now()), refused);
    }
    forged.constraints = Some((true, None));
    forged.usage = Some(KeyUsages::CRLSign | KeyUsages::DigitalSignature);
    let (chain, roots) = chain_over(&forged);
    let refused = Err(Error::KeyUsage { depth: 1, usage: "keyCertSign" });
    assert_eq!(validate(&chain, &roots, &[], now()), refused);
    forged.usage = None;
    let (chain, roots) = chain_over(&forged);
    assert_eq!(validate(&chain, &roots, &[], now()), OK, "absent, it limits nothing");
    // A person's certificate that issues another.
    let end = leaf(&root());
    let person = Authority::of(end.clone(), key(KeyKind::Rsa2048, 0));
    let refused = validate(&[leaf(&person), end], &roots, &[], now());
    assert_eq!(refused, Err(Error::NotAuthority { depth: 1 }));
    // A root that is no authority.
    let mut forged = authority("CN=Bare", 2);
    forged.constraints = None;
    let bare = forge(None, &forged);
    let end = leaf(&around(bare.clone(), &forged));
    assert_eq!(validate(&[end], &[bare], &[], now()), Err(Error::NotAuthority { depth: 1 }));
}

#[test]
fn the_path_length_is_respected_the_roots_own_too() {
    let root = root();
    let roots = [root.certificate().clone()];
    let mut upper = authority("CN=Upper", 1);
    let lower = authority("CN=Lower", 2);
    for (length, outcome) in
        [(None, OK), (Some(1), OK), (Some(0), Err(Error::PathLength { depth: 2 }))]
    {
        upper.constraints = Some((true, length));
        let top = around(forge(Some(&root), &upper), &upper);
        let low = around(forge(Some(&top), &lower), &lower);
        let chain = [leaf(&low), low.certificate().clone(), top.certificate().clone()];
        assert_eq!(validate(&chain, &roots, &[], now()), outcome, "{length:?}");
        // The same with the constrained one as the root.
        let own = around(forge(None, &upper), &upper);
        let low = around(forge(Some(&own), &lower), &lower);
        let chain = [leaf(&low), low.certificate().clone()];
        let outcome = outcome.map_err(|_| Error::PathLength { depth: 2 });
        let outcome = if length == Some(1) { OK } else { outcome };
        assert_eq!(validate(&chain, &[own.certificate().clone()], &[], now()), outcome);
    }
    // The narrower of two constraints counts, whichever stands higher.
    for (wide, narrow) in [(Some(2), Some(0)), (Some(1), Some(2))] {
        upper.constraints = Some((true, wide));
        let top = around(forge(Some(&root), &upper), &upper);
        let below = Forged { constraints: Some((true, narrow)), ..authority("CN=Between", 0) };
        let between = around(forge(Some(&top), &below), &below);
        let low = around(forge(Some(&between), &lower), &lower);
        let more = Forged { key: key(KeyKind::P256, 0), ..authority("CN=More", 0) };
        let least = around(forge(Some(&low), &more), &more);
        let chain = [&least, &low, &between, &top].map(|one| one.certificate().clone());
        let chain = [&[leaf(&least)], &chain[..]].concat();
        let refused = validate(&chain, &roots, &[], now());
        assert!(matches!(refused, Err(Error::PathLength { .. })), "{wide:?} {narrow:?}");
        let shorter = [&[leaf(&low)], &chain[2..]].concat();
        let outcome = validate(&shorter, &roots, &[], now());
        assert!(matches!(outcome, Err(Error::PathLength { .. })), "{wide:?} {narrow:?}");
    }
    // A self-issued one takes no room.
    upper.constraints = Some((true, Some(0)));
    let top = around(forge(Some(&root), &upper), &upper);
    let renewed = Forged { key: key(KeyKind::P256, 2), ..authority("CN=Upper", 2) };
    let again = around(forge(Some(&top), &renewed), &renewed);
    let chain = [leaf(&again), again.certificate().clone(), top.certificate().clone()];
    assert_eq!(validate(&chain, &roots, &[], now()), OK);
}

#[test]
fn critical_extensions_that_are_not_understood_are_refused() {
    for oid in ["2.5.29.36", "2.5.29.54", "2.5.29.31", "1.3.6.1.4.1.32473.1"] {
        let mut forged = authority("CN=Middle", 1);
        let oid = ObjectIdentifier::new(oid).unwrap();
        for (critical, outcome) in
            [(true, Err(Error::CriticalExtension { depth: 1, oid: oid.to_string() })), (false, OK)]
        {
            let content = asn1::extension(oid, critical, &Vec::<Null>::new()).unwrap();
            forged.more = vec![content];
            let (chain, roots) = chain_over(&forged);
            assert_eq!(validate(&chain, &roots, &[], now()), outcome);
        }
    }
}

#[test]
fn sha1_is_refused_below_the_root_and_other_algorithms_everywhere() {
    let rsa = Authority::root(key(KeyKind::Rsa2048, 1), "RSA Root", days(100, 3650)).unwrap();
    let end = leaf(&rsa);
    let roots = [rsa.certificate().clone()];
    assert_eq!(validate(std::slice::from_ref(&end), &roots, &[], now()), OK);
    let with_last_byte = |certificate: &Certificate, byte: u8| {
        let sha256 = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
        let mut der = certificate.der().to_vec();
        let places: Vec<_> =
            der.windows(11).enumerate().filter(|(_, b)| *b == sha256).map(|(at, _)| at).collect();
        assert_eq!(places.len(), 2);
        places.iter().for_each(|at| der[at + 10] = byte);
        Certificate::from_der(&der).unwrap()
    };
    let sha1 = validate(&[with_last_byte(&end, 5)], &roots, &[], now());
    assert_eq!(sha1, Err(Error::Weak("certificate")));
    let md5 = validate(&[with_last_byte(&end, 4)], &roots, &[], now());
    assert_eq!(md5, Err(Error::Unsupported("signature algorithm")));
    let old_root = [with_last_byte(&roots[0], 5)];
    assert_eq!(validate(&[end], &old_root, &[], now()), OK, "a root is trusted for its key");
}

#[test]
fn an_issuer_without_crl_sign_makes_no_crl_and_none_is_taken_from_it() {
    let root = root();
    let mut forged = authority("CN=Middle", 1);
    let able = around(forge(Some(&root), &forged), &forged);
    let list = crl(&able, &[], days(1, 7));
    forged.usage = Some(KeyUsages::KeyCertSign.into());
    let unable = around(forge(Some(&root), &forged), &forged);
    let chain = [leaf(&unable), unable.certificate().clone()];
    let roots = [root.certificate().clone()];
    let refused = Err(Error::KeyUsage { depth: 1, usage: "cRLSign" });
    assert_eq!(validate(&chain, &roots, std::slice::from_ref(&list), now()), refused);
    let verified = Crl::from_der(&list).unwrap().verify(unable.certificate());
    assert_eq!(verified, Err(Error::KeyUsage { depth: 0, usage: "cRLSign" }));
    let made = unable.crl(&[], 1, days(1, 7).not_before, days(1, 7).not_after);
    assert_eq!(made, Err(Error::KeyUsage { depth: 0, usage: "cRLSign" }));
}

/// `O=nhs, OU=people` and the rest of it, as one authority says whom it certifies.
fn subtree(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

#[test]
fn an_authority_certifies_within_its_names_alone() {
    let root = root();
    let roots = [root.certificate().clone()];
    for (subtrees, outcome) in [
        (vec![subtree(&["O=nhs", "OU=people"])], OK),
        (vec![subtree(&["O=nhs"])], OK),
        (vec![subtree(&["O=trust"]), subtree(&["O=nhs", "OU=people"])], OK),
        (vec![subtree(&["O=nhs", "OU=people", "CN=555000000001", "CN=x"])], NOT_PERMITTED),
        (vec![subtree(&["OU=people"])], NOT_PERMITTED),
        (vec![subtree(&["O=NHS", "OU=people"])], NOT_PERMITTED),
        (vec![subtree(&["O=nhs", "OU=peopl"])], NOT_PERMITTED),
    ] {
        let key = key(KeyKind::P256, 1);
        let issuing = root.issuing_within(key, "Within", days(50, 1000), &subtrees).unwrap();
        let chain = [leaf(&issuing), issuing.certificate().clone()];
        assert_eq!(validate(&chain, &roots, &[], now()), outcome, "{subtrees:?}");
    }
    let none = root.issuing_within(key(KeyKind::P256, 1), "Within", days(50, 1000), &[]);
    assert!(matches!(none, Err(Error::Name(_))));
}

const NOT_PERMITTED: Result<(), Error> = Err(Error::NameNotPermitted { depth: 0 });

#[test]
fn name_constraints_that_are_not_processed_refuse_the_chain_and_hold_below_further_authorities() {
    use x509_cert::ext::pkix::{
        NameConstraints, SubjectAltName, constraints::name::GeneralSubtree, name::GeneralName,
    };
    let directory = |part: &str| {
        let name = name::build([name::part(part).unwrap()]).unwrap();
        GeneralName::DirectoryName(asn1::strict(&name, "a name").unwrap())
    };
    let dns = || GeneralName::DnsName("nhs.uk".parse::<String>().unwrap().try_into().unwrap());
    let tree = |base: GeneralName| GeneralSubtree { base, minimum: 0, maximum: None };
    let oid = ObjectIdentifier::new("2.5.29.30").unwrap();
    let unknown = Err(Error::CriticalExtension { depth: 1, oid: oid.to_string() });
    for (permitted, excluded, critical, outcome) in [
        (Some(vec![tree(directory("O=nhs"))]), None, true, OK),
        (Some(vec![tree(directory("O=trust"))]), None, true, NOT_PERMITTED),
        (Some(vec![tree(directory("O=trust"))]), None, false, NOT_PERMITTED),
        (Some(vec![tree(directory("O=nhs")), tree(dns())]), None, true, unknown.clone()),
        (Some(vec![tree(dns())]), None, false, OK),
        (None, Some(vec![tree(directory("O=trust"))]), true, unknown.clone()),
        (
            Some(vec![GeneralSubtree { minimum: 1, ..tree(directory("O=nhs")) }]),
            None,
            true,
            unknown.clone(),
        ),
    ] {
        let constraints =
            NameConstraints { permitted_subtrees: permitted, excluded_subtrees: excluded };
        let mut forged = authority("CN=Middle", 1);
        forged.more = vec![asn1::extension(oid, critical, &constraints).unwrap()];
        let (chain, roots) = chain_over(&forged);
        assert_eq!(validate(&chain, &roots, &[], now()), outcome, "{constraints:?}");
    }
    // Through an authority below, whose own name is outside, and by another name of the subject.
    let permitted = Some(vec![tree(directory("O=nhs"))]);
    let constraints = NameConstraints { permitted_subtrees: permitted, excluded_subtrees: None };
    let mut forged = authority("CN=Middle", 1);
    forged.more = vec![asn1::extension(oid, true, &constraints).unwrap()];
    let root = root();
    let middle = around(forge(Some(&root), &forged), &forged);
    let below = Forged { key: key(KeyKind::P256, 2), ..authority("CN=Below", 2) };
    let below = around(forge(Some(&middle), &below), &below);
    let chain = [leaf(&below), below.certificate().clone(), middle.certificate().clone()];
    let roots = [root.certificate().clone()];
    let outside = Err(Error::NameNotPermitted { depth: 1 });
    assert_eq!(validate(&chain, &roots, &[], now()), outside);
    let mut end = Forged { key: key(KeyKind::P256, 2), ..authority("O=nhs", 2) };
    end.constraints = None;
    let alone = forge(Some(&middle), &end);
    assert_eq!(validate(&[alone, middle.certificate().clone()], &roots, &[], now()), OK);
    let names = SubjectAltName(vec![directory("O=trust")]);
    end.more = vec![asn1::extension(ext::SUBJECT_ALT_NAME, false, &names).unwrap()];
    let beside = forge(Some(&middle), &end);
    let chain = [beside, middle.certificate().clone()];
    assert_eq!(validate(&chain, &roots, &[], now()), NOT_PERMITTED);
}
