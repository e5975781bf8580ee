//! The real GnuPG in a throw-away home, and Sequoia's `sq` beside it.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use openpgp::{Certificate, Recipient, RecipientError};
use tempfile::TempDir;

/// The moment at which GnuPG is made to believe that it lives.
pub const GPG_NOW: &str = "20260101T000000!";
/// An hour after which every key is a year old or more.
pub const LONG_AGO: &str = "20200101T000000!";

pub struct Gnupg {
    home: TempDir,
}

impl Gnupg {
    pub fn new() -> Self {
        for program in ["gpg", "sq"] {
            let found = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
            assert!(found, "these tests need {program}: run ./test --install");
        }
        // Short, because a socket's path has to fit into 108 bytes.
        Self { home: tempfile::Builder::new().prefix("gw").tempdir_in("/tmp").unwrap() }
    }

    /// Runs gpg, whatever comes of it.
    pub fn attempt(&self, time: &str, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = Command::new("gpg");
        command
            .env("GNUPGHOME", self.home.path())
            .env("LC_ALL", "C")
            .args(["--no-tty", "--yes", "--quiet", "--no-permission-warning"])
            .args(["--pinentry-mode", "loopback", "--trust-model", "always", "--faked-system-time", time])
            .args(arguments);
        fed(command, input)
    }

    /// Runs gpg and returns what it printed; a failure stops the test with gpg's own words.
    pub fn run(&self, time: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        succeeded(self.attempt(time, arguments, input))
    }

    pub fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        self.run(GPG_NOW, &[&["--batch", "--passphrase", ""], arguments].concat(), input)
    }

    /// Makes a primary key that signs, without subkeys, and returns its fingerprint.
    pub fn make_key(&self, name: &str, algorithm: &str, time: &str) -> String {
        self.make_key_with(&[], name, [algorithm, "sign,cert", "never"], time)
    }

    pub fn make_key_with(&self, options: &[&str], name: &str, kind: [&str; 3], time: &str) -> String {
        let user = format!("{name} <{name}@example.org>");
        let make = [&["--batch", "--passphrase", ""], options, &["--quick-gen-key", &user], &kind].concat();
        self.run(time, &make, b"");
        self.fingerprints(&user).remove(0)
    }

    /// Adds a subkey made for encryption and returns its fingerprint.
    pub fn add_subkey(&self, primary: &str, algorithm: &str, expires: &str, time: &str) -> String {
        let add = ["--batch", "--passphrase", "", "--quick-add-key", primary, algorithm, "encr", expires];
        self.run(time, &add, b"");
        self.fingerprints(primary).pop().unwrap()
    }

    /// Primary key first, then the subkeys in order.
    fn fingerprints(&self, key: &str) -> Vec<String> {
        let list = ["--with-colons", "--list-keys", "--with-subkey-fingerprint", key];
        let listing = String::from_utf8(self.gpg(&list, b"")).unwrap();
        let fingerprints = listing.lines().filter_map(|line| line.strip_prefix("fpr:"));
        fingerprints.map(|rest| rest.trim_matches(':').to_owned()).collect()
    }

    pub fn edit(&self, fingerprint: &str, answers: &str) {
        let edit = ["--passphrase", "", "--command-fd", "0", "--edit-key", fingerprint];
        self.run(GPG_NOW, &edit, answers.as_bytes());
    }

    /// Imports the revocation certificate that GnuPG lays beside every new key.
    pub fn revoke(&self, fingerprint: &str) {
        let path = self.home.path().join(format!("openpgp-revocs.d/{fingerprint}.rev"));
        let certificate = std::fs::read_to_string(path).unwrap();
        self.gpg(&["--import"], certificate.replace(":-----BEGIN", "-----BEGIN").as_bytes());
    }

    pub fn certificate(&self, fingerprint: &str) -> Certificate {
        Certificate::parse(&self.gpg(&["--armor", "--export", fingerprint], b"")).unwrap()
    }

    pub fn pin(&self, fingerprint: &str) -> Result<Recipient, RecipientError> {
        Recipient::pin(self.certificate(fingerprint), &fingerprint.parse().unwrap())
    }

    pub fn recipient(&self, fingerprint: &str) -> Recipient {
        self.pin(fingerprint).unwrap()
    }

    /// What `gpg --decrypt` makes of it. The message comes as a file: gpg may read it as it likes.
    pub fn decrypt(&self, sealed: &[u8]) -> Vec<u8> {
        self.gpg(&["--decrypt", self.file("sealed", sealed).to_str().unwrap()], b"")
    }

    pub fn packets(&self, sealed: &[u8], passphrase: &str) -> String {
        let list = ["--batch", "--passphrase", passphrase, "--list-packets"];
        String::from_utf8_lossy(&self.run(GPG_NOW, &list, sealed)).into_owned()
    }

    /// What `sq decrypt` makes of it with the secret key out of this home.
    pub fn sq_decrypt(&self, fingerprint: &str, sealed: &[u8]) -> Vec<u8> {
        let secret = self.file("secret", &self.gpg(&["--export-secret-keys", fingerprint], b""));
        let mut command = Command::new("sq");
        command.args(["decrypt", "--recipient-key"]).arg(secret).arg(self.file("sealed", sealed));
        succeeded(fed(command, b""))
    }

    /// What `sq encrypt` makes of it.
    pub fn sq_encrypt(&self, fingerprint: &str, content: &[u8]) -> Vec<u8> {
        let public = self.file("public", &self.gpg(&["--export", fingerprint], b""));
        let mut command = Command::new("sq");
        command.args(["encrypt", "--binary", "--recipient-cert"]).arg(public);
        succeeded(fed(command, content))
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn path(&self) -> &Path {
        self.home.path()
    }
}

fn fed(mut command: Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program may stop reading early; what matters is whether it succeeds.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

fn succeeded(output: Output) -> Vec<u8> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let killed = Command::new("gpgconf").env("GNUPGHOME", self.path()).args(["--kill", "all"]).status();
        if !std::thread::panicking() {
            assert!(killed.unwrap().success(), "gpg-agent was not stopped");
        }
    }
}
