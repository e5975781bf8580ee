//! Everything ends.

use std::time::Duration;

use jiff::Timestamp;

use super::gnupg::Gnupg;
use super::server::Server;
use super::statement::{Statement, from_now};

fn end_of(server: &Server, login: &str) -> Timestamp {
    let shown = server.json(&["login", "show", login]).remove(0);
    shown["expires_at"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_login_made_a_minute_before_its_token_ends_ends_with_it() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let statement = Statement { valid_until: from_now(60), ..Statement::default() };
    let login = server.exchange(&issuer.sign(&statement));
    assert_eq!(server.get("/files/restricted.txt", &login, &[]).status, 200);
    assert_eq!(format!("{:.6}", end_of(&server, &login.login)), format!("{:.6}", statement.valid_until));
}

#[test]
fn a_login_lives_a_day_at_a_time_however_long_its_token() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let statement = Statement { valid_until: from_now(30 * 86_400), ..Statement::default() };
    let before = from_now(86_400);
    let login = server.exchange(&issuer.sign(&statement));
    let end = end_of(&server, &login.login);
    assert!(before <= end && end <= from_now(86_400), "{end}");
}

#[test]
fn a_login_opens_nothing_once_its_token_has_ended() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let statement = Statement { valid_until: from_now(4), ..Statement::default() };
    let token = issuer.sign(&statement);
    let login = server.exchange(&token);
    assert_eq!(server.get("/files/restricted.txt", &login, &[]).status, 200);
    std::thread::sleep(Duration::from_secs(5));
    let reply = server.get("/files/restricted.txt", &login, &[]);
    assert_eq!(reply.status, 401);
    assert!(reply.text().contains("has ended"), "{}", reply.text());
    assert_eq!(server.post(&token, &[]).status, 400);
}

#[test]
fn the_credentials_outlive_a_restart() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let mut server = Server::believing(&issuer);
    let token = issuer.sign(&Statement::default());
    let login = server.exchange(&token);
    assert_eq!(server.stop(), 0);
    let server = server.again();
    assert_eq!(server.get("/files/restricted.txt", &login, &[]).status, 200);
    assert_eq!(server.exchange(&token), login);
}

#[test]
fn the_logins_of_an_issuer_whose_owner_revoked_its_key_open_nothing() {
    let gnupg = Gnupg::new();
    let mut issuer = gnupg.issuer_with("stolen", "ed25519", "sign,cert");
    let mut server = Server::believing(&issuer);
    let login = server.exchange(&issuer.sign(&Statement::default()));
    assert_eq!(server.get("/files/restricted.txt", &login, &[]).status, 200);
    assert_eq!(server.stop(), 0);
    issuer.revoke();
    std::fs::write(server.file(&format!("{}.asc", issuer.fingerprint)), &issuer.public).unwrap();
    let server = server.again();
    let reply = server.get("/files/restricted.txt", &login, &[]);
    assert_eq!(reply.status, 401, "{}", reply.text());
    assert!(reply.text().contains("not believed here any more"), "{}", reply.text());
}
