//! Debian's Apache, on a free port, stopped when it is dropped.

use std::fs::Permissions;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::cluster::ports::free_port;
use super::server::{PATIENCE, wait};
use super::tools::{send, start};

/// Where the Debian package `apache2-bin` has what the server loads.
const MODULES: &str = "/usr/lib/apache2/modules";

/// What each has.
const LOADED: [&str; 6] =
    ["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_digest"];

/// The server.
pub struct Apache {
    process: Child,
    /// Its configuration, and what else it has.
    folder: TempDir,
    port: u16,
}

impl Apache {
    /// Starts it with `modules` more, and returns once it listens. `prepare` is given its folder, puts there
    /// what it needs, and returns the rest of its configuration.
    pub fn start(modules: &[&str], prepare: impl Fn(&Path) -> String) -> Self {
        // Somebody else may take the port in between.
        (0..5)
            .find_map(|_| Self::start_at(free_port(), modules, &prepare))
            .expect("no port was free for long")
    }

    fn start_at(port: u16, modules: &[&str], prepare: impl Fn(&Path) -> String) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // Started by root, it reads its files as somebody else.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let rest = prepare(folder.path());
        let file = folder.path().join("apache.conf");
        std::fs::write(&file, configuration(folder.path(), port, modules) + &rest).unwrap();
        let mut apache = Command::new("apache2");
        // One process, which stays in the foreground.
        apache.arg("-X").arg("-d").arg(folder.path()).arg("-f").arg(&file);
        let mut process = start(apache.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()));
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if process.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(begun.elapsed() < PATIENCE, "Apache does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Self { process, folder, port })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            send(Signal::SIGTERM, &self.process);
            wait(&mut self.process);
        }
    }
}

fn configuration(folder: &Path, port: u16, modules: &[&str]) -> String {
    let folder = folder.display();
    // Some are compiled in.
    let load = |module: &&str| {
        format!(
            "<IfModule !{module}_module>\nLoadModule {module}_module {MODULES}/mod_{module}.so\n</IfModule>\n"
        )
    };
    let loaded: String = LOADED.iter().chain(modules).map(load).collect();
    format!(
        "{loaded}ServerName localhost\nListen 127.0.0.1:{port}\nUser nobody\nGroup nogroup\n\
         PidFile {folder}/pid\nDefaultRuntimeDir {folder}\nErrorLog /dev/stderr\nLogLevel crit\n"
    )
}
