//! Telling why: what a token is worth here, for programs and before anything is made of it.

use serde_json::{Value, json};

use super::gnupg::{Gnupg, Issuer};
use super::installation::Installation;
use super::server::{Credentials, Reply, Server};
use super::statement::{GROUP, Statement, from_now};

const JSON: [&str; 2] = ["--header", "Accept: application/json"];

/// Where a data service has its own exchange.
const DATASELECT: &str = "/fdsnws/dataselect/1";

/// A server with a folder for [`GROUP`] and a data service with grants of some networks, by group and
/// by mail; nothing of either is fetched here.
fn server(issuer: &Issuer<'_>) -> Server {
    let installation = Installation::believing(issuer);
    let inventory = installation.file("inventory.xml");
    std::fs::write(
        &inventory,
        r#"<FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.1"></FDSNStationXML>"#,
    )
    .unwrap();
    let grant = |whom: &str, networks: &str| {
        format!("[[grant]]\n{whom}\nservice = \"dataselect\"\nnetworks = [{networks}]\n")
    };
    installation.append(&format!(
        "[[service]]\nname = \"dataselect\"\nkind = \"fdsn\"\npath = \"{DATASELECT}\"\n\
         upstream = \"http://127.0.0.1:9\"\ndigest = \"gateward\"\ninventory = \"{}\"\nunlisted = \"refuse\"\n{}{}{}",
        inventory.display(),
        grant(&format!("group = \"{GROUP}\""), "\"ZR\", \"XR:2015-2017\""),
        grant("mail = \"andre.doe@example.org\"", "\"CX\", \"ZR\""),
        grant("group = \"/epos/all\"", ""),
    ));
    Server::start(installation)
}

fn signed(issuer: &Issuer<'_>, groups: &str) -> String {
    issuer.sign(&Statement { groups: groups.into(), ..Statement::default() })
}

fn expired(issuer: &Issuer<'_>) -> String {
    issuer.sign(&Statement { issued: from_now(-86_400), valid_until: from_now(-1), ..Statement::default() })
}

/// Posts a token, with these arguments.
fn post(server: &Server, path: &str, token: &str, more: &[&str]) -> Reply {
    server.curl(path, &[&["--data-binary", "@-"], more].concat(), token.as_bytes())
}

#[track_caller]
fn document(reply: &Reply, status: u16, media_type: &str) -> Value {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.field("content-type"), Some(media_type));
    assert_eq!(reply.field("cache-control"), Some("no-store"));
    serde_json::from_slice(&reply.body).unwrap()
}

fn names(document: &Value) -> Vec<&str> {
    document.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn whoever_asks_for_json_is_told_what_the_token_is_worth_beside_the_login() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = server(&issuer);
    let statement = Statement { groups: format!("{GROUP};/epos/elsewhere;/epos;/"), ..Statement::default() };
    let token = issuer.sign(&statement);
    for (path, repeated) in [("/auth", false), (&format!("{DATASELECT}/auth"), true)] {
        let told = document(&post(&server, path, &token, &JSON), 200, "application/json");
        assert_eq!(
            names(&told),
            [
                "groups",
                "groups_known",
                "login",
                "login_ends",
                "password",
                "repeated",
                "services",
                "valid_until"
            ]
        );
        assert_eq!(told["groups_known"], json!([GROUP]));
        assert_eq!(told["groups"], json!([GROUP, "/epos/elsewhere"]), "{told}");
        let services = json!([
            { "service": "dataselect", "networks": ["CX", "XR:2015-2017", "ZR"] },
            { "service": "files", "networks": "all" },
        ]);
        assert_eq!(told["services"], services);
        assert_eq!(told["repeated"], repeated);
        let time = |name: &str| told[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let a_day = time("login_ends").duration_since(from_now(0)).as_secs();
        assert!((86_300..=86_400).contains(&a_day), "{told}");
        assert_eq!(time("valid_until").as_microsecond(), statement.valid_until.as_microsecond());
        let word = |name: &str| told[name].as_str().unwrap().to_owned();
        let login = Credentials { login: word("login"), password: word("password") };
        assert_eq!(server.get("/files/restricted.txt", &login, &[]).status, 200);
        assert_eq!(server.exchange(&token), login);
    }
}

#[test]
fn a_grant_of_the_whole_service_tells_of_all_networks() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = server(&issuer);
    let told =
        document(&post(&server, "/auth", &signed(&issuer, "/epos/all"), &JSON), 200, "application/json");
    assert_eq!(told["services"], json!([{ "service": "dataselect", "networks": "all" }]));
}

