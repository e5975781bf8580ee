//! Keys and messages that the real GnuPG made, all in one throw-away home, once per run.
//!
//! The agent is stopped and the home removed before the first test looks at anything.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// The moment at which GnuPG is made to believe that it lives.
pub const GPG_NOW: &str = "20260101T000000!";
pub const LONG_AGO: &str = "20200101T000000!";

pub const TOKEN: &str = r#"{"valid_until": "2026-01-02T00:00:00.123456Z", "cn": "Andr\u00e9 D\u00f6, {Dr.}: ", "memberof": "/epos/alparray;/epos;/", "sn": "D\u00f6", "issued": "2026-01-01T00:00:00Z", "mail": "andre.doe@Example.ORG", "givenName": "Andr\u00e9", "expiration": "1d"}"#;

/// A public key and its full fingerprint.
pub struct Key {
    pub fingerprint: String,
    pub public: Vec<u8>,
}

pub struct Gnupg {
    home: TempDir,
}

impl Gnupg {
    pub fn new() -> Self {
        // Short, because a socket's path has to fit into 108 bytes.
        let home = tempfile::Builder::new().prefix("gw").tempdir_in("/tmp").unwrap();
        let gnupg = Self { home };
        assert!(
            Command::new("gpg").arg("--version").output().is_ok_and(|o| o.status.success()),
            "these tests need GnuPG: install gpg and gpg-agent"
        );
        gnupg
    }

    fn command(&self, time: &str) -> Command {
        let mut command = Command::new("gpg");
        command
            .env("GNUPGHOME", self.home.path())
            .env("LC_ALL", "C")
            .args(["--no-tty", "--yes", "--quiet", "--no-permission-warning"])
            .args(["--pinentry-mode", "loopback", "--passphrase", ""])
            .args(["--trust-model", "always", "--faked-system-time", time]);
        command
    }

    /// Runs gpg and returns what it printed; a failure stops the test with gpg's own words.
    pub fn run(&self, time: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = self
            .command(time)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // gpg may stop reading early; what matters is whether it succeeds.
        let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        assert!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    pub fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        self.run(GPG_NOW, &[&["--batch"], arguments].concat(), input)
    }

    pub fn text(&self, arguments: &[&str], input: &[u8]) -> String {
        String::from_utf8(self.gpg(arguments, input)).unwrap()
    }

    /// Makes a key of this algorithm, usage and expiry, and returns its fingerprint.
    pub fn make_key(&self, name: &str, kind: [&str; 3], time: &str) -> String {
        self.make_key_with(&["--batch"], name, kind, time)
    }

    pub fn make_key_with(&self, options: &[&str], name: &str, kind: [&str; 3], time: &str) -> String {
        let user = format!("{name} <{name}@example.org>");
        let all = [options, &["--batch", "--quick-gen-key", &user], &kind].concat();
        self.run(time, &all, b"");
        self.fingerprints(name).remove(0)
    }

    /// Primary key first, then the subkeys in order.
    pub fn fingerprints(&self, name: &str) -> Vec<String> {
        let mail = format!("={name} <{name}@example.org>");
        let listing = self.text(&["--with-colons", "--list-keys", "--with-subkey-fingerprint", &mail], b"");
        listing
            .lines()
            .filter_map(|line| line.strip_prefix("fpr:"))
            .map(|rest| rest.trim_matches(':').to_owned())
            .collect()
    }

    pub fn export(&self, fingerprint: &str) -> Key {
        Key {
            fingerprint: fingerprint.to_owned(),
            public: self.gpg(&["--armor", "--export", fingerprint], b""),
        }
    }

    /// Cleartext-signed, form A.
    pub fn clearsign(&self, key: &str, text: &str, more: &[&str]) -> String {
        let arguments = [&["--local-user", key], more, &["--clearsign"]].concat();
        self.text(&arguments, text.as_bytes())
    }

    /// Inline, form B.
    pub fn inline(&self, key: &str, text: &[u8], more: &[&str]) -> String {
        self.text(&[&["--armor", "--local-user", key], more, &["--sign"]].concat(), text)
    }

    /// What `gpg --decrypt` prints: the payload.
    pub fn decrypt(&self, message: &str) -> Vec<u8> {
        self.gpg(&["--decrypt"], message.as_bytes())
    }

    pub fn edit(&self, fingerprint: &str, answers: &str) {
        self.run(GPG_NOW, &["--command-fd", "0", "--edit-key", fingerprint], answers.as_bytes());
    }

    /// Imports the revocation certificate that GnuPG lays beside every new key.
    pub fn revoke(&self, fingerprint: &str) {
        let path = self.home.path().join(format!("openpgp-revocs.d/{fingerprint}.rev"));
        let certificate = std::fs::read_to_string(path).unwrap();
        let armored = certificate.replace(":-----BEGIN", "-----BEGIN");
        self.gpg(&["--import"], armored.as_bytes());
    }

    pub fn path(&self) -> &Path {
        self.home.path()
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let killed = Command::new("gpgconf").env("GNUPGHOME", self.path()).args(["--kill", "all"]).status();
        if !std::thread::panicking() {
            assert!(killed.unwrap().success(), "gpg-agent was not stopped");
        }
    }
}
