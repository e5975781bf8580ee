//! An installation in a temporary folder, and its server in this process with a clock to move.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateward::base::store_address::StoreAddress;
use gateward::base::time::{Clock, stored};
use gateward::cli::demo::client::{Answer, Client, Connection};
use gateward::config::{Config, Listen};
use gateward::flows::door::Door;
use gateward::server::{self, Bound, Gate, Running, Stop, boot, system};
use gateward::store::Store;
use gateward::store::event::{Filter, Recorded};
use jiff::{SignedDuration, Timestamp};
use openpgp::SigningKey;
use serde_json::{Value, json};

use crate::cluster::ports::free_port;
use crate::store_under_test::{self, StoreUnderTest, recorded};

/// How long what the server does by itself may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An installation that the demo made, with a server that this test's clock governs.
pub struct Installation {
    folder: tempfile::TempDir,
    now: Arc<Mutex<Timestamp>>,
    running: Option<Running>,
}

impl Installation {
    /// Makes one and opens its door.
    pub async fn open() -> Self {
        Self::with("").await
    }

    /// Makes one whose configuration ends with `more`.
    pub async fn with(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [public, admin] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let listen = ["--public", &public, "--admin", &admin, "--once"];
        let mut demo = Command::new(env!("CARGO_BIN_EXE_gateward"));
        demo.arg("demo").arg("--dir").arg(folder.path()).args(listen);
        let made = demo.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(made.success());
        // As the database's clock says it, or a microsecond would lie between the two.
        let now = stored(system::wall_clock()).parse().unwrap();
        let now = Arc::new(Mutex::new(now));
        let mut installation = Self { folder, now, running: None };
        let config = installation.path("gateward.toml");
        store_under_test::settle(&config).stop_clock_at(&stored(installation.now()));
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, text + more).unwrap();
        installation.start().await;
        installation
    }

    /// Changes the configuration file, and starts the server with it.
    pub async fn change(&mut self, change: impl FnOnce(&str) -> String) {
        self.stop().await;
        let file = self.path("gateward.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, change(&text)).unwrap();
        self.start().await;
    }

    /// Listens on the Unix socket `http.sock` from now on, without TLS.
    pub async fn listen_on_a_socket(&mut self, more: &str) {
        let change = |text: &str| {
            let (head, rest) = text.split_once("[admin]").unwrap();
            let other = |line: &&str| !line.starts_with("listen =") && !line.starts_with("tls =");
            let head: Vec<&str> = head.lines().filter(other).collect();
            let rest: Vec<&str> = rest.lines().filter(|line| !line.starts_with("[verify]")).collect();
            let (head, rest) = (head.join("\n"), rest.join("\n"));
            format!("listen = \"unix:http.sock\"\n{head}\n{more}\n[admin]{rest}\n")
        };
        self.change(change).await;
    }

    /// Starts the server, again if need be.
    pub async fn start(&mut self) {
        self.try_start().await.unwrap();
    }

    /// Starts the server, or says why it does not open.
    pub async fn try_start(&mut self) -> Result<(), server::Error> {
        let now = Arc::clone(&self.now);
        let clock = Clock::new(move || Ok(*now.lock().unwrap()));
        let mut config = Config::read(&self.path("gateward.toml")).unwrap();
        if matches!(config.listen, Some(Listen::Address(_))) {
            config.listen = Some(Listen::Address((Ipv4Addr::LOCALHOST, 0).into()));
        }
        config.admin.as_mut().unwrap().listen.set_port(0);
        let gate = Gate::new(clock.clone());
        let mut running = server::start(config, clock, system::random(), gate).await?;
        running.opened().await?;
        self.running = Some(running);
        Ok(())
    }

    /// Opens the door for a flow, as a command does.
    pub async fn door(&self) -> Door {
        let config = Config::read(&self.path("gateward.toml")).unwrap();
        let now = Arc::clone(&self.now);
        let clock = Clock::new(move || Ok(*now.lock().unwrap()));
        boot::door(&config, boot::keys(&config).unwrap(), &clock, &system::random()).await.unwrap()
    }

    /// Stops the server, if it runs.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop(Stop("the test is over")).await;
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    /// Lets time pass, all at once; on PostgreSQL the database's clock, too, while nobody reads ours.
    pub fn pass(&self, time: SignedDuration) {
        let mut now = self.now.lock().unwrap();
        *now = stored(now.checked_add(time).unwrap()).parse().unwrap();
        self.database().stop_clock_at(&stored(*now));
    }

    /// The store, past the program.
    pub fn database(&self) -> StoreUnderTest {
        StoreUnderTest::of(&self.path("gateward.toml"))
    }

    /// Connects to the public listener.
    pub async fn connect(&self) -> Connection {
        let ca = std::fs::read_to_string(self.path("ca.pem")).unwrap();
        let Listen::Address(public) = self.running.as_ref().unwrap().bound.public else { unreachable!() };
        Client::trusting(&ca).unwrap().connect(public).await.unwrap()
    }

    /// Asks the listener for operators, as the first of them.
    pub async fn operators(&self, path: &str) -> Answer {
        let ca = std::fs::read_to_string(self.path("ca.pem")).unwrap();
        let admin = self.running.as_ref().unwrap().bound.admin;
        let mut connection = Client::trusting(&ca).unwrap().connect(admin).await.unwrap();
        let operator = std::fs::read_to_string(self.path("operator.txt")).unwrap();
        let basic = format!("Basic {}", data_encoding::BASE64.encode(operator.trim_end().as_bytes()));
        connection.get(path, Some(basic)).await.unwrap()
    }

    /// Where it listens.
    pub fn bound(&self) -> &Bound {
        &self.running.as_ref().unwrap().bound
    }

    /// Signs a token for one person, good for `life` from now.
    pub fn token(&self, mail: &str, groups: &str, life: SignedDuration) -> String {
        let secret = std::fs::read(self.path("issuer-secret.asc")).unwrap();
        let now = self.now();
        let text = json!({
            "mail": mail, "memberof": groups, "issued": now.to_string(),
            "valid_until": now.checked_add(life).unwrap().to_string(),
        });
        SigningKey::parse(&secret).unwrap().sign_cleartext(&text.to_string(), now).unwrap()
    }

    /// Exchanges `token` and returns login and password.
    pub async fn exchange(&self, token: &str) -> (String, String) {
        let answer = self.connect().await.post("/auth", token.to_owned()).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let (login, password) = text.split_once(':').unwrap();
        (login.to_owned(), password.to_owned())
    }

    /// Fetches the restricted file with a login.
    pub async fn fetch(&self, login: &(String, String)) -> Answer {
        self.connect().await.get_with_digest("/files/restricted.txt", &login.0, &login.1).await.unwrap()
    }

    /// Reads the log, oldest event first; on a thread of its own, because tests look from where they
    /// cannot wait.
    pub fn events(&self) -> Vec<Recorded> {
        let store = self.store();
        let read = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let store = Store::open(&store, system::clock()).await.unwrap();
                recorded(&store, Filter::default()).await
            })
        };
        std::thread::spawn(read).join().unwrap()
    }

    /// Where the store is.
    pub fn store(&self) -> StoreAddress {
        Config::read(&self.path("gateward.toml")).unwrap().store
    }

    /// Reads the bodies of the events of one kind.
    pub fn bodies(&self, kind: &str) -> Vec<Value> {
        let bodies =
            self.events().into_iter().map(|event| serde_json::from_str::<Value>(event.body()).unwrap());
        bodies.filter(|body| body["kind"] == kind).collect()
    }

    /// Runs a command on this installation; returns its standard output and whether it said yes.
    ///
    /// It goes by the time of this machine: where none has passed in the test but what the test took,
    /// ours is set right first.
    pub fn command(&self, arguments: &[&str]) -> (String, bool) {
        let done = self.run(arguments);
        (String::from_utf8(done.stdout).unwrap(), done.status.success())
    }

    /// Runs a command about this installation; returns what it said to programs and to people, and its status.
    pub fn run(&self, arguments: &[&str]) -> std::process::Output {
        let late = system::wall_clock().duration_since(self.now());
        if late < SignedDuration::from_secs(30) && self.database().has_a_clock() {
            self.pass(late.max(SignedDuration::ZERO));
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateward"));
        command.args(arguments).arg("--config").arg(self.path("gateward.toml")).output().unwrap()
    }
}
