mod enrolled;
mod issuer;

mod policy;
mod readers;

use super::*;
use std::os::unix::fs::PermissionsExt as _;

mod sign_in;

const GOOD: &str = r#"mode = "ward"
state = "state"
[endpoints]
pkcs11 = "unix:path=/run/wardcard/pkcs11"
[[provider]]
issuer = "https://id.example"
client_id = "wardcard"
[issuer]
address = "unix:path=/run/wardcard-ca/issuer"
[policy]
lifetime = "10h"
"#;

fn problems(text: &str) -> Vec<(usize, String)> {
    let folder = tempfile::tempdir().unwrap();
    let problems = Config::from_toml(text, folder.path()).expect_err(text).problems;
    problems.into_iter().map(|problem| (problem.line, problem.text)).collect()
}

fn lines(text: &str) -> Vec<usize> {
    problems(text).into_iter().map(|(line, _)| line).collect()
}

#[test]
fn the_example_holds() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/agent.toml");
    let config = Config::load(&path).expect("holds");
    assert_eq!(config.mode, Mode::Ward);
    assert_eq!(config.policy, derive::Policy::default(), "it shows the defaults");
    let limits = Limits::default();
    assert_eq!(config.limits.requests, limits.requests);
    assert_eq!(config.limits.warm_keys, limits.warm_keys);
    assert_eq!(config.limits.wire.connections_per_user, limits.wire.connections_per_user);
}

#[test]
fn every_commented_key_of_the_example_is_known() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/agent.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let bare: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with('[') => format!("{rest}\n"),
            Some(rest) if rest.contains(" = ") && !rest.starts_with(' ') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    for (line, text) in problems(&bare) {
        assert!(!text.contains("no such key"), "line {line}: {text}");
    }
}

#[test]
fn a_small_configuration_holds_and_takes_relative_files_from_beside_it() {
    let config = Config::from_toml(GOOD, Path::new("/etc/x")).expect("holds");
    assert_eq!(config.state.as_deref(), Some(Path::new("/etc/x/state")));
    assert_eq!(config.policy.lifetime, Duration::from_secs(36_000));
    assert!(config.host.is_none());
}

#[test]
fn everything_wrong_is_told_at_once_each_with_its_line() {
    let text = r#"mode = "hospital"
colour = 1
[endpoints]
pkcs11 = "relative/path"
[host]
address = "unix:path=/x/host"
[[provider]]
issuer = "http://id.example"
[issuer]
local = "ca"
[policy]
lifetime = "never"
tries = 99
lifetimes = "1h"
[limits]
cards = 0
[audit]
after_loss = "ignore"
"#;
    assert_eq!(lines(text), [1, 2, 4, 5, 7, 10, 12, 13, 14, 16, 18]);
    let told = Config::from_toml(text, Path::new("/")).unwrap_err().to_string();
    assert!(told.contains("line 10: issuer.local:") && told.contains("inside_agent = true"));
    assert!(told.contains("line 7: provider[1].client_id: missing"));
}

#[test]
fn an_empty_file_says_what_is_missing() {
    let all: Vec<String> = problems("").into_iter().map(|(_, text)| text).collect();
    for key in ["mode:", "provider:", "issuer:"] {
        assert!(all.iter().any(|text| text.starts_with(key)), "{key} {all:?}");
    }
}

#[test]
fn a_provider_that_cannot_be_used_is_told_on_its_own_line() {
    for (bad, key) in [
        ("issuer = \"http://id.example\"\nclient_id = \"x\"", "issuer"),
        ("issuer = \"https://id.example\"\nclient_id = \"\"", "client_id"),
        ("issuer = \"https://id.example\"\nclient_id = \"x\"\nleeway = \"1h\"", "leeway"),
        ("issuer = \"https://id.example\"\nclient_id = \"x\"\nleeway = \"60\"", "leeway"),
        (
            "issuer = \"https://id.example\"\nclient_id = \"x\"\nalgorithms = [\"HS256\"]",
            "algorithms",
        ),
        (
            "issuer = \"https://id.example\"\nclient_id = \"x\"\nkey_set_file = \"none\"",
            "key_set_file",
        ),
        ("issuer = \"https://id.example\"\nclient_id = \"x\"\nroots_file = \"none\"", "roots_file"),
    ] {
        let line = 1 + bad.lines().position(|line| line.starts_with(key)).unwrap();
        let whole = GOOD.replace("issuer = \"https://id.example\"\nclient_id = \"wardcard\"", bad);
        let found = problems(&whole);
        let wanted = format!("provider[1].{key}: ");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == 5 + line && found[0].1.starts_with(&wanted), "{found:?}");
    }
}

