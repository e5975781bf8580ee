//! The upstream without a door: what clients get where nobody stands in between.

use std::path::Path;

use serde_json::json;

use super::archive::ARCHIVE;
use super::fetch::fdsnws_fetch;
use super::obspy::{archived, obspy};
use super::routing_stand_in::routing;
use super::server::curl;
use super::upstream::Upstream;

const QUERY: &str = "/fdsnws/dataselect/1/query";

fn post(upstream: &Upstream, lines: &str) -> super::server::Reply {
    curl(&format!("{}{QUERY}", upstream.url()), "/dev/null", &["--data-binary", "@-"], lines.as_bytes())
}

#[test]
fn the_upstream_gives_every_record_as_it_is_archived() {
    let upstream = Upstream::start();
    let reply = post(&upstream, "ZR Z0? -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.field("content-type"), Some("application/vnd.fdsn.mseed"));
    let archived = ["ZR.Z01..HHZ", "ZR.Z02..HHZ"].map(|channel| ARCHIVE.waveforms(channel, "2016-06-01"));
    assert!(reply.body == archived.concat(), "{} bytes", reply.body.len());
}

#[test]
fn obspy_reads_from_the_upstream_what_it_wrote_into_the_archive() {
    let upstream = Upstream::start();
    // It has one service, and answers for the others with pages.
    let options = json!({ "service_mappings": { "event": null, "station": null } });
    let outcome = obspy(
        &json!({
            "do": "client", "url": upstream.url(), "options": options,
            "lines": [
                "GE APE -- HHZ 2016-06-01T10:00:00 2016-06-01T12:00:00",
                "XR A01 * HHZ 2017-12-31T23:00:00 2018-01-01T01:00:00",
            ],
        }),
        Path::new("/dev/null"),
    );
    assert_eq!(outcome.error, None, "{}", outcome.said);
    assert_eq!(outcome.traces, archived(&[("GE.APE..HHZ", "2016-06-01"), ("XR.A01..HHZ", "2017-12-31")]));
}

#[test]
fn fdsnws_fetch_gets_from_the_upstream_what_it_is_routed_to() {
    let upstream = Upstream::start();
    let routing = routing(&upstream.url());
    let lines = "CX PB01 -- BHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n";
    let fetched = fdsnws_fetch(&routing.url(), lines, None, Path::new("/dev/null"));
    assert!(fetched.waveforms == ARCHIVE.waveforms("CX.PB01..BHZ", "2016-06-01"), "{}", fetched.said);
}
