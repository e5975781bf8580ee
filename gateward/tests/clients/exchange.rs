//! Signed tokens that become logins, in every spelling.

use super::gnupg::{Gnupg, Issuer};
use super::installation::Installation;
use super::server::{Credentials, Reply, Server};
use super::spelling;
use super::statement::Statement;

/// One token in three spellings: form A, its copy with CR LF, its signature moved into form B.
fn spellings(issuer: &Issuer<'_>) -> [(&'static str, String); 3] {
    let a = issuer.sign(&Statement::default());
    let signature = spelling::signature_packet(&a);
    let fingerprint: openpgp::Fingerprint = issuer.fingerprint.parse().unwrap();
    let moved = [
        spelling::one_pass(&signature, fingerprint.as_bytes(), 1),
        spelling::literal(b't', spelling::text(&a).as_bytes()),
        signature,
    ];
    let b = spelling::armored(&moved.concat());
    [("form A", a.clone()), ("its CR LF copy", a.replace('\n', "\r\n")), ("moved into form B", b)]
}

fn is_in_form(credentials: &Credentials) -> bool {
    let login = credentials.login.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let password = credentials.password.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b));
    login && credentials.login.len() == 14 && password && credentials.password.len() == 26
}

#[track_caller]
fn is_a_login(name: &str, reply: &Reply) {
    assert_eq!(reply.status, 200, "{name}: {}", reply.text());
    assert!(is_in_form(&Credentials::of(reply)), "{name}: {:?}", reply.text());
    assert_eq!(reply.field("content-type"), Some("text/plain; charset=utf-8"), "{name}");
    assert_eq!(reply.field("cache-control"), Some("no-store"), "{name}");
}

#[test]
fn what_gnupg_signs_in_either_form_becomes_a_login_and_nothing_but_a_login() {
    let gnupg = Gnupg::new();
    let keys = ["rsa2048", "rsa4096", "ed25519"].map(|kind| gnupg.issuer_with(kind, kind, "sign,cert"));
    let installation = Installation::new();
    for key in &keys {
        installation.believe(key, "");
    }
    let server = Server::start(installation);
    let text = Statement::default().text();
    for (key, kind) in keys.iter().zip(["RSA-2048", "RSA-4096", "Ed25519"]) {
        let a = key.clearsign(&text, &[]);
        let bare_line = format!("BEGIN PGP MESSAGE\n{a}");
        let crlf = bare_line.replace('\n', "\r\n");
        let sha512 = key.clearsign(&text, &["--digest-algo", "SHA512"]);
        let b = key.inline(text.as_bytes(), &["--compress-algo", "zip"]);
        for (form, token) in [
            ("form A", a),
            ("form A after the bare line", bare_line),
            ("form A with CR LF", crlf),
            ("form A with SHA-512", sha512),
            ("form B", b),
        ] {
            is_a_login(&format!("{kind}, {form}"), &server.post(&token, &[]));
        }
    }
    // One statement, signed with three keys: the spellings of each are one token. One is the demo's.
    assert_eq!(server.json(&["login", "list"]).len(), 4);
}

#[test]
fn a_token_over_sha1_becomes_a_login_where_that_is_allowed() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer_with("old", "rsa2048", "sign,cert");
    let installation = Installation::new();
    installation.believe(&issuer, "allow_sha1 = true");
    let server = Server::start(installation);
    let text = Statement::default().text();
    let a = issuer.clearsign(&text, &["--digest-algo", "SHA1"]);
    let b = issuer.inline(text.as_bytes(), &["--digest-algo", "SHA1", "--compress-algo", "zip"]);
    is_a_login("form A", &server.post(&format!("BEGIN PGP MESSAGE\n{a}"), &[]));
    is_a_login("form B", &server.post(&b, &[]));
    assert!(server.log().contains("signatures over SHA-1 are believed"), "{}", server.log());
}

#[test]
fn every_spelling_of_a_token_gives_the_same_login() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let logins = spellings(&issuer).map(|(name, token)| (name, server.exchange(&token)));
    for (name, login) in &logins {
        assert_eq!(login, &logins[0].1, "{name}");
    }
    let repeated: Vec<_> =
        server.events("exchanged").into_iter().map(|mut event| event["repeated"].take()).collect();
    // The demo's own exchange comes first.
    assert_eq!(repeated[1..], [false.into(), true.into(), true.into()] as [serde_json::Value; 3]);
}

