//! The stand-ins do what they say, or no test that uses one says anything.

use super::archive::ARCHIVE;
use super::conduct::{chunked, compressed, says, waveforms};
use super::server::curl;
use super::stand_in::StandIn;
use super::station::Station;

#[test]
fn a_stand_in_remembers_what_it_received_however_it_was_framed() {
    let upstream = StandIn::answering(says(waveforms(b"x")));
    let url = format!("{}/a?b=c", upstream.url());
    for arguments in [
        &["--header", "X-A: b", "--data-binary", "@-"][..],
        &["--header", "Transfer-Encoding: chunked", "--data-binary", "@-"],
    ] {
        assert_eq!(curl(&url, "/dev/null", arguments, b"line\nline\n").body, b"x");
    }
    let received = upstream.received();
    for request in &received {
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/a?b=c"));
        assert_eq!(request.body, "line\nline\n");
    }
    assert_eq!(received[0].field("x-a"), Some("b"));
    assert_eq!(received[1].field("transfer-encoding"), Some("chunked"));
}

#[test]
fn answers_in_chunks_and_compressed_ones_are_the_records() {
    let records = ARCHIVE.waveforms("GE.APE..HHZ", "2016-06-01");
    for answer in [chunked(&records), compressed(&records)] {
        let upstream = StandIn::answering(says(answer));
        assert!(curl(&upstream.url(), "/dev/null", &["--compressed"], b"").body == records);
    }
}

#[test]
fn the_station_service_tells_what_the_inventory_says_of_a_line() {
    let stations = Station::start();
    let url = format!("{}/fdsnws/station/1/query", stations.url());
    let lines = b"level=channel\nCX * -- BHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n";
    let reply = curl(&url, "/dev/null", &["--data-binary", "@-"], lines);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = reply.text();
    assert!(text.contains("code=\"HMBCX\"") && text.contains("restrictedStatus=\"closed\""), "{text}");
    assert!(!text.contains("code=\"GE\""), "{text}");
}
