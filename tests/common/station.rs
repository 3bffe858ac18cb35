//! An agent in a process of its own, the program's, with a provider in this one.

#[cfg(unix)]
use std::os::unix::{
    fs::{MetadataExt, PermissionsExt, chown},
    process::ExitStatusExt,
};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::Arc,
};
use wardcard::{
    agent::{
        Pending, Seat,
        host::{
            self, Client,
            message::{CardLine, Hidden, Passcode, Reason},
        },
    },
    clock::SystemClock,
    net::{Address, ServerTrust},
    secret::{Secret, User, files},
    testkit::provider::{CLIENT_ID, Provider},
};

/// The user that a test of privilege runs things as; `.ci/run` makes it.
pub const SECOND_USER: &str = "wardcard-test";

/// The folder, the agent and the provider of one test. The agent is ended on drop.
#[derive(Debug)]
pub struct Station {
    folder: tempfile::TempDir,
    provider: Provider,
    agent: Option<(Child, BufReader<ChildStdout>)>,
    user: Option<&'static str>,
    program: PathBuf,
}

/// What an agent is told other than a station's usual.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Whom the agent runs as; this user by default.
    pub user: Option<&'static str>,
    /// `personal` by default.
    pub mode: Option<&'static str>,
    /// More of the configuration: tables of its own.
    pub tables: String,
    /// More keys of the provider's table.
    pub provider: String,
    /// Users who are hosts; the secret counts anyway.
    pub hosts: Vec<u32>,
    /// Where key set and metadata come from, where it is not the provider of the station.
    pub issuer: Option<String>,
}

impl Station {
    /// With all defaults.
    pub fn start() -> Self {
        Self::with(&Plan::default())
    }

