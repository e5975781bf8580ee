//! Keys of people, in the real GnuPG: each test has a throw-away home.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A home of GnuPG; its agent is stopped when it is dropped.
pub struct Gnupg(TempDir);

/// A key in a home, and its public part.
#[derive(Debug, Clone)]
pub struct Key {
    pub fingerprint: String,
    /// What opens: a subkey's, or its own.
    pub opens: String,
    pub public: String,
}

impl Gnupg {
    pub fn new() -> Self {
        // Short, because a socket's path has to fit into 108 bytes.
        Self(tempfile::Builder::new().prefix("gw").tempdir_in("/tmp").unwrap())
    }

    /// As `GNUPGHOME` has it.
    pub fn home(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn attempt(&self, program: &str, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(program)
            .env("GNUPGHOME", self.0.path())
            .env("LC_ALL", "C")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}: run ./test --install"));
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs gpg; a failure stops the test with gpg's own words.
    #[track_caller]
    pub fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let usual = ["--batch", "--no-tty", "--yes", "--quiet", "--pinentry-mode", "loopback"];
        let ran = self.attempt("gpg", &[&usual[..], &["--trust-model", "always"], arguments].concat(), input);
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        ran.stdout
    }

    fn text(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.gpg(arguments, b"")).unwrap()
    }

    /// Makes a key that signs, at `time` if one is named, locked with `passphrase` unless that is empty.
    fn make(&self, name: &str, kind: [&str; 3], passphrase: &str, time: Option<&str>) -> Key {
        let user = format!("{name} <{name}@example.org>");
        let time = time.map_or(vec![], |time| vec!["--faked-system-time", time]);
        self.gpg(
            &[&time[..], &["--passphrase", passphrase, "--quick-gen-key", &user], &kind[..]].concat(),
            b"",
        );
        let listing = self.text(&["--with-colons", "--list-keys", &format!("={user}")]);
        let fingerprint = listing.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap();
        self.read(fingerprint.trim_matches(':'))
    }

    fn add_subkey(&self, key: &Key, passphrase: &str, end: &str, time: Option<&str>) {
        let time = time.map_or(vec![], |time| vec!["--faked-system-time", time]);
        let add = ["--passphrase", passphrase, "--quick-add-key", &key.fingerprint, "cv25519", "encr", end];
        self.gpg(&[&time[..], &add].concat(), b"");
    }

    /// The key as it is now.
    pub fn read(&self, fingerprint: &str) -> Key {
        let listing = self.text(&["--with-colons", "--with-subkey-fingerprint", "--list-keys", fingerprint]);
        let opens = listing.lines().filter_map(|line| line.strip_prefix("fpr:")).next_back().unwrap();
        let public = self.text(&["--armor", "--export", fingerprint]);
        Key { fingerprint: fingerprint.to_owned(), opens: opens.trim_matches(':').to_owned(), public }
    }

    /// Ed25519, with a subkey of Curve25519: what GnuPG makes by itself since 2.3.
    pub fn key(&self, name: &str) -> Key {
        self.key_until(name, "never", None)
    }

    /// The same, made at `time` and good until then.
    pub fn key_until(&self, name: &str, end: &str, time: Option<&str>) -> Key {
        let key = self.make(name, ["ed25519", "sign,cert", end], "", time);
        self.add_subkey(&key, "", end, time);
        self.read(&key.fingerprint)
    }

    /// The same, locked.
    pub fn locked_key(&self, name: &str, passphrase: &str) -> Key {
        let key = self.make(name, ["ed25519", "sign,cert", "never"], passphrase, None);
        self.add_subkey(&key, passphrase, "never", None);
        self.read(&key.fingerprint)
    }

    /// A primary key alone: `usage` as in `sign,cert,encr`.
    pub fn primary(&self, name: &str, algorithm: &str, usage: &str) -> Key {
        self.make(name, [algorithm, usage, "never"], "", None)
    }

    /// Writes the secret key into a file of this home.
    pub fn secret(&self, key: &Key, passphrase: &str) -> PathBuf {
        let path = self.0.path().join(format!("{}-secret.asc", key.fingerprint));
        let export = ["--passphrase", passphrase, "--armor", "--export-secret-keys", &key.fingerprint];
        std::fs::write(&path, self.gpg(&export, b"")).unwrap();
        path
    }

    /// Imports the revocation certificate that GnuPG lays beside every new key.
    pub fn revoke(&self, key: &Key) -> Key {
        let path = self.0.path().join(format!("openpgp-revocs.d/{}.rev", key.fingerprint));
        let certificate = std::fs::read_to_string(path).unwrap();
        self.gpg(&["--import"], certificate.replace(":-----BEGIN", "-----BEGIN").as_bytes());
        self.read(&key.fingerprint)
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let killed = self.attempt("gpgconf", &["--kill", "all"], b"");
        if !std::thread::panicking() {
            assert!(killed.status.success(), "gpg-agent was not stopped");
        }
    }
}
