//! Servers that are not ours let in whom we told of a login: Debian's Apache, which reads the database
//! of logins, or the htdigest file.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::cluster::patience::eventually;
use super::cluster::ports::free_port;
use super::databases::Databases;
use super::drop_in::{WITHIN, installation, token};
use super::gnupg::Gnupg;
use super::guide::{Machine, blocks};
use super::installation::Installation;
use super::server::{Credentials, PATIENCE, Server, curl, wait};
use super::tools::{run, send, start};

/// Where the Debian package `apache2-bin` has what the server loads.
const MODULES: &str = "/usr/lib/apache2/modules";

/// What it protects.
const DATA: &str = "waveforms\n";

/// Apache, stopped when it is dropped.
struct Apache {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Apache {
    /// Asks by Digest, and looks passwords up as `asking` says.
    fn asking(asking: &str) -> Self {
        (0..5).find_map(|_| Self::at(free_port(), asking)).expect("no port was free for long")
    }

    fn at(port: u16, asking: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // Started by root, it reads its files as somebody else.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(folder.path().join("data"), DATA).unwrap();
        let file = folder.path().join("apache.conf");
        std::fs::write(&file, configuration(folder.path(), port, asking)).unwrap();
        let mut apache = Command::new("apache2");
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
        Some(Self { process, port, _folder: folder })
    }

    /// What it answers to somebody with this login.
    fn answers(&self, login: &Credentials) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}/data", self.port);
        let reply = curl(&url, "/dev/null", &["--digest", "--user", &login.to_string()], b"");
        (reply.status, reply.text())
    }

    #[track_caller]
    fn lets_in(&self, login: &Credentials) {
        assert_eq!(self.answers(login), (200, DATA.to_owned()));
        let wrong = Credentials { password: format!("{}x", login.password), ..login.clone() };
        assert_eq!(self.answers(&wrong).0, 401);
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

fn configuration(folder: &Path, port: u16, asking: &str) -> String {
    let folder = folder.display();
    let modules = [
        "mpm_event",
        "authn_core",
        "authn_file",
        "dbd",
        "authn_dbd",
        "authz_core",
        "authz_user",
        "auth_digest",
    ];
    // Some are compiled in.
    let loaded = modules.map(|module| {
        format!(
            "<IfModule !{module}_module>\nLoadModule {module}_module {MODULES}/mod_{module}.so\n</IfModule>\n"
        )
    });
    format!(
        "{loaded}ServerName localhost\nListen 127.0.0.1:{port}\nUser nobody\nGroup nogroup\nDocumentRoot {folder}\n\
         PidFile {folder}/pid\nDefaultRuntimeDir {folder}\nErrorLog /dev/stderr\nLogLevel crit\n{asking}\n",
        loaded = loaded.concat(),
    )
}

#[test]
fn apache_lets_in_by_the_hash_in_the_database() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let server = Server::start(installation(&databases, &issuer));
    let address = databases.cluster.address();
    let apache = Apache::asking(&format!(
        "DBDriver pgsql\nDBDParams \"host={} port={} dbname={} user=reader password={}\"\n\
         <Location /data>\nAuthType Digest\nAuthName FDSN\nAuthDigestProvider dbd\nRequire valid-user\n\
         AuthDBDUserRealmQuery \"SELECT wss_hash FROM users JOIN credentials USING (user_index) \
         WHERE login = %s AND 'FDSN' = %s AND (expires_at IS NULL OR expires_at > now())\"\n</Location>",
        address.ip(),
        address.port(),
        databases.auth,
        super::databases::READERS_PASSWORD,
    ));
    // Somebody static, whom we have nothing to do with.
    apache.lets_in(&Credentials { login: "jane.doe".into(), password: "static".into() });
    let login = server.exchange(&token(&issuer, "/epos/demo"));
    apache.lets_in(&login);
    server.command(&["login", "revoke", &login.login]).good();
    assert_eq!(apache.answers(&login).0, 401);
}

#[test]
fn apache_lets_in_by_the_htdigest_file() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let installation = Installation::believing(&issuer);
    let machine = Machine::new();
    machine.run(&blocks("A data service that reads a file", "sh").concat());
    let more = machine.here(&blocks("A data service that reads a file", "toml").concat());
    installation.append(&more);
    let check = installation.command(&["config", "check"]);
    assert!(!check.text().contains("htdigest"), "{}", check.text());
    let more: toml::Table = more.parse().unwrap();
    let file = PathBuf::from(more["exchange"]["htdigest"]["path"].as_str().unwrap());
    let server = Server::start(installation);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    let login = server.exchange(&token(&issuer, "/epos/demo"));
    let apache = Apache::asking(&format!(
        "<Location /data>\nAuthType Digest\nAuthName FDSN\nAuthDigestProvider file\nAuthUserFile {}\n\
         Require valid-user\n</Location>",
        file.display()
    ));
    apache.lets_in(&login);
    let ends = |login: &Credentials| {
        let begun = Instant::now();
        eventually("it leaves the file", WITHIN, || {
            !std::fs::read_to_string(&file).unwrap().contains(&login.login)
        });
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert_eq!(apache.answers(login).0, 401);
    };
    server.command(&["login", "revoke", &login.login]).good();
    ends(&login);

    // A command made it: the file follows within a second, and what ends of itself leaves it.
    std::fs::write(server.file("token.asc"), token(&issuer, "/epos/demo")).unwrap();
    let token = server.file("token.asc");
    let made = server.json(&["exchange", token.to_str().unwrap()]).remove(0);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    let login = Credentials { login: text("login"), password: text("password") };
    eventually("it follows", WITHIN, || std::fs::read_to_string(&file).unwrap().contains(&login.login));
    apache.lets_in(&login);
    server.command(&["issuer", "revoke", &issuer.fingerprint]).good();
    ends(&login);
}

#[test]
fn a_folder_that_the_data_service_cannot_enter_is_found_before_anybody_serves() {
    let installation = Installation::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inside").join("logins");
    installation.append(&format!("[exchange.htdigest]\npath = \"{}\"\n", file.display()));
    let finding = || {
        let check = installation.command(&["config", "check"]);
        check.text().lines().find(|line| line.contains("htdigest")).map(str::to_owned)
    };
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    assert!(finding().unwrap().contains("there is no folder"));
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    mode(folder.path(), 0o755);
    mode(file.parent().unwrap(), 0o2700);
    let shut = format!("cannot enter {}", file.parent().unwrap().display());
    assert!(finding().unwrap().ends_with(&shut), "{:?}", finding());
    mode(file.parent().unwrap(), 0o2750);
    assert_eq!(finding(), None);
    mode(folder.path(), 0o700);
    let shut = format!("cannot enter {}", folder.path().display());
    assert!(finding().unwrap().ends_with(&shut), "{:?}", finding());
}

#[test]
fn what_is_in_the_table_makes_a_file_that_apaches_own_tool_would_have_written() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let server = Server::start(installation(&databases, &issuer));
    let login = server.exchange(&token(&issuer, "/epos/demo"));
    let sql = format!(
        "SELECT login || ':FDSN:' || wss_hash FROM users JOIN credentials USING (user_index) WHERE login = '{}'",
        login.login
    );
    let line = databases.in_auth(&sql).concat().concat();
    let sum = run(&mut Command::new("md5sum"), format!("{}:FDSN:{}", login.login, login.password).as_bytes());
    let sum = sum.good().text().split_whitespace().next().unwrap().to_owned();
    assert_eq!(line, format!("{}:FDSN:{sum}", login.login));
}
