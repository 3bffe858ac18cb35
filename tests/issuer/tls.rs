//! Agents of another machine: TLS with certificates that OpenSSL made, right and wrong ones.

use super::{Desk, PROGRAM, Served};
use crate::common::{Run, run_with};
use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use wardcard::{
    issue::{Issuer, RemoteIssuer, Serial},
    net::{Address, tls::TlsFiles},
    pki::Reason,
};

const HOST: &str = "127.0.0.1";
const WARD: &str = "DNS:ward-7.trust.example";

/// Roots of TLS, the issuer's certificate and those of its clients, made by OpenSSL.
struct Machines {
    desk: Desk,
    port: u16,
}

impl Machines {
    fn new() -> Self {
        let port = TcpListener::bind((HOST, 0)).unwrap().local_addr().unwrap().port();
        let machines = Self { desk: Desk::new(), port };
        for root in ["servers", "clients", "strangers"] {
            machines.openssl(&format!("req -x509 -days 30 -subj /CN={root} {}", made(root)));
        }
        machines.certificate("issuer", "servers", "IP:127.0.0.1");
        machines.certificate("ward-7", "clients", WARD);
        let settings = machines.read("ca/ca.toml")
            + &format!(
                "\n[tls]\nlisten = \"tls:{HOST}:{port}\"\ncertificate_file = \"../issuer.pem\"\n\
                 key_file = \"../issuer.key\"\nclient_roots_file = \"../clients.pem\"\n\
                 clients = [\"ward-6.trust.example\", \"ward-7.trust.example\"]\n"
            );
        std::fs::write(machines.path("ca/ca.toml"), settings).unwrap();
        machines
    }

