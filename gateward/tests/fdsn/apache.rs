//! Debian's Apache before the data server: it asks itself who comes, as data centres have it.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::cluster::ports::free_port;
use super::door::DATASELECT;
use super::server::{PATIENCE, wait};
use super::tools::{run, send, start};
use super::upstream::Upstream;

/// Where the Debian package `apache2-bin` has what the server loads.
const MODULES: &str = "/usr/lib/apache2/modules";

/// How it asks at `queryauth`.
#[derive(Debug, Clone, Copy)]
pub enum Asks {
    Digest,
    Basic,
}

/// The server, stopped when it is dropped. Everybody may `query`; whom it knows, `queryauth`.
pub struct Apache {
    process: Child,
    /// Its configuration, its users and its log.
    folder: TempDir,
    port: u16,
    asks: Asks,
}

impl Apache {
    /// Starts it before `data`, and returns once it listens. It knows nobody yet.
    pub fn before(data: &Upstream, asks: Asks) -> Self {
        // Somebody else may take the port in between.
        (0..5)
            .find_map(|_| Self::start_at(free_port(), &data.url(), asks))
            .expect("no port was free for long")
    }

    fn start_at(port: u16, data: &str, asks: Asks) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // Started by root, it reads its users as somebody else.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(folder.path().join("users"), "").unwrap();
        let file = folder.path().join("apache.conf");
        std::fs::write(&file, configuration(folder.path(), port, data, asks)).unwrap();
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
        Some(Self { process, folder, port, asks })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Lets `login` in with `password`, from the next request on; whoever had that name is forgotten.
    pub fn admit(&self, login: &str, password: &str) {
        let users = self.folder.path().join("users");
        let line = match self.asks {
            Asks::Digest => format!("{login}:FDSN:{}", md5(&format!("{login}:FDSN:{password}"))),
            Asks::Basic => {
                let hash =
                    run(Command::new("openssl").args(["passwd", "-apr1", "-stdin"]), password.as_bytes());
                format!("{login}:{}", hash.good().text().trim_end())
            }
        };
        let others = std::fs::read_to_string(&users).unwrap();
        let others = others.lines().filter(|other| !other.starts_with(&format!("{login}:")));
        let all: Vec<_> = others.chain([line.as_str(), ""]).collect();
        // In one step: it may be reading.
        let new = self.folder.path().join("users.new");
        std::fs::write(&new, all.join("\n")).unwrap();
        std::fs::rename(new, users).unwrap();
    }

    /// A file with `login:password` that only its owner reads.
    pub fn credential(&self, login: &str, password: &str) -> PathBuf {
        let file = self.folder.path().join("credential");
        std::fs::write(&file, format!("{login}:{password}\n")).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        file
    }

    /// What it noted about the first `count` requests, as `status user method target`; `-` is nobody.
    ///
    /// It notes a request after it has answered.
    #[track_caller]
    pub fn noted(&self, count: usize) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
            let noted: Vec<_> = log.lines().map(str::to_owned).collect();
            if noted.len() >= count {
                return noted;
            }
            assert!(begun.elapsed() < PATIENCE, "{count} requests were to come: {noted:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
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

fn configuration(folder: &Path, port: u16, data: &str, asks: Asks) -> String {
    let folder = folder.display();
    let modules = [
        "mpm_event",
        "log_config",
        "authn_core",
        "authn_file",
        "authz_core",
        "authz_user",
        "auth_digest",
        "auth_basic",
        "proxy",
        "proxy_http",
    ];
    // Some are compiled in.
    let loaded = modules.map(|module| {
        format!(
            "<IfModule !{module}_module>\nLoadModule {module}_module {MODULES}/mod_{module}.so\n</IfModule>\n"
        )
    });
    // Short enough for a test to see a challenge grow old.
    let asking = match asks {
        Asks::Digest => "AuthType Digest\nAuthDigestProvider file\nAuthDigestNonceLifetime 2",
        Asks::Basic => "AuthType Basic\nAuthBasicProvider file",
    };
    format!(
        "{loaded}ServerName localhost\nListen 127.0.0.1:{port}\nUser nobody\nGroup nogroup\n\
         PidFile {folder}/pid\nDefaultRuntimeDir {folder}\nErrorLog /dev/stderr\nLogLevel crit\n\
         LogFormat \"%>s %u %m %U%q\" noted\nCustomLog {folder}/log noted\n\
         ProxyPass {DATASELECT}/queryauth {data}{DATASELECT}/query\nProxyPass {DATASELECT} {data}{DATASELECT}\n\
         <Location {DATASELECT}/queryauth>\n{asking}\nAuthName FDSN\nAuthUserFile {folder}/users\n\
         Require valid-user\n</Location>\n",
        loaded = loaded.concat(),
    )
}

fn md5(text: &str) -> String {
    let sum = run(&mut Command::new("md5sum"), text.as_bytes()).good();
    sum.text().split_whitespace().next().unwrap().to_owned()
}
