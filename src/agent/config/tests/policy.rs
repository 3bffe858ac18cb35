//! The policy, in the configuration and in a file of its own.

use super::*;

/// Lines and texts of what is wrong in a policy of its own.
fn policy_problems(text: &str) -> Vec<(usize, String)> {
    let problems = read_policy(text).expect_err(text).problems;
    problems.into_iter().map(|problem| (problem.line, problem.text)).collect()
}

#[test]
fn the_example_policy_holds_and_every_key_of_it_is_known() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/policy.toml");
    assert_eq!(load_policy(&path).expect("holds"), derive::Policy::default());
    let text = std::fs::read_to_string(path).unwrap();
    let bare: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let policy = read_policy(&bare).expect("holds with everything in it");
    assert_eq!((policy.sources.len(), policy.combinations.len()), (2, 1));
    assert_eq!(policy.idle_lock, Some(Duration::from_secs(900)));
}

#[test]
fn everything_wrong_in_a_policy_is_told_at_once_each_with_its_line() {
    let text = "\
least_authentication = 4
lifetime = \"1h\"
[[source]]
kind = \"hos\"
highest = 7
colour = 1
[[source]]
name = \"badge\"
largest_age = \"0s\"
[[combination]]
of = [\"oidc\"]
[[combination]]
of = [\"oidc\", \"host\"]
authentication = 0
";
    let found = policy_problems(text);
    let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 4, 5, 6, 7, 9, 10, 11, 14], "{found:#?}");
    for (line, text) in [
        (4, "source[1].kind: a source is oidc, webauthn, certificate or host"),
        (7, "source[2].kind: missing"),
        (10, "combination[1].authentication: missing"),
    ] {
        assert!(found.iter().any(|one| *one == (line, text.to_owned())), "{found:#?}");
    }
}

#[test]
fn a_policy_that_contradicts_itself_is_told_with_the_line_of_the_rule() {
    let text = "lifetime = \"2m\"\nlargest_age = \"3m\"\n[[source]]\nkind = \"host\"\n\n\
                [[source]]\nkind = \"host\"\n";
    let found = policy_problems(text);
    let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 6], "{found:#?}");
    assert!(found[1].1.starts_with("source[2]: an earlier one"), "{found:#?}");
    let whole = problems(&format!("{GOOD}[[policy.source]]\nkind = \"x\"\n[policy.combination]\n"));
    assert!(
        whole.iter().any(|(line, text)| *line == 13 && text.starts_with("policy.source[1].kind")),
        "{whole:?}"
    );
    assert!(
        whole.iter().any(|(line, text)| *line == 14 && text.contains("[[policy.combination]]")),
        "{whole:?}"
    );
}

#[test]
fn a_policy_may_stand_in_a_file_of_its_own_but_not_twice() {
    let folder = tempfile::tempdir().unwrap();
    let bare = GOOD.split("[policy]").next().unwrap();
    let text = format!("policy_file = \"policy.toml\"\nroster = \"required\"\n{bare}");
    std::fs::write(folder.path().join("policy.toml"), "lifetime = \"10h\"\n").unwrap();
    let config = Config::from_toml(&text, folder.path()).expect("holds");
    assert_eq!(config.policy.lifetime, Duration::from_secs(36_000));
    assert_eq!(config.roster, RosterUse::Required);
    std::fs::write(folder.path().join("policy.toml"), "\nlifetimes = \"10h\"\ntries = 0\n")
        .unwrap();
    let told = |text: &str| Config::from_toml(text, folder.path()).unwrap_err().problems;
    let found = told(&text);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].line, 1);
    assert!(found[0].text.starts_with("policy_file: policy.toml line 2: lifetimes"), "{found:?}");
    std::fs::remove_file(folder.path().join("policy.toml")).unwrap();
    assert!(told(&text)[0].text.contains("cannot be read"));
    let both = told(&format!("policy_file = \"policy.toml\"\n{GOOD}"));
    assert!(both[0].line == 11 && both[0].text.contains("not both"), "{both:?}");
    let neither = told(&format!("policy_file = 1\nroster = \"maybe\"\n{bare}"));
    assert_eq!(neither.len(), 2, "{neither:?}");
}

