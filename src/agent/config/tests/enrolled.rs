//! `[enrolled]` and what of the policy belongs to it.

use super::*;

#[test]
fn enrolled_cards_are_shown_where_the_file_says_so_in_personal_mode_alone() {
    let personal = GOOD.replace("\"ward\"", "\"personal\"");
    let with = |table: &str| Config::from_toml(&format!("{personal}{table}"), Path::new("/etc/x"));
    assert_eq!(with("").expect("holds").enrolled, None);
    let least = with("[enrolled]\nstore = \"cards\"\n").expect("holds").enrolled;
    let mut wanted = EnrolledSettings::new("/etc/x/cards".into());
    assert_eq!(wanted.renewal_notice, Duration::from_secs(90 * 86_400));
    assert_eq!(least, Some(wanted.clone()));
    let most = "[enrolled]\nstore = \"/cards\"\nkey_file = \"key\"\nnew_cards = true\nimport_keys = true\n";
    wanted = EnrolledSettings {
        store: "/cards".into(),
        key_file: Some("/etc/x/key".into()),
        new_cards: true,
        import_keys: true,
        ..EnrolledSettings::new("/cards".into())
    };
    assert_eq!(with(most).expect("holds").enrolled, Some(wanted));
    let ward = problems(&format!("{GOOD}{most}"));
    assert!(ward.iter().any(|(line, text)| *line == 12 && text.contains("release")), "{ward:?}");
    let shown = ward.iter().filter(|(_, text)| text.contains("no enrolled card"));
    assert_eq!(shown.count(), 2, "{ward:?}");
    let missing = problems(&format!("{personal}[enrolled]\nnew_cards = 1\n"));
    assert_eq!(missing.len(), 2, "{missing:?}");
}

#[test]
fn release_has_its_settings_in_both_modes_and_needs_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let with = |text: &str| Config::from_toml(text, folder.path());
    let released = GOOD.replace("[policy]", "[policy]\nrelease = true");
    let told = with(&released).unwrap_err().problems;
    assert!(told.iter().any(|one| one.text.contains("policy.release")), "{told:?}");
    let table =
        "[enrolled]\nstore = \"cards\"\nrelease_key_file = \"k\"\nrenewal_notice = \"30d\"\n";
    let enrolled = with(&format!("{released}{table}")).expect("holds").enrolled.unwrap();
    assert_eq!(enrolled.release_key_file, Some(folder.path().join("k")));
    assert_eq!(enrolled.renewal_notice, Duration::from_secs(30 * 86_400));
    for (wrong, named) in [
        ("renewal_notice = \"731d\"", "renewal_notice"),
        ("roots_file = \"none.pem\"", "roots_file"),
        ("roots_file = \"empty.pem\"", "roots_file"),
    ] {
        std::fs::write(folder.path().join("empty.pem"), "").unwrap();
        let text = format!("{released}[enrolled]\nstore = \"cards\"\n{wrong}\n");
        let told = with(&text).unwrap_err().problems;
        assert!(told.iter().any(|one| one.text.contains(named)), "{wrong}: {told:?}");
    }
}
