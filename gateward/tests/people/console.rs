//! The pages where auditors look at what happened.

use super::people::{PASSWORD, create, installation};
use super::server::Server;

const AUDITOR: &str = "looks-on";

fn server() -> Server {
    let installation = installation();
    create(&installation, AUDITOR, &["--role", "auditor"]);
    create(&installation, "works", &["--role", "operator"]);
    Server::start(installation)
}

fn page(server: &Server, path: &str) -> (u16, String) {
    let user = format!("{AUDITOR}:{PASSWORD}");
    let reply = server.operators(path, &["--user", &user]);
    let policy = reply.field("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'none';") || reply.status == 303, "{path}: {policy}");
    (reply.status, reply.text())
}

#[test]
fn an_auditor_finds_a_refusal_by_its_reference_and_sees_all_of_it() {
    let server = server();
    let refused = server.operators("/", &["--user", "<i>nobody</i>:wrong"]);
    let reference = refused.reference();
    let (status, found) = page(&server, &format!("/console?name={reference}"));
    assert_eq!((status, found.as_str()), (303, ""));
    let (status, shown) = page(&server, &format!("/console/{reference}"));
    assert_eq!(status, 200, "{shown}");
    assert!(shown.contains("authentication_failed") && shown.contains("127.0.0.1"), "{shown}");
    let (status, list) = page(&server, "/console?outcome=refused&since=2020-01-01");
    assert_eq!(status, 200);
    assert!(list.contains("authentication failed") && !list.contains("user created"), "{list}");
    assert!(!(list + &shown).contains("<i>"));
}

#[test]
fn older_events_follow_page_by_page_without_one_missing_or_twice() {
    let server = server();
    for _ in 0..60 {
        server.operators("/", &["--user", &format!("{AUDITOR}:{PASSWORD}")]);
    }
    let (mut path, mut ids) = ("/console?who=looks-on".to_owned(), Vec::new());
    loop {
        let (status, list) = page(&server, &path);
        assert_eq!(status, 200, "{list}");
        ids.extend(list.split("href=\"/console/").skip(1).map(|rest| rest[..40].to_owned()));
        let Some(next) = list.split("rel=\"next\" href=\"").nth(1) else { break };
        path = next.split('"').next().unwrap().replace("&amp;", "&");
    }
    let all = ids.len();
    assert!(all >= 60, "{all}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn who_looks_is_recorded_with_what_they_asked_for() {
    let server = server();
    let before = server.events("log_read").len();
    page(&server, "/console?who=somebody");
    page(&server, "/console/nothing");
    let read = server.events("log_read");
    assert_eq!(read.len(), before + 3, "two pages, and the command that counted before: {read:?}");
    let hows: Vec<_> = read.iter().filter(|body| body["who"] == AUDITOR).map(|body| &body["how"]).collect();
    assert_eq!(hows, ["search", "show"]);
}

#[test]
fn what_cannot_be_understood_and_who_may_not_look_is_told_why() {
    let server = server();
    let (status, said) = page(&server, "/console?since=yesterday");
    assert_eq!(status, 400);
    assert!(said.contains("&quot;yesterday&quot; is neither a day nor an instant"), "{said}");
    assert_eq!(page(&server, "/console/ABCDE-FGHIJ").0, 404);
    let operator = format!("works:{PASSWORD}");
    let refused = server.operators("/console", &["--user", &operator]);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("an auditor's or administrator's may"), "{}", refused.text());
    let posted = server.operators("/console", &["--user", &operator, "--request", "POST"]);
    assert_eq!(posted.status, 405);
}

#[test]
fn a_browser_that_comes_to_the_listener_is_sent_there() {
    let server = server();
    let browser = ["--user", &format!("{AUDITOR}:{PASSWORD}"), "--header", "Accept: text/html,*/*;q=0.8"];
    let reply = server.operators("/", &browser);
    assert_eq!((reply.status, reply.field("location").unwrap()), (303, "/console"));
}
