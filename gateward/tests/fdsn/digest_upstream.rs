//! `digest = "upstream"`: the data service asks itself who comes, and the door passes both on.

use serde_json::json;

use super::archive::ARCHIVE;
use super::conduct::{answer, says, waveforms};
use super::data_centre::{Asks, DataCentre};
use super::door::{DATASELECT, Door, token};
use super::gnupg::{Gnupg, Issuer};
use super::obspy::{archived, obspy};
use super::server::Credentials;
use super::stand_in::StandIn;
use super::statement::GROUP;
use super::upstream::Upstream;

/// What is asked, as one of its own servers' users would.
const QUERY: &str = "net=XR&sta=A01&loc=--&cha=HHZ&start=2016-06-01T00:00:00&end=2016-06-02T00:00:00";

/// The same by lines, with something else.
const LINES: &str = "GE APE -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n\
                     XR A01 -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n";

fn asked() -> Vec<u8> {
    ARCHIVE.waveforms("XR.A01..HHZ", "2016-06-01")
}

/// What stands in the configuration file.
fn service(upstream: &str, more: &str) -> String {
    format!(
        "\n[[service]]\nname = \"dataselect\"\nkind = \"fdsn\"\npath = \"{DATASELECT}\"\n\
         upstream = \"{upstream}\"\ndigest = \"upstream\"\n{more}\n"
    )
}

/// A door before a service that asks itself.
pub fn door(upstream: &str, issuer: &Issuer<'_>) -> Door {
    Door::serving(&service(upstream, ""), issuer)
}

/// A login that the data service has and we have not.
pub fn jane() -> Credentials {
    Credentials { login: "jane.doe".into(), password: "her own".into() }
}

/// A data service that asks itself and knows [`jane`].
pub fn asking(data: &Upstream) -> DataCentre {
    let apache = DataCentre::before(data, Asks::Digest);
    apache.admit(&jane().login, &jane().password);
    apache
}

#[test]
fn curl_answers_the_upstream_and_gets_its_data_bit_for_bit() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let apache = asking(&data);
    let door = door(&apache.url(), &gnupg.issuer());
    let target = format!("{DATASELECT}/queryauth?{QUERY}");
    let got = door.get(&target, &jane(), &[]);
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.body == asked(), "{} bytes", got.body.len());
    assert_eq!(apache.noted(2), [format!("401 - GET {target}"), format!("200 jane.doe GET {target}")]);
}

#[test]
fn lines_are_posted_with_an_answer_to_the_upstream() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let apache = asking(&data);
    let door = door(&apache.url(), &gnupg.issuer());
    let arguments = ["--anyauth", "--user", &jane().to_string(), "--data-binary", "@-"];
    let got = door.curl(&format!("{DATASELECT}/queryauth"), &arguments, LINES.as_bytes());
    assert_eq!(got.status, 200, "{}", got.text());
    let archived = [ARCHIVE.waveforms("GE.APE..HHZ", "2016-06-01"), asked()].concat();
    assert!(got.body == archived, "{} bytes", got.body.len());
}

#[test]
fn obspy_reads_with_a_login_of_the_upstreams() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let apache = asking(&data);
    let door = door(&apache.url(), &gnupg.issuer());
    let task = json!({
        "do": "client", "url": door.url(""), "lines": [LINES.lines().nth(1)],
        "options": { "user": jane().login, "password": jane().password },
    });
    let outcome = obspy(&task, &door.file("ca.pem"));
    assert_eq!(outcome.error, None, "{}", outcome.said);
    assert_eq!(outcome.traces, archived(&[("XR.A01..HHZ", "2016-06-01")]));
}

#[test]
fn obspy_reads_with_a_token_whose_login_the_upstream_was_told() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let apache = asking(&data);
    let door = door(&apache.url(), &issuer);
    let token = token(&issuer, GROUP);
    let login = door.exchange(&token);
    apache.admit(&login.login, &login.password);
    let lines: Vec<_> = LINES.lines().collect();
    let task = json!({ "do": "client", "url": door.url(""), "lines": lines, "token": token });
    let outcome = obspy(&task, &door.file("ca.pem"));
    assert_eq!(outcome.error, None, "{}", outcome.said);
    assert_eq!(outcome.traces, archived(&[("GE.APE..HHZ", "2016-06-01"), ("XR.A01..HHZ", "2016-06-01")]));
}

#[test]
fn whoever_answers_wrongly_hears_it_from_the_upstream() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let apache = asking(&data);
    let door = door(&apache.url(), &gnupg.issuer());
    let wrong = Credentials { password: "another".into(), ..jane() };
    let got = door.get(&format!("{DATASELECT}/queryauth?{QUERY}"), &wrong, &[]);
    assert_eq!(got.status, 401, "{}", got.text());
    let challenge = got.field("www-authenticate").unwrap();
    assert!(challenge.starts_with("Digest realm=\"FDSN\", nonce=\""), "{challenge}");
    // In Apache's words, not in ours.
    assert!(got.text().contains("<title>401 Unauthorized</title>"), "{}", got.text());
    assert!(apache.noted(2).iter().all(|line| line.starts_with("401 ")), "{:?}", apache.noted(2));
}

