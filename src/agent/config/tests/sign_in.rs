//! Presets, the client that signs people in, and the endpoint of logout tokens.

use super::*;
use crate::proof::oidc::{Authentication, Bind};

/// The good configuration with these keys of its provider instead of the issuer.
fn with(keys: &str) -> String {
    GOOD.replace("issuer = \"https://id.example\"\n", keys)
}

fn settings(keys: &str, folder: &Path) -> oidc::Settings {
    let config = Config::from_toml(&with(keys), folder).unwrap_or_else(|why| panic!("{why}"));
    config.providers.into_iter().next().unwrap().oidc
}

fn private(folder: &Path, name: &str, text: &str, mode: u32) {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_preset_names_a_provider_and_every_key_goes_before_it() {
    let none = Path::new("/");
    let live = settings("preset = \"cis2-production\"\n", none);
    assert!(live.issuer.starts_with("https://am.nhsidentity.spineservices.nhs.uk:443/openam/"));
    assert_eq!(live.algorithms, ["RS256"]);
    assert_eq!(live.client.acr_values, ["AAL3_ANY"]);
    let integration = settings("preset = \"cis2-integration\"\n", none);
    assert!(integration.issuer.contains("am.nhsint.auth-ptl.cis2.spineservices.nhs.uk"));
    let own = settings(
        "preset = \"cis2-production\"\nissuer = \"https://other.example\"\n\
         algorithms = [\"ES256\"]\nacr_values = []\n",
        none,
    );
    assert_eq!(own.issuer, "https://other.example");
    assert_eq!(own.algorithms, ["ES256"]);
    assert!(own.client.acr_values.is_empty());
    let development = "preset = \"cis2-development\"\nissuer = \"https://dev.example\"\n";
    assert_eq!(settings(development, none).issuer, "https://dev.example");
    let (line, text) = problems(&with("preset = \"cis2-development\"\n")).remove(0);
    assert!(line == 5 && text.contains("issuer: missing"), "{line} {text}");
    let found = problems(&with("preset = \"cis3\"\n"));
    let told = |(line, text): &(usize, String)| *line == 6 && text.contains("cis2-production");
    assert!(found.iter().any(told), "{found:?}");
    let twice = "[[provider]]\npreset = \"cis2-production\"\nclient_id = \"a\"\n".repeat(2);
    let twice = GOOD.replace(
        "[[provider]]\nissuer = \"https://id.example\"\nclient_id = \"wardcard\"\n",
        &twice,
    );
    assert!(problems(&twice).iter().any(|(_, text)| text.contains("there already")));
}

#[test]
fn the_client_is_what_the_file_says() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = "issuer = \"https://id.example\"\n";
    let client = |keys: &str| settings(&format!("{issuer}{keys}"), folder.path()).client;
    private(folder.path(), "secret", "s3cret\r\n", 0o600);
    assert!(matches!(client("").authentication, Authentication::None));
    match client("client_secret_file = \"secret\"\n").authentication {
        Authentication::SecretBasic(secret) => assert_eq!(secret.expose(), b"s3cret"),
        other => panic!("{other:?}"),
    }
    let post = "client_authentication = \"client_secret_post\"\nclient_secret_file = \"secret\"\n";
    assert!(matches!(client(post).authentication, Authentication::SecretPost(_)));
    let all = client(
        "scopes = [\"openid\", \"profile\"]\nmax_age = \"5m\"\nprompt = \"login\"\n\
         bind_by = \"state\"\nuserinfo = true\ntoken_endpoint = \"https://id.example/t\"\n",
    );
    assert_eq!(all.scopes, ["openid", "profile"]);
    assert_eq!(all.max_age, Some(Duration::from_secs(300)));
    assert_eq!((all.bind, all.userinfo), (Bind::State, true));
    assert_eq!(all.token_endpoint.as_deref(), Some("https://id.example/t"));
    let settings =
        settings(&format!("{issuer}stale_keys = \"7d\"\nunbound = true\n"), folder.path());
    assert_eq!((settings.stale_keys.as_secs(), settings.unbound), (7 * 86_400, true));
}

