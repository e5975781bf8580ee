//! `kill -9` at each commit: what stands in between is completed, or taken away, by the next sweep.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::cluster::patience::eventually;
use super::cluster::program;
use super::databases::Databases;
use super::drop_in::{WITHIN, found, installation, token};
use super::gnupg::Gnupg;
use super::installation::{Installation, gateward};
use super::server::{Credentials, Server};
use super::store_under_test::StoreUnderTest;
use super::tools::start;

/// A table that nobody can write to, as long as this lives.
struct Locked {
    psql: Child,
    // Dropped before the process is waited for: it ends with its input.
    statements: Option<ChildStdin>,
}

impl Locked {
    fn table(databases: &Databases, database: &str, table: &str) -> Self {
        let url = databases.psql_url(database);
        let mut psql = Command::new(program("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", &url]);
        let mut psql = start(psql.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut statements = psql.stdin.take().unwrap();
        writeln!(statements, "BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE; SELECT 'locked';").unwrap();
        let mut said = String::new();
        BufReader::new(psql.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "locked\n");
        Self { psql, statements: Some(statements) }
    }

    fn release(self) {}
}

impl Drop for Locked {
    fn drop(&mut self) {
        drop(self.statements.take());
        self.psql.wait().unwrap();
    }
}

/// Reads a number out of our own store.
#[track_caller]
fn count(store: &StoreUnderTest, sql: &str) -> u32 {
    store.value(sql).parse().unwrap()
}

const PENDING: &str = "SELECT count(*) FROM placement WHERE state = 'pending'";
const ACTIVE: &str = "SELECT count(*) FROM placement WHERE state = 'active'";

/// Where a process is stopped and killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    OurOwnRecord,
    Privileges,
    LoginAndHash,
}

const NEW_USERS: &str = "SELECT count(*) FROM users WHERE expires_at > now()";
const NEW_NAMES: &str = "SELECT count(*) FROM aut_user WHERE name ~ '^[A-Z0-9]{14}$'";

/// Holds `process` up right after that commit, by locks that it waits for, and then calls `kill`.
fn stop_after(
    after: After,
    databases: &Databases,
    installation: &Installation,
    enters: impl FnOnce(),
    kill: impl FnOnce(),
) {
    let store = installation.store();
    let names = databases.in_privileges(NEW_NAMES).concat();
    let is_named = || databases.in_privileges(NEW_NAMES).concat() != names;
    let users = Locked::table(databases, &databases.auth, "users");
    let privileges =
        (after == After::OurOwnRecord).then(|| Locked::table(databases, &databases.privileges, "aut_user"));
    enters();
    eventually("it is pending", WITHIN, || count(&store, PENDING) == 1);
    if after == After::OurOwnRecord {
        kill();
        drop((users, privileges));
        return;
    }
    eventually("it has privileges", WITHIN, is_named);
    if after == After::Privileges {
        kill();
        users.release();
        return;
    }
    let held = store.hold();
    users.release();
    eventually("it is a user", WITHIN, || databases.in_auth(NEW_USERS).concat() == ["1"]);
    kill();
    held.release();
}

#[test]
fn a_kill_in_the_middle_of_an_exchange_is_completed_by_one_sweep() {
    for after in [After::OurOwnRecord, After::Privileges, After::LoginAndHash] {
        let (databases, gnupg) = (Databases::new(), Gnupg::new());
        let issuer = gnupg.issuer();
        let mut server = Server::start(installation(&databases, &issuer));
        let token = token(&issuer, "/epos/alparray");
        std::fs::write(server.file("token.asc"), &token).unwrap();
        // A client that is gone when its answer would come.
        let mut client = None;
        let (url, ca, file) = (server.url("/auth"), server.file("ca.pem"), server.file("token.asc"));
        let enters = || {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--cacert"])
                .arg(ca)
                .arg("--data-binary")
                .arg(format!("@{}", file.display()));
            client = Some(start(curl.arg(url).stdout(Stdio::piped())));
        };
        let config = server.config();
        let folder =
            Installation::at(tempfile::tempdir().unwrap(), config.parent().unwrap().to_str().unwrap());
        stop_after(after, &databases, &folder, enters, || server.kill());
        let said = client.unwrap().wait_with_output().unwrap();
        assert!(said.stdout.is_empty(), "{after:?}: {}", String::from_utf8_lossy(&said.stdout));

        let swept = folder.command(&["cleanup"]).good();
        assert!(swept.text().contains("completed 1, taken away 0"), "{after:?}: {}", swept.text());
        assert_eq!(count(&folder.store(), ACTIVE), 1, "{after:?}");
        let orphans = folder.json(&["cleanup", "--orphans", "--dry-run"]);
        assert!(orphans.is_empty(), "{after:?}: {orphans:?}");
        // The holder asks once more, and what was completed is theirs.
        let server = server.again();
        let Credentials { login, password } = server.exchange(&token);
        let hash = databases.in_auth(&format!("SELECT md5('{login}:FDSN:{password}')")).concat();
        assert_eq!(found(&databases, &login), (hash, ["3C", "Z3"].map(str::to_owned).to_vec()), "{after:?}");
        assert_eq!(databases.in_auth(NEW_USERS).concat(), ["1"], "{after:?}");
    }
}