#[test]
fn whoever_does_not_log_in_gets_what_the_upstream_gives_to_everybody() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let apache = asking(&data);
    let door = door(&apache.url(), &gnupg.issuer());
    let got = door.curl(&format!("{DATASELECT}/query?{QUERY}"), &[], b"");
    assert!(got.status == 200 && got.body == asked(), "{}: {} bytes", got.status, got.body.len());
    let got = door.curl(&format!("{DATASELECT}/queryauth?{QUERY}"), &[], b"");
    assert_eq!(got.status, 401, "{}", got.text());
}

#[test]
fn target_answer_and_lines_reach_the_upstream_byte_for_byte() {
    let gnupg = Gnupg::new();
    let upstream = StandIn::answering(says(waveforms(&asked())));
    let door = door(&upstream.url(), &gnupg.issuer());
    // As nobody would write it who wrote it anew.
    let query = "end=2016-06-02T00%3a00%3A00&cha=H%48Z&loc=%2D-&NET=XR&sta=A01&start=2016-06-01";
    let target = format!("{DATASELECT}/queryauth?{query}");
    let said = r#"DIGEST  username="J\"ane", uri="/elsewhere" ,nonce="a  b",realm="",response="x",, a=b"#;
    let header = format!("Authorization: {said}");
    let got = door.curl(&target, &["--header", &header], b"");
    assert_eq!(got.status, 200, "{}", got.text());
    let lines = "quality = b\r\n\r\n xr  A01\t-- HHZ 2016-06-01 2016-06-02T00:00:00Z \r\n";
    let arguments = ["--header", &header, "--data-binary", "@-"];
    let got = door.curl(&format!("{DATASELECT}/queryauth"), &arguments, lines.as_bytes());
    assert_eq!(got.status, 200, "{}", got.text());
    let received = upstream.received();
    let targets: Vec<_> = received.iter().map(|request| request.target.as_str()).collect();
    assert_eq!(targets, [target.as_str(), &format!("{DATASELECT}/queryauth")]);
    assert!(received.iter().all(|request| request.field("authorization") == Some(said)), "{received:#?}");
    assert_eq!((received[1].method.as_str(), received[1].body.as_str()), ("POST", lines));
}

#[test]
fn no_other_path_and_no_request_that_is_not_understood_reaches_the_upstream() {
    let gnupg = Gnupg::new();
    let upstream = StandIn::answering(says(waveforms(&asked())));
    let door = door(&upstream.url(), &gnupg.issuer());
    for (rest, status) in [
        (format!("//queryauth?{QUERY}"), 404),
        (format!("/queryauth/?{QUERY}"), 404),
        (format!("/summary?{QUERY}"), 404),
        (format!("/queryauth?{QUERY}&unknown=1"), 400),
        (format!("/queryauth?{QUERY}&net=GE"), 400),
    ] {
        let reply = door.curl(&format!("{DATASELECT}{rest}"), &["--path-as-is"], b"");
        assert_eq!(reply.status, status, "{rest}: {}", reply.text());
    }
    assert_eq!(upstream.received().len(), 0);
    // An escape that nothing needs is the letter itself (RFC 3986 section 6.2.2.2); the upstream sees one spelling.
    let spelt = door.curl(&format!("{DATASELECT}/%71ueryauth?{QUERY}"), &["--path-as-is"], b"");
    assert_eq!(spelt.status, 200, "{}", spelt.text());
    assert!(upstream.received()[0].target.starts_with(&format!("{DATASELECT}/queryauth?")));
}

#[test]
fn the_exchange_is_ours_where_all_else_is_the_upstreams() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = StandIn::answering(says(answer("200 OK", "", b"not:ours")));
    let door = door(&upstream.url(), &issuer);
    let token = token(&issuer, GROUP);
    let path = format!("{DATASELECT}/auth");
    let exchanged = Credentials::of(&door.curl(&path, &["--data-binary", "@-"], token.as_bytes()));
    assert_eq!(exchanged, door.exchange(&token));
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn the_file_says_nothing_about_what_the_upstream_decides() {
    let gnupg = Gnupg::new();
    let installation = super::installation::Installation::believing(&gnupg.issuer());
    let before = std::fs::read_to_string(installation.config()).unwrap();
    let findings = |more: &str| {
        installation.configure(&format!("{before}\n{}", service("http://127.0.0.1:9", more)));
        let checked = installation.command(&["config", "check"]);
        (checked.status, checked.text().to_owned())
    };
    assert_eq!(findings("").0, 0, "{}", findings("").1);
    for decided in [
        "inventory = \"inventory.xml\"",
        "unlisted = \"refuse\"",
        "unlisted = \"open\"",
        "verify_stream = true",
        "[[service.restriction]]\nnetwork = \"XR\"",
        "identify_as = \"X-User\"",
        "queryauth_to = \"queryauth\"",
    ] {
        let (status, said) = findings(decided);
        assert!(status == 1 && said.contains("digest = \"upstream\""), "{decided}: {status} {said}");
    }
}
