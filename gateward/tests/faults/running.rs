//! Starting, signals, and other programs beside a running server.

use std::net::TcpStream;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::client::Client;
use crate::cluster::patience::eventually;
use crate::log::Log as _;
use crate::program::{DEMO_GROUP, SMALL};
use crate::support::Installation;

#[test]
fn commands_work_beside_a_running_server() {
    let installation = Installation::make();
    let _server = installation.serve();
    let login = installation.login();
    let logins = installation.run_json(&["login", "list"]);
    assert!(logins.iter().any(|listed| listed["login"] == login.0.as_str()));
    installation.run_json(&["grant", "create", "--group", "/epos/guests", "--service", "files"]);
    assert!(!installation.run_json(&["audit", "search", "--who", &login.0]).is_empty());
    assert_eq!(installation.client().get(SMALL, &login).unwrap().status, 200);
    installation.log().check();
}

#[test]
fn sighup_shows_a_new_certificate_to_new_connections_and_keeps_the_old_ones() {
    let (installation, other) = (Installation::make(), Installation::make());
    let server = installation.serve();
    let mut old = installation.client().connect().unwrap();
    let (login, shown) = (installation.login(), old.certificate());
    assert_eq!(old.get(SMALL, &login).unwrap().status, 200);

    installation.take_certificates_of(&other);
    let trusting = Client::new(installation.public_address(), &other.path("ca.pem"));
    assert!(trusting.connect().is_err());
    server.signal(Signal::SIGHUP);
    let new = eventually("the new certificate is shown", Duration::from_secs(5), || trusting.connect().ok());
    assert_ne!(new.certificate(), shown);
    assert_eq!(old.get(SMALL, &login).unwrap().status, 200, "a running connection goes on");

    // What cannot be used is not taken: the one before stays.
    std::fs::write(installation.path("server.pem"), "no certificate").unwrap();
    server.signal(Signal::SIGHUP);
    eventually("the server says what is wrong", Duration::from_secs(5), || {
        server.said().contains("the old certificates stay")
    });
    trusting.connect().unwrap();
}

#[test]
fn sighup_shows_a_new_certificate_at_the_listener_for_operators_too() {
    let (installation, other) = (Installation::make(), Installation::make());
    // Files of its own: what the public listener loads again does not help.
    for name in ["server.pem", "server.key"] {
        std::fs::copy(installation.path(name), installation.path(&format!("admin-{name}"))).unwrap();
    }
    let section = |prefix: &str| {
        let tls = format!("tls = {{ certificate = \"{prefix}server.pem\", key = \"{prefix}server.key\" }}");
        format!("[admin]\nlisten = \"{}\"\n{tls}", installation.admin_address())
    };
    installation.reconfigure(&section(""), &section("admin-"));
    let server = installation.serve();
    let mut old = installation.admin().connect().unwrap();
    let shown = old.certificate();

    for name in ["server.pem", "server.key"] {
        std::fs::copy(other.path(name), installation.path(&format!("admin-{name}"))).unwrap();
    }
    let trusting = Client::new(installation.admin_address(), &other.path("ca.pem"));
    assert!(trusting.connect().is_err());
    server.signal(Signal::SIGHUP);
    let new = eventually("the new certificate is shown", Duration::from_secs(5), || trusting.connect().ok());
    assert_ne!(new.certificate(), shown);
    old.send("GET", "/healthz", &[], b"").unwrap();
    assert_eq!(old.answer().unwrap().status, 200, "a running connection goes on");
    installation.client().connect().expect("the public listener shows what it did");
}

#[test]
fn sigterm_lets_a_running_download_end_and_records_the_stop() {
    let installation = Installation::make();
    let length = 48 * 1024 * 1024;
    let path = installation.protect("long.bin", length);
    let mut server = installation.serve();
    let login = installation.login();
    let client = installation.client();
    let idle = client.connect().unwrap();
    let (mut download, head) = client.begin(&path, &login).unwrap();
    let since = installation.log().length();

    server.signal(Signal::SIGTERM);
    eventually("no new connection is taken", Duration::from_secs(5), || client.connect().err());
    assert_eq!(download.body(&head).unwrap().len() as u64, length);
    assert_eq!(server.wait(Duration::from_secs(20)).code(), Some(0));
    drop(idle);

    let ended = installation.log().wait_for("ended", since, Duration::from_secs(1));
    assert_eq!(ended.text("delivery"), "complete");
    assert_eq!(ended.body["bytes"], length);
    let stopped = installation.log().events().pop().unwrap();
    assert_eq!((stopped.kind(), stopped.text("reason")), ("stopped", "SIGTERM"));
    installation.log().check_transactions();

    // And the next start finds nothing to close.
    let server = installation.serve();
    let token = installation.pen().sign(DEMO_GROUP);
    client.exchange(token.as_bytes()).unwrap().login();
    server.stop();
    installation.log().check();
}

#[test]
fn a_download_that_outlasts_the_drain_is_cut_and_its_end_recorded() {
    let installation = Installation::make();
    let path = installation.protect("endless.bin", 256 * 1024 * 1024);
    let mut server = installation.serve();
    let silent = TcpStream::connect(installation.public_address()).unwrap();
    let (download, head) = installation.client().begin(&path, &installation.login()).unwrap();
    assert_eq!(head.status, 200);
    let since = installation.log().length();

    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait(Duration::from_secs(40)).code(), Some(0));
    drop((download, silent));
    let ended = installation.log().wait_for("ended", since, Duration::from_secs(1));
    assert_eq!(ended.text("delivery"), "cut");
    assert_eq!(installation.log().events().pop().unwrap().kind(), "stopped");
    installation.log().check_transactions();
}
