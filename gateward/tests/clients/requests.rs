//! The ways in which clients send a token.

use super::gnupg::Gnupg;
use super::server::{Credentials, Server};
use super::statement::Statement;

#[test]
fn any_content_type_or_none_will_do() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let token = issuer.sign(&Statement::default());
    let login = server.exchange(&token);
    for kind in [
        "Content-Type: application/octet-stream",
        "Content-Type: text/plain",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: application/json",
        "Content-Type: multipart/form-data; boundary=none",
        "Content-Type:",
    ] {
        let reply = server.post(&token, &["--header", kind]);
        assert_eq!(reply.status, 200, "{kind}: {}", reply.text());
        assert_eq!(Credentials::of(&reply), login, "{kind}");
    }
}

#[test]
fn a_chunked_body_and_one_that_waits_to_be_asked_for_are_read() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let token = issuer.sign(&Statement::default());
    let login = server.exchange(&token);
    for header in ["Transfer-Encoding: chunked", "Expect: 100-continue"] {
        let reply = server.post(&token, &["--header", header]);
        assert_eq!(Credentials::of(&reply), login, "{header}");
    }
}

#[test]
fn only_post_is_allowed() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let reply = server.curl("/auth", &["--request", method], b"");
        assert_eq!(reply.status, 405, "{method}: {}", reply.text());
        assert_eq!(reply.field("allow"), Some("POST"), "{method}");
        assert!(reply.text().starts_with("Error 405: "), "{method}: {}", reply.text());
    }
    let head = server.curl("/auth", &["--head"], b"");
    assert_eq!((head.status, head.field("allow")), (405, Some("POST")));
}

#[test]
fn whoever_speaks_plain_http_is_told_to_use_https() {
    let gnupg = Gnupg::new();
    let server = Server::believing(&gnupg.issuer());
    let url = format!("http://localhost:{}/auth", server.public);
    let reply = super::server::curl(&url, "/dev/null", &["--data-binary", "@-"], b"x");
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("https://"), "{}", reply.text());
}

#[test]
fn the_version_is_told_to_everybody() {
    let gnupg = Gnupg::new();
    let server = Server::believing(&gnupg.issuer());
    let reply = server.curl("/version", &[], b"");
    assert_eq!(reply.status, 200);
    assert!(reply.text().starts_with("gateward "), "{}", reply.text());
}
