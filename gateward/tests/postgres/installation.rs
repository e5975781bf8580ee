//! An installation whose store is a PostgreSQL database, and as many `gateward serve` on it as a test
//! needs: the same keys and configuration but for their ports.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use openpgp::SigningKey;
use tempfile::TempDir;

use crate::client::Client;
use crate::cluster::ports::free_port;
use crate::download::start_endless;
use crate::program::{
    DEMO_GROUP, GATEWARD, Server, finish, issuer_of, make_demo, read, reconfigure, run_json, sign,
};

/// A file above the size up to which answers are recorded in one event.
pub const LARGE: &str = "/files/large.bin";

/// How long a start, an end, or a change of mind may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Login and password.
pub type Login = (String, String);

/// An address that nobody listens on.
fn address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()))
}

/// What all replicas share.
pub struct Installation {
    dir: TempDir,
    configuration: String,
    issuer: SigningKey,
    numbers: AtomicU32,
}

impl Installation {
    /// Makes the tables in the database at `url` and everything else in a folder.
    pub fn on(url: &str) -> Self {
        let migrated = finish(Command::new(GATEWARD).args(["store", "migrate", "--store", url]));
        assert_eq!(migrated.status, Some(0), "{}", migrated.err);
        let dir = TempDir::with_prefix("gateward-replicas-").unwrap();
        let (public, admin) = (address(), address());
        make_demo(dir.path(), public, admin);
        let (public, admin) = (public.to_string(), admin.to_string());
        std::fs::remove_file(dir.path().join("gateward.db")).unwrap();
        File::create(dir.path().join("files/large.bin")).unwrap().set_len(200 * 1024).unwrap();
        let text = std::fs::read_to_string(dir.path().join("gateward.toml")).unwrap();
        let (upstream, service) = (start_endless(), "endless");
        let configuration = text.replace("\"gateward.db\"", "\"STORE\"").replace(&public, "PUBLIC")
            + &format!(
                "[[service]]\nname = \"{service}\"\nkind = \"plain\"\npath = \"/{service}\"\n\
                 upstream = \"http://{upstream}\"\nrequire = [\"login\"]\n\n\
                 [[grant]]\ngroup = \"{DEMO_GROUP}\"\nservice = \"{service}\"\n"
            );
        let configuration = configuration.replace(&admin, "ADMIN");
        let issuer = issuer_of(dir.path());
        let installation = Self { dir, configuration, issuer, numbers: 0.into() };
        std::fs::write(installation.path("gateward.toml"), installation.configured(&public, &admin, url))
            .unwrap();
        installation
    }

    fn configured(&self, public: &str, admin: &str, url: &str) -> String {
        self.configuration.replace("PUBLIC", public).replace("ADMIN", admin).replace("STORE", url)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A number that nobody else has.
    pub fn number(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A replica that is not started; it reaches the database by `url`.
    pub fn replica(&self, url: &str) -> Replica {
        let (public, admin) = (address(), address());
        let config = self.path(&format!("replica-{}.toml", self.number()));
        std::fs::write(&config, self.configured(&public.to_string(), &admin.to_string(), url)).unwrap();
        Replica { config, public, admin, ca: self.path("ca.pem"), process: None }
    }

    /// A replica that is ready.
    pub fn serve(&self, url: &str) -> Replica {
        let mut replica = self.replica(url);
        replica.start();
        replica.wait_until_ready();
        replica
    }

    /// Runs a command that must succeed; returns the JSON objects that it prints.
    pub fn run_json(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        run_json(&self.path("gateward.toml"), arguments)
    }

    /// Signs a token, another one each time.
    pub fn token(&self) -> String {
        sign(&self.issuer, self.number(), DEMO_GROUP)
    }

    /// A protected file that nobody has asked for yet, with the content of `like`; its path there.
    pub fn fresh_file(&self, like: &str) -> String {
        let name = format!("file-{}", self.number());
        let folder = self.path("files");
        let like = like.strip_prefix("/files/").unwrap();
        std::fs::hard_link(folder.join(like), folder.join(&name)).unwrap();
        format!("/files/{name}")
    }
}

/// One `gateward serve`; killed when dropped.
pub struct Replica {
    config: PathBuf,
    pub public: SocketAddr,
    admin: SocketAddr,
    ca: PathBuf,
    process: Option<Server>,
}

impl Replica {
    /// Starts it and does not wait for anything.
    pub fn start(&mut self) {
        self.start_with([]);
    }

    /// The same with these in its environment.
    pub fn start_with<const N: usize>(&mut self, environment: [(&str, PathBuf); N]) {
        assert!(self.process.is_none(), "it runs already");
        let mut serve = Command::new(GATEWARD);
        serve.arg("serve").arg("--config").arg(&self.config).envs(environment);
        self.process = Some(Server::start(&mut serve, self.log()));
    }

    fn log(&self) -> PathBuf {
        self.config.with_extension("log")
    }

    /// Writes its configuration again with `from` replaced by `to`.
    pub fn reconfigure(&self, from: &str, to: &str) {
        reconfigure(&self.config, from, to);
    }

    /// What it wrote to standard error.
    pub fn said(&self) -> String {
        read(&self.log())
    }

    pub fn client(&self) -> Client {
        Client::new(self.public, &self.ca)
    }

    fn admin(&self) -> Client {
        Client::new(self.admin, &self.ca)
    }

    /// Asks `/readyz`; `None` while nobody listens.
    pub fn readiness(&self) -> Option<(u16, String)> {
        self.admin().readiness()
    }

    #[track_caller]
    pub fn wait_until_ready(&self) {
        self.wait_until_ready_within(PATIENCE);
    }

    #[track_caller]
    pub fn wait_until_ready_within(&self, within: Duration) {
        self.admin().wait_until_ready(within);
    }

    /// Waits until it says that it is not ready; returns why.
    #[track_caller]
    pub fn wait_until_not_ready(&self) -> String {
        self.admin().wait_until_not_ready(PATIENCE)
    }

    /// A login from a fresh token.
    #[track_caller]
    pub fn login(&self, installation: &Installation) -> Login {
        self.client().exchange(installation.token().as_bytes()).unwrap().login()
    }

    pub fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("it runs").signal(signal);
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// Asks it to stop and expects a good end.
    #[track_caller]
    pub fn stop(&mut self) {
        self.process.take().expect("it runs").stop();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // One that runs says it itself.
        if self.process.is_none() && std::thread::panicking() {
            eprintln!("--- {} said:\n{}", self.config.display(), self.said());
        }
    }
}
