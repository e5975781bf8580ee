//! Grants, while the server runs.

use super::gnupg::Gnupg;
use super::server::Server;
use super::statement::Statement;

#[test]
fn a_token_without_a_local_group_becomes_a_login_that_opens_nothing() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let login =
        server.exchange(&issuer.sign(&Statement { groups: "/epos;/".into(), ..Statement::default() }));
    let reply = server.get("/files/restricted.txt", &login, &[]);
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert_eq!(reply.field("content-type"), Some("application/problem+json"));
    let shown = server.json(&["audit", "show", &reply.reference()]);
    assert_eq!(shown[0]["body"]["kind"], "request_refused");
    assert_eq!(shown[0]["body"]["reason"], "not-granted");
    assert_eq!(shown[0]["body"]["who"], login.login.as_str());
}

#[test]
fn a_grant_by_command_acts_at_the_next_request_and_so_does_its_end() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let statement = Statement {
        groups: "/epos/other;/epos;/".into(),
        mail: "Andre.Doe@Uni.Example.ORG",
        ..Statement::default()
    };
    let login = server.exchange(&issuer.sign(&statement));
    let status = || server.get("/files/restricted.txt", &login, &[]).status;
    assert_eq!(status(), 403);
    for whom in [
        ["--group", "/epos/other"],
        ["--mail", "Andre.Doe@uni.example.org"],
        ["--mail-domain", "uni.example.org"],
    ] {
        let made = server.json(&[&["grant", "create", "--service", "files"], &whom[..]].concat());
        assert_eq!(status(), 200, "{whom:?}");
        let again = server.command(&[&["grant", "create", "--service", "files"], &whom[..]].concat());
        assert_eq!(again.status, 1, "{}", again.stderr);
        server.command(&["grant", "revoke", made[0]["grant"].as_str().unwrap()]).good();
        assert_eq!(status(), 403, "{whom:?}");
    }
}

#[test]
fn a_grant_to_a_domain_is_none_to_what_only_ends_like_it() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    server.command(&["grant", "create", "--service", "files", "--mail-domain", "example.org"]).good();
    for mail in ["x@evilexample.org", "x@sub.example.org", "x@example.org.evil.net"] {
        let statement = Statement { groups: "/epos;/".into(), mail, ..Statement::default() };
        let login = server.exchange(&issuer.sign(&statement));
        assert_eq!(server.get("/files/restricted.txt", &login, &[]).status, 403, "{mail}");
    }
}
