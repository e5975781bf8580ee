//! An installation whose store is a PostgreSQL database, and as many `gateward serve` on it as a test
//! needs: the same keys and configuration but for their ports.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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
use crate::download::start_endless;

/// The program under test.
const GATEWARD: &str = env!("CARGO_BIN_EXE_gateward");

/// The group that the configuration lets in.
const GROUP: &str = "/epos/demo";

/// A file below the size up to which answers are recorded in one event.
pub const SMALL: &str = "/files/restricted.txt";

/// A file above it.
pub const LARGE: &str = "/files/large.bin";

/// How long a start, an end, or a change of mind may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Login and password.
pub type Login = (String, String);

/// What all replicas share.
pub struct Installation {
    dir: TempDir,
    configuration: String,
    issuer: SigningKey,
    numbers: AtomicU32,
}

/// What a command said.
pub struct Said {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Installation {
    /// Makes the tables in the database at `url` and everything else in a folder.
    pub fn on(url: &str) -> Self {
        let migrated = run(Command::new(GATEWARD).args(["store", "migrate", "--store", url]));
        assert_eq!(migrated.status, Some(0), "{}", migrated.err);
        let dir = TempDir::with_prefix("gateward-replicas-").unwrap();
        let address = || format!("127.0.0.1:{}", free_port());
        let (public, admin) = (address(), address());
        let mut demo = Command::new(GATEWARD);
        demo.args(["demo", "--once", "--public", &public, "--admin", &admin, "--dir"]).arg(dir.path());
        let made = run(&mut demo);
        assert_eq!(made.status, Some(0), "{}{}", made.out, made.err);
        std::fs::remove_file(dir.path().join("gateward.db")).unwrap();
        File::create(dir.path().join("files/large.bin")).unwrap().set_len(200 * 1024).unwrap();
        let text = std::fs::read_to_string(dir.path().join("gateward.toml")).unwrap();
        let (upstream, service) = (start_endless(), "endless");
        let configuration = text.replace("\"gateward.db\"", "\"STORE\"").replace(&public, "PUBLIC")
            + &format!(
                "[[service]]\nname = \"{service}\"\nkind = \"plain\"\npath = \"/{service}\"\n\
                 upstream = \"http://{upstream}\"\nrequire = [\"login\"]\n\n\
                 [[grant]]\ngroup = \"{GROUP}\"\nservice = \"{service}\"\n"
            );
        let configuration = configuration.replace(&admin, "ADMIN");
        let secret = std::fs::read(dir.path().join("issuer-secret.asc")).unwrap();
        let issuer = SigningKey::parse(&secret).unwrap();
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
        let address = || SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
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
        let mut command = Command::new(GATEWARD);
        command.args(arguments).args(["--format", "json", "--config"]).arg(self.path("gateward.toml"));
        let said = run(&mut command);
        assert_eq!(said.status, Some(0), "{arguments:?}: {}", said.err);
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Signs a token, another one each time.
    pub fn token(&self) -> String {
        let now = system::wall_clock();
        let until = now.checked_add(SignedDuration::from_hours(24 * 7)).unwrap();
        let mail = format!("dora-{}@demo.invalid", self.number());
        let token = serde_json::json!({
            "cn": "Dora Demo", "sn": "Demo", "givenName": "Dora", "mail": mail,
            "memberof": format!("{GROUP};/epos;/"), "issued": format!("{now:.6}"), "expiration": "7d",
            "valid_until": format!("{until:.6}"),
        });
        self.issuer.sign_cleartext(&token.to_string(), now).unwrap()
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
    process: Option<Child>,
}

impl Replica {
    /// Starts it and does not wait for anything.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same with these in its environment.
    pub fn start_with(&mut self, environment: &[(&str, &Path)]) {
        assert!(self.process.is_none(), "it runs already");
        let log = File::options().append(true).create(true).open(self.log()).unwrap();
        let mut serve = Command::new(GATEWARD);
        serve.arg("serve").arg("--config").arg(&self.config).envs(environment.iter().copied());
        serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.process = Some(serve.spawn().unwrap());
    }

    fn log(&self) -> PathBuf {
        self.config.with_extension("log")
    }

    /// Writes its configuration again with `from` replaced by `to`.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(&self.config).unwrap();
        assert!(text.contains(from), "the configuration does not say {from}");
        std::fs::write(&self.config, text.replace(from, to)).unwrap();
    }

    /// What it wrote to standard error.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log()).unwrap_or_default()).into_owned()
    }

    pub fn client(&self) -> Client {
        Client::new(self.public, &self.ca)
    }

    /// Asks `/readyz`; `None` while nobody listens.
    pub fn readiness(&self) -> Option<(u16, String)> {
        let answer = Client::new(self.admin, &self.ca).ask("GET", "/readyz", &[], b"").ok()?;
        Some((answer.status, answer.text()))
    }

    #[track_caller]
    pub fn wait_until_ready(&self) {
        self.wait_until_ready_within(PATIENCE);
    }

    #[track_caller]
    pub fn wait_until_ready_within(&self, within: Duration) {
        eventually("it is ready", within, || self.readiness().filter(|(status, _)| *status == 200));
    }

    /// Waits until it says that it is not ready; returns why.
    #[track_caller]
    pub fn wait_until_not_ready(&self) -> String {
        let not_ready = || self.readiness().filter(|(status, _)| *status == 503);
        eventually("it is not ready", PATIENCE, not_ready).1
    }

    /// A login from a fresh token.
    #[track_caller]
    pub fn login(&self, installation: &Installation) -> Login {
        self.client().exchange(installation.token().as_bytes()).unwrap().login()
    }

    pub fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("it runs");
        kill(Pid::from_raw(process.id().cast_signed()), signal).unwrap();
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.process.take().unwrap().wait().unwrap();
    }

    /// Asks it to stop and expects a good end.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let mut process = self.process.take().unwrap();
        let ended = eventually("it ends", Duration::from_secs(45), || process.try_wait().unwrap());
        assert_eq!(ended.code(), Some(0), "{}", self.said());
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}", self.config.display(), self.said());
        }
    }
}

/// Runs a command to its end.
fn run(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Said {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