    /// As planned.
    pub fn with(plan: &Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let provider = Provider::start(Arc::new(SystemClock)).unwrap();
        #[cfg_attr(windows, expect(unused_mut))]
        let mut program = PathBuf::from(env!("CARGO_BIN_EXE_wardcard"));
        fs::create_dir(path.join("own")).unwrap();
        fs::create_dir(path.join("run")).unwrap();
        #[cfg(unix)]
        if plan.user.is_some() || plan.mode == Some("ward") {
            // The build may lie where the other user cannot go.
            program = path.join("wardcard");
            fs::copy(env!("CARGO_BIN_EXE_wardcard"), &program).unwrap();
            fs::copy(super::module(), path.join("libwardcard.so")).unwrap();
            for folder in [path, &path.join("run")] {
                fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        let secret: Vec<u8> = path.to_string_lossy().bytes().cycle().take(48).collect();
        let mut file = files::create_new(&path.join("own/host.secret")).unwrap();
        file.write_all(&secret).unwrap();
        let issuer = plan.issuer.clone().unwrap_or_else(|| provider.issuer().to_owned());
        fs::write(path.join("own/agent.toml"), configuration(plan, &issuer, path)).unwrap();
        let mut station = Self { folder, provider, agent: None, user: plan.user, program };
        #[cfg(unix)]
        if let Some(user) = plan.user {
            let (uid, gid) = ids(user);
            for name in ["own", "run", "own/host.secret", "own/agent.toml"] {
                chown(station.path().join(name), Some(uid), Some(gid)).unwrap();
            }
        }
        let ca = station.path().join("own/ca").display().to_string();
        let made = station
            .command(&["ca", "init", &ca, "--key", "p256", "--root-key", "p256"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        station.start_agent();
        station
    }

    /// The program with arguments, as the user of the agent.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = as_user(self.user, &self.program);
        command.args(arguments).current_dir(self.path());
        command
    }

    /// Starts the agent, which must not be running, and waits until it serves.
    pub fn start_agent(&mut self) {
        let config = self.path().join("own/agent.toml").display().to_string();
        let mut process = self
            .command(&["agent", "--config", &config])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("serving hosts") {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "the agent ended at once");
        }
        self.agent = Some((process, out));
    }

    /// Sends the agent a signal, waits for its end, and answers how it ended and what it said.
    pub fn end_agent(&mut self, signal: &str) -> (ExitStatus, String) {
        let (mut process, mut out) = self.agent.take().unwrap();
        #[cfg(unix)]
        send(process.id(), signal);
        #[cfg(windows)]
        {
            assert_eq!(signal, "KILL", "no other signal is known here");
            process.kill().unwrap();
        }
        let status = process.wait().unwrap();
        let mut said = String::new();
        out.read_to_string(&mut said).unwrap();
        #[cfg(unix)]
        assert!(signal != "KILL" || status.signal() == Some(9), "{status:?}");
        (status, said)
    }

    /// The agent's process.
    pub fn pid(&self) -> u32 {
        self.agent.as_ref().unwrap().0.id()
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Where applications find their cards, as `WARDCARD_AGENT` takes it.
    pub fn address(&self) -> String {
        endpoint(self.path(), "pkcs11").to_string()
    }

    pub fn socket(&self) -> PathBuf {
        self.path().join("run/pkcs11")
    }

    pub fn host_socket(&self) -> PathBuf {
        self.path().join("run/host")
    }

    /// Files of the audit log, oldest first.
    pub fn audit(&self) -> Vec<PathBuf> {
        wardcard::agent::audit::files_in(&self.path().join("own/state/audit")).unwrap()
    }

    /// A conversation of a host.
    pub fn host(&self) -> Client {
        self.host_as(Some(&self.secret())).unwrap()
    }

    /// What the host endpoint answers to who knows this.
    pub fn host_as(&self, secret: Option<&Secret>) -> Result<Client, host::Error> {
        let trust = ServerTrust { users: vec![self.agents_user()] };
        Client::connect(&endpoint(self.path(), "host"), &trust, secret)
    }

    fn secret(&self) -> Secret {
        Secret::new(fs::read(self.path().join("own/host.secret")).unwrap())
    }

    /// The user of the agent.
    pub fn agents_user(&self) -> User {
        #[cfg(unix)]
        return self.uid().into();
        #[cfg(windows)]
        User::own()
    }

    /// The number of the agent's user.
    #[cfg(unix)]
    pub fn uid(&self) -> u32 {
        fs::metadata(self.path().join("own")).unwrap().uid()
    }

    /// Signs a person in, with a passcode, for the agent's own user.
    pub fn sign_in(&self, person: &str, passcode: &str) -> CardLine {
        self.sign_in_at(&Seat::user(self.agents_user()), person, passcode)
    }

    /// Signs a person in for a seat.
    pub fn sign_in_at(&self, seat: &Seat, person: &str, passcode: &str) -> CardLine {
        let host = self.host();
        let pending = host.request(seat).unwrap();
        let token = self.token(&pending, person);
        host.prove(&pending.request, &token, given(passcode)).unwrap()
    }

    /// The provider's token for a request.
    pub fn token(&self, pending: &Pending, person: &str) -> Secret {
        let token = self.provider.sign_in(&pending.nonce).claim("sub", person).sign().unwrap();
        Secret::new(token.into_bytes())
    }

    pub fn tap_out(&self, card: &CardLine) {
        self.host().remove(&card.card, Reason::TapOut).unwrap();
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        if let Some((mut process, _)) = self.agent.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A passcode that the host gives for this card alone.
pub fn given(passcode: &str) -> Passcode {
    let passcode = Hidden(Secret::copied_from(passcode.as_bytes()));
    Passcode::Given { passcode, keep: false }
}

/// Sends a signal by its name.
#[cfg(unix)]
pub fn send(pid: u32, signal: &str) {
    let sent = Command::new("kill").args(["-s", signal, &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// A program, as another user where one is named.
pub fn as_user(user: Option<&str>, program: &Path) -> Command {
    match user {
        None => Command::new(program),
        #[cfg(windows)]
        Some(_) => panic!("there is no other user here"),
        #[cfg(unix)]
        Some(user) => {
            let (uid, gid) = ids(user);
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={uid}"), format!("--regid={gid}")]);
            command.args(["--clear-groups", "--"]).arg(program);
            command
        }
    }
}

/// A user's number and that of the user's group.
#[cfg(unix)]
pub fn ids(user: &str) -> (u32, u32) {
    let number = |option: &str| {
        let done = Command::new("id").args([option, user]).output().unwrap();
        assert!(done.status.success(), "the user {user} is missing; .ci/run makes it");
        String::from_utf8(done.stdout).unwrap().trim().parse().unwrap()
    };
    (number("-u"), number("-g"))
}

/// Where the agent of this folder serves.
fn endpoint(folder: &Path, name: &str) -> Address {
    #[cfg(unix)]
    return Address::Unix(folder.join("run").join(name));
    #[cfg(windows)]
    {
        let own = folder.file_name().unwrap().to_string_lossy().replace('.', "");
        Address::parse(&format!("pipe:wardcard-test-{own}-{name}")).unwrap()
    }
}

fn configuration(plan: &Plan, issuer: &str, folder: &Path) -> String {
    let mode = plan.mode.unwrap_or("personal");
    let Plan { hosts, tables, provider, .. } = plan;
    let (pkcs11, host) = (endpoint(folder, "pkcs11"), endpoint(folder, "host"));
    format!(
        r#"
mode = "{mode}"
state = "state"
[endpoints]
pkcs11 = "{pkcs11}"
[host]
address = "{host}"
users = {hosts:?}
secret_file = "host.secret"
[[provider]]
issuer = "{issuer}"
client_id = "{CLIENT_ID}"
{provider}
[issuer]
local = "ca"
inside_agent = true
[policy]
cis1_end = "2099-12-31T23:59:59Z"
{tables}
"#
    )
}
