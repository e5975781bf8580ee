//! Availability: what exists is told to whoever may have it.
//!
//! The upstream is a recording stand-in, because no real availability service can be installed here:
//! what matters is what it is asked.

use std::collections::BTreeSet;

use super::archive::ARCHIVE;
use super::conduct::answer;
use super::door::{CX_GROUP, Door, EMBARGO, ZR_GROUP, token};
use super::gnupg::{Gnupg, Issuer};
use super::server::Reply;
use super::stand_in::{Received, StandIn};
use super::statement::GROUP;

const AVAILABILITY: &str = "/fdsnws/availability/1";

/// What the stand-in says there is, whatever it is asked.
const SAID: &str = "#Network Station Location Channel Quality SampleRate Earliest Latest\n";

/// Offers no exchange and nothing behind a login, as many do.
const WADL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<application xmlns="http://wadl.dev.java.net/2009/02" xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <resources base="http://inside.example.org/fdsnws/availability/1/">
    <resource path="query">
      <method id="query" name="GET"><request><param name="merge" style="query" type="xs:string"/></request></method>
    </resource>
    <resource path="extent">
      <method id="extent" name="GET"><request><param name="orderby" style="query" type="xs:string"/></request></method>
    </resource>
    <resource path="version"><method id="version" name="GET"/></resource>
  </resources>
</application>
"#;

/// What is open on the first of June 2016, as far as the inventory knows.
const OPEN: [&str; 4] = ["CX PB01 -- BHZ", "GE APE -- HHZ", "GE APE 10 HHZ", "GE KBS 00 BHZ"];

const DAY: &str = "2016-06-01T00:00:00 2016-06-02T00:00:00";

/// A stand-in for an availability service, which remembers what it was asked.
fn availability() -> StandIn {
    StandIn::answering(|request, stream| {
        let (kind, body) = if request.target.ends_with("/application.wadl") {
            ("application/xml", WADL)
        } else {
            ("text/plain", SAID)
        };
        let answer = answer("200 OK", &format!("Content-Type: {kind}\r\n"), body.as_bytes());
        std::io::Write::write_all(stream, &answer)
    })
}

fn door(upstream: &StandIn, issuer: &Issuer<'_>) -> Door {
    let grant = |group: &str, networks: &str| {
        format!("[[grant]]\ngroup = \"{group}\"\nservice = \"availability\"\nnetworks = [\"{networks}\"]\n")
    };
    let service = format!(
        "[[service]]\nname = \"availability\"\nkind = \"fdsn\"\npath = \"{AVAILABILITY}\"\n\
         upstream = \"{}\"\ndigest = \"gateward\"\ninventory = \"{}\"\nunlisted = \"refuse\"\n\
         [[service.restriction]]\nnetwork = \"XR:2015-2017\"\nreason = \"{EMBARGO}\"\n",
        upstream.url(),
        ARCHIVE.file("inventory.xml").display()
    );
    let grants = [grant(GROUP, "XR:2015-2017"), grant(ZR_GROUP, "ZR"), grant(CX_GROUP, "CX")];
    Door::serving(&format!("{service}{}", grants.concat()), issuer)
}

/// Asks for lines, with the login that `token` becomes where there is one.
fn ask(door: &Door, path: &str, token: Option<&str>, lines: &str) -> Reply {
    let login = token.map(|token| door.exchange(token).to_string());
    let shown = login.as_ref().map_or(vec![], |login| vec!["--anyauth", "--user", login]);
    let arguments = [&shown[..], &["--data-binary", "@-"]].concat();
    door.curl(&format!("{AVAILABILITY}/{path}"), &arguments, lines.as_bytes())
}

/// The lines of a bulk request without their times, each of which must be `times`.
#[track_caller]
fn lines<'a>(request: &'a Received, times: &str) -> BTreeSet<&'a str> {
    let lines = request.body.lines().filter(|line| !line.contains('='));
    let codes = |line: &'a str| line.strip_suffix(times).unwrap_or_else(|| panic!("{request:#?}")).trim_end();
    lines.map(codes).collect()
}

#[test]
fn a_wildcard_becomes_the_listed_channels_that_are_open() {
    let gnupg = Gnupg::new();
    let upstream = availability();
    let door = door(&upstream, &gnupg.issuer());
    for (number, path) in ["query", "extent"].iter().enumerate() {
        let got = ask(&door, path, None, &format!("* * * * {DAY}\n"));
        assert_eq!((got.status, got.text().as_str()), (200, SAID), "{path}");
        let received = upstream.received();
        assert_eq!(received.len(), number + 1, "{received:#?}");
        let asked = &received[number];
        assert_eq!((asked.method.as_str(), &*asked.target), ("POST", &*format!("{AVAILABILITY}/{path}")));
        assert_eq!(lines(asked, DAY), BTreeSet::from(OPEN), "{path}");
    }
}