    fn path(&self, name: &str) -> PathBuf {
        self.desk.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Replaces a file as an administrator does: whole, under another name first.
    fn replace(&self, name: &str, text: &str) {
        let beside = self.path("beside");
        std::fs::write(&beside, text).unwrap();
        std::fs::set_permissions(&beside, PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::rename(beside, self.path(name)).unwrap();
    }

    fn openssl(&self, arguments: &str) {
        let command: Vec<&str> = std::iter::once("openssl").chain(arguments.split(' ')).collect();
        run_with(self.desk.path(), &[], &command, b"").ok();
    }

    /// A certificate `NAME.pem` of `root` for `san`.
    fn certificate(&self, name: &str, root: &str, san: &str) {
        self.openssl(&format!(
            "req -x509 -days 30 -subj /CN={name} -addext subjectAltName={san} \
             -addext basicConstraints=critical,CA:FALSE -CA {root}.pem -CAkey {root}.key {}",
            made(name)
        ));
        self.replace(&format!("{name}.key"), &self.read(&format!("{name}.key")));
    }

    /// One of `clients` for the ward that has expired long ago.
    fn expired(&self) {
        let config = format!(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nserial=serial\npolicy=p\n\
             [p]\ncommonName=supplied\n[e]\nsubjectAltName={WARD}\n"
        );
        for (name, text) in [("cnf", config.as_str()), ("index", ""), ("serial", "01\n")] {
            std::fs::write(self.path(name), text).unwrap();
        }
        self.openssl(&format!("req -new -subj /CN=expired {}", made("expired")));
        self.openssl(
            "ca -batch -notext -config cnf -extensions e -md sha256 -in expired.pem \
             -cert clients.pem -keyfile clients.key -startdate 20200101000000Z \
             -enddate 20200201000000Z -out expired.pem",
        );
        self.replace("expired.key", &self.read("expired.key"));
    }

    fn serve(&self) -> Served {
        let process = Command::new(PROGRAM)
            .args(["ca", "serve", "ca"])
            .current_dir(self.desk.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let served = Served(process);
        let begun = Instant::now();
        while TcpStream::connect((HOST, self.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "`ca serve` does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        served
    }

    fn client(&self, host: &str, own: &str, roots: &str) -> RemoteIssuer {
        let address = Address::Tls { host: host.to_owned(), port: self.port };
        let files = TlsFiles {
            certificate: self.path(&format!("{own}.pem")),
            key: self.path(&format!("{own}.key")),
            roots: self.path(&format!("{roots}.pem")),
            crls: None,
        };
        RemoteIssuer::over_tls(address, files)
    }

    /// How many roots a client is told, or why none.
    fn ask(&self, host: &str, own: &str, roots: &str) -> Result<usize, String> {
        let roots = self.client(host, own, roots).roots();
        roots.map(|roots| roots.len()).map_err(|error| error.to_string())
    }

    /// What OpenSSL's client gets within two seconds when it asks for the roots.
    fn s_client(&self, more: &str) -> Run {
        let line = format!(
            "timeout 2 openssl s_client -connect {HOST}:{} -CAfile servers.pem -quiet {more}",
            self.port
        );
        let command: Vec<&str> = line.split(' ').collect();
        run_with(self.desk.path(), &[], &command, &frame())
    }
}

/// The question for the roots.
fn frame() -> Vec<u8> {
    let body = br#"{"version":1,"body":{"roots":{}}}"#;
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

fn made(name: &str) -> String {
    format!("-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.pem")
}

#[test]
#[ignore = "needs openssl"]
fn an_agent_of_another_machine_is_heard_by_its_certificate_alone() {
    let machines = Machines::new();
    machines.certificate("stranger", "strangers", WARD);
    machines.certificate("other", "clients", "DNS:ward-8.trust.example");
    machines.certificate("below", "clients", "DNS:x.ward-7.trust.example");
    machines.expired();
    let _served = machines.serve();
    assert_eq!(machines.ask(HOST, "ward-7", "servers"), Ok(1));
    for (own, roots, why) in [
        ("stranger", "servers", "UnknownCA"),
        ("expired", "servers", "CertificateExpired"),
        ("other", "servers", ""),
        ("below", "servers", ""),
        ("ward-7", "strangers", "UnknownIssuer"),
    ] {
        let refused = machines.ask(HOST, own, roots).expect_err(own);
        assert!(refused.contains(why), "{own} {roots}: {refused}");
    }
    let misnamed = machines.ask("localhost", "ward-7", "servers").unwrap_err();
    assert!(misnamed.contains("not valid for name"), "{misnamed}");
    assert_eq!(machines.ask(HOST, "ward-7", "servers"), Ok(1), "it goes on for those it hears");

    std::fs::set_permissions(machines.path("ward-7.key"), PermissionsExt::from_mode(0o640))
        .unwrap();
    let open = machines.ask(HOST, "ward-7", "servers").unwrap_err();
    assert!(open.contains("chmod 600"), "{open}");
}

#[test]
#[ignore = "needs openssl"]
fn without_a_certificate_or_without_tls_13_nobody_is_answered() {
    let machines = Machines::new();
    let _served = machines.serve();
    let own = "-cert ward-7.pem -key ward-7.key";
    assert!(machines.s_client(own).out.contains("{\"version\":1"));
    assert!(!machines.s_client("").out.contains("version"), "no certificate");
    let old = machines.s_client(&format!("{own} -tls1_2"));
    assert!(old.err.contains("alert protocol version"), "{}", old.err);

    let mut plain = TcpStream::connect((HOST, machines.port)).unwrap();
    plain.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    plain.write_all(&frame()).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.windows(7).any(|part| part == b"version"), "{answer:?}");
    assert_eq!(machines.ask(HOST, "ward-7", "servers"), Ok(1));
}

#[test]
#[ignore = "needs openssl"]
fn those_who_say_nothing_are_sent_away_and_leave_room() {
    let machines = Machines::new();
    let _served = machines.serve();
    let silent: Vec<TcpStream> =
        (0..60).map(|_| TcpStream::connect((HOST, machines.port)).unwrap()).collect();
    let begun = Instant::now();
    let open = |stream: &&TcpStream| {
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let read = (&**stream).read(&mut [0]);
        matches!(read, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    };
    let until_open = |most: usize, seconds: u64| {
        while silent.iter().filter(open).count() > most {
            assert!(begun.elapsed() < Duration::from_secs(seconds), "more than {most} are open");
        }
    };
    // Beyond the share of their address they are closed at once, the others after a while.
    until_open(16, 8);
    until_open(0, 25);
    assert_eq!(machines.ask(HOST, "ward-7", "servers"), Ok(1));
}

#[test]
#[ignore = "needs openssl"]
fn certificates_are_replaced_without_a_restart_on_both_sides() {
    let machines = Machines::new();
    let _served = machines.serve();
    let client = machines.client(HOST, "ward-7", "servers");
    // A question of which nothing is remembered; no certificate has such a serial.
    let ask = || {
        let serial = Serial::parse("0bad").unwrap();
        client.revoke(&[serial], Reason::Unspecified).unwrap_err().to_string()
    };
    let answered = || {
        let said = ask();
        assert!(said.starts_with("the issuer refused"), "{said}");
    };
    answered();
    // First what is believed, then what is shown, then what is believed no longer.
    machines.certificate("next-issuer", "strangers", "IP:127.0.0.1");
    machines.certificate("next-ward", "strangers", "DNS:ward-6.trust.example");
    for roots in ["servers.pem", "clients.pem"] {
        machines.replace(roots, &(machines.read(roots) + &machines.read("strangers.pem")));
    }
    answered();
    for (from, to) in [("next-issuer", "issuer"), ("next-ward", "ward-7")] {
        for end in ["key", "pem"] {
            machines.replace(&format!("{to}.{end}"), &machines.read(&format!("{from}.{end}")));
        }
    }
    answered();
    let old = machines.read("clients.pem");
    for roots in ["servers.pem", "clients.pem"] {
        machines.replace(roots, &machines.read("strangers.pem"));
    }
    answered();
    let refused = machines.ask(HOST, "ward-7", "issuer");
    assert!(refused.is_err(), "an end entity is no root");
    // A client whose root goes is out, although its connection is open.
    let end = "-----END CERTIFICATE-----\n";
    let first = old.find(end).unwrap() + end.len();
    machines.replace("clients.pem", &old[..first / 2]);
    answered(); // Part of a file is not believed: things stay as they were.
    machines.replace("clients.pem", &old[..first]);
    let gone = ask();
    assert!(gone.starts_with("the issuer cannot be reached"), "{gone}");
}
