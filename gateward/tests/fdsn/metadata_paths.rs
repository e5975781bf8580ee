//! `pass`: paths of the upstream's own that the operator lets through, and no others.

use super::conduct::{answer, says};
use super::door::{DATASELECT, Door};
use super::gnupg::Gnupg;
use super::stand_in::StandIn;

const CATALOGS: &str = "<Catalogs><Catalog>ISC</Catalog></Catalogs>";

fn upstream() -> StandIn {
    StandIn::answering(says(answer("200 OK", "Content-Type: application/xml\r\n", CATALOGS.as_bytes())))
}

fn door(upstream: &StandIn, gnupg: &Gnupg) -> Door {
    let more = "pass = [\"/catalogs\", \"/about/us\"]";
    Door::configured(&format!("\"{}\"\n{more}", upstream.url()), "", &gnupg.issuer())
}

#[test]
fn a_configured_path_passes() {
    let gnupg = Gnupg::new();
    let upstream = upstream();
    let door = door(&upstream, &gnupg);
    for path in ["/catalogs", "/about/us"] {
        let got = door.curl(&format!("{DATASELECT}{path}"), &["--header", "Cookie: a=b"], b"");
        assert_eq!((got.status, got.text().as_str()), (200, CATALOGS), "{path}");
        assert_eq!(got.field("content-type"), Some("application/xml"));
        let asked = upstream.received().pop().unwrap();
        assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", &*format!("{DATASELECT}{path}")));
        assert_eq!(asked.field("cookie"), None);
    }
    let mut recorded = door.events("released");
    recorded.retain(|event| event["service"] == "dataselect");
    let passed: Vec<_> = recorded.iter().map(|event| &event["path"]).collect();
    assert_eq!(passed, ["/catalogs", "/about/us"]);
}

#[test]
fn a_configured_path_passes_by_get_and_without_parameters_only() {
    let gnupg = Gnupg::new();
    let upstream = upstream();
    let door = door(&upstream, &gnupg);
    let path = format!("{DATASELECT}/catalogs");
    for arguments in [
        &["--data-binary", "x=y"][..],
        &["--head"],
        &["--request", "PUT"],
        &["--request", "DELETE"],
        &["--request", "OPTIONS"],
    ] {
        let got = door.curl(&path, arguments, b"");
        assert_eq!((got.status, got.field("allow")), (405, Some("GET")), "{arguments:?}");
    }
    for query in ["?", "?x=y", "?net=ZR"] {
        let got = door.curl(&format!("{path}{query}"), &[], b"");
        assert_eq!(got.status, 400, "{query}: {}", got.text());
    }
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn no_other_spelling_of_a_configured_path_passes() {
    let gnupg = Gnupg::new();
    let upstream = upstream();
    let door = door(&upstream, &gnupg);
    for rest in [
        "//catalogs",
        "/catalogs/",
        "/catalogs//",
        "/catalogs/x",
        "/catalogsx",
        "/catalog",
        "/Catalogs",
        "/catalogs%2F",
        "/catalogs%00",
        "/catalogs;x=y",
        "/./catalogs",
        "/x/../catalogs",
        "/catalogs/../catalogs",
        "/about",
        "/about/",
        "/about//us",
        "/about%2Fus",
        "/us",
        "/contributors",
    ] {
        let got = door.curl(&format!("{DATASELECT}{rest}"), &["--path-as-is"], b"");
        assert_eq!(got.status, 404, "{rest}: {}", got.text());
    }
    assert_eq!(upstream.received().len(), 0);
    // An escape that nothing needs is the letter itself (RFC 3986 section 6.2.2.2); the upstream sees one spelling.
    assert_eq!(door.curl(&format!("{DATASELECT}/%63atalogs"), &["--path-as-is"], b"").status, 200);
    assert_eq!(upstream.received()[0].target, format!("{DATASELECT}/catalogs"));
}

#[test]
fn what_asks_for_data_is_held_against_the_restrictions_though_it_is_configured_to_pass() {
    let gnupg = Gnupg::new();
    let upstream = upstream();
    let more = "pass = [\"/query\", \"/queryauth\", \"/auth\"]";
    let door = Door::configured(&format!("\"{}\"\n{more}", upstream.url()), "", &gnupg.issuer());
    let restricted = "net=ZR&start=2016-06-01&end=2016-06-02";
    assert_eq!(door.curl(&format!("{DATASELECT}/query?{restricted}"), &[], b"").status, 403);
    assert_eq!(door.curl(&format!("{DATASELECT}/queryauth?{restricted}"), &[], b"").status, 401);
    assert_eq!(door.curl(&format!("{DATASELECT}/auth"), &[], b"").status, 405);
    assert_eq!(upstream.received().len(), 0);
}
