//! What the upstream receives: what the door wrote, and nothing that a caller wrote.

use super::archive::ARCHIVE;
use super::conduct::{says, waveforms};
use super::door::{DATASELECT, Door, token};
use super::gnupg::Gnupg;
use super::stand_in::{Received, StandIn};
use super::statement::GROUP;

fn upstream() -> StandIn {
    StandIn::answering(says(waveforms(&ARCHIVE.waveforms("GE.APE..HHZ", "2016-06-01"))))
}

/// What was asked upstream, once.
#[track_caller]
fn only(upstream: &StandIn) -> Received {
    let received = upstream.received();
    assert_eq!(received.len(), 1, "{received:#?}");
    received[0].clone()
}

#[test]
fn nothing_of_the_callers_head_goes_upstream() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = upstream();
    let door = Door::before(&upstream.url(), &issuer);
    let login = door.exchange(&token(&issuer, GROUP));
    let target =
        format!("{DATASELECT}/queryauth?net=GE&sta=APE&loc=--&cha=HHZ&start=2016-06-01&end=2016-06-02");
    let mut arguments = Vec::new();
    for field in [
        "Cookie: session=secret",
        "X-Forwarded-For: 192.0.2.1",
        "X-Forwarded-User: admin",
        "X-Remote-User: admin",
        "Remote-User: admin",
        "Forwarded: for=192.0.2.1",
        "X-Api-Key: secret",
        "Via: 1.1 elsewhere",
        "Accept-Encoding: gzip, br",
        "Range: bytes=0-99",
        "If-None-Match: \"x\"",
        "Connection: X-Secret",
        "X-Secret: secret",
        "Referer: https://secret.example.org/",
    ] {
        arguments.extend(["--header", field]);
    }
    let reply = door.get(&target, &login, &arguments);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let received = only(&upstream);
    // The program that asks may be told; whoever sits at it not.
    let known = ["host", "accept", "accept-encoding", "user-agent", "x-forwarded-for"];
    for (name, value) in &received.fields {
        assert!(known.contains(&name.to_ascii_lowercase().as_str()), "{name}: {value} went upstream");
    }
    assert_eq!(received.fields.len(), known.len(), "{received:?}");
    assert_eq!(received.field("host"), upstream.url().strip_prefix("http://"));
    assert_eq!(received.field("accept-encoding"), Some("identity"));
    assert_eq!(received.field("x-forwarded-for"), Some("127.0.0.1"));
    let everything = format!("{received:?}");
    assert!(!everything.contains(&login.login), "{everything}");
}

#[test]
fn every_alias_becomes_one_line_that_two_servers_cannot_read_differently() {
    let gnupg = Gnupg::new();
    let upstream = upstream();
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    for (number, target) in [
        "net=GE&sta=APE&loc=--&cha=HHZ&start=2016-06-01&end=2016-06-02",
        "network=GE&station=APE&location=--&channel=HHZ&starttime=2016-06-01T00:00:00&endtime=2016-06-02T00:00:00",
        "end=2016-06-02T00:00:00Z&start=2016-06-01T00:00:00.000000Z&cha=HHZ&loc=--&sta=APE&net=GE",
        "net=%47E&sta=APE&loc=%2D%2D&cha=HHZ&start=2016-06-01T00%3A00%3A00&end=2016-06-02",
    ]
    .iter()
    .enumerate()
    {
        let reply = door.curl(&format!("{DATASELECT}/query?{target}"), &[], b"");
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        assert_eq!(upstream.received().len(), number + 1, "{target}");
    }
    let received = upstream.received();
    for request in &received {
        assert_eq!((&request.method, &request.target), (&received[0].method, &received[0].target));
        assert_eq!(request.body, received[0].body);
    }
    assert!(received[0].target.starts_with(&format!("{DATASELECT}/query")), "{}", received[0].target);
}

