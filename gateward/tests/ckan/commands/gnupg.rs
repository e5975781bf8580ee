//! Somebody with an OpenPGP key, which GnuPG made and keeps in a throw-away home.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::tools::run;

/// Their home; its agent is stopped when it is dropped.
pub struct Somebody {
    home: TempDir,
}

impl Somebody {
    pub fn new() -> Self {
        // Short, because a socket's path has to fit into 108 bytes.
        let somebody = Self { home: tempfile::Builder::new().prefix("gw").tempdir_in("/tmp").unwrap() };
        somebody.gpg(&[
            "--quick-gen-key",
            "Somebody <somebody@example.org>",
            "future-default",
            "default",
            "never",
        ]);
        let public = somebody.gpg(&["--armor", "--export"]);
        std::fs::write(somebody.public_key(), public).unwrap();
        somebody
    }

    /// Their public key, to be given away.
    pub fn public_key(&self) -> PathBuf {
        self.home.path().join("public.asc")
    }

    /// As `GNUPGHOME` has it.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Decrypts a file.
    #[track_caller]
    pub fn decrypt(&self, file: &Path) -> Vec<u8> {
        self.gpg(&["--decrypt", file.to_str().unwrap()])
    }

    /// Runs GnuPG in their home; returns what it wrote.
    #[track_caller]
    pub fn gpg(&self, arguments: &[&str]) -> Vec<u8> {
        let mut gpg = Command::new("gpg");
        gpg.env("GNUPGHOME", self.home.path()).env("LC_ALL", "C");
        gpg.args(["--batch", "--no-tty", "--quiet", "--no-permission-warning"]);
        gpg.args(["--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always"]);
        run(gpg.args(arguments), b"").good().stdout
    }
}

impl Drop for Somebody {
    fn drop(&mut self) {
        let mut gpgconf = Command::new("gpgconf");
        drop(gpgconf.env("GNUPGHOME", self.home.path()).args(["--kill", "all"]).status());
    }
}