/// A certificate that is its own root, and a key set, in a folder.
fn folder_of_sources() -> tempfile::TempDir {
    use crate::{clock::Time, crypto::*, pki::*};
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let key = PrivateKey::generate(KeyKind::P256).unwrap();
    let point = key.public().ec_point().unwrap().to_vec();
    let encode = |bytes: &[u8]| {
        use base64ct::{Base64UrlUnpadded, Encoding};
        Base64UrlUnpadded::encode_string(bytes)
    };
    let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
    let key_of =
        |id: &str| format!(r#"{{"kty":"EC","crv":"P-256","kid":"{id}","x":"{x}","y":"{y}"}}"#);
    put("keys.json", &format!(r#"{{"keys":[{}]}}"#, key_of("k1")));
    put("twice.json", &format!(r#"{{"keys":[{},{}]}}"#, key_of("k1"), key_of("k1")));
    let day = |day: i64| Time::from_unix_seconds(1_790_000_000 + day * 86_400);
    let validity = Validity { not_before: day(0), not_after: day(10) };
    let root = Authority::root(key, "Root", validity).unwrap();
    put("roots.pem", &root.certificate().to_pem());
    folder
}

const WEBAUTHN: &str = r#"[webauthn]
id = "sso.example"
origins = ["https://sso.example"]
any_model = true
authentication = 3
identity = 2
"#;
const CERTIFICATE: &str = r#"[certificate]
roots_file = "roots.pem"
crls = ["g2.crl", "https://crl.example/g2"]
authentication = 3
identity = 3
"#;
const HOST: &str = r#"[[attesting_host]]
name = "sso"
keys_file = "keys.json"
authentication = 2
identity = 3
"#;

#[test]
fn other_sources_stand_beside_a_provider_or_in_its_place() {
    let folder = folder_of_sources();
    let text = GOOD
        .replace("[[provider]]\nissuer = \"https://id.example\"\nclient_id = \"wardcard\"\n", "");
    assert!(!text.contains("provider"));
    let read = Config::from_toml(&format!("{text}{WEBAUTHN}{CERTIFICATE}{HOST}"), folder.path());
    let SourceSettings { webauthn, certificate, hosts } = read.expect("holds").sources;
    let webauthn = webauthn.unwrap();
    assert_eq!((webauthn.id.as_str(), webauthn.models), ("sso.example", webauthn::Models::Any));
    let lists = certificate.unwrap().x509.revocation;
    let file = format!("file://{}/g2.crl", folder.path().display());
    let wanted = vec![file, "https://crl.example/g2".to_owned()];
    assert_eq!(lists, x509::Revocation::Lists(wanted));
    assert_eq!((hosts.len(), hosts[0].audience.as_str()), (1, "wardcard"));
}

#[test]
fn what_is_wrong_with_a_source_is_told_on_its_line() {
    let folder = folder_of_sources();
    let first = GOOD.lines().count();
    for (table, good, bad, line, wanted) in [
        (WEBAUTHN, "id = \"sso.example\"\n", "", 1, "webauthn.id: missing"),
        (WEBAUTHN, "any_model = true\n", "", 1, "webauthn.models: missing"),
        (WEBAUTHN, "any_model = true", "models = [\"x\"]", 4, "webauthn.models: write AAGUIDs"),
        (
            WEBAUTHN,
            "any_model = true",
            "models = [\"08987058-cadc-4b81-b6e1-30de50dcbe96\"]",
            1,
            "webauthn.attestation_roots_file: missing",
        ),
        (WEBAUTHN, "https://sso.example", "https://sso.example/", 3, "webauthn.origins:"),
        (WEBAUTHN, "https://sso.example", "https://notsso.example", 3, "webauthn.origins:"),
        (WEBAUTHN, "https://sso.example", "http://sso.example", 3, "webauthn.origins:"),
        (WEBAUTHN, "authentication = 3\n", "", 1, "webauthn.authentication: missing"),
        (WEBAUTHN, "authentication = 3", "authentication = 4", 5, "webauthn.authentication:"),
        (CERTIFICATE, "roots_file = \"roots.pem\"\n", "", 1, "certificate.roots_file: missing"),
        (CERTIFICATE, "\"roots.pem\"", "\"keys.json\"", 2, "certificate.roots_file:"),
        (
            CERTIFICATE,
            "crls = [\"g2.crl\", \"https://crl.example/g2\"]\n",
            "",
            1,
            "certificate.crls: missing",
        ),
        (CERTIFICATE, "https://crl", "http://crl", 3, "certificate.crls: each is"),
        (
            CERTIFICATE,
            "identity = 3",
            "identity = 3\nunchecked_revocation = true",
            3,
            "certificate.crls: list",
        ),
        (
            CERTIFICATE,
            "identity = 3",
            "identity = 3\nstale = \"8d\"",
            6,
            "certificate.stale: at most",
        ),
        (
            CERTIFICATE,
            "identity = 3",
            "identity = 3\nsubject = \"O=nhs\"",
            6,
            "certificate.subject:",
        ),
        (HOST, "name = \"sso\"\n", "", 1, "attesting_host[1].name: missing"),
        (HOST, "keys.json", "twice.json", 3, "attesting_host[1].keys_file: write one to three"),
        (HOST, "keys.json", "roots.pem", 3, "attesting_host[1].keys_file: write one to three"),
        (HOST, "identity = 3", "identity = 3\nvouches = false", 6, "attesting_host[1].vouches:"),
    ] {
        let text = format!("{GOOD}{}", table.replace(good, bad));
        let found = Config::from_toml(&text, folder.path()).expect_err(wanted).problems;
        assert_eq!(found.len(), 1, "{wanted}: {found:?}");
        assert_eq!(found[0].line, first + line, "{wanted}: {found:?}");
        assert!(found[0].text.starts_with(wanted), "{wanted}: {found:?}");
    }
    let twice = format!("{GOOD}{HOST}{HOST}");
    assert_eq!(Config::from_toml(&twice, folder.path()).unwrap_err().problems.len(), 1);
}