#[test]
fn keys_of_the_client_are_read_in_pem_from_files_of_the_agents_own() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem").display().to_string();
    let made = std::process::Command::new("openssl")
        .args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key])
        .output()
        .unwrap();
    assert!(made.status.success());
    let set_mode = |mode| {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set_mode(0o600);
    let keys = |more: &str| {
        with(&format!("issuer = \"https://id.example\"\nclient_key_file = \"{key}\"\n{more}"))
    };
    let read = |text: &str| Config::from_toml(text, folder.path());
    let config = read(&keys("client_key_id = \"k\"\nclient_algorithm = \"ES256\"\n")).unwrap();
    match &config.providers[0].oidc.client.authentication {
        Authentication::PrivateKeyJwt { key_id, algorithm, .. } => {
            assert_eq!((key_id.as_deref(), algorithm.as_deref()), (Some("k"), Some("ES256")));
        }
        other => panic!("{other:?}"),
    }
    let wrong = |text: &str| read(text).unwrap_err().to_string();
    let other = wrong(&keys("client_algorithm = \"RS256\"\n"));
    assert!(other.contains("client_algorithm"), "{other}");
    set_mode(0o640);
    assert!(wrong(&keys("")).contains("open to others"));
    private(folder.path(), "key.pem", "no key\n", 0o600);
    assert!(wrong(&keys("")).contains("BEGIN PRIVATE KEY"));
    private(folder.path(), "key.pem", "\n", 0o600);
    assert!(wrong(&keys("")).contains("is empty"));
    private(folder.path(), "key.pem", &"x".repeat(16 * 1024 + 1), 0o600);
    assert!(wrong(&keys("")).contains("longer"));
}

#[test]
fn what_is_wrong_with_the_client_is_told_by_its_key() {
    let issuer = "issuer = \"https://id.example\"\n";
    for (keys, key) in [
        ("client_authentication = \"client_secret_basic\"\n", "client_secret_file: missing"),
        ("client_authentication = \"private_key_jwt\"\n", "client_key_file: missing"),
        ("client_authentication = \"tls\"\n", "client_authentication: write"),
        ("client_secret_file = \"nowhere\"\n", "client_secret_file:"),
        ("client_secret_file = \"a\"\nclient_key_file = \"b\"\n", "not both"),
        ("scopes = [\"a b\"]\n", "scopes:"),
        ("acr_values = [\"\"]\n", "acr_values:"),
        ("prompt = \"please\"\n", "prompt:"),
        ("bind_by = \"luck\"\n", "bind_by:"),
        ("token_endpoint = \"http://id.example/t\"\n", "token_endpoint:"),
        ("max_age = \"soon\"\n", "max_age:"),
        ("stale_keys = \"8d\"\n", "stale_keys:"),
    ] {
        let found = problems(&with(&format!("{issuer}{keys}")));
        assert!(found.iter().any(|(_, text)| text.contains(key)), "{key}: {found:?}");
    }
}

#[test]
fn logout_tokens_are_taken_on_loopback_unless_the_file_says_otherwise() {
    let read = |table: &str| Config::from_toml(&format!("{GOOD}{table}"), Path::new("/"));
    assert_eq!(read("").unwrap().logout, None);
    let logout = read("[logout]\nlisten = \"127.0.0.1:8090\"\n").unwrap().logout.unwrap();
    assert_eq!(logout.listen, "127.0.0.1:8090".parse().unwrap());
    assert_eq!(logout.path, "/backchannel-logout");
    let all = "[logout]\nlisten = \"0.0.0.0:80\"\npath = \"/x\"\nbeyond_loopback = true\n";
    assert_eq!(read(all).unwrap().logout.unwrap().path, "/x");
    for (table, wanted) in [
        ("[logout]\n", "logout.listen: missing"),
        ("[logout]\nlisten = \"8090\"\n", "logout.listen: write"),
        ("[logout]\nlisten = \"0.0.0.0:80\"\n", "in the clear"),
        ("[logout]\nlisten = \"127.0.0.1:80\"\npath = \"x\"\n", "logout.path"),
        ("[logout]\nlisten = \"127.0.0.1:80\"\npath = \"/a?b\"\n", "logout.path"),
        ("[logout]\nlisten = \"127.0.0.1:80\"\npaht = \"/a\"\n", "did you mean `path`"),
    ] {
        let wrong = read(table).unwrap_err().to_string();
        assert!(wrong.contains(wanted), "{table}: {wrong}");
    }
}