#[test]
fn whoever_does_not_ask_for_json_gets_the_login_as_ever() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = server(&issuer);
    let token = signed(&issuer, GROUP);
    let as_ever = post(&server, "/auth", &token, &["--header", "Accept:"]);
    assert_eq!(as_ever.body.len(), 14 + 1 + 26, "{}", as_ever.text());
    let fields = |reply: &Reply| {
        let kept = |line: &&str| !line.starts_with("date:");
        reply.head.lines().filter(kept).map(str::to_owned).collect::<Vec<_>>()
    };
    for accept in ["*/*", "application/*", "text/html, */*;q=0.8", "application/json;q=0.5, text/plain"] {
        let reply = post(&server, "/auth", &token, &["--header", &format!("Accept: {accept}")]);
        assert_eq!((reply.text(), fields(&reply)), (as_ever.text(), fields(&as_ever)), "{accept}");
        let refused = post(&server, "/auth", "garbage", &["--header", &format!("Accept: {accept}")]);
        assert!(refused.text().starts_with("Error 400: Bad Request\n\n"), "{accept}: {}", refused.text());
        assert_eq!(refused.field("content-type"), Some("text/plain; charset=utf-8"), "{accept}");
    }
}

#[test]
fn whoever_asks_for_json_is_refused_with_a_problem_that_has_reason_and_reference() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = server(&issuer);
    let revoked = signed(&issuer, "/epos/elsewhere");
    server.command(&["login", "revoke", &server.exchange(&revoked).login]).good();
    for accept in ["application/json", "application/problem+json"] {
        let accept = ["--header", &format!("Accept: {accept}")];
        for (token, status, reason, said) in [
            ("garbage".to_owned(), 400, "no-token", "no signed token"),
            (expired(&issuer), 400, "expired", "Get a new token"),
            (revoked.clone(), 403, "token-revoked", "this token was revoked here"),
            ("x".repeat(1 << 17), 413, "too-long", "longer than 65536 bytes"),
        ] {
            let reply = post(&server, &format!("{DATASELECT}/auth"), &token, &accept);
            let problem = document(&reply, status, "application/problem+json");
            assert_eq!(problem["type"], format!("/problems/{reason}"));
            assert_eq!(problem["status"], status);
            assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
            let shown = server.json(&["audit", "show", &reply.reference()]);
            assert_eq!(shown[0]["body"]["reason"], reason);
        }
    }
    document(&server.curl("/auth", &JSON, b""), 405, "application/problem+json");
}

#[test]
fn a_check_tells_what_the_exchange_would_do_and_makes_nothing() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = server(&issuer);
    let token = signed(&issuer, &format!("{GROUP};/epos/elsewhere"));
    let logins = server.json(&["login", "list"]).len();
    let told = document(&post(&server, "/auth?check", &token, &JSON), 200, "application/json");
    assert_eq!(
        names(&told),
        ["groups", "groups_known", "login_ends", "repeated", "services", "valid_until", "would_be_refused"]
    );
    assert_eq!((&told["would_be_refused"], &told["repeated"]), (&Value::Null, &false.into()));
    let read = post(&server, &format!("{DATASELECT}/auth?check"), &token, &[]);
    assert_eq!(read.field("content-type"), Some("text/plain; charset=utf-8"));
    let text = read.text();
    for line in [
        "groups             /epos/alparray /epos/elsewhere\n",
        "groups known here  /epos/alparray\n",
        "granted            dataselect (CX XR:2015-2017 ZR); files (all)\n",
        "the exchange says  accepted\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(server.json(&["login", "list"]).len(), logins, "nothing was made");
    let events = server.events("token_checked");
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["groups_known"], json!([GROUP]));
    assert!(events[0].get("who").is_none());

    // The exchange does as the check said, and the next check knows it.
    let login = server.exchange(&token);
    let told = document(&post(&server, "/auth?check", &token, &JSON), 200, "application/json");
    assert_eq!(told["repeated"], true);
    let event = server.events("token_checked").pop().unwrap();
    assert_eq!((&event["who"], &event["repeated"]), (&login.login.into(), &true.into()));
    assert_eq!(event["subject"], server.events("exchanged").pop().unwrap()["subject"]);
}

