//! A folder with a token in every form, and programs that are run on it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

use access_token::{AccessToken, Passphrase, ServerCertificate, write_inner, write_zip_envelope};
use tempfile::TempDir;

pub const KEY: &str = "vN3kQ0mW7xTzR5uYb8LpAe2HcJ4sGd6FiOo1ZqXyUKw";
const NOW: jiff::Timestamp = jiff::Timestamp::constant(1_795_348_800, 0);

pub struct Bench {
    dir: TempDir,
    passphrase: Passphrase,
    pub certificate: ServerCertificate,
}

impl Bench {
    pub fn new(passphrase: &str) -> Self {
        Self::with_certificate(passphrase, "server")
    }

    /// With one of the certificates beside the golden files.
    pub fn with_certificate(passphrase: &str, name: &str) -> Self {
        let pem = std::fs::read(format!("{}/tests/golden/{name}.pem", env!("CARGO_MANIFEST_DIR"))).unwrap();
        Self {
            dir: TempDir::new().unwrap(),
            passphrase: Passphrase::parse(passphrase).unwrap(),
            certificate: ServerCertificate::parse(&pem).unwrap(),
        }
    }

    pub fn token(&self) -> AccessToken {
        AccessToken { api_key: KEY.parse().unwrap(), certificate: self.certificate.clone() }
    }

    pub fn inner(&self) -> Vec<u8> {
        write_inner(&self.token(), &self.passphrase, NOW, &mut mixed()).into_bytes()
    }

    pub fn envelope(&self, inner_name: &str) -> Vec<u8> {
        let inner = write_inner(&self.token(), &self.passphrase, NOW, &mut mixed());
        let notes = [("read-me.txt", "Open this with 7-Zip.\n")];
        write_zip_envelope(&inner, inner_name, &notes, &self.passphrase, NOW, &mut mixed()).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// 7-Zip's option to unpack here.
    pub fn to(&self) -> String {
        format!("-o{}", self.dir.path().display())
    }

    pub fn keep(&self, name: &str, file: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), file).unwrap();
        self.path(name)
    }

    /// Key and certificate as an administrator has them, to be packed by other programs.
    pub fn unpacked(&self) -> (PathBuf, PathBuf) {
        let key = self.keep("api_key.txt", format!("{KEY}\n").as_bytes());
        (key, self.keep("server.cert", self.certificate.pem().as_bytes()))
    }
}

/// Bytes that differ from call to call, as random ones do.
fn mixed() -> impl FnMut(&mut [u8]) {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    |bytes| bytes.fill_with(|| NEXT.fetch_add(37, Ordering::Relaxed))
}

/// A program whose users read UTF-8.
pub fn run(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C.UTF-8").env("PYTHONWARNINGS", "ignore");
    command
}

/// Runs a program to its end, which is a good one, and returns what it said.
pub fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}{errors}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}
