//! Many at once, and floods.

use super::gnupg::Gnupg;
use super::server::{Credentials, Reply, Server};
use super::statement::Statement;

#[test]
fn one_token_twenty_times_at_once_becomes_one_login() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let token = issuer.sign(&Statement::default());
    let logins: Vec<Credentials> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..20).map(|_| scope.spawn(|| server.exchange(&token))).collect();
        started.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(logins.iter().all(|login| *login == logins[0]), "{logins:?}");
    // Its own, and the demo's.
    assert_eq!(server.json(&["login", "list"]).len(), 2);
}

fn from(server: &Server, address: &str, token: &str) -> Reply {
    server.post(token, &["--interface", address])
}

#[test]
fn the_31st_failed_exchange_in_a_minute_waits_and_other_addresses_do_not() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let token = issuer.sign(&Statement::default());
    for number in 1..=30 {
        assert_eq!(from(&server, "127.0.0.2", "no token").status, 400, "{number}");
    }
    let reply = from(&server, "127.0.0.2", "no token");
    assert_eq!(reply.status, 429, "{}", reply.text());
    let wait: u64 = reply.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(reply.text().contains(&format!("try again in {wait} s")), "{}", reply.text());
    let shown = server.json(&["audit", "show", &reply.reference()]);
    assert_eq!(shown[0]["body"]["reason"], "too-many-failures");
    assert_eq!(from(&server, "127.0.0.3", &token).status, 200);
}

#[test]
fn repeats_of_a_good_token_are_free() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let token = issuer.sign(&Statement::default());
    for _ in 0..40 {
        assert_eq!(from(&server, "127.0.0.2", &token).status, 200);
    }
}

#[test]
fn a_flood_of_failures_becomes_one_summary_that_every_reference_leads_to() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let mut server = Server::believing(&issuer);
    let references: Vec<String> =
        (0..25).map(|_| from(&server, "127.0.0.2", "no token").reference()).collect();
    assert_eq!(server.events("exchange_refused").len(), 10);
    assert_eq!(server.events("failures_summarised").len(), 1);
    assert!(references[10..].iter().all(|reference| *reference == references[10]), "{references:?}");
    let shown = server.json(&["audit", "show", &references[24]]);
    assert_eq!(shown[0]["body"]["reason"], "exchange: no-token");
    // The count is written when the minute is over, or the program ends.
    assert_eq!(server.stop(), 0);
    let shown = server.json(&["audit", "show", &references[24]]);
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[1]["body"]["kind"], "failures_counted");
    assert_eq!(shown[1]["body"]["count"], 15);
}

#[test]
fn the_31st_wrong_password_in_a_minute_waits_and_the_right_one_does_not() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let login = server.exchange(&issuer.sign(&Statement::default()));
    let wrong = Credentials { password: "X".repeat(26), ..login.clone() };
    let get = |login: &Credentials| server.get("/files/restricted.txt", login, &["--interface", "127.0.0.2"]);
    for number in 1..=30 {
        assert_eq!(get(&wrong).status, 401, "{number}");
    }
    let reply = get(&wrong);
    assert_eq!(reply.status, 429, "{}", reply.text());
    assert!(reply.field("retry-after").is_some());
    assert_eq!(get(&login).status, 200);
}
