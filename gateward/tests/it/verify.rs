//! `/verify`: what a proxy is told, and who is none.

use gateward::cli::demo::client::{Answer, digest};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::support::Installation;

const PATH: &str = "/files/restricted.txt";

/// A service that is a proxy's, who asks us.
const OURS_TO_JUDGE: &str = "\n[[service]]\nname = \"app\"\nkind = \"plain\"\npath = \"/app\"\nupstream = \"verify\"\n\
    require = [\"login\"]\nidentify_as = \"X-Remote-User\"\n[[grant]]\ngroup = \"/epos/demo\"\nservice = \"app\"\n";

/// A door at a Unix socket, where whoever runs this test is a proxy.
async fn door() -> Installation {
    door_for(nix::unistd::getuid().as_raw()).await
}

async fn door_for(uid: u32) -> Installation {
    let mut door = Installation::with(OURS_TO_JUDGE).await;
    door.listen_on_a_socket(&format!("[verify]\nuids = [{uid}]\nclient_certificate = true\n")).await;
    door
}

/// Sends one request by the socket.
async fn send(door: &Installation, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut stream = UnixStream::connect(door.path("http.sock")).await.unwrap();
    let mut lines =
        vec![format!("GET {path} HTTP/1.1"), "Host: localhost".into(), "Connection: close".into()];
    lines.extend(fields.iter().map(|(name, value)| format!("{name}: {value}")));
    let head = format!("{}\r\n\r\n", lines.join("\r\n"));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut fields = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
        fields.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    Answer {
        status: StatusCode::from_bytes(status.as_bytes()).unwrap(),
        fields,
        body: answer[end + 4..].to_vec().into(),
    }
}

/// Asks about a GET of `path`, as nginx does.
async fn ask(door: &Installation, path: &str, more: &[(&str, &str)]) -> Answer {
    let fields = [&[("X-Original-URI", path), ("X-Original-Method", "GET")], more].concat();
    send(door, "/verify", &fields).await
}

/// Asks about a GET of `path` by somebody who answers the challenge.
async fn ask_as(door: &Installation, path: &str, login: &(String, String)) -> Answer {
    let challenged = ask(door, path, &[]).await;
    assert_eq!(challenged.status, 401, "{}", challenged.text());
    let answer = digest(&challenged, path, &login.0, &login.1).unwrap();
    ask(door, path, &[("Authorization", &answer)]).await
}

async fn login(door: &Installation) -> (String, String) {
    let token = door.token("a@example.org", "/epos/demo", SignedDuration::from_hours(24));
    let exchanged = post(door, token).await;
    let (login, password) = exchanged.split_once(':').unwrap();
    (login.to_owned(), password.to_owned())
}

