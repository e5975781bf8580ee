//! Servers that are not ours let in whom we told of a login: Debian's Apache, which reads the database
//! of logins, or the htdigest file.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::apache::Apache;
use super::cluster::patience::eventually;
use super::databases::Databases;
use super::drop_in::{WITHIN, installation, token};
use super::gnupg::Gnupg;
use super::guide::{Machine, blocks};
use super::installation::Installation;
use super::server::{Credentials, Server, curl};
use super::tools::run;

/// What it protects.
const DATA: &str = "waveforms\n";

/// A data service that asks by Digest.
struct Consumer(Apache);

impl Consumer {
    /// It looks passwords up as `asking` says.
    fn asking(asking: &str) -> Self {
        Self(Apache::start(&["dbd", "authn_dbd"], |folder| {
            std::fs::write(folder.join("data"), DATA).unwrap();
            format!("DocumentRoot {}\n{asking}\n", folder.display())
        }))
    }

    /// What it answers to somebody with this login.
    fn answers(&self, login: &Credentials) -> (u16, String) {
        let url = format!("{}/data", self.0.url());
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

#[test]
fn apache_lets_in_by_the_hash_in_the_database() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let server = Server::start(installation(&databases, &issuer));
    let address = databases.cluster.address();
    let apache = Consumer::asking(&format!(
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
    let more = machine.reader.here(&blocks("A data service that reads a file", "toml").concat());
    installation.append(&more);
    let check = installation.command(&["config", "check"]);
    assert!(!check.text().contains("htdigest"), "{}", check.text());
    let more: toml::Table = more.parse().unwrap();
    let file = PathBuf::from(more["exchange"]["htdigest"]["path"].as_str().unwrap());
    let server = Server::start(installation);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    let login = server.exchange(&token(&issuer, "/epos/demo"));
    let apache = Consumer::asking(&format!(
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
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
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
