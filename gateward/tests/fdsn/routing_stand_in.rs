//! A stand-in for EIDA's routing service: sends every stream to the one data centre there is.

use percent_encoding::percent_decode_str;

use super::conduct::answer;
use super::stand_in::{Received, StandIn};

/// Answers `/eidaws/routing/1/query`, by GET or POST, with `centre` and the lines asked for.
pub fn routing(centre: &str) -> StandIn {
    let centre = centre.to_owned();
    StandIn::answering(move |request, stream| {
        let routes = match request.target.split_once('?') {
            Some((_, query)) => from_query(&centre, query),
            None => from_lines(&centre, &request.body),
        };
        std::io::Write::write_all(
            stream,
            &answer("200 OK", "Content-Type: text/plain\r\n", routes.as_bytes()),
        )
    })
}

/// What the stand-in was asked about: which service.
pub fn service(request: &Received) -> String {
    let asked = |text: &str| text.strip_prefix("service=").map(str::to_owned);
    request.body.lines().find_map(asked).unwrap_or_else(|| "dataselect".to_owned())
}

fn from_lines(centre: &str, body: &str) -> String {
    let (parameters, lines): (Vec<_>, Vec<_>) = body.lines().partition(|line| line.contains('='));
    let asked = |line: &&str| line.strip_prefix("service=").map(str::to_owned);
    let service = parameters.iter().find_map(asked).unwrap_or_else(|| "dataselect".to_owned());
    format!("{centre}/fdsnws/{service}/1/query\n{}\n", lines.join("\n"))
}

fn from_query(centre: &str, query: &str) -> String {
    let value = |names: [&str; 2], default: &str| {
        let found =
            query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| names.contains(key));
        let decode = |value| percent_decode_str(value).decode_utf8().unwrap().into_owned();
        found.map_or(default.to_owned(), |(_, value)| decode(value))
    };
    let line = [
        value(["net", "network"], "*"),
        value(["sta", "station"], "*"),
        value(["loc", "location"], "*"),
        value(["cha", "channel"], "*"),
        value(["start", "starttime"], "1980-01-01T00:00:00"),
        value(["end", "endtime"], "2030-01-01T00:00:00"),
    ];
    format!("{centre}/fdsnws/dataselect/1/query\n{}\n", line.join(" "))
}
