//! What people run every day, unchanged, against a door with restrictions.

use std::process::Command;

use serde_json::json;

use super::archive::ARCHIVE;
use super::door::{CX_GROUP, DATASELECT, Door, EMBARGO, station, token};
use super::fetch::fdsnws_fetch;
use super::gnupg::{Gnupg, Issuer};
use super::obspy::{Outcome, archived, obspy};
use super::routing_stand_in::{routing, service};
use super::statement::{GROUP, Statement, from_now};
use super::station::Station;
use super::tools::run;
use super::upstream::Upstream;

const OPEN: &str = "GE APE -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00";
const RESTRICTED: &str = "XR A01 -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00";
const OTHERS: &str = "CX HMBCX -- BHZ 2016-06-01T00:00:00 2016-06-02T00:00:00";

fn door(upstream: &Upstream, issuer: &Issuer<'_>) -> Door {
    Door::before(&upstream.url(), issuer)
}

/// ObsPy's client at the door, with a token or without.
fn client(door: &Door, lines: &[&str], token: Option<&str>) -> Outcome {
    let mut task = json!({ "do": "client", "url": door.url(""), "lines": lines });
    if let Some(token) = token {
        task["token"] = token.into();
    }
    obspy(&task, &door.file("ca.pem"))
}

#[test]
fn obspy_reads_with_its_token_what_is_restricted() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = door(&upstream, &issuer);
    let outcome = client(&door, &[RESTRICTED], Some(&token(&issuer, GROUP)));
    assert_eq!(outcome.error, None, "{}", outcome.said);
    assert_eq!(outcome.traces, archived(&[("XR.A01..HHZ", "2016-06-01")]));
}

#[test]
fn obspy_takes_restricted_waveforms_bit_for_bit() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = door(&upstream, &issuer);
    let raw = door.file("raw.mseed");
    let task = json!({
        "do": "client", "url": door.url(""), "lines": [RESTRICTED],
        "token": token(&issuer, GROUP), "raw": raw,
    });
    let outcome = obspy(&task, &door.file("ca.pem"));
    assert_eq!(outcome.error, None, "{}", outcome.said);
    assert!(std::fs::read(&raw).unwrap() == ARCHIVE.waveforms("XR.A01..HHZ", "2016-06-01"));
}

#[test]
fn obspy_asks_for_many_lines_at_once_and_gets_those_that_it_may() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = door(&upstream, &issuer);
    let outcome = client(&door, &[OPEN, RESTRICTED, OTHERS], Some(&token(&issuer, GROUP)));
    assert_eq!(outcome.error, None, "{}", outcome.said);
    assert_eq!(outcome.traces, archived(&[("GE.APE..HHZ", "2016-06-01"), ("XR.A01..HHZ", "2016-06-01")]));
}

#[test]
fn obspy_without_a_token_reads_what_is_open() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = door(&upstream, &issuer);
    let outcome = client(&door, &[OPEN], None);
    assert_eq!(outcome.error, None, "{}", outcome.said);
    assert_eq!(outcome.traces, archived(&[("GE.APE..HHZ", "2016-06-01")]));
}

#[test]
fn obspy_without_a_token_is_told_why_it_does_not_get_the_rest() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = door(&upstream, &issuer);
    let outcome = client(&door, &[RESTRICTED], None);
    assert_eq!(outcome.error.as_deref(), Some("FDSNForbiddenException"), "{outcome:?}");
    assert!(outcome.said.contains(EMBARGO) && outcome.said.contains("Reference:"), "{}", outcome.said);
}

#[test]
fn obspys_routing_client_finds_and_reads_what_is_restricted() {
    let (gnupg, upstream, stations) = (Gnupg::new(), Upstream::start(), Station::start());
    let issuer = gnupg.issuer();
    let dataselect = format!("\"{}\"", upstream.url());
    let door = Door::configured(&dataselect, &station(&stations.url()), &issuer);
    let routing = routing(&door.url(""));
    let task = json!({
        "do": "routing", "url": format!("{}/eidaws/routing/1", routing.url()),
        "lines": ["XR * * HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00"], "token": token(&issuer, GROUP),
    });
    let outcome = obspy(&task, &door.file("ca.pem"));
    assert_eq!(outcome.error, None, "{}", outcome.said);
    assert_eq!(outcome.traces, archived(&[("XR.A01..HHZ", "2016-06-01")]));
    let asked: Vec<_> = routing.received().iter().map(service).collect();
    assert_eq!(asked, ["station", "dataselect"]);
}