#[test]
fn a_kill_in_the_middle_of_an_exchange_is_completed_by_the_next_start() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let installation = installation(&databases, &issuer);
    std::fs::write(installation.file("token.asc"), token(&issuer, "/epos/demo")).unwrap();
    let mut command = gateward();
    command.arg("exchange").arg(installation.file("token.asc")).arg("--config").arg(installation.config());
    let exchange = RefCell::new(None);
    let enters = || drop(exchange.replace(Some(start(command.stdout(Stdio::null()).stderr(Stdio::null())))));
    let kill = || {
        let mut exchange: Child = exchange.take().unwrap();
        exchange.kill().unwrap();
        exchange.wait().unwrap();
    };
    stop_after(After::Privileges, &databases, &installation, enters, kill);
    assert_eq!(databases.in_auth(NEW_USERS).concat(), ["0"]);
    let server = Server::start(installation);
    eventually("it is completed", WITHIN, || databases.in_auth(NEW_USERS).concat() == ["1"]);
    let store = server.store();
    eventually("it is noted", WITHIN, || count(&store, PENDING) == 0 && count(&store, ACTIVE) == 1);
}

#[test]
fn a_kill_in_the_middle_of_a_revocation_is_completed_by_one_sweep() {
    for after in [After::OurOwnRecord, After::LoginAndHash, After::Privileges] {
        let (databases, gnupg) = (Databases::new(), Gnupg::new());
        let issuer = gnupg.issuer();
        let before = (databases.users(), databases.privileges());
        let mut server = Server::start(installation(&databases, &issuer));
        let login = server.exchange(&token(&issuer, "/epos/alparray")).login;
        // A server would take it up at once.
        assert_eq!(server.stop(), 0);
        let store = server.store();
        let users =
            (after == After::OurOwnRecord).then(|| Locked::table(&databases, &databases.auth, "users"));
        let privileges = Locked::table(&databases, &databases.privileges, "aut_user");
        let mut revoke = gateward();
        revoke.args(["login", "revoke", &login, "--config"]).arg(server.config());
        let mut revoke = start(revoke.stdout(Stdio::null()).stderr(Stdio::null()));
        eventually("it ends here", WITHIN, || {
            count(&store, "SELECT count(*) FROM temporary_login WHERE groups LIKE '%alparray%'") == 0
        });
        if after != After::OurOwnRecord {
            eventually("it is no user", WITHIN, || databases.in_auth(NEW_USERS).concat() == ["0"]);
        }
        if after == After::Privileges {
            let held = store.hold();
            privileges.release();
            eventually("it has no privileges", WITHIN, || {
                databases.in_privileges(NEW_NAMES).concat() == ["2"]
            });
            revoke.kill().unwrap();
            held.release();
        } else {
            revoke.kill().unwrap();
            privileges.release();
        }
        revoke.wait().unwrap();
        drop(users);
        let swept = server.command(&["cleanup"]).good();
        assert!(swept.text().contains("taken away 1"), "{after:?}: {}", swept.text());
        assert_eq!((databases.users(), databases.privileges()), before, "{after:?}");
        assert_eq!(count(&store, "SELECT count(*) FROM placement WHERE state = 'leaving'"), 1, "{after:?}");
        let server = server.again();
        assert_eq!(server.command(&["login", "show", &login]).status, 1);
    }
}
