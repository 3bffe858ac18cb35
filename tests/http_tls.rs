//! HTTPS towards a provider that OpenSSL plays: which roots are trusted, for which name.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use wardcard::{
    agent::http::{Http, Settings},
    proof::Fetch,
};

/// A server that ends with the test.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("openssl is installed");
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A root `NAME.pem` of its own.
fn root(folder: &Path, name: &str) -> String {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
             -subj /CN={name} -keyout {name}.key -out {name}.pem"
        )
        .replace("             ", ""),
    );
    std::fs::read_to_string(folder.join(format!("{name}.pem"))).unwrap()
}

/// Serves the folder's files under a certificate of `root` for `san`.
fn serve(folder: &Path, san: &str) -> Server {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj \
             /CN=server -addext subjectAltName={san} -addext basicConstraints=critical,CA:FALSE \
             -CA root.pem -CAkey root.key -keyout server.key -out server.pem"
        )
        .replace("             ", ""),
    );
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new("openssl")
        .args(["s_server", "-cert", "server.pem", "-key", "server.key", "-WWW", "-quiet"])
        .args(["-accept", &format!("127.0.0.1:{port}")])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server { child, port };
    let up = (0..250).any(|_| {
        thread::sleep(Duration::from_millis(20));
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    assert!(up, "openssl s_server does not listen");
    server
}

fn get(server: &Server, roots: Option<&str>, system_roots: bool) -> Result<Vec<u8>, String> {
    let settings = Settings { roots: roots.map(str::to_owned), system_roots, proxy: None };
    Http::new(&settings).unwrap().get(&format!("https://127.0.0.1:{}/keys", server.port), 100)
}

#[test]
#[ignore = "needs openssl"]
fn only_a_trusted_root_and_the_right_name_are_believed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("keys"), "{\"keys\":[]}").unwrap();
    let (trusted, other) = (root(folder, "root"), root(folder, "other"));

    let server = serve(folder, "IP:127.0.0.1");
    assert_eq!(get(&server, Some(&trusted), false).unwrap(), b"{\"keys\":[]}");
    assert_eq!(get(&server, Some(&(other.clone() + &trusted)), true).unwrap(), b"{\"keys\":[]}");
    get(&server, Some(&other), false).unwrap_err();
    get(&server, None, true).unwrap_err();
    get(&server, None, false).unwrap_err();
    drop(server);

    let misnamed = serve(folder, "DNS:provider.example");
    get(&misnamed, Some(&trusted), false).unwrap_err();
}
