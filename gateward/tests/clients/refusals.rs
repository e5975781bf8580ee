//! Tokens that become no login: the caller is told what to do, the operator finds out why.

use super::gnupg::{Gnupg, Issuer};
use super::installation::Installation;
use super::server::Server;
use super::statement::{Statement, from_now};

/// A token, and what is said about it.
struct Case {
    name: &'static str,
    token: String,
    status: u16,
    /// As the event has it.
    reason: &'static str,
    /// Stands in the answer.
    said: &'static str,
}

fn case(name: &'static str, token: String, reason: &'static str, said: &'static str) -> Case {
    Case { name, token, status: 400, reason, said }
}

/// Everything that is wrong with a token of an issuer who is believed.
fn broken(gnupg: &Gnupg, issuer: &Issuer<'_>) -> Vec<Case> {
    let good = Statement::default();
    let text = good.text();
    let a = issuer.sign(&good);
    let expired = Statement { issued: from_now(-86_400), valid_until: from_now(-1), ..good.clone() };
    let early = Statement { issued: from_now(3600), ..good };
    let twice = text.replacen('{', "{\"mail\": \"other@example.org\", ", 1);
    let crypt = gnupg.issuer_with("crypt", "rsa2048", "encrypt,cert");
    let encrypted = issuer.inline(text.as_bytes(), &["--encrypt", "--recipient", &crypt.fingerprint]);
    let other = gnupg.issuer_with("other", "ed25519", "sign,cert");
    let two = issuer.clearsign(&text, &["--local-user", &other.fingerprint]);
    let inner = issuer.inline(text.as_bytes(), &[]);
    let bomb = issuer.inline(&vec![0; 35_000_000], &["--compress-algo", "zip", "-z", "9"]);
    vec![
        case("SHA-1", issuer.clearsign(&text, &["--digest-algo", "SHA1"]), "sha1-not-allowed", "with SHA-1"),
        case("expired", issuer.sign(&expired), "expired", "Get a new token"),
        case("issued in the future", issuer.sign(&early), "issued-in-future", "in the future"),
        case("tampered", a.replace("andre.doe", "andre.dee"), "bad-signature", "does not match"),
        case("truncated", a[..a.len() / 2].to_owned(), "malformed", "it is cut off"),
        case("text before", format!("{{\"mail\": \"x@y.org\"}}\n{a}"), "text-outside", "other text"),
        case("text after", format!("{a}\n{{\"mail\": \"x@y.org\"}}"), "text-outside", "other text"),
        case("two tokens", format!("{a}{a}"), "two-tokens", "more than one token"),
        case("two signatures", two, "two-signatures", "more than once"),
        case("form A in form A", issuer.clearsign(&a, &[]), "nested", "another message"),
        case("form B in form B", issuer.inline(inner.as_bytes(), &[]), "nested", "message"),
        case("encrypted", encrypted, "encrypted", "encrypted"),
        case("a bomb", bomb, "too-long", "unfolds"),
        case("garbage", "no token at all".into(), "no-token", "no signed token"),
        case("nothing", String::new(), "no-token", "no signed token"),
        case("duplicate keys", issuer.clearsign(&twice, &[]), "duplicate-key", "twice"),
        Case { status: 413, ..case("1 MiB", "x".repeat(1 << 20), "too-long", "longer than 65536 bytes") },
    ]
}

/// Sends each, and looks its reference up.
#[track_caller]
fn are_refused(server: &Server, cases: &[Case]) {
    for Case { name, token, status, reason, said } in cases {
        let reply = server.post(token, &[]);
        let text = reply.text();
        assert_eq!(reply.status, *status, "{name}: {text}");
        assert!(text.contains(said), "{name}: {text}");
        assert!(text.starts_with(&format!("Error {status}: ")), "{name}: {text}");
        assert_eq!(reply.field("content-type"), Some("text/plain; charset=utf-8"), "{name}");
        assert_eq!(reply.field("cache-control"), Some("no-store"), "{name}");
        let reference = reply.reference();
        let shown = server.json(&["audit", "show", &reference]);
        assert_eq!(shown.len(), 1, "{name}: {reference}");
        assert_eq!(shown[0]["body"]["kind"], "exchange_refused", "{name}");
        assert_eq!(shown[0]["body"]["reason"], *reason, "{name}");
        assert_eq!(shown[0]["body"]["outcome"], "refused", "{name}");
        assert_eq!(shown[0]["personal"]["address"], "127.0.0.1", "{name}");
        // The command has the same to say.
        let dry = ["exchange", "--dry-run", "--format", "json", "-"];
        let dry = server.command_reading(&dry, token.as_bytes());
        assert_eq!((dry.status, &dry.json()[0]["reason"]), (1, &(*reason).into()), "{name}: {}", dry.stderr);
    }
}

#[test]
fn a_token_that_is_not_right_is_refused_with_its_reason_and_a_reference() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer_with("issuer", "rsa2048", "sign,cert");
    let server = Server::believing(&issuer);
    are_refused(&server, &broken(&gnupg, &issuer));
    assert!(server.json(&["login", "list"]).len() == 1, "only the demo's own login is there");
}

#[test]
fn a_token_of_an_issuer_who_is_not_believed_is_refused() {
    let gnupg = Gnupg::new();
    let stranger = gnupg.issuer_with("stranger", "ed25519", "sign,cert");
    let mut revoked = gnupg.issuer_with("revoked", "ed25519", "sign,cert");
    let signed = revoked.sign(&Statement::default());
    revoked.revoke();
    let server = Server::believing(&revoked);
    are_refused(
        &server,
        &[
            case(
                "a stranger",
                stranger.sign(&Statement::default()),
                "wrong-issuer",
                "believes other issuers",
            ),
            case("a revoked key", signed, "revoked-issuer", "is revoked"),
        ],
    );
}

#[test]
fn an_issuer_who_is_taken_out_makes_no_login_and_leaves_none() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = Server::believing(&issuer);
    let token = issuer.sign(&Statement::default());
    let login = server.exchange(&token);
    server.command(&["issuer", "revoke", &issuer.fingerprint]).good();
    let said = "is not believed here any more";
    let taken_out = case("taken out", token, "issuer-taken-out", said);
    are_refused(&server, &[Case { status: 403, ..taken_out }]);
    let reply = server.get("/files/restricted.txt", &login, &[]);
    assert_eq!(reply.status, 401);
    assert!(reply.text().contains(said), "{}", reply.text());
}

#[test]
fn neither_token_nor_password_nor_mail_address_is_in_the_log_or_the_database() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let installation = Installation::believing(&issuer);
    let statement = Statement { mail: "secret.person@example.org", ..Statement::default() };
    let token = issuer.sign(&statement);
    let mut server = Server::start(installation);
    let login = server.exchange(&token);
    assert_eq!(server.get("/files/restricted.txt", &login, &[]).status, 200);
    server.post(&token.replace("person", "parson"), &[]);
    assert_eq!(server.stop(), 0);
    let armor = token.lines().rev().nth(2).unwrap();
    for secret in [login.password.as_str(), armor, "secret.person"] {
        assert!(!server.log().contains(secret), "{secret} is in the log");
    }
    let all = server.store().bytes();
    let holds = |secret: &str| all.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(holds(&login.login));
    for secret in [login.password.as_str(), armor] {
        assert!(!holds(secret), "{secret} is in the store");
    }
}
