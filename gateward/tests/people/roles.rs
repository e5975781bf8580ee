//! Who may do what at the listener for operators.

use super::people::{PASSWORD, create, installation};
use super::server::Server;

#[test]
fn a_role_opens_what_it_is_for_and_no_role_opens_nothing() {
    let installation = installation();
    create(&installation, "ann", &[]);
    create(&installation, "looks-on", &["--role", "auditor"]);
    create(&installation, "works", &["--role", "operator"]);
    create(&installation, "of-papers", &["--role", "operator", "--role-service", "papers"]);
    let server = Server::start(installation);
    let ask = |name: &str, path: &str, more: &[&str]| {
        let user = format!("{name}:{PASSWORD}");
        server.operators(path, &[&["--user", &user], more].concat()).status
    };
    let clean = &["--request", "POST"][..];
    assert_eq!((ask("ann", "/", &[]), ask("ann", "/cleanup", clean)), (403, 403));
    assert_eq!((ask("looks-on", "/", &[]), ask("looks-on", "/cleanup", clean)), (200, 403));
    assert_eq!((ask("works", "/", &[]), ask("works", "/cleanup", clean)), (200, 200));
    assert_eq!((ask("of-papers", "/", &[]), ask("of-papers", "/cleanup", clean)), (200, 403));
    let refused = server.events("authentication_failed");
    assert!(refused.iter().all(|body| body["reason"] == "no-role" && body["who"] == "ann"), "{refused:?}");
    // A service that there is not.
    let wrong = ["user", "create", "x", "--role", "operator", "--role-service", "nowhere"];
    assert_eq!(server.command_reading(&wrong, PASSWORD.as_bytes()).status, 2);
}
