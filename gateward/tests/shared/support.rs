//! An installation to break.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use openpgp::SigningKey;
use tempfile::TempDir;

use super::client::Client;
use super::cluster::patience::eventually;
use super::cluster::ports::free_port;
use super::log::Log;
use super::program::{DEMO_GROUP, GATEWARD, Server, issuer_of, make_demo, reconfigure, run_json, sign};
use super::store_under_test::{StoreUnderTest, settle};

/// Starts a program of Debian, or says which package has it.
pub fn spawn(command: &mut Command, package: &str) -> Child {
    let program = command.get_program().to_string_lossy().into_owned();
    command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; install Debian's package {package}"))
}

/// How long a start or a change of mind may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with everything that a server needs, as `gateward demo` makes it.
pub struct Installation {
    dir: TempDir,
    public: SocketAddr,
    admin: SocketAddr,
    tokens: AtomicU32,
    servers: AtomicU32,
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
        make_demo(installation.dir.path(), installation.public, installation.admin);
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
        reconfigure(&self.config(), from, to);
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

    /// Runs a command that must succeed; returns the JSON objects that it prints.
    pub fn run_json(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        run_json(&self.config(), arguments)
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
        Server::start(command, self.path(&format!("serve-{number}.log")))
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

    pub fn wait_until_ready(&self) {
        self.admin().wait_until_ready(PATIENCE);
    }

    /// Waits until `/readyz` says 503; returns the reason.
    pub fn wait_until_not_ready(&self) -> String {
        self.admin().wait_until_not_ready(PATIENCE)
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

    /// A pen that signs tokens, each another one.
    pub fn pen(&self) -> Pen<'_> {
        Pen { issuer: issuer_of(self.dir.path()), tokens: &self.tokens }
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
        sign(&self.issuer, number, group)
    }

    pub fn fingerprint(&self) -> openpgp::Fingerprint {
        self.issuer.fingerprint()
    }
}
