//! OpenSSH: the card's key in ssh-agent and a login to sshd with it.

use crate::common::{
    station::{SECOND_USER, as_user},
    workplace::{Desk, Workplace},
};
use std::{
    fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::Path,
    process::Stdio,
};

const SOCKET: &str = "agent.sock";

/// An `ssh-agent` that may load the module, and the variable that tells where it is.
fn ssh_agent(place: &Workplace) -> (impl Drop + use<>, String) {
    let socket = place.file(SOCKET).display().to_string();
    let agent = place.start(&["ssh-agent", "-D", "-P", &place.module, "-a", &socket], "agent.log");
    place.wait_for(SOCKET);
    (agent, socket)
}

/// The line of `authorized_keys` of the card's own key.
fn own_key(place: &Workplace) -> String {
    place.certificate(&place.private_keys()[0]);
    place.run(&["ssh-keygen", "-i", "-m", "PKCS8", "-f", "key.pem"]).ok().out
}

/// An sshd that serves one connection to a port of loopback, as the second user if this is root,
/// who would otherwise need a machine set up for it. Answers the port and the user.
fn sshd(place: &Workplace, authorized: &str) -> (std::thread::JoinHandle<String>, u16, String) {
    let root = place.run(&["id", "-u"]).ok().out.trim() == "0";
    let user = root.then_some(SECOND_USER);
    let name = place.run(&["id", "-un"]).ok().out.trim().to_owned();
    let name = user.map_or(name, str::to_owned);
    let folder = place.path().display();
    place.run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "host"]).ok();
    place.write("authorized", authorized);
    place.write(
        "sshd.conf",
        format!(
            "HostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PidFile none\nLogLevel VERBOSE\n"
        ),
    );
    let host = String::from_utf8(place.read("host.pub")).unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o711)).unwrap();
    if let Some(user) = user {
        place.run(&["chown", user, "host", "authorized", "sshd.conf"]).ok();
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    place.write("known", format!("[127.0.0.1]:{port} {host}"));
    let mut server = as_user(user, Path::new("/usr/sbin/sshd"));
    server.args(["-i", "-e", "-f"]).arg(place.file("sshd.conf"));
    let served = std::thread::spawn(move || {
        let (connection, _) = listener.accept().unwrap();
        let connection = OwnedFd::from(connection);
        server.stdin(Stdio::from(connection.try_clone().unwrap())).stdout(connection);
        let done = server.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        String::from_utf8_lossy(&done.stderr).into_owned()
    });
    (served, port, name)
}

/// Logs in with these options and asserts that the shell there spoke.
#[track_caller]
fn log_in(place: &Workplace, variables: &[(&str, &str)], options: &[&str]) {
    let key = own_key(place);
    let (served, port, user) = sshd(place, &key);
    let number = port.to_string();
    let ssh = ["ssh", "-F", "none", "-p", &number, "-l", &user, "-o", "UserKnownHostsFile=known"];
    let strict = ["-o", "StrictHostKeyChecking=yes", "-o", "PreferredAuthentications=publickey"];
    let command = ["127.0.0.1", "echo $((6 * 7)) of $(id -un)"];
    let said = place.run_with(variables, &[&ssh[..], &strict, options, &command].concat(), b"");
    // Where ssh came to nothing before it connected, sshd's end still waits for somebody.
    drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
    let log = served.join().unwrap();
    assert!(said.success, "{said:?}\n{log}");
    assert_eq!(said.out, format!("42 of {user}\n"));
    assert!(log.contains("Accepted publickey"), "{log}");
}

/// `ssh-add -s`, a login with the agent's first key, `ssh-add -e`.
fn logs_in_through_ssh_agent(place: &Workplace) {
    let (_agent, socket) = ssh_agent(place);
    let speaker = place.write_speaker("speaker", &place.passcode);
    let variables = [
        ("SSH_AUTH_SOCK", socket.as_str()),
        ("SSH_ASKPASS", speaker.as_str()),
        ("SSH_ASKPASS_REQUIRE", "force"),
    ];
    let added = place.run_with(&variables, &["ssh-add", "-s", &place.module], b"").ok();
    assert!(added.err.contains("Card added"), "{added:?}");
    let listed = place.run_with(&variables, &["ssh-add", "-L"], b"").ok().out;
    let key = own_key(place);
    let key = key.split_whitespace().nth(1).unwrap();
    assert!(listed.contains(key), "{listed}");
    log_in(place, &variables, &[]);

    let removed = place.run_with(&variables, &["ssh-add", "-e", &place.module], b"").ok();
    assert!(removed.err.contains("Card removed"), "{removed:?}");
    let listed = place.run_with(&variables, &["ssh-add", "-L"], b"");
    assert!(listed.out.contains("The agent has no identities."), "{listed:?}");
}

#[test]
#[ignore = "needs openssh-client, openssh-server, opensc, openssl"]
fn ssh_logs_in_with_the_key_in_ssh_agent() {
    logs_in_through_ssh_agent(&Desk::new());
    logs_in_through_ssh_agent(&Desk::with_p256());
}

#[test]
#[ignore = "needs openssh-client, openssh-server, opensc, libengine-pkcs11-openssl"]
fn ssh_logs_in_with_an_enrolled_card() {
    let place = Workplace::enrolled();
    logs_in_through_ssh_agent(&place);
    let (_server, far) = place.served();
    logs_in_through_ssh_agent(&far);
}

#[test]
#[ignore = "needs openssh-client, openssh-server, opensc, openssl"]
fn ssh_logs_in_with_the_module_itself() {
    let desk = Desk::new();
    let speaker = desk.write_speaker("speaker", &desk.passcode);
    let variables = [("SSH_ASKPASS", speaker.as_str()), ("SSH_ASKPASS_REQUIRE", "force")];
    log_in(&desk, &variables, &["-I", &desk.module, "-o", "IdentitiesOnly=no"]);
}

#[test]
#[ignore = "needs openssh-client"]
fn ssh_add_with_a_wrong_passcode_adds_nothing() {
    let desk = Desk::new();
    let (_agent, socket) = ssh_agent(&desk);
    let wrong = if desk.passcode == "135790" { "135791" } else { "135790" };
    let speaker = desk.write_speaker("speaker", wrong);
    let variables = [
        ("SSH_AUTH_SOCK", socket.as_str()),
        ("SSH_ASKPASS", speaker.as_str()),
        ("SSH_ASKPASS_REQUIRE", "force"),
    ];
    let refused = desk.run_with(&variables, &["ssh-add", "-s", &desk.module], b"");
    assert!(!refused.success && refused.err.contains("Could not add card"), "{refused:?}");
}