#[test]
fn a_check_tells_a_tokens_holder_why_the_exchange_would_refuse_it() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = server(&issuer);
    let blocked = signed(&issuer, GROUP);
    server.command(&["login", "revoke", &server.exchange(&blocked).login]).good();
    let early = Statement { issued: from_now(3600), ..Statement::default() };
    for (token, reason, said) in [
        (expired(&issuer), "expired", "Get a new token from its issuer."),
        (blocked, "token-revoked", "this token was revoked here. Ask the data centre."),
        (issuer.sign(&early), "issued-in-future", "Ask the issuer for another token."),
    ] {
        let told = document(&post(&server, "/auth?check", &token, &JSON), 200, "application/json");
        let refused = &told["would_be_refused"];
        assert_eq!(refused["reason"], reason, "{told}");
        assert!(refused["detail"].as_str().unwrap().ends_with(said), "{told}");
        assert_eq!((&told["groups_known"], &told["login_ends"]), (&json!([GROUP]), &Value::Null));
        let shown = server.json(&["audit", "show", refused["reference"].as_str().unwrap()]);
        assert_eq!(shown[0]["body"]["kind"], "exchange_refused");
        assert_eq!(shown[0]["body"]["reason"], reason);

        let text = post(&server, "/auth?check", &token, &[]).text();
        let (_, says) = text.split_once("the exchange says  ").expect(&text);
        let (says, reference) = says.split_once("\nreference          ").expect(&text);
        assert!(says.ends_with(said), "{text}");
        assert_eq!(server.json(&["audit", "show", reference.trim()]).len(), 1);
    }
    assert_eq!(server.events("token_checked").len(), 0);
}

#[test]
fn a_check_tells_whoever_has_no_token_of_a_believed_issuer_what_the_exchange_says() {
    let gnupg = Gnupg::new();
    let stranger = gnupg.issuer_with("stranger", "ed25519", "sign,cert");
    let taken_out = gnupg.issuer_with("taken-out", "ed25519", "sign,cert");
    let server = server(&taken_out);
    server.command(&["issuer", "revoke", &taken_out.fingerprint]).good();
    let good = signed(&taken_out, GROUP);
    for token in [
        "garbage".to_owned(),
        signed(&stranger, GROUP),
        good.replace("alparray", "alparrax"),
        // Whoever has the key of this issuer could ask about every group there may be.
        good,
    ] {
        let said = [&[][..], &JSON].map(|accept| {
            ["/auth", "/auth?check"].map(|path| {
                let reply = post(&server, path, &token, accept);
                let reference = reply.reference();
                assert_eq!(
                    server.json(&["audit", "show", &reference])[0]["body"]["kind"],
                    "exchange_refused"
                );
                let text = reply.text().replace(&reference, "");
                // The time of the request stands in FDSN's text.
                let text = text.split("Request Submitted:").next().unwrap().to_owned();
                (reply.status, text)
            })
        });
        for [exchange, check] in said {
            assert_eq!(exchange, check);
            assert!(exchange.0 >= 400 && !check.1.contains("groups"), "{}", check.1);
        }
    }
}

#[test]
fn checks_in_vain_count_against_an_address_as_exchanges_do() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = server(&issuer);
    let token = expired(&issuer);
    for number in 1..=30 {
        let path = if number % 2 == 0 { "/auth?check" } else { "/auth" };
        let reply = post(&server, path, &token, &[]);
        assert_eq!(reply.status, if number % 2 == 0 { 200 } else { 400 }, "{number}: {}", reply.text());
    }
    for path in ["/auth?check", "/auth"] {
        let reply = post(&server, path, &signed(&issuer, GROUP), &JSON);
        assert_eq!(document(&reply, 429, "application/problem+json")["type"], "/problems/too-many-failures");
    }
}

#[test]
fn a_parameter_that_the_exchange_does_not_know_makes_no_login() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let server = server(&issuer);
    let logins = server.json(&["login", "list"]).len();
    for query in ["chek", "check=1", "check=", "check&x", "CHECK"] {
        let reply = post(&server, &format!("/auth?{query}"), &signed(&issuer, GROUP), &[]);
        assert_eq!(reply.status, 400, "{query}: {}", reply.text());
        assert!(reply.text().contains("?check looks at a token and makes nothing"), "{}", reply.text());
    }
    assert_eq!(server.json(&["login", "list"]).len(), logins);
}
