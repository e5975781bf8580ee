//! Those who can open backups: a GnuPG home with their private keys, and Debian's `sq` beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::cluster::folder::Folder;
use crate::cluster::run;

/// The private keys, as GnuPG keeps them; they are made once for each test program, and go with it.
#[derive(Debug)]
pub struct Keys {
    folder: Folder,
    /// Of Curve25519, as GnuPG makes them today.
    pub curve: Key,
    /// RSA of 4096 bits, as institutions have them.
    pub rsa: Key,
    /// Ends after a day.
    pub short: Key,
    /// Ends after a hundred days.
    pub hundred: Key,
}

/// A key of which GnuPG has both halves.
#[derive(Debug)]
pub struct Key {
    /// The full fingerprint, in upper-case hex.
    pub fingerprint: String,
    /// The public half, armored.
    pub public: PathBuf,
}

impl Key {
    /// The last 16 digits, by which operators know a key.
    pub fn long_id(&self) -> &str {
        &self.fingerprint[self.fingerprint.len() - 16..]
    }
}

impl Keys {
    /// The keys of this test program.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Keys> = OnceLock::new();
        SHARED.get_or_init(Self::make)
    }

    fn make() -> Self {
        // Its agent goes when its socket does, and that goes with the folder.
        let folder = Folder::make("keys");
        std::os::unix::fs::chown(folder.path(), Some(nix::unistd::Uid::effective().as_raw()), None).unwrap();
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        // Subkeys for encryption are added: one command makes only one kind of key.
        let curve = generate(folder.path(), "curve", &["ed25519", "cert", "never"], &["cv25519", "encr"]);
        let rsa = generate(folder.path(), "rsa", &["rsa4096", "cert", "never"], &["rsa4096", "encr"]);
        let short = generate(folder.path(), "short", &["ed25519", "cert", "1d"], &["cv25519", "encr"]);
        let hundred = generate(folder.path(), "hundred", &["ed25519", "cert", "100d"], &["cv25519", "encr"]);
        Self { folder, curve, rsa, short, hundred }
    }

    /// The folder with them, `GNUPGHOME` for whoever decrypts.
    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    /// GnuPG with these keys.
    pub fn gpg(&self) -> Command {
        gpg(self.home())
    }

    /// Decrypts a file with GnuPG.
    #[track_caller]
    pub fn decrypt(&self, file: &Path) -> Vec<u8> {
        let opened = self.gpg().arg("--decrypt").arg(file).stdin(Stdio::null()).output().unwrap();
        assert!(opened.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&opened.stderr));
        opened.stdout
    }

    /// Decrypts a file with Sequoia's `sq`, which has GnuPG's secret key as a file.
    #[track_caller]
    pub fn decrypt_with_sq(&self, key: &Key, file: &Path) -> Vec<u8> {
        let secret = self.gpg().args(["--armor", "--export-secret-keys", &key.fingerprint]).output().unwrap();
        assert!(secret.status.success(), "{}", String::from_utf8_lossy(&secret.stderr));
        let path = self.home().join(format!("{}.secret.asc", key.fingerprint));
        std::fs::write(&path, secret.stdout).unwrap();
        let mut sq = Command::new("sq");
        sq.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.home());
        sq.args(["decrypt", "--recipient-key"]).arg(&path).arg(file);
        let opened = sq.stdin(Stdio::null()).output().expect("Debian's package sq");
        assert!(opened.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&opened.stderr));
        opened.stdout
    }
}

/// GnuPG, with nothing of our environment.
fn gpg(home: &Path) -> Command {
    let mut gpg = Command::new("gpg");
    gpg.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").env("GNUPGHOME", home);
    gpg.args(["--batch", "--no-tty", "--quiet", "--no-permission-warning", "--trust-model", "always"]);
    gpg.args(["--pinentry-mode", "loopback", "--passphrase", ""]);
    gpg
}

fn generate(home: &Path, name: &str, primary: &[&str], subkey: &[&str]) -> Key {
    let user = format!("{name} <{name}@example.org>");
    run(gpg(home).args(["--quick-generate-key", &user]).args(primary));
    let listed = run(gpg(home).args(["--with-colons", "--list-keys", &user]));
    let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).unwrap();
    let fingerprint = fingerprint.trim_end_matches(':').to_owned();
    run(gpg(home).args(["--quick-add-key", &fingerprint]).args(subkey));
    let public = home.join(format!("{name}.asc"));
    run(gpg(home).args(["--armor", "--output"]).arg(&public).args(["--export", &fingerprint]));
    Key { fingerprint, public }
}