#[test]
fn every_way_to_say_everything_is_written_anew() {
    let gnupg = Gnupg::new();
    let upstream = availability();
    let door = door(&upstream, &gnupg.issuer());
    let times = "start=2016-06-01&end=2016-06-02";
    for (number, query) in [
        times.to_owned(),
        format!("net=*&sta=*&loc=*&cha=*&{times}"),
        format!("network=??&{times}"),
        format!("net=GE,ZR,CX,XR,QQ&cha=?H?&{times}"),
    ]
    .iter()
    .enumerate()
    {
        let got = door.curl(&format!("{AVAILABILITY}/query?{query}"), &[], b"");
        assert_eq!(got.status, 200, "{query}: {}", got.text());
        assert_eq!(lines(&upstream.received()[number], DAY), BTreeSet::from(OPEN), "{query}");
    }
}

#[test]
fn a_network_that_is_granted_is_asked_for_as_a_whole_beside_what_is_open() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = availability();
    let door = door(&upstream, &issuer);
    let [pb01, others @ ..] = OPEN;
    for (group, own) in [
        (GROUP, &[pb01, "XR * * *"][..]),
        (ZR_GROUP, &[pb01, "ZR * * *"]),
        (CX_GROUP, &["CX * * *"]),
        ("/epos/elsewhere", &[pb01]),
    ] {
        let token = token(&issuer, group);
        for path in ["queryauth", "extentauth"] {
            let got = ask(&door, path, Some(&token), &format!("* * * * {DAY}\n"));
            assert_eq!(got.status, 200, "{group}: {}", got.text());
            let asked = upstream.received().pop().unwrap();
            // The upstream checks nothing, so it is asked where everybody is.
            assert_eq!(asked.target, format!("{AVAILABILITY}/{}", path.trim_end_matches("auth")));
            let expected: BTreeSet<_> = others.iter().chain(own).copied().collect();
            assert_eq!(lines(&asked, DAY), expected, "{group}");
        }
    }
}

#[test]
fn a_grant_opens_no_other_network_in_a_list_of_names() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = availability();
    let door = door(&upstream, &issuer);
    let line = format!("ZR,CX,XR Z01,HMBCX,A01 -- * {DAY}\n");
    let got = ask(&door, "extentauth", Some(&token(&issuer, ZR_GROUP)), &line);
    assert_eq!(got.status, 200, "{}", got.text());
    let asked = upstream.received().pop().unwrap();
    let networks = asked.body.lines().filter(|line| !line.contains('=')).map(|line| &line[..2]);
    let query = asked.target.split(['?', '&']).filter_map(|pair| pair.strip_prefix("network="));
    assert_eq!(query.chain(networks).collect::<BTreeSet<_>>(), BTreeSet::from(["ZR"]), "{asked:?}");
}

#[test]
fn a_time_across_a_restrictions_limit_is_cut_there() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = availability();
    let door = door(&upstream, &issuer);
    let line = "XR A01 -- HHZ 2017-06-01T00:00:00 2018-06-01T00:00:00\n";
    assert_eq!(ask(&door, "extent", None, line).status, 200);
    assert_eq!(ask(&door, "extentauth", Some(&token(&issuer, GROUP)), line).status, 200);
    let received = upstream.received();
    assert!(received.iter().all(|asked| asked.method == "GET" && asked.body.is_empty()), "{received:#?}");
    let query = "?network=XR&station=A01&location=--&channel=HHZ&starttime=";
    let end = "&endtime=2018-06-01T00:00:00";
    assert_eq!(received[0].target, format!("{AVAILABILITY}/extent{query}2018-01-01T00:00:00{end}"));
    // Two networks have the code: to one of them the grant leads, the other one is open.
    assert_eq!(received[1].target, format!("{AVAILABILITY}/extent{query}2017-06-01T00:00:00{end}"));
}

