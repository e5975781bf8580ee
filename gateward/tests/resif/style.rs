//! `status_style = "resif"`: the statuses and sentences that scripts know from `eidaws-auth`.

use super::databases::Databases;
use super::drop_in::token;
use super::gnupg::Gnupg;
use super::installation::Installation;
use super::server::Server;
use super::statement::{Statement, from_now};

#[test]
fn scripts_read_what_eidaws_auth_answered() {
    let (databases, gnupg) = (Databases::new(), Gnupg::new());
    let (issuer, stranger) = (gnupg.issuer(), gnupg.issuer_with("stranger", "ed25519", "sign,cert"));
    let installation = Installation::believing(&issuer);
    installation.append("[exchange]\nstatus_style = \"resif\"\ncontact = \"dc@example.org\"\n");
    installation.append(&databases.configuration());
    let server = Server::start(installation);
    let before = databases.users();

    for garbage in ["", "no token", &token(&stranger, "/epos/demo")] {
        let refused = server.post(garbage, &[]);
        assert_eq!(refused.status, 415, "{}", refused.text());
        assert!(refused.text().starts_with("Signature could not be verified!"), "{}", refused.text());
    }
    let old = Statement { issued: from_now(-100), valid_until: from_now(-10), ..Statement::default() };
    let refused = server.post(&issuer.sign(&old), &[]);
    assert_eq!(
        (refused.status, refused.text().starts_with("Token is expired. ")),
        (415, true),
        "{}",
        refused.text()
    );

    let nothing = server.post(&token(&issuer, "/epos/elsewhere;/epos;/"), &[]);
    assert_eq!((nothing.status, nothing.field("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(
        nothing.text().starts_with("This token does not grant access to any data hosted here."),
        "{}",
        nothing.text()
    );
    assert!(
        nothing.text().contains("/epos/elsewhere") && !nothing.text().contains(':'),
        "{}",
        nothing.text()
    );
    assert_eq!(databases.users(), before);

    let made = server.post(&token(&issuer, "/epos/demo"), &[]);
    assert_eq!((made.status, made.field("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(made.text().matches(':').count(), 1);
    assert_eq!(server.curl("/auth", &[], b"").status, 405);
    let version = server.curl("/version", &[], b"");
    let said =
        format!("Version {} running in development mode. Contact dc@example.org.", env!("CARGO_PKG_VERSION"));
    assert_eq!((version.status, version.text()), (200, said));
}
