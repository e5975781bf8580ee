//! Whatever a request says, reading it ends, and what we write for it means the same.

#![no_main]

use fdsn::{Line, MAX_LINES, Options, Pattern, Patterns, Request, Service, Time, write};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;

const SERVICES: [Service; 4] =
    [Service::Dataselect, Service::AvailabilityQuery, Service::AvailabilityExtent, Service::Station];

fuzz_target!(|bytes: &[u8]| {
    for service in SERVICES {
        if let Ok(text) = std::str::from_utf8(bytes)
            && let Ok(request) = Request::from_query(service, text)
        {
            let again = Request::from_query(service, &write::query(&request.options, &request.lines[0]));
            assert_eq!(again.as_ref(), Ok(&request));
            by_post(service, &request);
        }
        if let Ok(request) = Request::from_post(service, bytes) {
            by_post(service, &request);
        }
    }
});

/// Written as a bulk request and read again, each line is the same once its lists are spelled out.
fn by_post(service: Service, request: &Request) {
    let none = Options::default();
    let mut body = write::post(&request.options, &[]);
    for line in &request.lines {
        let written = write::post(&none, std::slice::from_ref(line));
        let read = Request::from_post(service, written.as_bytes()).expect("we read what we write");
        stand_for(&read.lines, line);
        body += &written;
    }
    assert_eq!(body, write::post(&request.options, &request.lines));
    let again = Request::from_post(service, body.as_bytes()).expect("we read what we write");
    assert_eq!(again.options, request.options);
    assert!(again.lines.len() <= MAX_LINES);
    assert_eq!(write::post(&again.options, &again.lines), body);
}

/// Checks that the written lines are every combination of what the line says, at its time.
fn stand_for(written: &[Line], line: &Line) {
    let lists: [fn(&Line) -> &Patterns; 4] =
        [|line| &line.networks, |line| &line.stations, |line| &line.locations, |line| &line.channels];
    let mut combinations = 1;
    for list in lists {
        let spelled: BTreeSet<&Pattern> = written.iter().flat_map(|line| list(line).iter()).collect();
        let said = list(line);
        assert!(spelled.iter().all(|pattern| said.iter().any(|known| known == *pattern) || !said.is_said()));
        // What is not spelled out is meant by another pattern of the list.
        let meant = |known: &Pattern| spelled.iter().any(|pattern| pattern.matches(known.as_str()));
        assert!(said.iter().all(|known| spelled.contains(known) || meant(known)));
        assert!(said.is_said() || spelled.iter().all(|pattern| pattern.as_str() == "*"));
        combinations *= spelled.len();
    }
    assert_eq!(combinations, written.len());
    let kept = |end: Option<Time>, written: Option<Time>| end.is_none() || end == written;
    let span = line.span;
    assert!(written.iter().all(|line| kept(span.start, line.span.start) && kept(span.end, line.span.end)));
}
