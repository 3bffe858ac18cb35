//! `[[reader]]`: what is read, and what each mistake is told.

use super::*;
use crate::{agent::Seat, reader::vscard};

const PERSONAL: &str = r#"mode = "personal"
state = "state"
[endpoints]
pkcs11 = "unix:path=/run/user/1000/wardcard/pkcs11"
[[provider]]
issuer = "https://id.example"
client_id = "wardcard"
[issuer]
address = "unix:path=/run/wardcard-ca/issuer"
"#;

fn personal(reader: &str) -> Result<Vec<ReaderSettings>, String> {
    read(PERSONAL, reader)
}

fn ward(reader: &str) -> Result<Vec<ReaderSettings>, String> {
    read(GOOD, reader)
}

fn read(base: &str, reader: &str) -> Result<Vec<ReaderSettings>, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("manager.key", "a5c3".repeat(8) + "\n"),
        ("known.key", "0102030405060708".repeat(3)),
        ("short.key", "a5c3".to_owned()),
        ("letters.key", "a5c3".repeat(7) + "a5cg"),
    ] {
        let key = folder.path().join(name);
        std::fs::write(&key, text).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let text = format!("{base}[[reader]]\n{reader}\n");
    let config = Config::from_toml(&text, folder.path());
    config.map(|config| config.readers).map_err(|problems| problems.to_string())
}

#[test]
fn each_way_has_its_usual_address() {
    for (reader, address) in [
        ("kind = \"ifd\"", "unix:path=/run/wardcard/reader"),
        ("kind = \"vpcd\"", "tcp:127.0.0.1:35963"),
        ("kind = \"usbip\"", "tcp:127.0.0.1:3240"),
        ("kind = \"vscard\"", "tcp:127.0.0.1:2001"),
        ("kind = \"vscard\"\naddress = \"unix:path=/run/vm/card\"", "unix:path=/run/vm/card"),
        ("kind = \"vpcd\"\naddress = \"4000\"", "tcp:127.0.0.1:4000"),
    ] {
        let readers = personal(reader).unwrap();
        assert_eq!(readers[0].way.address(), address);
        assert!(readers[0].seat.is_none() && readers[0].piv.management.is_none());
    }
    let kinds = "kind = \"usbip\"\nvendor_id = 0x1234\nproduct_id = 5\nusers = [7]";
    match &personal(kinds).unwrap()[0].way {
        ReaderWay::UsbIp { identity, users, beyond_loopback, .. } => {
            assert_eq!((identity.vendor, identity.product), (0x1234, 5));
            assert_eq!((users.as_slice(), *beyond_loopback), (&[User::from(7)][..], false));
        }
        other => panic!("{other:?}"),
    }
    let way = |reader: &str| personal(&format!("{reader}\nusers = [7]")).unwrap()[0].way.clone();
    match way("kind = \"vscard\"\naddress = \"4000\"") {
        ReaderWay::Vscard(vscard::Place::Tcp(_, admits)) => {
            assert_eq!(admits.users, [User::from(7)])
        }
        other => panic!("{other:?}"),
    }
    match way("kind = \"vscard\"\naddress = \"unix:path=/run/vm/card\"") {
        ReaderWay::Vscard(vscard::Place::Unix(_, trust)) => {
            assert_eq!(trust.users, [User::from(7)])
        }
        other => panic!("{other:?}"),
    }
    match way("kind = \"vpcd\"") {
        ReaderWay::Vpcd { users, .. } => assert_eq!(users, [User::from(7)]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn on_a_machine_of_many_people_a_reader_names_its_person() {
    let named = ward("kind = \"ifd\"\nuser = 1000\nlogon = \"c2\"").unwrap();
    assert_eq!(named[0].seat, Some(Seat { uid: User::from(1000), logon: Some("c2".to_owned()) }));
    assert!(ward("kind = \"ifd\"").unwrap_err().contains("user = 1000"));
    assert!(personal("kind = \"ifd\"\nuser = 1000").unwrap_err().contains("leave it out"));
    assert!(personal("kind = \"ifd\"\nlogon = \"c2\"").unwrap_err().contains("leave it out"));
}

#[test]
fn an_enrolled_card_in_a_reader_may_have_a_manager() {
    let store = "[enrolled]\nstore = \"cards\"\n";
    let reader = "kind = \"vpcd\"\nenrolled = \"registration\"\nidle = \"30s\"\n\
                  key_management = true\nmanagement_key_file = \"manager.key\"";
    let readers = read(&format!("{PERSONAL}{store}"), reader).unwrap();
    assert_eq!(readers[0].enrolled.as_deref(), Some("registration"));
    assert_eq!(readers[0].piv.idle, Duration::from_secs(30));
    assert!(readers[0].piv.key_management && readers[0].piv.management.is_some());
    assert!(!format!("{readers:?}").contains("a5c3"), "no key in Debug");
    for (text, told) in [
        (format!("{reader}\nmanagement_tdea = true"), "48 hexadecimal digits"),
        (reader.replace("30s", "2h"), "from \"1s\" to \"1h\""),
        (reader.replace("manager.key", "missing.key"), "cannot be read"),
        (reader.replace("manager.key", "short.key"), "openssl rand -hex 32 > "),
        (reader.replace("manager.key", "letters.key"), "openssl rand -hex 32 > "),
        (reader.replace("manager.key", "known.key"), "everybody knows"),
    ] {
        let refused = read(&format!("{PERSONAL}{store}"), &text).unwrap_err();
        assert!(refused.contains(told), "{refused}");
    }
    assert!(personal(reader).unwrap_err().contains("personal agent with [enrolled]"));
    let derived = reader.replace("enrolled = \"registration\"\n", "");
    assert!(personal(&derived).unwrap_err().contains("takes no orders"));
}

#[test]
fn what_would_open_a_card_to_others_is_refused_or_asked_for_by_name() {
    for (reader, told) in [
        ("kind = \"usbip\"\naddress = \"192.0.2.1:3240\"", "authenticates nobody"),
        ("kind = \"vpcd\"\naddress = \"192.0.2.1:35963\"", "on this machine"),
        ("kind = \"vscard\"\naddress = \"192.0.2.1:2001\"", "of this machine"),
        ("kind = \"ifd\"\naddress = \"3240\"", "unix:path"),
        ("kind = \"usb\"", "\"usbip\""),
        ("", "missing"),
        ("kind = \"ifd\"\nbeyond_loopback = true", "means nothing"),
    ] {
        let refused = personal(reader).unwrap_err();
        assert!(refused.contains(told), "{refused}");
    }
    let open = "kind = \"usbip\"\naddress = \"192.0.2.1:3240\"\nbeyond_loopback = true";
    assert!(personal(open).is_ok());
}

#[test]
fn applications_behind_readers_are_listed_by_their_one_name() {
    let listed = |name: &str| {
        Config::from_toml(
            &format!("{PERSONAL}[applications]\nallowed = [\"{name}\"]\n"),
            Path::new("/"),
        )
    };
    assert!(listed("PC/SC").is_ok());
    assert!(listed("pcscd").unwrap_err().to_string().contains("PC/SC"));
}
