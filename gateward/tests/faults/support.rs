//! An installation to break, and a server to end.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gateward::server::system;
use jiff::SignedDuration;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use openpgp::SigningKey;
use tempfile::TempDir;

use crate::client::Client;
use crate::cluster::patience::eventually;
use crate::cluster::ports::free_port;
use crate::log::Log;
use crate::store_under_test::{StoreUnderTest, settle};

/// The program under test.
pub const GATEWARD: &str = env!("CARGO_BIN_EXE_gateward");

/// The group that the demo's configuration lets in.
pub const DEMO_GROUP: &str = "/epos/demo";

/// A file below the size up to which answers are recorded in one event.
pub const SMALL: &str = "/files/restricted.txt";

/// Starts a program of Debian, or says which package has it.
pub fn spawn(command: &mut Command, package: &str) -> Child {
    let program = command.get_program().to_string_lossy().into_owned();
    command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; install Debian's package {package}"))
}

/// A folder with everything that a server needs, as `gateward demo` makes it.
pub struct Installation {
    dir: TempDir,
    public: SocketAddr,
    admin: SocketAddr,
    tokens: AtomicU32,
    servers: AtomicU32,
}

/// What a command said.
pub struct Said {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Installation {
    /// One on the engine of this run.
    pub fn make() -> Self {
        let installation = Self::make_on_sqlite();
        settle(&installation.config());
        installation
    }

    /// One for a test that is about SQLite's file itself.
    pub fn make_on_sqlite() -> Self {
        let dir = TempDir::with_prefix("gateward-faults-").unwrap();
        let address = || SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let installation =
            Self { dir, public: address(), admin: address(), tokens: 0.into(), servers: 0.into() };
        let said = finish(
            Command::new(GATEWARD)
                .args(["demo", "--once", "--dir"])
                .arg(installation.dir.path())
                .args(["--public", &installation.public.to_string()])
                .args(["--admin", &installation.admin.to_string()]),
        );
        assert_eq!(said.status, Some(0), "{}{}", said.out, said.err);
        installation
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn store(&self) -> StoreUnderTest {
        StoreUnderTest::of(&self.config())
    }

    pub fn log(&self) -> impl Log {
        self.store()
    }

    pub fn config(&self) -> PathBuf {
        self.path("gateward.toml")
    }

    /// Closes what killed servers left open, as the next one does: at its start on SQLite, where no other
    /// server can run; on PostgreSQL, where they might, soon after their leases have lapsed, which is not
    /// waited for here.
    pub fn close_what_the_killed_left(&self) {
        self.store().execute("UPDATE instance SET lease_until = started_at");
        let server = self.serve();
        eventually("all that was open is closed", Duration::from_secs(30), || {
            self.store().value("SELECT count(*) FROM open_transaction") == "0"
        });
        server.stop();
    }

    /// Writes the configuration again with `from` replaced by `to`.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "the configuration does not say {from}");
        std::fs::write(self.config(), text.replace(from, to)).unwrap();
    }

    /// Writes more to the end of the configuration.
    pub fn append(&self, more: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        std::fs::write(self.config(), format!("{text}\n{more}")).unwrap();
    }

    /// Puts a file of `length` zeros behind the door; returns its path there.
    pub fn protect(&self, name: &str, length: u64) -> String {
        File::create(self.path("files").join(name)).unwrap().set_len(length).unwrap();
        format!("/files/{name}")
    }

    /// Runs a command on this installation, to its end.
    pub fn run(&self, arguments: &[&str]) -> Said {
        finish(Command::new(GATEWARD).args(arguments).arg("--config").arg(self.config()))
    }

