//! People behind a proxy: who they are, what of them reaches the application, and what is recorded.

use super::guide::Site;

/// What a client would like the application to believe.
const FORGED: [&str; 16] = [
    "-H",
    "X-Gateward-User: mallory",
    "-H",
    "X-Gateward-Node: mallory",
    "-H",
    "X-Remote-User: mallory",
    "-H",
    "X_Remote_User: mallory",
    "-H",
    "x_gateward-user: mallory",
    "-H",
    "X-GATEWARD-TRANSACTION: mallory",
    "-H",
    "X-SSL-Client-Cert: mallory",
    "-H",
    "X-Forwarded-For: 203.0.113.9",
];

/// What the head of a request has under `name`.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

#[test]
fn who_logs_in_reaches_the_application_which_learns_who_it_is() {
    for site in Site::each() {
        let user = site.login();
        let refused = site.curl("/app/a%20b?c=%20d", &[]);
        assert_eq!(refused.status, 401, "{}", refused.head);
        assert!(refused.field("www-authenticate").unwrap().starts_with("Digest"), "{}", refused.head);
        let credentials = user.to_string();
        let digest = ["--digest", "--user", &credentials];
        let reached = site.curl("/app/a%20b?c=%20d", &digest);
        assert_eq!(reached.status, 200, "{}", reached.head);
        let got = reached.text();
        assert!(got.starts_with("GET /app/a%20b?c=%20d HTTP/1.1\r\n"), "{got}");
        let events = site.server.events("verified");
        assert_eq!(events.len(), 1, "{events:?}");
        let transaction = events[0]["transaction"].as_str().unwrap();
        for (name, value) in [
            ("x-remote-user", Some(user.login.as_str())),
            ("x-gateward-user", Some(&user.login)),
            ("x-gateward-transaction", Some(transaction)),
            ("authorization", None),
        ] {
            assert_eq!(field(&got, name), value, "{got}");
        }
        assert!(field(&got, "x-gateward-node").unwrap_or_default().is_empty(), "{got}");
        assert_eq!((&events[0]["who"], &events[0]["path"]), (&user.login.as_str().into(), &"/a b".into()));
        assert_eq!(events[0]["detail"], "outcome not observed");
        // A change is asked about like a read; its body goes past us.
        let changed = site.send("/app/x", &[&digest[..], &["--data-binary", "@-"]].concat(), b"some data");
        assert_eq!(changed.status, 200, "{}", changed.head);
        assert_eq!(site.server.events("verified")[1]["method"], "POST");
        assert_eq!(site.application.requests().len(), 2);
    }
}

#[test]
fn what_a_client_says_of_itself_reaches_neither_gateward_nor_the_application() {
    for site in Site::each() {
        let user = site.login();
        let credentials = user.to_string();
        let arguments = [&["--digest", "--user", &credentials], &FORGED[..]].concat();
        let reached = site.curl("/app/x", &arguments);
        assert_eq!(reached.status, 200, "{}", reached.head);
        assert!(!reached.text().contains("mallory"), "{}", reached.text());
        assert!(!reached.text().contains("203.0.113.9"), "{}", reached.text());
        let shown = site.server.json(&["audit", "search"]);
        let verified = shown.iter().find(|event| event["body"]["kind"] == "verified").unwrap();
        assert_eq!(verified["personal"]["address"], "127.0.0.1");
        // Without a login they help nobody.
        assert_eq!(site.curl("/app/x", &FORGED).status, 401);
    }
}

#[test]
fn a_client_that_says_what_the_proxy_says_gets_no_other_path_or_method() {
    for site in Site::each() {
        let user = site.login().to_string();
        let digest = ["--digest", "--user", &user];
        for (field, statuses) in [
            ("X-Original-URI: /app/open", &[200][..]),
            ("X-Original-Method: OPTIONS", &[200]),
            ("X-Forwarded-Uri: /app/open", &[200]),
            ("X-Forwarded-Method: OPTIONS", &[200]),
            ("X-Forwarded-Host: elsewhere", &[200]),
            ("X-HTTP-Method-Override: DELETE", &[403]),
            ("X-Original-URL: /admin", &[403]),
            ("X-Rewrite-URL: /admin", &[403]),
        ] {
            let reply = site.curl("/app/x", &[&digest[..], &["-H", field]].concat());
            assert!(statuses.contains(&reply.status), "{field}: {}", reply.head);
            if reply.status == 200 {
                let last = site.server.events("verified").pop().unwrap();
                assert_eq!((&last["path"], &last["method"]), (&"/x".into(), &"GET".into()), "{field}");
            }
        }
    }
}

#[test]
fn paths_with_two_readings_reach_nobody() {
    for site in Site::each() {
        let user = site.login().to_string();
        for path in [
            "/app/../app/x",
            "/app/./x",
            "//app/x",
            "/app//x",
            "/app/%2e%2e/x",
            "/app/a%2fb",
            "/app/a%5cb",
            "/app/a%00b",
            "/app/%252e%252e/x",
            "/app/..;/x",
            "/app/%ff",
        ] {
            let reply = site.curl(path, &["--digest", "--user", &user]);
            // What no site of Caddy is for, it answers with nothing; what nginx itself refuses never gets to us.
            let nothing = reply.status == 200 && reply.body.is_empty();
            assert!(nothing || [400, 403, 404].contains(&reply.status), "{path}: {}", reply.head);
        }
        assert_eq!(site.application.requests(), Vec::<String>::new());
    }
}

#[test]
fn whoever_is_refused_is_told_under_which_reference() {
    for site in Site::each() {
        let credentials = site.login().to_string();
        let refused = site.curl("/app/%252e", &["--digest", "--user", &credentials]);
        assert_eq!(refused.status, 403, "{}", refused.head);
        let reference = refused.field("x-gateward-reference").expect(&refused.head);
        let shown = site.server.json(&["audit", "show", reference]);
        assert_eq!(shown[0]["body"]["reason"], "path");
    }
}

#[test]
fn a_login_that_is_revoked_opens_nothing_more() {
    for site in Site::each() {
        let user = site.login();
        let credentials = user.to_string();
        let digest = ["--digest", "--user", &credentials];
        assert_eq!(site.curl("/app/x", &digest).status, 200);
        site.server.command(&["login", "revoke", &user.login]).good();
        assert_eq!(site.curl("/app/x", &digest).status, 401);
        assert_eq!(site.application.requests().len(), 1);
    }
}

#[test]
fn an_answer_to_digest_that_somebody_repeats_is_challenged_again() {
    for site in Site::each() {
        let user = site.login().to_string();
        let reached = site.curl("/app/x", &["--digest", "--user", &user, "--verbose", "--stderr", "-"]);
        let said = reached.text();
        let sent: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("> ")).collect();
        let sent = sent.join("\n");
        let field = format!("Authorization: {}", field(&sent, "authorization").expect(&said));
        let again = site.curl("/app/x", &["-H", &field]);
        assert_eq!(again.status, 401, "{}", again.head);
        assert!(again.field("www-authenticate").unwrap().contains("stale=true"), "{}", again.head);
        assert_eq!(site.application.requests().len(), 1);
    }
}

#[test]
fn while_nothing_can_be_recorded_nobody_is_let_through() {
    for mut site in Site::each() {
        let user = site.login().to_string();
        assert_eq!(site.curl("/app/x", &["--digest", "--user", &user]).status, 200);
        site.server.kill();
        let refused = site.curl("/app/x", &["--digest", "--user", &user]);
        assert!(refused.status >= 500, "{}", refused.head);
        assert_eq!(site.application.requests().len(), 1);
    }
}
