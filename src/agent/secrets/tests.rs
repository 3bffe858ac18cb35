//! Every secret of a configuration is listed, with its age, and none of their values.

use super::*;
use crate::{crypto::KeyKind, issue::directory::Plan};
use std::{os::unix::fs::PermissionsExt as _, time::Duration};

fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn each_secret_of_an_agent_is_listed_with_its_age_and_never_its_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let value = [b's'; 32];
    for name in ["host.secret", "host.old"] {
        put(&path(name), &value);
    }
    let config = "mode = \"ward\"\nstate = \"state\"\n[host]\naddress = \"/x/host\"\n\
        secret_file = \"host.secret\"\nprevious_secret_file = \"host.old\"\n\
        [[provider]]\nissuer = \"https://id.example\"\nclient_id = \"x\"\n\
        [issuer]\naddress = \"tls:ca.example:1\"\ncertificate_file = \"tls.pem\"\n\
        key_file = \"tls.key\"\ntls_roots_file = \"roots.pem\"\n";
    put(&path("agent.toml"), config.as_bytes());
    let (_, found) = of_agent(&path("agent.toml")).unwrap();
    let places: Vec<&Path> = found.iter().map(|one| one.place.as_path()).collect();
    for name in ["host.secret", "host.old", "tls.key", "state/store.key"] {
        assert!(places.contains(&path(name).as_path()), "{name}: {places:?}");
    }
    assert_eq!(found.len(), 4);
    let secret = found.iter().find(|one| one.place == path("host.secret")).unwrap();
    let since = secret.since.unwrap();
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(secret.days(since.plus(day * 30)), Some(30));
    assert_eq!(secret.days(since.plus(day - Duration::from_secs(1))), Some(0));
    let missing = found.iter().find(|one| one.place == path("tls.key")).unwrap();
    assert_eq!(missing.days(since), None);
    assert!(!format!("{found:?}").contains("ssss"));
    std::fs::remove_file(path("host.old")).unwrap();
    assert_eq!(of_agent(&path("agent.toml")).unwrap().1.len(), 3, "the overlap is over");
}

#[test]
fn each_key_of_an_authority_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca");
    let plan = Plan { root_key: KeyKind::P256, issuing_key: KeyKind::P256, ..Plan::default() };
    CaDirectory::init(&ca, &plan, None, Time::from_unix_seconds(1_800_000_000)).unwrap();
    let names = || -> Vec<String> {
        let found = of_authority(&ca).unwrap();
        assert!(found.iter().all(|one| one.since.is_some()));
        let name = |one: &LongLived| one.place.strip_prefix(&ca).unwrap().display().to_string();
        found.iter().map(name).collect()
    };
    assert_eq!(
        names(),
        ["root/root.key", "authentication.key", "signing.key", "seal.key", "root/seal.key"]
    );
    std::fs::remove_dir_all(ca.join("root")).unwrap();
    assert_eq!(names(), ["authentication.key", "signing.key", "seal.key"]);
}
