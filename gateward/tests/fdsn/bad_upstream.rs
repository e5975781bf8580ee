//! Upstreams that are slow, broken or hostile: the caller gets the right error or a cut answer,
//! nobody gets what nobody asked for, and the events tell the truth.

use std::process::Command;
use std::time::{Duration, Instant};

use super::archive::ARCHIVE;
use super::conduct::{
    MINISEED, answer, breaks_off, chunked, compressed, error, hangs, never_ends_its_head, says, waveforms,
};
use super::door::{DATASELECT, Door};
use super::gnupg::Gnupg;
use super::stand_in::StandIn;
use super::tools::run;

/// What is asked in all of these tests, and open to everybody.
const LINE: &str = "GE APE -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n";

/// What a good upstream answers to that; so little that the door looks at it whole.
fn asked() -> Vec<u8> {
    ARCHIVE.waveforms("GE.APE..HHZ", "2016-06-01")
}

/// The same again and again, until the door passes its beginning on before it has seen the end.
fn plenty() -> Vec<u8> {
    asked().repeat(20)
}

/// Where an answer with plenty breaks off: within a record, after the door passed some on.
const MIDDLE: usize = 300_000;

/// Waits two seconds at the longest for the next byte.
fn door(upstream: &StandIn) -> Door {
    let gnupg = Gnupg::new();
    let upstream = format!("{{ url = \"{}\", timeout = \"2s\" }}", upstream.url());
    Door::configured(&upstream, "", &gnupg.issuer())
}

/// What curl got, and whether it is whole.
struct Got {
    /// 0 if no head came.
    status: u16,
    body: Vec<u8>,
    whole: bool,
}

