//! What other people's programs wrote, read as libmseed reads it: golden/make.py made both.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it stands")]

use bytes::Bytes;
use miniseed::{Fate, Header, Splitter, Stream, Version};

const STREAMS: [(&[u8], &str); 3] = [
    (include_bytes!("golden/obspy.mseed"), include_str!("golden/obspy.txt")),
    (include_bytes!("golden/libmseed-2.mseed"), include_str!("golden/libmseed-2.txt")),
    (include_bytes!("golden/libmseed-3.mseed"), include_str!("golden/libmseed-3.txt")),
];
const LEAP_SECOND: (&[u8], &str) =
    (include_bytes!("golden/leap-second.mseed"), include_str!("golden/leap-second.txt"));

/// One line of a table.
#[derive(Debug, PartialEq)]
struct Line {
    offset: u64,
    codes: String,
    /// Nanoseconds.
    start: i64,
    end: i64,
    length: u32,
    version: Version,
}

fn table(text: &str) -> Vec<Line> {
    text.lines()
        .map(|line| {
            let fields: Vec<_> = line.split(' ').collect();
            let [offset, network, station, location, channel, start, end, length, version] = fields[..]
            else {
                panic!("{line}")
            };
            // The blank location, in both spellings.
            let location = location.trim_matches('-');
            Line {
                offset: offset.parse().unwrap(),
                codes: format!("{network}.{station}.{location}.{channel}"),
                start: start.parse().unwrap(),
                end: end.parse().unwrap(),
                length: length.parse().unwrap(),
                version: if version == "3" { Version::V3 } else { Version::V2 },
            }
        })
        .collect()
}

fn headers(stream: &'static [u8]) -> Vec<Header> {
    let mut headers = Vec::new();
    let mut splitter = Splitter::default();
    let went = splitter.push(&Bytes::from_static(stream), &mut Vec::new(), |header| {
        headers.push(*header);
        Fate::LeaveOut
    });
    assert_eq!(went, Ok(Stream::GoesOn));
    splitter.finish().unwrap();
    headers
}

fn codes(header: &Header) -> String {
    let Header { network, station, location, channel, .. } = header;
    format!("{network}.{station}.{location}.{channel}")
}

fn floor(nanoseconds: i64) -> i64 {
    nanoseconds.div_euclid(1000)
}

fn ceil(nanoseconds: i64) -> i64 {
    -floor(-nanoseconds)
}

#[test]
fn records_of_other_writers_are_read_as_libmseed_reads_them() {
    for (stream, text) in STREAMS {
        let mut offset = 0;
        let table = table(text);
        let headers = headers(stream);
        assert_eq!(headers.len(), table.len());
        for (header, line) in headers.iter().zip(&table) {
            let read = Line {
                offset,
                codes: codes(header),
                start: header.start,
                end: header.end,
                length: header.length,
                version: header.version,
            };
            let expected =
                Line { start: floor(line.start), end: ceil(line.end), codes: line.codes.clone(), ..*line };
            assert_eq!(read, expected);
            offset += u64::from(header.length);
        }
    }
}

/// libmseed knows the leap seconds of the past and counts the one at the end of 2016 out; clients
/// differ. Whichever reads it, the samples lie in the span.
#[test]
fn a_record_around_a_leap_second_spans_what_libmseed_reads_and_a_second_more_at_most() {
    let (stream, text) = LEAP_SECOND;
    let headers = headers(stream);
    let table = table(text);
    assert_eq!(headers.len(), table.len());
    for (header, line) in headers.iter().zip(&table) {
        let [start, end] = [floor(line.start), ceil(line.end)];
        assert!((start - 1_000_000..=start).contains(&header.start), "{header:?} {line:?}");
        assert!((end..=end + 1_000_000).contains(&header.end), "{header:?} {line:?}");
    }
}

#[test]
fn a_record_in_the_leap_second_reaches_into_the_year_that_it_ends() {
    const YEAR_2017: i64 = 1_483_228_800_000_000;
    let in_leap_second = &headers(LEAP_SECOND.0)[1..4];
    for header in in_leap_second {
        assert!(header.start < YEAR_2017 && header.end >= YEAR_2017, "{header:?}");
    }
}