#[test]
fn ending_a_login_blocks_its_token_in_every_spelling() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let spellings = spellings(&issuer);
    let login = server.exchange(&spellings[0].1);
    server.command(&["login", "revoke", &login.login]).good();
    assert_eq!(server.get("/files/restricted.txt", &login, &[]).status, 401);
    are_blocked(&server, &spellings);
}

#[test]
fn ending_a_token_by_its_id_blocks_it_in_every_spelling() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let spellings = spellings(&issuer);
    let login = server.exchange(&spellings[0].1);
    let said = server.command(&["login", "revoke", "--token-id", &token_id(&gnupg, &spellings[0].1)]).good();
    assert!(said.text().contains("logins ended: 1"), "{}", said.text());
    assert_eq!(server.get("/files/restricted.txt", &login, &[]).status, 401);
    are_blocked(&server, &spellings);
}

#[test]
fn a_token_that_was_never_seen_can_be_blocked_by_its_id() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let spellings = spellings(&issuer);
    server.command(&["login", "revoke", "--token-id", &token_id(&gnupg, &spellings[0].1)]).good();
    are_blocked(&server, &spellings);
}

#[test]
fn a_blocked_token_that_is_allowed_again_gives_a_fresh_login() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let spellings = spellings(&issuer);
    let login = server.exchange(&spellings[0].1);
    let id = token_id(&gnupg, &spellings[0].1);
    server.command(&["login", "revoke", "--token-id", &id]).good();
    assert_eq!(server.post(&spellings[0].1, &[]).status, 403);
    server.command(&["login", "revoke", "--token-id", &id, "--allow-again"]).good();
    let fresh = server.exchange(&spellings[2].1);
    assert!(login.login != fresh.login && login.password != fresh.password);
    assert_eq!(server.get("/files/restricted.txt", &fresh, &[]).status, 200);
}

#[test]
fn a_login_revoked_by_name_can_be_allowed_again_by_its_token_id() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let token = issuer.sign(&Statement::default());
    let login = server.exchange(&token);
    server.command(&["login", "revoke", &login.login]).good();
    assert_eq!(server.post(&token, &[]).status, 403);
    server.command(&["login", "revoke", "--token-id", &token_id(&gnupg, &token), "--allow-again"]).good();
    server.exchange(&token);
}

#[test]
fn a_login_ended_with_allow_again_leaves_its_token_good() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let token = issuer.sign(&Statement::default());
    let login = server.exchange(&token);
    server.command(&["login", "revoke", &login.login, "--allow-again"]).good();
    assert_eq!(server.get("/files/restricted.txt", &login, &[]).status, 401);
    assert_ne!(server.exchange(&token).login, login.login);
}

/// As SeisComP computes it: over the payload as `gpg --decrypt` prints it.
fn token_id(gnupg: &Gnupg, token: &str) -> String {
    let payload = gnupg.gpg(&["--decrypt"], token.as_bytes());
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &payload);
    data_encoding::BASE64URL_NOPAD.encode(&hash.as_ref()[..18])
}

#[track_caller]
fn are_blocked(server: &Server, spellings: &[(&str, String)]) {
    for (name, token) in spellings {
        let reply = server.post(token, &[]);
        assert_eq!(reply.status, 403, "{name}: {}", reply.text());
        assert!(reply.text().contains("this token was revoked here"), "{name}: {}", reply.text());
    }
}

#[test]
fn a_block_by_id_is_not_evaded_by_other_line_ends_however_the_text_ends() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    for ends in ["", "\n", "\n\n", "\n\n\n"] {
        let token = issuer.clearsign(&format!("{}{ends}", Statement::default().text()), &[]);
        server.command(&["login", "revoke", "--token-id", &token_id(&gnupg, &token)]).good();
        for spelling in [token.clone(), token.replace('\n', "\r\n")] {
            let reply = server.post(&spelling, &["--interface", "127.0.0.9"]);
            assert_eq!(reply.status, 403, "{ends:?}: {}", reply.text());
        }
        server.command(&["login", "revoke", "--token-id", &token_id(&gnupg, &token), "--allow-again"]).good();
    }
}
