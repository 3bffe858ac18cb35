//! The C interface: enrolment, import, list, release.

use super::*;
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};
use wardcard::{clock::SystemClock, testkit::provider::Provider};

fn compiled(folder: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = folder.join("release");
    let output = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-g", "-I"])
        .arg(root.join("include"))
        .arg(root.join("tests/c/release.c"))
        .arg(common::module())
        .arg("-o")
        .arg(&program)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    program
}

#[test]
#[ignore = "needs openssl"]
fn a_host_in_c_enrols_imports_lists_and_releases() {
    let authority = Authority::new();
    let provider = Provider::start(Arc::new(SystemClock)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let ca = folder.path().join("ca").display().to_string();
    let program = env!("CARGO_BIN_EXE_wardcard");
    let init = [program, "ca", "init", &ca, "--key", "p256", "--root-key", "p256"];
    common::run_with(folder.path(), &[], &init, b"").ok();
    let configuration = format!(
        "mode = \"personal\"\nstate = \"{path}/state\"\n[endpoints]\npkcs11 = \"none\"\n\
         [[provider]]\nissuer = \"{}\"\nclient_id = \"{}\"\n[issuer]\nlocal = \"ca\"\n\
         inside_agent = true\n[policy]\ncis1_end = \"2099-12-31T23:59:59Z\"\nrelease = true\n\
         [enrolled]\nstore = \"{path}/cards\"\nroots_file = \"{}\"\n",
        provider.issuer(),
        wardcard::testkit::provider::CLIENT_ID,
        authority.file("root.pem"),
    );
    fs::write(folder.path().join("agent.toml"), configuration).unwrap();
    let mut host = Command::new("timeout")
        .arg("120")
        .arg(compiled(folder.path()))
        .arg("agent.toml")
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut to = host.stdin.take().unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let mut done = false;
    while let Some(line) = lines.next().map(Result::unwrap) {
        match line.split_once(' ') {
            Some(("request", file)) => {
                let request = folder.path().join(file).display().to_string();
                let order = Order::default();
                let own = authority.certify(Profile::Authentication, &request, &order);
                let chain = &authority.issuing()[0];
                let all = [own.as_str(), chain].map(|file| fs::read_to_string(file).unwrap());
                fs::write(folder.path().join("certificates.pem"), all.concat()).unwrap();
                writeln!(to, "certificates.pem").unwrap();
            }
            Some(("token", nonce)) => {
                let token = provider.sign_in(nonce).claim("sub", PERSON).sign().unwrap();
                writeln!(to, "{token}").unwrap();
            }
            Some(("kept", checks)) => {
                assert!(checks.parse::<u32>().unwrap() > 40, "{checks}");
                done = true;
            }
            _ => panic!("{line}"),
        }
    }
    assert!(host.wait().unwrap().success() && done);
}
