//! Which versions of TLS both listeners speak.

use std::process::Command;

use super::installation::Installation;
use super::server::Server;
use super::tools::{Ran, run};

/// Asks for one version of TLS and no other, with whatever ciphers that needs.
fn handshake(port: u16, version: &str) -> Ran {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-connect", &format!("localhost:{port}"), version]);
    run(openssl.args(["-cipher", "ALL:@SECLEVEL=0"]), b"")
}

fn listeners(server: &Server) -> [(&'static str, u16); 2] {
    [("public", server.public), ("admin", server.admin)]
}

fn is_spoken(version: &str, flag: &str) {
    let server = Server::start(Installation::new());
    for (listener, port) in listeners(&server) {
        let said = handshake(port, flag).good();
        assert!(said.text().contains(&format!("New, {version}, Cipher is ")), "{listener}: {}", said.text());
    }
    let only = [&format!("--tlsv{}", &version[4..]), "--tls-max", &version[4..]];
    let token = format!("@{}", server.file("token.asc").display());
    let reply = server.curl("/auth", &[&only[..], &["--data-binary", &token]].concat(), b"");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let reply = server.operators("/healthz", &only);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn both_listeners_speak_tls_1_3() {
    is_spoken("TLSv1.3", "-tls1_3");
}

#[test]
fn both_listeners_speak_tls_1_2() {
    is_spoken("TLSv1.2", "-tls1_2");
}

#[test]
fn both_listeners_refuse_tls_1_1_and_older() {
    let server = Server::start(Installation::new());
    for (listener, port) in listeners(&server) {
        for flag in ["-tls1_1", "-tls1"] {
            let said = handshake(port, flag);
            assert_ne!(said.status, 0, "{listener} {flag}: {}", said.text());
            // The listener's own word: openssl did ask. Which alert, rustls chooses.
            assert!(said.stderr.contains("SSL alert number"), "{listener} {flag}: {}", said.stderr);
        }
    }
}
