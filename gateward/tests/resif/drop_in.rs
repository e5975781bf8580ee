//! A data service that asks RESIF's databases who comes, and the door that writes into them.

use std::time::{Duration, Instant};

use super::cluster::patience::eventually;
use super::databases::Databases;
use super::gnupg::{Gnupg, Issuer};
use super::installation::Installation;
use super::server::{Credentials, Server};
use super::statement::{GROUP, Statement, from_now};
use super::tcp_proxy::{Fate, TcpProxy};

/// How long what the server does by itself may take on a busy machine.
pub const WITHIN: Duration = Duration::from_secs(60);

/// An installation that writes into `databases`.
pub fn installation(databases: &Databases, issuer: &Issuer<'_>) -> Installation {
    let installation = Installation::believing(issuer);
    installation.append(&databases.configuration());
    installation
}

pub fn token(issuer: &Issuer<'_>, groups: &str) -> String {
    issuer.sign(&Statement { groups: groups.into(), ..Statement::default() })
}

/// What a reader of the databases finds about `login`: its hash, and its networks.
#[track_caller]
pub fn found(databases: &Databases, login: &str) -> (Vec<String>, Vec<String>) {
    let hashes = format!(
        "SELECT wss_hash FROM users JOIN credentials USING (user_index) WHERE login = '{login}' AND expires_at > now()"
    );
    let networks = format!("SELECT network FROM aut_user WHERE name = '{login}' ORDER BY 1");
    (databases.in_auth(&hashes).concat(), databases.in_privileges(&networks).concat())
}

/// The hash that a consumer compares with, by PostgreSQL's own md5.
#[track_caller]
fn hash(databases: &Databases, Credentials { login, password }: &Credentials) -> Vec<String> {
    databases.in_auth(&format!("SELECT md5('{login}:FDSN:{password}')")).concat()
}

#[test]
fn whoever_was_answered_is_found_there_with_their_hash_and_networks() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let server = Server::start(installation(&databases, &issuer));
    let token = token(&issuer, "/epos/alparray;/epos/demo;/epos;/");
    let checked = server.curl("/auth?check", &["--data-binary", "@-"], token.as_bytes()).text();
    assert!(checked.contains("groups known here  /epos/alparray /epos/demo\n"), "{checked}");
    assert!(checked.contains("networks           3C:2019-2021 FR:1962-2500 Z3:2015-2020\n"), "{checked}");
    assert!(checked.contains("networks not here  XX:1999-2001\n"), "{checked}");
    assert_eq!(databases.in_auth("SELECT count(*) FROM users WHERE expires_at > now()").concat(), ["0"]);

    let answer = server.post(&token, &[]);
    assert_eq!(answer.field("x-gateward-unknown-networks"), Some("XX:1999-2001"));
    let login = Credentials::of(&answer);
    let stands = || {
        assert_eq!(
            found(&databases, &login.login),
            (hash(&databases, &login), ["3C", "FR", "Z3"].map(str::to_owned).to_vec())
        );
    };
    stands();
    // The same token gives the same login, once.
    assert_eq!(server.exchange(&token), login);
    stands();
    let event = server.events("exchanged").pop().unwrap();
    assert_eq!(event["networks"], serde_json::json!(["3C:2019-2021", "FR:1962-2500", "Z3:2015-2020"]));
    assert_eq!(event["networks_unknown"], serde_json::json!(["XX:1999-2001"]));
    assert!(server.log().contains("XX:1999-2001"), "{}", server.log());
}

#[test]
fn asking_again_moves_the_end_there_before_the_answer() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let server = Server::start(installation(&databases, &issuer));
    let token = token(&issuer, "/epos/demo;/epos;/");
    let login = server.exchange(&token);
    let ends = format!(
        "SELECT extract(epoch FROM expires_at::timestamptz) FROM users WHERE login = '{}'",
        login.login
    );
    let ends = || databases.in_auth(&ends).concat().concat().parse::<f64>().unwrap();
    let first = ends();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(server.exchange(&token), login);
    assert!(ends() > first);
}

#[test]
fn a_login_never_outlives_its_token_there() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let server = Server::start(installation(&databases, &issuer));
    let valid_until = from_now(3);
    let login = server.exchange(&issuer.sign(&Statement { valid_until, ..Statement::default() }));
    assert_eq!(found(&databases, &login.login).0.len(), 1);
    eventually("it ends there", WITHIN, || found(&databases, &login.login).0.is_empty());
    let ran = server.command(&["cleanup"]).good();
    assert!(
        ran.text().contains("expired logins deleted: 1; in RESIF's databases: completed 0, taken away 1"),
        "{}",
        ran.text()
    );
    assert_eq!(databases.in_auth(&format!("SELECT FROM users WHERE login = '{}'", login.login)).len(), 0);
}