    /// Runs a command that must succeed; returns the JSON objects that it prints.
    pub fn run_json(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let said = self.run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(said.status, Some(0), "{arguments:?}: {}", said.err);
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The command that serves this installation, for tests that change its surroundings.
    pub fn serving(&self) -> Command {
        let mut command = Command::new(GATEWARD);
        command.arg("serve").arg("--config").arg(self.config());
        command
    }

    /// Starts a server and does not wait for anything.
    pub fn start(&self, command: &mut Command) -> Server {
        let number = self.servers.fetch_add(1, Ordering::Relaxed);
        let log = self.path(&format!("serve-{number}.log"));
        let stderr = File::create(&log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        Server { child, log }
    }

    /// Starts a server and waits until it is ready.
    pub fn serve(&self) -> Server {
        self.serve_with(&mut self.serving())
    }

    pub fn serve_with(&self, command: &mut Command) -> Server {
        let server = self.start(command);
        self.wait_until_ready();
        server
    }

    /// Asks `/readyz`; `None` while nobody listens.
    pub fn readiness(&self) -> Option<(u16, String)> {
        let answer = self.admin().ask("GET", "/readyz", &[], b"").ok()?;
        Some((answer.status, answer.text()))
    }

    pub fn wait_until_ready(&self) {
        eventually("the server is ready", Duration::from_secs(20), || {
            self.readiness().filter(|(status, _)| *status == 200)
        });
    }

    /// Waits until `/readyz` says 503; returns the reason.
    pub fn wait_until_not_ready(&self) -> String {
        eventually("the server is not ready", Duration::from_secs(20), || {
            self.readiness().filter(|(status, _)| *status == 503)
        })
        .1
    }

    pub fn public_address(&self) -> SocketAddr {
        self.public
    }

    /// Where the listener for operators is.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// A client of the public listener.
    pub fn client(&self) -> Client {
        Client::new(self.public, &self.path("ca.pem"))
    }

    /// A client of the listener for operators.
    pub fn admin(&self) -> Client {
        Client::new(self.admin, &self.path("ca.pem"))
    }

    fn issuer(&self) -> SigningKey {
        SigningKey::parse(&std::fs::read(self.path("issuer-secret.asc")).unwrap()).unwrap()
    }

    /// A pen that signs tokens, each another one.
    pub fn pen(&self) -> Pen<'_> {
        Pen { issuer: self.issuer(), tokens: &self.tokens }
    }

    /// A login from a fresh token with the demo's group: name and password.
    pub fn login(&self) -> (String, String) {
        self.client().exchange(self.pen().sign(DEMO_GROUP).as_bytes()).unwrap().login()
    }

    /// Copies an installation's certificates, fresh ones, over this one's.
    pub fn take_certificates_of(&self, other: &Self) {
        for name in ["server.key", "server.pem"] {
            std::fs::copy(other.path(name), self.path(name)).unwrap();
        }
    }

    /// Makes the configuration of a second server on the same store, on other ports.
    pub fn second_configuration(&self) -> PathBuf {
        let text = std::fs::read_to_string(self.config()).unwrap();
        let text = text
            .replace(&self.public.to_string(), &format!("127.0.0.1:{}", free_port()))
            .replace(&self.admin.to_string(), &format!("127.0.0.1:{}", free_port()));
        let path = self.path("second.toml");
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Signs tokens, each another one.
pub struct Pen<'a> {
    issuer: SigningKey,
    tokens: &'a AtomicU32,
}

impl Pen<'_> {
    pub fn sign(&self, group: &str) -> String {
        let number = self.tokens.fetch_add(1, Ordering::Relaxed);
        let now = system::wall_clock();
        let until = now.checked_add(SignedDuration::from_hours(24 * 7)).unwrap();
        let token = serde_json::json!({
            "cn": "Dora Demo", "sn": "Demo", "givenName": "Dora", "mail": format!("dora-{number}@demo.invalid"),
            "memberof": format!("{group};/epos;/"), "issued": format!("{now:.6}"), "expiration": "7d",
            "valid_until": format!("{until:.6}"),
        });
        self.issuer.sign_cleartext(&token.to_string(), now).unwrap()
    }

    pub fn fingerprint(&self) -> openpgp::Fingerprint {
        self.issuer.fingerprint()
    }
}

/// Runs a command of gateward to its end.
pub fn finish(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Said {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A running server; ended when dropped.
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
    }

    /// How much memory it had at most since [`Server::forget_peak`], in bytes.
    pub fn peak(&self) -> u64 {
        let status = read(Path::new(&format!("/proc/{}/status", self.pid())));
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Begins to measure its memory anew; returns how much it has now.
    pub fn forget_peak(&self) -> u64 {
        // proc(5): 5 resets the peak to what is resident.
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
        self.peak()
    }

    /// What it wrote to standard error.
    pub fn said(&self) -> String {
        read(&self.log)
    }

    /// Waits until it ended by itself.
    pub fn wait(&mut self, within: Duration) -> ExitStatus {
        let child = &mut self.child;
        eventually("the server ends", within, || child.try_wait().unwrap())
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().unwrap();
    }

    /// Asks it to stop and expects a good end.
    pub fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.wait(Duration::from_secs(45));
        assert_eq!(status.code(), Some(0), "{}", self.said());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}", self.log.display(), self.said());
        }
    }
}

pub fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}