#[test]
fn fdsnws_fetch_gets_with_its_token_what_is_restricted_bit_for_bit() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = door(&upstream, &issuer);
    let routing = routing(&door.url(""));
    let token = token(&issuer, GROUP);
    let lines = format!("{OPEN}\n{RESTRICTED}\n");
    let fetched = fdsnws_fetch(&routing.url(), &lines, Some(&token), &door.file("ca.pem"));
    assert!(fetched.said.contains("auth successful"), "{}", fetched.said);
    let archived = ["GE.APE..HHZ", "XR.A01..HHZ"].map(|channel| ARCHIVE.waveforms(channel, "2016-06-01"));
    assert!(fetched.waveforms == archived.concat(), "{}", fetched.said);
}

#[test]
fn fdsnws_fetch_without_a_token_gets_what_is_open() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = door(&upstream, &issuer);
    let routing = routing(&door.url(""));
    let lines = format!("{OPEN}\n{RESTRICTED}\n");
    let fetched = fdsnws_fetch(&routing.url(), &lines, None, &door.file("ca.pem"));
    assert!(fetched.waveforms == ARCHIVE.waveforms("GE.APE..HHZ", "2016-06-01"), "{}", fetched.said);
}

#[test]
fn fdsnws_fetch_with_an_expired_token_is_told_so_and_gets_what_is_open() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = door(&upstream, &issuer);
    let routing = routing(&door.url(""));
    let token = issuer.sign(&Statement {
        issued: from_now(-86_400),
        valid_until: from_now(-1),
        ..Statement::default()
    });
    let lines = format!("{OPEN}\n{RESTRICTED}\n");
    let fetched = fdsnws_fetch(&routing.url(), &lines, Some(&token), &door.file("ca.pem"));
    assert!(fetched.said.contains("expired") && fetched.said.contains("Get a new token"), "{}", fetched.said);
    assert!(fetched.waveforms == ARCHIVE.waveforms("GE.APE..HHZ", "2016-06-01"), "{}", fetched.said);
}

#[test]
fn curl_gets_what_is_restricted() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = door(&upstream, &issuer);
    let target = format!(
        "{DATASELECT}/queryauth?net=CX&sta=HMBCX&loc=--&cha=BHZ&start=2016-06-01T00:00:00&end=2016-06-02"
    );
    let got = door.get(&target, &door.exchange(&token(&issuer, CX_GROUP)), &[]);
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.body == ARCHIVE.waveforms("CX.HMBCX..BHZ", "2016-06-01"), "{} bytes", got.body.len());
}

#[test]
fn curl_posts_nothing_until_it_is_challenged_and_gets_what_is_restricted() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = door(&upstream, &issuer);
    let login = door.exchange(&token(&issuer, CX_GROUP)).to_string();
    let arguments = ["--digest", "--user", &login, "--data-binary", OTHERS];
    let got = door.curl(&format!("{DATASELECT}/queryauth"), &arguments, b"");
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.body == ARCHIVE.waveforms("CX.HMBCX..BHZ", "2016-06-01"), "{} bytes", got.body.len());
}

/// wget at the door, with the login that a token becomes.
fn wget(door: &Door, token: &str, more: &[&str], target: &str) -> Vec<u8> {
    let login = door.exchange(token);
    let mut wget = Command::new("wget");
    wget.args(["--no-config", "--quiet", "--tries=1", "--timeout=60", "--output-document=-"]);
    wget.arg(format!("--ca-certificate={}", door.file("ca.pem").display()));
    wget.args([format!("--user={}", login.login), format!("--password={}", login.password)]);
    run(wget.args(more).arg(door.url(target)), b"").good().stdout
}

#[test]
fn wget_gets_what_is_restricted() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = door(&upstream, &issuer);
    let target = format!("{DATASELECT}/queryauth?network=XR&starttime=2016-06-01&endtime=2016-06-02");
    let got = wget(&door, &token(&issuer, GROUP), &[], &target);
    assert!(got == ARCHIVE.waveforms("XR.A01..HHZ", "2016-06-01"), "{} bytes", got.len());
}

#[test]
fn wget_posts_lines_from_a_file() {
    let (gnupg, upstream) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let door = door(&upstream, &issuer);
    std::fs::write(door.file("lines"), format!("{OPEN}\n{RESTRICTED}\n{OTHERS}\n")).unwrap();
    let post = format!("--post-file={}", door.file("lines").display());
    let got = wget(&door, &token(&issuer, GROUP), &[&post], &format!("{DATASELECT}/queryauth"));
    let archived = ["GE.APE..HHZ", "XR.A01..HHZ"].map(|channel| ARCHIVE.waveforms(channel, "2016-06-01"));
    assert!(got == archived.concat(), "{} bytes", got.len());
}