impl Got {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Asks, and takes an answer that breaks off as well.
fn ask(door: &Door) -> Got {
    let head = tempfile::NamedTempFile::new().unwrap();
    let mut curl = Command::new("curl");
    curl.args(["--disable", "--silent", "--max-time", "60", "--data-binary", LINE, "--cacert"]);
    curl.arg(door.file("ca.pem")).arg("--dump-header").arg(head.path());
    let ran = run(curl.arg(door.url(&format!("{DATASELECT}/query"))), b"");
    let head = std::fs::read_to_string(head.path()).unwrap();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Got { status, body: ran.stdout, whole: ran.status == 0 }
}

/// How the one answer ended, as the record has it.
#[track_caller]
fn ending(door: &Door) -> serde_json::Value {
    let begun = Instant::now();
    loop {
        let mut endings = door.events("ended");
        endings.extend(door.events("released"));
        endings.retain(|event| event["service"] == "dataselect");
        if let Some(ending) = endings.pop() {
            return ending;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "no end was recorded");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The caller gets an FDSN error with this status, and the text.
#[track_caller]
fn becomes(upstream: &StandIn, status: u16) -> String {
    let door = door(upstream);
    let got = ask(&door);
    let text = got.text();
    assert_eq!(got.status, status, "{text}");
    assert!(got.whole && text.starts_with(&format!("Error {status}: ")), "{text}");
    assert_eq!(upstream.received().len(), 1, "a request is sent once");
    text
}

/// The answer begins, and breaks off before it is whole; what came is good, and the record says so.
#[track_caller]
fn is_cut(upstream: &StandIn) -> Door {
    let door = door(upstream);
    let got = ask(&door);
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(!got.whole, "curl took a part for the whole");
    assert!(!got.body.is_empty() && plenty().starts_with(&got.body), "{} bytes", got.body.len());
    let ending = ending(&door);
    assert_eq!(ending["delivery"], "upstream_failed", "{ending}");
    door
}

/// That the upstream sent what it should not have is an event of its own.
#[track_caller]
fn is_an_alarm(door: &Door) {
    let alarms = door.events("upstream_overstepped");
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert_eq!(alarms[0]["service"], "dataselect", "{alarms:?}");
}

#[test]
fn a_good_answer_passes_however_it_is_framed() {
    let records = plenty();
    let unframed = format!("HTTP/1.0 200 OK\r\nContent-Type: {MINISEED}\r\n\r\n");
    let unframed = [unframed.as_bytes(), &records].concat();
    let length = unframed.len();
    for upstream in [
        StandIn::answering(says(waveforms(&records))),
        StandIn::answering(says(chunked(&records))),
        StandIn::answering(breaks_off(unframed, length)),
    ] {
        let door = door(&upstream);
        let got = ask(&door);
        assert_eq!((got.status, got.whole), (200, true), "{}", got.text());
        assert!(got.body == records, "{} bytes", got.body.len());
        assert_eq!(ending(&door)["delivery"], "complete");
    }
}

#[test]
fn records_of_another_network_do_not_pass() {
    let restricted = ARCHIVE.waveforms("ZR.Z01..HHZ", "2016-06-01");
    let upstream = StandIn::answering(says(waveforms(&restricted)));
    let door = door(&upstream);
    let got = ask(&door);
    assert_eq!(got.status, 502, "{}", got.text());
    assert!(got.text().starts_with("Error 502"), "{}", got.text());
    is_an_alarm(&door);
}

#[test]
fn records_of_another_network_after_good_ones_cut_the_answer() {
    let mixed = [plenty(), ARCHIVE.waveforms("ZR.Z01..HHZ", "2016-06-01")].concat();
    is_an_alarm(&is_cut(&StandIn::answering(says(waveforms(&mixed)))));
}

#[test]
fn records_of_another_time_cut_the_answer() {
    let mixed = [plenty(), ARCHIVE.waveforms("GE.APE..HHZ", "2018-06-01")].concat();
    is_an_alarm(&is_cut(&StandIn::answering(says(chunked(&mixed)))));
}

/// Records of a day with when each begins and ends, in microseconds.
fn spans(records: &[u8]) -> Vec<(&[u8], i64, i64)> {
    let mut rest = records;
    let mut spans = Vec::new();
    while !rest.is_empty() {
        let Ok(miniseed::Read::Header(header)) = miniseed::Header::read(rest) else { panic!("no record") };
        let (record, more) = rest.split_at(header.length as usize);
        spans.push((record, header.start, header.end));
        rest = more;
    }
    spans
}

/// 2018-01-01T00:00:00, where XR becomes another, open network; in microseconds.
const LIMIT: i64 = 1_514_764_800_000_000;

/// The records of a day that reach over [`LIMIT`].
fn across(day: &[u8]) -> Vec<&[u8]> {
    let reaches = |(_, start, end): &(&[u8], i64, i64)| *start < LIMIT && LIMIT <= *end;
    spans(day).into_iter().filter(reaches).map(|(record, ..)| record).collect()
}

#[test]
fn a_record_across_a_restrictions_limit_is_left_out_and_counted() {
    let day = ARCHIVE.waveforms("XR.A01..HHZ", "2017-12-31");
    let across = across(&day);
    let after: Vec<&[u8]> =
        spans(&day).into_iter().filter(|(_, start, _)| *start >= LIMIT).map(|(record, ..)| record).collect();
    assert!(!across.is_empty() && !after.is_empty(), "the archive has records on both sides");
    let sent = [across.concat(), after.concat()].concat();
    let upstream = StandIn::answering(says(waveforms(&sent)));
    let door = door(&upstream);
    let line = "XR A01 -- HHZ 2018-01-01T00:00:00 2018-01-02T00:00:00\n";
    let reply = door.query(line);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let open = after.concat();
    assert!(reply.body == open, "{} of {} bytes", reply.body.len(), open.len());
    let ending = ending(&door);
    assert_eq!(ending["records_left_out"], across.len(), "{ending}");
    assert!(door.events("upstream_overstepped").is_empty());
}

#[test]
fn where_all_records_are_left_out_there_are_no_data_in_the_form_that_was_asked_for() {
    let across = across(&ARCHIVE.waveforms("XR.A01..HHZ", "2017-12-31")).concat();
    for (nodata, status) in [("", 204), ("nodata=404\n", 404)] {
        let upstream = StandIn::answering(says(waveforms(&across)));
        let door = door(&upstream);
        let reply = door.query(&format!("{nodata}XR A01 -- HHZ 2018-01-01T00:00:00 2018-01-02T00:00:00\n"));
        assert_eq!(reply.status, status, "{}", reply.text());
        let ending = ending(&door);
        assert!(ending["records_left_out"].as_u64() > Some(0), "{ending}");
    }
}

#[test]
fn a_page_under_200_becomes_502() {
    let page = b"<html><body>Please log in</body></html>";
    becomes(&StandIn::answering(says(answer("200 OK", "Content-Type: text/html\r\n", page))), 502);
}

#[test]
fn a_page_that_calls_itself_miniseed_becomes_502() {
    becomes(&StandIn::answering(says(waveforms(b"<html><body>Please log in</body></html>"))), 502);
}

#[test]
fn an_error_after_good_records_cuts_the_answer() {
    let then = b"HTTP/1.0 500 Internal Server Error\r\n\r\nError 500: database is locked\n";
    is_cut(&StandIn::answering(says(waveforms(&[&plenty(), &then[..]].concat()))));
}

#[test]
fn records_that_are_compressed_against_our_wish_become_502() {
    becomes(&StandIn::answering(says(compressed(&asked()))), 502);
}

#[test]
fn a_hang_before_the_head_becomes_504() {
    becomes(&StandIn::answering(hangs(Vec::new(), 0)), 504);
}

#[test]
fn a_hang_within_the_head_becomes_504() {
    becomes(&StandIn::answering(hangs(waveforms(&asked()), 20)), 504);
}

#[test]
fn a_hang_in_the_middle_cuts_the_answer() {
    is_cut(&StandIn::answering(hangs(waveforms(&plenty()), MIDDLE)));
}

#[test]
fn a_body_that_is_shorter_than_it_said_cuts_the_answer() {
    is_cut(&StandIn::answering(breaks_off(waveforms(&plenty()), MIDDLE)));
}

#[test]
fn every_byte_of_a_cut_answer_is_in_the_record() {
    for _ in 0..5 {
        let upstream = StandIn::answering(breaks_off(waveforms(&plenty()), MIDDLE));
        let door = door(&upstream);
        let (got, ending) = (ask(&door), ending(&door));
        let recorded = ending["bytes"].as_u64().unwrap();
        assert!(recorded >= got.body.len() as u64, "{} bytes came, but {ending}", got.body.len());
    }
}

#[test]
fn chunks_without_an_end_cut_the_answer() {
    is_cut(&StandIn::answering(breaks_off(chunked(&plenty()), MIDDLE)));
}

#[test]
fn a_small_answer_that_breaks_off_becomes_502() {
    // Within the head, after it, in the middle of the body, and one byte before its end.
    let answer = waveforms(&asked());
    for length in [40, answer.len() - asked().len(), 6000, answer.len() - 1] {
        becomes(&StandIn::answering(breaks_off(answer.clone(), length)), 502);
    }
}

#[test]
fn no_answer_at_all_becomes_502() {
    becomes(&StandIn::answering(breaks_off(Vec::new(), 0)), 502);
}

#[test]
fn an_endless_head_becomes_502() {
    becomes(&StandIn::answering(never_ends_its_head), 502);
}

#[test]
fn an_upstream_that_is_not_there_becomes_503() {
    let upstream = StandIn::answering(says(Vec::new()));
    let address = format!("\"{}\"", upstream.url());
    drop(upstream);
    let gnupg = Gnupg::new();
    let got = ask(&Door::configured(&address, "", &gnupg.issuer()));
    assert_eq!(got.status, 503, "{}", got.text());
}

#[test]
fn a_failure_upstream_is_told_without_its_details() {
    let upstream = error("500 Internal Server Error", "Traceback: /srv/archive/secret.py");
    let text = becomes(&StandIn::answering(says(upstream)), 502);
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn an_upstream_that_is_busy_says_when_to_come_back() {
    let busy =
        answer("503 Service Unavailable", "Retry-After: 77\r\nContent-Type: text/plain\r\n", b"later\n");
    let upstream = StandIn::answering(says(busy));
    let door = door(&upstream);
    let reply = door.query(LINE);
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(reply.field("retry-after"), Some("77"));
}

#[test]
fn nothing_found_stays_nothing_found() {
    let upstream = StandIn::answering(says(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()));
    let got = ask(&door(&upstream));
    assert_eq!((got.status, got.whole, got.body.len()), (204, true, 0));
    let upstream = StandIn::answering(says(error("404 Not Found", "No data matched selection")));
    becomes(&upstream, 404);
}

#[test]
fn a_204_with_a_body_confuses_nobody() {
    let mut upstream = error("204 No Content", "No data matched selection");
    upstream.splice(..8, *b"HTTP/1.0");
    let length = upstream.len();
    let upstream = StandIn::answering(breaks_off(upstream, length));
    let door = door(&upstream);
    for _ in 0..2 {
        let got = ask(&door);
        assert_eq!((got.status, got.whole, got.body.len()), (204, true, 0), "{}", got.text());
    }
}

#[test]
fn what_the_upstream_finds_wrong_with_a_request_is_told() {
    let text = becomes(&StandIn::answering(says(error("400 Bad Request", "quality must be one of B"))), 400);
    assert!(text.contains("quality must be one of B"), "{text}");
}

#[test]
fn a_challenge_of_the_upstreams_is_no_business_of_callers() {
    let challenge = "WWW-Authenticate: Basic realm=\"inside\"\r\nContent-Type: text/plain\r\n";
    let upstream = StandIn::answering(says(answer("401 Unauthorized", challenge, b"who are you?")));
    let door = door(&upstream);
    let reply = door.query(LINE);
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert_eq!(reply.field("www-authenticate"), None);
}

#[test]
fn a_redirect_is_neither_followed_nor_passed_on() {
    let elsewhere = StandIn::answering(says(waveforms(&asked())));
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("Location: {}/fdsnws/dataselect/1/query\r\n", elsewhere.url());
        let upstream = StandIn::answering(says(answer(status, &location, b"")));
        let door = door(&upstream);
        let reply = door.query(LINE);
        assert_eq!(reply.status, 502, "{status}: {}", reply.text());
        assert_eq!(reply.field("location"), None, "{status}");
    }
    assert_eq!(elsewhere.received().len(), 0);
}