#[test]
fn lines_go_upstream_as_lines_of_our_own() {
    let gnupg = Gnupg::new();
    let upstream = upstream();
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    let times = "2016-06-01T00:00:00\t2016-06-02T00:00:00.0Z ";
    let reply =
        door.query(&format!("nodata = 404\r\n\r\n  ge   Ape\t--  HHZ {times}\r\nGE KBS 00 B?Z {times}"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let received = only(&upstream);
    assert_eq!((received.method.as_str(), received.target.as_str()), ("POST", "/fdsnws/dataselect/1/query"));
    let times = "2016-06-01T00:00:00 2016-06-02T00:00:00";
    let written =
        ["nodata=404".to_owned(), format!("GE APE -- HHZ {times}"), format!("GE KBS 00 B?Z {times}")];
    assert_eq!(received.body.lines().collect::<Vec<_>>(), written);
}

#[test]
fn a_get_too_long_for_the_upstream_is_served_all_the_same() {
    let gnupg = Gnupg::new();
    let upstream = upstream();
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    let others = (0..500).map(|number| format!(",A{number:03}*")).collect::<Vec<_>>().concat();
    let target =
        format!("{DATASELECT}/query?net=GE&sta=APE{others}&loc=--&cha=HHZ&start=2016-06-01&end=2016-06-02");
    let reply = door.curl(&target, &[], b"");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let received = only(&upstream);
    assert!(received.target.len() < 2048, "{}", received.target);
    assert!(received.method == "POST" || received.body.is_empty(), "{received:?}");
}

#[test]
fn no_other_spelling_of_a_path_reaches_the_upstream() {
    let gnupg = Gnupg::new();
    let upstream = upstream();
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    let asked = "?net=GE&start=2016-06-01&end=2016-06-02";
    for path in [
        "/fdsnws/dataselect/1//query",
        "/fdsnws/dataselect/1/query/",
        "/fdsnws/dataselect/1/QUERY",
        "/fdsnws/dataselect/1/./query",
        "/fdsnws/dataselect/1/../1/query",
        "/fdsnws/dataselect/1/query;x=y",
        "/fdsnws/dataselect/1/query%2F",
        "/fdsnws/dataselect/1/query%00",
        "/fdsnws//dataselect/1/query",
        "/FDSNWS/dataselect/1/query",
        "/fdsnws/dataselect/1/summary",
        "/fdsnws/dataselect/1/",
        "/fdsnws/dataselect/1",
        "/fdsnws/dataselect/10/query",
        "/fdsnws/event/1/catalogs",
        "/fdsnws/station/1/query",
    ] {
        let reply = door.curl(&format!("{path}{asked}"), &["--path-as-is"], b"");
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
    }
    assert_eq!(upstream.received().len(), 0);
    // An escape that nothing needs is the letter itself (RFC 3986 section 6.2.2.2); the upstream sees one spelling.
    let spelt = door.curl(&format!("/fdsnws/dataselect/1/%71uery{asked}"), &["--path-as-is"], b"");
    assert_eq!(spelt.status, 200, "{}", spelt.text());
    assert!(upstream.received()[0].target.starts_with("/fdsnws/dataselect/1/query"));
}

#[test]
fn what_is_not_understood_completely_does_not_reach_the_upstream() {
    let gnupg = Gnupg::new();
    let upstream = upstream();
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    let good = "net=GE&sta=APE&loc=--&cha=HHZ&start=2016-06-01&end=2016-06-02";
    for query in [
        &format!("{good}&net=GE"),
        &format!("{good}&network=GE"),
        &format!("{good}&unknown=1"),
        &format!("{good}&nodata=200"),
        &format!("{good}&format=sac"),
        "net=GE&start=yesterday&end=2016-06-02",
        "net=GE%0AZR&start=2016-06-01&end=2016-06-02",
        "net=GE%20ZR&start=2016-06-01&end=2016-06-02",
        "net=GE&start=2016-06-02&end=2016-06-01",
    ] {
        let reply = door.curl(&format!("{DATASELECT}/query?{query}"), &[], b"");
        assert_eq!(reply.status, 400, "{query}: {}", reply.text());
        assert!(reply.text().starts_with("Error 400: "), "{query}: {}", reply.text());
    }
    for body in [
        "GE APE -- HHZ 2016-06-01T00:00:00\n",
        "GE APE -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00 ZR\n",
        "unknown=1\nGE APE -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n",
        "GE APE -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\nnodata=404\n",
        "",
    ] {
        let reply = door.query(body);
        assert_eq!(reply.status, 400, "{body:?}: {}", reply.text());
    }
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn a_client_that_could_not_tell_a_cut_answer_from_a_whole_one_gets_none() {
    let gnupg = Gnupg::new();
    let upstream = upstream();
    let door = Door::before(&upstream.url(), &gnupg.issuer());
    let target = format!("{DATASELECT}/query?net=GE&sta=APE&loc=--&cha=HHZ&start=2016-06-01&end=2016-06-02");
    let reply = door.curl(&target, &["--http1.0", "--no-alpn"], b"");
    assert_eq!(reply.status, 505, "{}", reply.text());
    assert!(reply.text().contains("proxy_http_version 1.1"), "{}", reply.text());
    assert!(upstream.received().is_empty());
}
