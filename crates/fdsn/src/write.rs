//! Writing requests: the only text that an upstream ever sees.
//!
//! Long names in one order, one spelling for every value. What is written reads back as the same.

use crate::line::Line;
use crate::pattern::Patterns;
use crate::request::Options;
use crate::span::Span;
use crate::time::Time;
use std::fmt::Write as _;

/// The query of a GET request for one line, without question mark.
///
/// Nothing needs to be encoded: options, codes and times are made of characters that may stand
/// in a query as they are (RFC 3986 section 3.4).
pub fn query(options: &Options, line: &Line) -> String {
    let mut pieces = Vec::new();
    let lists = [
        ("network", &line.networks),
        ("station", &line.stations),
        ("location", &line.locations),
        ("channel", &line.channels),
    ];
    let said = lists.iter().filter(|(_, patterns)| patterns.is_said());
    pieces.extend(said.map(|(name, patterns)| format!("{name}={patterns}")));
    pieces.extend(line.span.start.map(|start| format!("starttime={start}")));
    pieces.extend(line.span.end.map(|end| format!("endtime={end}")));
    pieces.extend(options.iter().map(|(name, value)| format!("{name}={value}")));
    pieces.join("&")
}

/// The body of a POST request for the lines.
///
/// Lists become one line for each combination, and a pattern that another one of its list covers is
/// left out. Patterns that merely overlap, such as `A*` and `*Z`, stay both, so that servers
/// that answer line by line send the channels of both twice. A time that is not given is written as
/// 1900-01-01T00:00:00 or 2199-12-31T23:59:59: servers that count nanoseconds in 64 bits end in 2262.
///
/// As many lines come out as [`Line::combinations`] says: bound them before.
pub fn post(options: &Options, lines: &[Line]) -> String {
    let mut body = String::new();
    for (name, value) in options.iter() {
        let _ = writeln!(body, "{name}={value}");
    }
    for line in lines {
        let (start, end) = bounded(line.span);
        for_each_combination(line, |codes| {
            let _ = writeln!(body, "{} {start} {end}", codes.join(" "));
        });
    }
    body
}

/// Whether the lines can be asked for by GET: it is one, and its query is not too long for anybody.
pub fn fits_get(options: &Options, lines: &[Line]) -> bool {
    matches!(lines, [line] if query(options, line).len() <= MAX_GET)
}

/// Bytes of a query that every server and proxy takes.
const MAX_GET: usize = 2_000;

fn for_each_combination(line: &Line, mut each: impl FnMut([&str; 4])) {
    let [networks, stations, locations, channels] =
        [&line.networks, &line.stations, &line.locations, &line.channels].map(spelled);
    for network in &networks {
        for station in &stations {
            for location in &locations {
                for channel in &channels {
                    each([network, station, location, channel]);
                }
            }
        }
    }
}

fn spelled(patterns: &Patterns) -> Vec<String> {
    if patterns.is_said() {
        patterns.spelled_out().iter().map(ToString::to_string).collect()
    } else {
        vec!["*".to_owned()]
    }
}

/// Both ends, where not every server reads a line without.
fn bounded(span: Span) -> (Time, Time) {
    let (early, late) = (Time::start_of_year(1900), Time::end_of_year(2199));
    let late = Time::from_micros(late.as_micros() / 1_000_000 * 1_000_000);
    // Whoever asks for the time before or after all data shall still get an interval.
    let start = span.start.unwrap_or(if span.last() < early { Time::MIN } else { early });
    let end = span.end.unwrap_or(if span.first() > late { Time::MAX } else { late });
    (start, end)
}