#[test]
fn a_revoked_login_is_gone_there_when_the_command_returns() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let server = Server::start(installation(&databases, &issuer));
    let before = (databases.users(), databases.privileges());
    let (users, privileges) = &before;
    let login = server.exchange(&token(&issuer, GROUP)).login;
    assert_ne!((&databases.users(), &databases.privileges()), (users, privileges));
    let ran = server.command(&["login", "revoke", &login]).good();
    assert_eq!(ran.stderr, "");
    assert_eq!((&databases.users(), &databases.privileges()), (users, privileges));
}

#[test]
fn the_logins_of_an_issuer_that_was_taken_out_are_gone_within_a_second() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let server = Server::start(installation(&databases, &issuer));
    let before = (databases.users(), databases.privileges());
    server.exchange(&token(&issuer, GROUP));
    server.command(&["issuer", "revoke", &issuer.fingerprint]).good();
    let begun = Instant::now();
    eventually("they go", WITHIN, || (databases.users(), databases.privileges()) == before);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn while_a_database_does_not_answer_nobody_is_told_of_a_login() {
    for hidden in ["auth", "privileges"] {
        let (databases, gnupg) = (Databases::new(), Gnupg::new());
        let issuer = gnupg.issuer();
        let proxy = TcpProxy::before(databases.cluster.address());
        let real = databases.cluster.address();
        let installation = Installation::believing(&issuer);
        let (auth, privileges) =
            if hidden == "auth" { (proxy.address(), real) } else { (real, proxy.address()) };
        installation.append(&databases.configuration_through(auth, privileges));
        let server = Server::start(installation);
        let token = token(&issuer, "/epos/demo");
        // Lost in the middle: our own record is there, the database gets no further.
        proxy.cut_at_commit(1, Fate::Undone);
        let login = server.exchange(&token);
        assert_eq!(found(&databases, &login.login).1, ["FR"], "{hidden}");

        proxy.drop_packets();
        let refused = server.post(&token, &[]);
        assert_eq!(
            (refused.status, refused.field("retry-after").is_some()),
            (503, true),
            "{}",
            refused.text()
        );
        assert!(!refused.text().contains(&login.password));
        assert_eq!(server.operators("/readyz", &[]).status, 200, "open data go on");
        proxy.pass();
        assert_eq!(server.exchange(&token), login);
    }
}

#[test]
fn a_commit_of_unknown_end_neither_loses_nor_doubles() {
    for fate in [Fate::Undone, Fate::Done] {
        let (databases, gnupg) = (Databases::new(), Gnupg::new());
        let issuer = gnupg.issuer();
        let proxy = TcpProxy::before(databases.cluster.address());
        let installation = Installation::believing(&issuer);
        installation.append(&databases.configuration_through(proxy.address(), proxy.address()));
        let server = Server::start(installation);
        for _ in 0..4 {
            let token = issuer.sign(&Statement { groups: "/epos/alparray".into(), ..Statement::default() });
            proxy.cut_at_commit(1, fate);
            let login = server.exchange(&token);
            assert_eq!(
                found(&databases, &login.login),
                (hash(&databases, &login), vec!["3C".into(), "Z3".into()])
            );
        }
    }
}

#[test]
fn a_server_starts_without_them_and_refuses_to_start_where_they_are_wrong() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let issuer = gnupg.issuer();
    let proxy = TcpProxy::before(databases.cluster.address());
    proxy.drop_packets();
    let installation = Installation::believing(&issuer);
    installation.append(&databases.configuration_through(proxy.address(), proxy.address()));
    let server = Server::start(installation);
    let token = token(&issuer, "/epos/demo");
    assert_eq!(server.post(&token, &[]).status, 503);
    proxy.pass();
    eventually("it finds them", WITHIN, || server.post(&token, &[]).status == 200);

    databases.in_auth("REVOKE SELECT ON epos_fdsn FROM eidawsauth");
    let checked = server.command(&["config", "check"]);
    assert_eq!(checked.status, 1, "{}", checked.stderr);
    assert!(
        checked.text().contains("GRANT SELECT ON \"epos_fdsn\" TO \"eidawsauth\";"),
        "{}",
        checked.text()
    );
    let other = self::installation(&databases, &issuer);
    let refused = other.command(&["serve"]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("GRANT SELECT ON \"epos_fdsn\""), "{}", refused.stderr);
}
