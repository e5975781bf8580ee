//! The listener for operators.

use super::gnupg::Gnupg;
use super::installation::Installation;
use super::server::Server;

fn server() -> Server {
    Server::start(Installation::new())
}

#[test]
fn whether_it_lives_and_is_ready_is_told_to_everybody() {
    let server = server();
    for (path, said) in [("/healthz", "alive\n"), ("/readyz", "ready\n")] {
        let reply = server.operators(path, &[]);
        assert_eq!((reply.status, reply.text().as_str()), (200, said));
    }
}

#[test]
fn nothing_else_is_told_without_a_login() {
    let server = server();
    for path in ["/", "/metrics", "/cleanup", "/audit", "/auth", "/files/restricted.txt"] {
        let reply = server.operators(path, &[]);
        assert_eq!(reply.status, 401, "{path}: {}", reply.text());
        assert!(reply.field("www-authenticate").unwrap().starts_with("Basic realm="), "{path}");
    }
}

#[test]
fn the_first_operator_is_let_in() {
    let server = server();
    let user = std::fs::read_to_string(server.file("operator.txt")).unwrap();
    let reply = server.operators("/", &["--user", user.trim_end()]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("operator"), "{}", reply.text());
    let looked = server.events("operator_request").pop().unwrap();
    assert_eq!((&looked["who"], &looked["path"]), (&"operator".into(), &"/".into()));
}

#[test]
fn a_wrong_password_is_refused_and_recorded() {
    let server = server();
    for user in ["operator:wrong", "nobody:wrong"] {
        let reply = server.operators("/", &["--user", user]);
        assert_eq!(reply.status, 401, "{user}");
        assert!(reply.text().contains("Wrong user or password."), "{user}: {}", reply.text());
        let shown = server.json(&["audit", "show", &reply.reference()]);
        assert_eq!(shown[0]["body"]["kind"], "authentication_failed", "{user}");
    }
    assert_eq!(server.events("authentication_failed").len(), 2);
}

#[test]
fn a_temporary_login_is_no_operator() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let login = server.exchange(&issuer.sign(&super::statement::Statement::default()));
    assert_eq!(server.operators("/", &["--user", &login.to_string()]).status, 401);
}
