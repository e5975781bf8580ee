//! A folder that the demo made, and commands about it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::ports::free_port;
use crate::store_under_test::{is_postgres, settle};

/// The names that reach out of nothing: no login, no key, no reference is called so.
pub const NOBODY: &str = "AAAAAAAAAAAAAA";
pub const NO_FINGERPRINT: &str = "0000000000000000000000000000000000000000";

/// What a command said.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs the program, untouched by the environment of whoever runs the tests.
pub fn gateward(arguments: &[&str], environment: &[(&str, &str)], input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gateward"))
        .args(arguments)
        .env_remove("GATEWARD_CONFIG")
        .env_remove("GATEWARD_KEYRING")
        .env_remove("GATEWARD_LOG")
        .env_remove("GATEWARD_STORE")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whether it reads all of it is its own affair.
    drop(child.stdin.take().unwrap().write_all(input));
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// An installation with one issuer, one service, one grant and one login.
pub struct Installation(TempDir);

impl Installation {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap();
        let [public, admin] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let demo = ["demo", "--once", "--public", &public, "--admin", &admin, "--dir", dir];
        let made = gateward(&demo, &[], b"");
        assert_eq!(made.status, 0, "{}", made.stderr);
        settle(&folder.path().join("gateward.toml"));
        Self(folder)
    }

    /// The store that the configuration names, as commands say it.
    pub fn store(&self) -> String {
        let text = std::fs::read_to_string(self.config()).unwrap();
        let store = text.lines().find_map(|line| line.strip_prefix("store = ")).unwrap().trim_matches('"');
        if is_postgres() { store.to_owned() } else { self.path(store) }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn path(&self, name: &str) -> String {
        self.file(name).to_str().unwrap().to_owned()
    }

    pub fn config(&self) -> String {
        self.path("gateward.toml")
    }

    /// Replaces words of the configuration that must be there.
    #[track_caller]
    pub fn change(&self, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(old), "{text}");
        std::fs::write(self.config(), text.replace(old, new)).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        gateward(&[arguments, &["--config", &self.config()]].concat(), &[], b"")
    }

    /// What a command prints as JSON, one object a line.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let ran = self.run(&[arguments, &["--format", "json"]].concat());
        objects(&ran)
    }

    /// The name of the login that the demo made.
    pub fn login(&self) -> String {
        self.json(&["login", "list"])[0]["login"].as_str().unwrap().to_owned()
    }

    /// The grant that the configuration file makes.
    pub fn grant(&self) -> String {
        self.json(&["grant", "list"])[0]["grant"].as_str().unwrap().to_owned()
    }
}

/// Each line of standard output, which must be one JSON object.
#[track_caller]
pub fn objects(ran: &Ran) -> Vec<Value> {
    let parse = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(value.is_object(), "{line}");
        value
    };
    ran.stdout.lines().map(parse).collect()
}
