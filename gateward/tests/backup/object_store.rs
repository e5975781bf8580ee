//! An object store to test against, and a program's view of it. See s3_server.py for what it is.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use gateward::base::random::Random;
use gateward::base::time::Clock;
use gateward::config::S3;
use gateward::server::backup::s3::{ObjectStore, Patience};
use gateward::server::system;
use serde_json::Value;

/// Ends when dropped.
pub struct StoreServer {
    child: Child,
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    hello: Value,
    folder: tempfile::TempDir,
}

pub const BUCKET: &str = "dcor-backup";

impl StoreServer {
    pub fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/backup/s3_server.py");
        let mut child = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let hello = serde_json::from_str(&line).expect("moto[server] is in target/venv");
        Self { child, talk: Mutex::new((stdin, stdout)), hello, folder: tempfile::tempdir().unwrap() }
    }

    pub fn port(&self) -> u16 {
        self.hello["port"].as_u64().unwrap().try_into().unwrap()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// Asks Amazon's own client, which looks past the program.
    pub fn ask(&self, question: &str) -> Value {
        let mut talk = self.talk.lock().unwrap();
        writeln!(talk.0, "{question}").unwrap();
        let mut line = String::new();
        talk.1.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{question}: {line}"))
    }

    pub fn secret(&self, user: &str) -> String {
        self.hello["keys"][user]["secret"].as_str().unwrap().to_owned()
    }

    /// The configuration of a job that asks as `user`, at `endpoint`.
    pub fn settings(&self, endpoint: &str, user: &str) -> S3 {
        let id = self.hello["keys"][user]["id"].as_str().unwrap();
        self.settings_with(endpoint, id, &self.secret(user))
    }

    pub fn settings_with(&self, endpoint: &str, id: &str, secret: &str) -> S3 {
        let credentials = self.folder.path().join(format!("{id}-{}", secret.len()));
        let mut options = std::fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&credentials).unwrap();
        write!(file, "{id}\n{secret}\n").unwrap();
        S3 {
            endpoint: endpoint.into(),
            bucket: BUCKET.into(),
            prefix: "machine/a".into(),
            region: "us-east-1".into(),
            credentials,
            ca: None,
        }
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        // Ours, and by its own id.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Short times, so that a test ends.
pub const PATIENCE: Patience = Patience {
    answer: Duration::from_secs(3),
    slowest: 8 * 1024 * 1024,
    trying: Duration::from_secs(20),
    pause: Duration::from_millis(10),
};

pub fn open_with(settings: &S3, patience: Patience) -> ObjectStore {
    let clock = Clock::new(|| Ok(system::wall_clock()));
    let random: Random = system::random();
    ObjectStore::new(settings, clock, random, patience).unwrap()
}

pub fn open(settings: &S3) -> ObjectStore {
    open_with(settings, PATIENCE)
}