async fn post(door: &Installation, token: String) -> String {
    let mut stream = UnixStream::connect(door.path("http.sock")).await.unwrap();
    let head = format!(
        "POST /auth HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{token}",
        token.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_learns_who_asks_and_it_is_recorded_before() {
    let door = door().await;
    let login = login(&door).await;
    let told = ask_as(&door, "/app/a%20b?c=d", &login).await;
    assert_eq!((told.status, told.text().as_str()), (StatusCode::OK, ""));
    assert_eq!(told.fields["x-gateward-user"], login.0.as_str());
    assert_eq!(told.fields["x-remote-user"], login.0.as_str());
    assert_eq!(told.fields["cache-control"], "no-store");
    assert_eq!(told.fields["x-gateward-node"], "");
    let events = door.bodies("verified");
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event["transaction"], told.fields["x-gateward-transaction"].to_str().unwrap());
    assert_eq!((&event["who"], &event["path"]), (&login.0.as_str().into(), &"/a b".into()));
    assert_eq!(
        (&event["delivery"], &event["detail"]),
        (&"not_observed".into(), &"outcome not observed".into())
    );
    assert_eq!(event["proxy"], format!("unix:{}", nix::unistd::getuid()));
    // A service that is also served here answers for itself, and /verify says the same of it.
    assert_eq!(ask_as(&door, PATH, &login).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_proxy_learns_nothing_whatever_they_say() {
    let others = door_for(nix::unistd::getuid().as_raw() + 1).await;
    for path in [PATH, "/app/x", "/nothing", "/a/../b"] {
        let refused = ask(&others, path, &[("X-Forwarded-For", "127.0.0.1"), ("X-Gateward-User", "a")]).await;
        assert_eq!(refused.status, 401, "{}", refused.text());
        assert!(refused.fields["www-authenticate"].to_str().unwrap().starts_with("Certificate"));
        assert!(refused.text().contains("Only a proxy may ask here"), "{}", refused.text());
    }
    let failed = others.bodies("authentication_failed");
    assert_eq!(failed.len(), 4);
    assert!(failed.iter().all(|event| event["reason"] == "not-a-proxy"), "{failed:?}");

    // Over the network, without a certificate.
    let door = Installation::open().await;
    let refused = door.connect().await.get("/verify", None).await.unwrap();
    assert_eq!(refused.status, 401);
    assert_eq!(door.bodies("authentication_failed")[0]["reason"], "not-a-proxy");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_digest_is_good_once_and_for_the_request_that_it_was_made_for() {
    let door = door().await;
    let login = login(&door).await;
    let challenged = ask(&door, "/app/x", &[]).await;
    let answer = digest(&challenged, "/app/x", &login.0, &login.1).unwrap();
    let with = [("Authorization", answer.as_str())];
    let other = ask(&door, "/app/y", &with).await;
    assert_eq!(other.status, 403, "{}", other.text());
    assert!(other.text().contains("another request"), "{}", other.text());
    assert_eq!(ask(&door, "/app/x", &with).await.status, 200);
    let again = ask(&door, "/app/x", &with).await;
    assert_eq!(again.status, 401);
    assert!(again.fields["www-authenticate"].to_str().unwrap().contains("stale=true"));
    assert_eq!(door.bodies("verified").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_clear_is_refused_with_its_reason() {
    let door = door().await;
    let nginx = [("X-Original-URI", "/app/x"), ("X-Original-Method", "GET")];
    let with = |more: &[(&'static str, &'static str)]| [&nginx[..], more].concat();
    for (fields, reason) in [
        (vec![], "not-said"),
        (vec![nginx[0]], "not-said"),
        (with(&[nginx[0]]), "said-twice"),
        (with(&[("X-Forwarded-Uri", "/app/y")]), "said-twice"),
        (with(&[("X-Forwarded-Host", "x")]), "said-twice"),
        (with(&[("X-HTTP-Method-Override", "DELETE")]), "override"),
        (with(&[("X-Rewrite-URL", "/files")]), "override"),
        (with(&[("X-SSL-Client-Cert", "no base64")]), "unreadable"),
        (vec![("X-Original-URI", "/app/../files/x"), nginx[1]], "path"),
        (vec![("X-Original-URI", "/app/%2e%2e/files/x"), nginx[1]], "path"),
        (vec![("X-Original-URI", "http://localhost/app/x"), nginx[1]], "path"),
        (vec![("X-Original-URI", "/other"), nginx[1]], "no-service"),
    ] {
        let refused = send(&door, "/verify", &fields).await;
        assert_eq!(refused.status, 403, "{fields:?}: {}", refused.text());
        let reference = refused.fields["x-gateward-reference"].to_str().unwrap();
        assert!(refused.text().contains(reference), "{}", refused.text());
        let recorded = door.bodies("request_refused");
        let event = recorded.iter().find(|event| event["reference"] == reference);
        assert_eq!(event.unwrap()["reason"], reason, "{fields:?}");
    }
    assert!(door.bodies("verified").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_question_that_is_not_clear_is_about_names_nobody_for_good() {
    let door = door().await;
    for (target, path) in [("/app/x?patient=7", "/app/x"), ("/patients/7", "-")] {
        let fields =
            [("X-Original-URI", target), ("X-Original-Method", "GET"), ("X-HTTP-Method-Override", "PUT")];
        assert_eq!(send(&door, "/verify", &fields).await.status, 403);
        let event = door.events().into_iter().next_back().unwrap();
        let body: serde_json::Value = serde_json::from_str(event.body()).unwrap();
        assert_eq!((&body["kind"], &body["path"]), (&"request_refused".into(), &path.into()));
        assert!(event.personal.unwrap().contains(target));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_any_kind_is_one_that_nginx_passes_on() {
    let door = door().await;
    let stranger = door.token("b@example.org", "/epos/other", SignedDuration::from_hours(1));
    let stranger = post(&door, stranger).await;
    let (name, password) = stranger.split_once(':').unwrap();
    let refused = ask_as(&door, "/app/x", &(name.to_owned(), password.to_owned())).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("nothing grants it this service"), "{}", refused.text());
    // Elsewhere 405.
    let fields = [("X-Original-URI", PATH), ("X-Original-Method", "DELETE")];
    assert_eq!(send(&door, "/verify", &fields).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_revoked_is_let_through_no_more() {
    let door = door().await;
    let login = login(&door).await;
    assert_eq!(ask_as(&door, "/app/x", &login).await.status, 200);
    let (_, revoked) = door.command(&["login", "revoke", &login.0]);
    assert!(revoked);
    assert_eq!(ask_as(&door, "/app/x", &login).await.status, 401);
    assert_eq!(door.bodies("verified").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_recorded_by_the_address_that_the_proxy_saw() {
    let door = door().await;
    let refused = ask(&door, "/nothing", &[("X-Forwarded-For", "203.0.113.9, 192.0.2.7")]).await;
    let reference = refused.fields["x-gateward-reference"].to_str().unwrap().to_owned();
    let events = door.events();
    let event = events.iter().find(|event| event.body().contains(&reference)).unwrap();
    assert!(event.personal.as_ref().unwrap().contains("\"192.0.2.7\""), "{event:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_behind_a_proxy_is_not_served_here() {
    let door = door().await;
    let refused = send(&door, "/app/x", &[]).await;
    assert_eq!(refused.status, 404, "{}", refused.text());
    assert!(door.bodies("request_refused").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_has_to_be_carried_is_not_asked_about() {
    let mut door = door().await;
    let fdsn = "\n[[service]]\nname = \"dataselect\"\nkind = \"fdsn\"\npath = \"/fdsnws/dataselect/1\"\n\
        upstream = \"http://127.0.0.1:1\"\ndigest = \"upstream\"\n";
    door.change(|text| text.to_owned() + fdsn).await;
    let refused = ask(&door, "/fdsnws/dataselect/1/query?net=XX", &[]).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let event = door.bodies("request_refused").pop().unwrap();
    assert_eq!((&event["reason"], &event["service"]), (&"not-for-proxies".into(), &"dataselect".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_no_proxy_vouches_for_is_refused() {
    let mut door = door().await;
    door.change(|text| text.replace("client_certificate = true\n", "")).await;
    let login = login(&door).await;
    assert_eq!(ask_as(&door, "/app/x", &login).await.status, 200);
    let refused = ask(&door, "/app/x", &[("X-SSL-Client-Cert", "AQIDBA==")]).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(door.bodies("request_refused").pop().unwrap()["reason"], "not-believed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_without_a_host_is_for_no_service_where_one_has_its_own() {
    let mut door = door().await;
    let at_a = "\n[[service]]\nname = \"a\"\nkind = \"plain\"\nhost = [\"a.example.org\"]\npath = \"/app\"\n\
        upstream = \"verify\"\nrequire = [\"node\"]\n";
    door.change(|text| text.to_owned() + at_a).await;
    let host = async |host| ask(&door, "/app/x", &[("X-Original-Host", host)]).await;
    assert_eq!(ask(&door, "/app/x", &[]).await.status, 403);
    assert_eq!(door.bodies("request_refused").pop().unwrap()["reason"], "not-said");
    assert_eq!(host("b.example.org").await.status, 401);
    assert_eq!(host("a.example.org").await.status, 403);
    assert_eq!(door.bodies("node_authentication_failed").pop().unwrap()["reason"], "no-certificate");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_that_a_proxy_asks_about_is_a_change() {
    let mut door = door().await;
    let for_users = "\n[[service]]\nname = \"live\"\nkind = \"plain\"\npath = \"/live\"\nupstream = \"verify\"\n\
        require = [\"user\"]\n[[grant]]\nuser = \"operator\"\nservice = \"live\"\n";
    door.change(|text| text.to_owned() + for_users).await;
    let create =
        ["api-token", "create", "--user", "operator", "--label", "t", "--format", "json", "--read-only"];
    let made: serde_json::Value = serde_json::from_str(&door.command(&create).0).unwrap();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let reads = [("Authorization", bearer.as_str())];
    assert_eq!(ask(&door, "/live/x", &reads).await.status, 200);
    let websocket = [reads[0], ("X-Original-Upgrade", "websocket")];
    assert_eq!(ask(&door, "/live/x", &websocket).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_leads_to_another_service() {
    let door = door().await;
    let login = login(&door).await;
    let told = ask_as(&door, "/%61p%70/x", &login).await;
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(door.bodies("verified")[0]["service"], "app");
}
