//! Issuers that keep their keys in the real GnuPG, each in a throw-away home.

use std::process::Command;

use tempfile::TempDir;

use super::statement::Statement;
use super::tools::run;

/// A home of GnuPG; its agent is stopped when it is dropped.
pub struct Gnupg(TempDir);

/// A key in a home, and its public part.
pub struct Issuer<'a> {
    gnupg: &'a Gnupg,
    pub fingerprint: String,
    pub public: String,
}

impl Gnupg {
    pub fn new() -> Self {
        // Short, because a socket's path has to fit into 108 bytes.
        Self(tempfile::Builder::new().prefix("gw").tempdir_in("/tmp").unwrap())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("GNUPGHOME", self.0.path()).env("LC_ALL", "C");
        command
    }

    /// Runs gpg; a failure stops the test with gpg's own words.
    pub fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = self.command("gpg");
        command
            .args(["--batch", "--no-tty", "--yes", "--quiet", "--no-permission-warning"])
            .args(["--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always"])
            .args(arguments);
        run(&mut command, input).good().stdout
    }

    pub fn text(&self, arguments: &[&str], input: &[u8]) -> String {
        String::from_utf8(self.gpg(arguments, input)).unwrap()
    }

    /// Makes a key: `algorithm` as in `rsa2048`, `usage` as in `sign,cert`.
    pub fn issuer_with(&self, name: &str, algorithm: &str, usage: &str) -> Issuer<'_> {
        let user = format!("{name} <{name}@example.org>");
        self.gpg(&["--quick-gen-key", &user, algorithm, usage, "never"], b"");
        let listing = self.text(&["--with-colons", "--list-keys", &format!("={user}")], b"");
        let fingerprint = listing.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap();
        let fingerprint = fingerprint.trim_matches(':').to_owned();
        let public = self.export(&fingerprint);
        Issuer { gnupg: self, fingerprint, public }
    }

    /// Makes an issuer with a key that is quickly made.
    pub fn issuer(&self) -> Issuer<'_> {
        self.issuer_with("issuer", "ed25519", "sign,cert")
    }

    fn export(&self, fingerprint: &str) -> String {
        self.text(&["--armor", "--export", fingerprint], b"")
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let killed = self.command("gpgconf").args(["--kill", "all"]).status();
        if !std::thread::panicking() {
            assert!(killed.unwrap().success(), "gpg-agent was not stopped");
        }
    }
}

impl Issuer<'_> {
    /// Signs what `statement` says as EIDA's issuer does: form A, cleartext.
    pub fn sign(&self, statement: &Statement) -> String {
        self.clearsign(&statement.text(), &[])
    }

    pub fn clearsign(&self, text: &str, more: &[&str]) -> String {
        let arguments = [&["--local-user", &self.fingerprint], more, &["--clearsign"]].concat();
        self.gnupg.text(&arguments, text.as_bytes())
    }

    /// Signs inline, form B.
    pub fn inline(&self, text: &[u8], more: &[&str]) -> String {
        let arguments = [&["--armor", "--local-user", &self.fingerprint], more, &["--sign"]].concat();
        self.gnupg.text(&arguments, text)
    }

    /// Imports the revocation certificate that GnuPG lays beside every new key.
    pub fn revoke(&mut self) {
        let path = self.gnupg.0.path().join(format!("openpgp-revocs.d/{}.rev", self.fingerprint));
        let certificate = std::fs::read_to_string(path).unwrap();
        self.gnupg.gpg(&["--import"], certificate.replace(":-----BEGIN", "-----BEGIN").as_bytes());
        self.public = self.gnupg.export(&self.fingerprint);
    }
}
