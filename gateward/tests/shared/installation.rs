//! A folder with everything that a server needs, and commands about it.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::cluster::ports::free_port;
use super::gnupg::Issuer;
use super::statement::GROUP;
use super::store_under_test::{StoreUnderTest, settle};
use super::tools::{Ran, run};

/// The program under test.
pub const GATEWARD: &str = env!("CARGO_BIN_EXE_gateward");

/// What the protected file says.
pub const RESTRICTED: &str = "This file is restricted: whoever reads it exchanged a signed token first.\n";

/// A program that sees nothing of the environment that could change what it does.
pub fn gateward() -> Command {
    let mut command = Command::new(GATEWARD);
    command.env_remove("GATEWARD_CONFIG").env_remove("GATEWARD_LOG").env_remove("GATEWARD_STORE");
    command
}

/// An installation in a throw-away folder: what the demo leaves, with free ports at each start.
pub struct Installation {
    /// Removed when it is dropped.
    _outer: TempDir,
    folder: PathBuf,
}

impl Installation {
    /// Makes one whose folder `files` is open to [`GROUP`].
    pub fn new() -> Self {
        let installation = Self::at(tempfile::tempdir().unwrap(), "");
        // Named, below those that outgoing connections take: the demo writes a port down before it listens on it.
        let [public, admin] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let demo = ["demo", "--once", "--public", &public, "--admin", &admin, "--dir"];
        run(gateward().args(demo).arg(installation.path()), b"").good();
        settle(&installation.config());
        let file = std::fs::read_to_string(installation.config()).unwrap();
        let any_port = |line: &str| match line.split_once("listen = \"127.0.0.1:") {
            Some((before, _)) => format!("{before}listen = \"127.0.0.1:0\"\n"),
            None => format!("{line}\n"),
        };
        installation.configure(&file.lines().map(any_port).collect::<String>());
        installation.append(&format!("[[grant]]\ngroup = \"{GROUP}\"\nservice = \"files\"\n"));
        installation
    }

    /// The one that is in a folder below `outer` already.
    pub fn at(outer: TempDir, folder: &str) -> Self {
        Self { folder: outer.path().join(folder), _outer: outer }
    }

    /// One that believes `issuer`.
    pub fn believing(issuer: &Issuer<'_>) -> Self {
        let installation = Self::new();
        installation.believe(issuer, "");
        installation
    }

    /// Believes `issuer` from the next start on.
    pub fn believe(&self, issuer: &Issuer<'_>, more: &str) {
        let key = format!("{}.asc", issuer.fingerprint);
        std::fs::write(self.file(&key), &issuer.public).unwrap();
        let fingerprint = &issuer.fingerprint;
        self.append(&format!("[[issuer]]\nkey = \"{key}\"\nfingerprint = \"{fingerprint}\"\n{more}\n"));
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.file("gateward.toml")
    }

    /// The store, past the program.
    pub fn store(&self) -> StoreUnderTest {
        StoreUnderTest::of(&self.config())
    }

    pub fn configure(&self, text: &str) {
        std::fs::write(self.config(), text).unwrap();
    }

    pub fn append(&self, text: &str) {
        let file = std::fs::read_to_string(self.config()).unwrap();
        self.configure(&format!("{file}\n{text}"));
    }

    /// Runs a command about this installation.
    pub fn command(&self, arguments: &[&str]) -> Ran {
        self.command_reading(arguments, b"")
    }

    /// Runs a command about this installation that reads its standard input.
    pub fn command_reading(&self, arguments: &[&str], input: &[u8]) -> Ran {
        run(gateward().args(arguments).arg("--config").arg(self.config()), input)
    }

    /// What a command that succeeds prints as JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        self.command(&[arguments, &["--format", "json"]].concat()).good().json()
    }

    /// The bodies of all events of one kind.
    #[track_caller]
    pub fn events(&self, kind: &str) -> Vec<serde_json::Value> {
        let events = self.json(&["audit", "search"]);
        let bodies = events.into_iter().map(|mut event| event["body"].take());
        bodies.filter(|body| body["kind"] == kind).collect()
    }
}