#[test]
fn the_login_is_asked_for_where_the_answer_depends_on_it() {
    let gnupg = Gnupg::new();
    let upstream = availability();
    let door = door(&upstream, &gnupg.issuer());
    for (path, status) in [("query", 200), ("extent", 200), ("queryauth", 401), ("extentauth", 401)] {
        let got = ask(&door, path, None, &format!("GE * * * {DAY}\n"));
        assert_eq!(got.status, status, "{path}: {}", got.text());
        let asks = got.field("www-authenticate").is_some_and(|challenge| challenge.starts_with("Digest "));
        assert_eq!(asks, status == 401, "{path}");
    }
    for wrong in [&["--digest", "--user", "nobody:wrong"][..], &["--user", "nobody:wrong"]] {
        for path in ["queryauth", "extentauth"] {
            let target = format!("{AVAILABILITY}/{path}?net=GE&start=2016-06-01&end=2016-06-02");
            let got = door.curl(&target, wrong, b"");
            assert_eq!(got.status, 401, "{path} {wrong:?}: {}", got.text());
        }
    }
    assert_eq!(upstream.received().len(), 2);
}

#[test]
fn nothing_left_is_refused_with_the_reason_and_not_asked() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = availability();
    let door = door(&upstream, &issuer);
    let other = token(&issuer, ZR_GROUP);
    for (path, token) in
        [("query", None), ("extent", None), ("queryauth", Some(&*other)), ("extentauth", Some(&other))]
    {
        let got = ask(&door, path, token, &format!("XR * * * {DAY}\n"));
        assert_eq!(got.status, 403, "{path}: {}", got.text());
        assert!(got.text().starts_with("Error 403: Forbidden\n") && got.text().contains(EMBARGO), "{path}");
        assert!(!got.reference().is_empty());
        let got = ask(&door, path, token, &format!("QQ,CX U01,HMBCX * * {DAY}\n"));
        assert_eq!(got.status, 403, "{path}: {}", got.text());
    }
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn how_the_answer_shall_look_is_the_callers_to_say() {
    let gnupg = Gnupg::new();
    let upstream = availability();
    let door = door(&upstream, &gnupg.issuer());
    let selection = "network=GE&station=KBS&location=00&channel=BHZ\
                     &starttime=2016-06-01T00:00:00&endtime=2016-06-02T00:00:00";
    for (path, options) in [
        ("query", "quality=D&merge=samplerate,overlap&mergegaps=1.5&orderby=latestupdate&show=latestupdate"),
        ("query", "limit=10&includerestricted=TRUE&format=json&nodata=404"),
        ("extent", "quality=D,Q&merge=quality&orderby=timespancount_desc&format=geocsv&nodata=204"),
    ] {
        let got = door.curl(&format!("{AVAILABILITY}/{path}?{selection}&{options}"), &[], b"");
        assert_eq!(got.status, 200, "{options}: {}", got.text());
        let asked = upstream.received().pop().unwrap().target;
        let (_, asked) = asked.split_once('?').unwrap();
        let (asked, said): (BTreeSet<_>, BTreeSet<_>) =
            (asked.split('&').collect(), selection.split('&').chain(options.split('&')).collect());
        assert_eq!(asked, said);
    }
    for (path, wrong) in
        [("extent", "mergegaps=1"), ("query", "orderby=timespancount"), ("query", "level=channel")]
    {
        let got = door.curl(&format!("{AVAILABILITY}/{path}?{selection}&{wrong}"), &[], b"");
        assert_eq!(got.status, 400, "{wrong}: {}", got.text());
    }
}

#[test]
fn the_description_offers_the_exchange_and_what_is_behind_a_login() {
    let gnupg = Gnupg::new();
    let upstream = availability();
    let door = door(&upstream, &gnupg.issuer());
    let got = door.curl(&format!("{AVAILABILITY}/application.wadl"), &[], b"");
    let text = got.text();
    assert_eq!(got.status, 200, "{text}");
    for path in ["auth", "query", "queryauth", "extent", "extentauth", "version"] {
        assert_eq!(text.matches(&format!("<resource path=\"{path}\">")).count(), 1, "{path}: {text}");
    }
    assert!(!text.contains("inside.example.org"), "{text}");
    // Its parameters come along, or clients take it for an empty method.
    assert_eq!(text.matches("name=\"merge\"").count(), 2, "{text}");
    assert_eq!(text.matches("name=\"orderby\"").count(), 2, "{text}");
}

#[test]
fn the_exchange_answers_beside_availability() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = availability();
    let door = door(&upstream, &issuer);
    let token = token(&issuer, GROUP);
    let path = format!("{AVAILABILITY}/auth");
    let exchanged = door.curl(&path, &["--data-binary", "@-"], token.as_bytes());
    assert_eq!(exchanged.text(), door.exchange(&token).to_string());
    assert_eq!(upstream.received().len(), 0);
}