#[test]
fn the_same_issuer_twice_is_told() {
    let twice = format!("{GOOD}[[provider]]\nissuer = \"https://id.example\"\nclient_id = \"x\"\n");
    assert_eq!(lines(&twice), [13]);
}

#[test]
fn an_issuing_key_inside_the_agent_needs_to_be_asked_for_by_name() {
    let remote = "address = \"unix:path=/run/wardcard-ca/issuer\"";
    assert_eq!(lines(&GOOD.replace(remote, "local = \"ca\"")), [9]);
    assert_eq!(lines(&GOOD.replace(remote, "local = \"ca\"\ninside_agent = false")), [9]);
    let asked = GOOD.replace(remote, "local = \"ca\"\ninside_agent = true");
    let config = Config::from_toml(&asked, Path::new("/etc")).expect("holds");
    assert_eq!(config.issuer, IssuerSettings::Local("/etc/ca".into()));
    assert_eq!(lines(&GOOD.replace(remote, &format!("{remote}\nlocal = \"ca\""))), [10]);
}

#[test]
fn the_agents_own_user_is_no_host() {
    let own = User::own().number().unwrap();
    let host = format!("{GOOD}[host]\naddress = \"unix:path=/x/host\"\nusers = [{own}]\n");
    // Whoever is a host reads it for the command line; who runs the agent cannot be one.
    let config = Config::from_toml(&host, Path::new("/")).expect("holds");
    let refused = config.check_user().unwrap_err().to_string();
    assert!(refused.contains("host.users") && refused.contains("secret_file"), "{refused}");
    let other = format!("{GOOD}[host]\naddress = \"unix:path=/x/host\"\nusers = [{}]\n", own + 1);
    let config = Config::from_toml(&other, Path::new("/")).expect("holds");
    assert!(config.check_user().is_ok());
    assert_eq!(config.host.map(|host| host.users), Some(vec![User::from(own + 1)]));
    let none = format!("{GOOD}[host]\naddress = \"unix:path=/x/host\"\n");
    assert_eq!(lines(&none), [12]);
}

#[test]
fn hosts_and_applications_do_not_share_an_endpoint() {
    let own = User::own().number().unwrap() + 1;
    let text = format!("{GOOD}[host]\naddress = \"/run/wardcard/pkcs11\"\nusers = [{own}]\n");
    assert!(problems(&text)[0].1.contains("an endpoint each"));
}

#[test]
fn a_secret_that_is_short_or_open_to_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let text = format!("{GOOD}[host]\naddress = \"unix:path=/x/host\"\nsecret_file = \"secret\"\n");
    let read = |length: usize, mode: u32| {
        std::fs::write(&file, vec![7; length]).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        Config::from_toml(&text, folder.path())
    };
    assert!(read(32, 0o600).expect("holds").host.is_some_and(|host| host.secret.is_some()));
    for (length, mode) in [(31, 0o600), (32, 0o640), (32, 0o604), (5000, 0o600)] {
        let problems = read(length, mode).expect_err("refused").problems;
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, 14);
    }
    std::fs::remove_file(&file).unwrap();
    assert!(Config::from_toml(&text, folder.path()).is_err());
}

#[test]
fn no_text_makes_the_reader_panic() {
    for at in 0..GOOD.len() {
        for bad in ["\"", "[", "=", "\u{0}", "é", "]]\n[["] {
            let text = format!("{}{bad}{}", &GOOD[..at], &GOOD[at..]);
            drop(Config::from_toml(&text, Path::new("/")));
        }
        drop(Config::from_toml(&GOOD[..at], Path::new("/")));
    }
}

#[test]
fn relative_application_paths_are_told() {
    assert_eq!(lines(&format!("{GOOD}[applications]\nallowed = [\"ssh\"]\n")), [13]);
}

#[cfg(unix)]
#[test]
fn a_configuration_or_policy_that_others_can_change_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let [agent, policy] = ["agent.toml", "policy.toml"].map(|name| folder.path().join(name));
    std::fs::write(&agent, GOOD).unwrap();
    std::fs::write(&policy, "lifetime = \"10h\"\n").unwrap();
    let set = |mode: u32| {
        for path in [&agent, &policy] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    for mode in [0o664, 0o646] {
        set(mode);
        let refused = [
            Config::load(&agent).map(drop).unwrap_err(),
            load_policy(&policy).map(drop).unwrap_err(),
        ];
        for problems in refused {
            assert!(problems.to_string().contains("others can change it; run chmod go-w"));
        }
    }
    set(0o644);
    Config::load(&agent).unwrap();
    load_policy(&policy).unwrap();
}
