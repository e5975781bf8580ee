//! Reading a request: every parameter known, every value typed, nothing said twice.
//!
//! What is refused here is what two programs could read differently. The upstream never sees the
//! text that came: it receives what [`write`](crate::write) makes of a [`Request`].

use crate::line::Line;
use crate::pattern::{NotAPattern, Pattern, Patterns};
use crate::percent;
use crate::service::{Meaning, Service};
use crate::time::{NotATime, Time};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Bytes of a GET request's query.
pub const MAX_QUERY: usize = 64 * 1024;
/// Bytes of a bulk request.
pub const MAX_BODY: usize = 4 * 1024 * 1024;
/// Lines of a bulk request, with a list counted as the lines that it stands for.
pub const MAX_LINES: usize = 40_000;
/// Codes and patterns in one list.
pub const MAX_CODES: usize = 1_000;

/// What a request asks for, and how the answer should look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// How the answer should look.
    pub options: Options,
    /// What is asked for: exactly one line from GET, at least one from POST.
    pub lines: Vec<Line>,
}

/// The parameters that select no channel or time, by their long names, as we write them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<&'static str, String>);

/// Why a request cannot be answered. Whoever sent it acts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// 413: the query or the body is longer than anything that we read.
    #[error("a request has at most {0} bytes")]
    TooLong(usize),
    /// 413: more than [`MAX_LINES`].
    #[error("a request has at most {MAX_LINES} lines; ask for less at a time")]
    TooManyLines,
    /// 413: more than [`MAX_CODES`] in the list of the parameter or field with this long name.
    #[error("{0} has more than {MAX_CODES} codes in one list; ask for less at a time")]
    TooManyCodes(&'static str),
    /// 400: not made of `name=value`, or with characters that no parameter has.
    #[error("a request is made of name=value, in printable ASCII, percent-encoded where need be")]
    Characters,
    /// 400: the service has no such parameter, or not in a bulk request.
    #[error("no parameter {0:?} here")]
    Unknown(String),
    /// 400: said twice, perhaps by its other name.
    #[error("parameter {0} is given twice")]
    Twice(&'static str),
    /// 400: of a known parameter or a field of a line.
    #[error("{name} is not understood: expected {wanted}")]
    Value {
        /// Which one, by its long name.
        name: &'static str,
        /// What would have been right.
        wanted: String,
    },
    /// 400: an interval that holds no instant.
    #[error("starttime is after endtime")]
    StartAfterEnd,
    /// 400: a line of a bulk request that is no selection.
    #[error("a line selects by network, station, location, channel, starttime and endtime")]
    Fields,
    /// 400: a bulk request that selects nothing.
    #[error("the request has no line that selects anything")]
    NothingSelected,
    /// 400: what is wrong in one line of a bulk request.
    #[error("line {number}: {fault}")]
    Line {
        /// Counted from 1, empty lines included.
        number: usize,
        /// What is wrong with it.
        fault: Box<NotUnderstood>,
    },
}

impl NotUnderstood {
    /// Whether a smaller request would be understood (413), rather than a better one (400).
    pub fn is_too_large(&self) -> bool {
        match self {
            Self::TooLong(_) | Self::TooManyLines | Self::TooManyCodes(_) => true,
            Self::Line { fault, .. } => fault.is_too_large(),
            _ => false,
        }
    }
}

impl Options {
    /// The value of an option by its long name, such as `format`, as we write it.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The status of an answer without data: 204, or 404 if the request says so.
    pub fn status_without_data(&self) -> u16 {
        if self.value("nodata") == Some("404") { 404 } else { 204 }
    }

    /// Long names and values, in the order in which we write them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl Request {
    /// Reads what follows the question mark of a GET request, as it came: nothing decoded.
    ///
    /// # Errors
    ///
    /// [`NotUnderstood`] names the parameter that whoever asks has to change.
    pub fn from_query(service: Service, query: &str) -> Result<Self, NotUnderstood> {
        if query.len() > MAX_QUERY {
            return Err(NotUnderstood::TooLong(MAX_QUERY));
        }
        let mut reading = Reading::of(service);
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').ok_or(NotUnderstood::Characters)?;
            let decoded = |text| percent::decode(text).ok_or(NotUnderstood::Characters);
            reading.parameter(&decoded(name)?, &decoded(value)?)?;
        }
        let line = reading.selection()?;
        if line.combinations() > MAX_LINES {
            return Err(NotUnderstood::TooManyLines);
        }
        Ok(Self { options: reading.options, lines: vec![line] })
    }

    /// Reads the body of a POST request: `name=value` lines, then one line for each selection.
    ///
    /// # Errors
    ///
    /// [`NotUnderstood`] names the line that whoever asks has to change.
    pub fn from_post(service: Service, body: &[u8]) -> Result<Self, NotUnderstood> {
        if body.len() > MAX_BODY {
            return Err(NotUnderstood::TooLong(MAX_BODY));
        }
        let body = std::str::from_utf8(body).map_err(|_| NotUnderstood::Characters)?;
        let mut reading = Reading::of(service);
        let (mut lines, mut combinations) = (Vec::new(), 0_usize);
        for (at, text) in body.split('\n').enumerate() {
            let text = text.strip_suffix('\r').unwrap_or(text).trim_matches(is_blank);
            if text.is_empty() {
                continue;
            }
            let in_line =
                |fault: NotUnderstood| NotUnderstood::Line { number: at + 1, fault: Box::new(fault) };
            if let Some((name, value)) = text.split_once('=') {
                let head = lines.is_empty();
                let (name, value) = (name.trim_end_matches(is_blank), value.trim_start_matches(is_blank));
                reading.head(head, name, value).map_err(in_line)?;
            } else {
                let line = selection(service, text).map_err(in_line)?;
                combinations = combinations.saturating_add(line.combinations());
                if combinations > MAX_LINES {
                    return Err(NotUnderstood::TooManyLines);
                }
                lines.push(line);
            }
        }
        if lines.is_empty() {
            return Err(NotUnderstood::NothingSelected);
        }
        Ok(Self { options: reading.options, lines })
    }
}

/// What was read so far, by the long names of parameters.
struct Reading {
    service: Service,
    options: Options,
    selected: BTreeMap<&'static str, (Meaning, String)>,
}

impl Reading {
    fn of(service: Service) -> Self {
        Self { service, options: Options::default(), selected: BTreeMap::new() }
    }

    /// Takes one parameter of a GET request.
    fn parameter(&mut self, name: &str, value: &str) -> Result<(), NotUnderstood> {
        let parameter = self.service.parameter(name).ok_or_else(|| unknown(name))?;
        let name = parameter.name;
        let before = match parameter.meaning {
            Meaning::Option(kind) => {
                let value = kind.read(value).map_err(|wanted| NotUnderstood::Value { name, wanted })?;
                self.options.0.insert(name, value).is_some()
            }
            meaning => self.selected.insert(name, (meaning, value.to_owned())).is_some(),
        };
        if before { Err(NotUnderstood::Twice(name)) } else { Ok(()) }
    }

    /// Takes one `name=value` line of a POST request, which stands before every selection and selects nothing.
    fn head(&mut self, is_head: bool, name: &str, value: &str) -> Result<(), NotUnderstood> {
        match self.service.parameter(name).map(|parameter| parameter.meaning) {
            Some(Meaning::Option(_)) if is_head => self.parameter(name, value),
            _ => Err(unknown(name)),
        }
    }

    /// What the parameters of a GET request select.
    fn selection(&mut self) -> Result<Line, NotUnderstood> {
        let mut line = Line::default();
        for (name, (meaning, value)) in std::mem::take(&mut self.selected) {
            match meaning {
                Meaning::Network => line.networks = codes(name, &value, Pattern::code)?,
                Meaning::Station => line.stations = codes(name, &value, Pattern::code)?,
                Meaning::Location => line.locations = codes(name, &value, Pattern::location)?,
                Meaning::Channel => line.channels = codes(name, &value, Pattern::code)?,
                Meaning::Start => line.span.start = Some(time(name, &value, Time::from_str)?),
                Meaning::End => line.span.end = Some(time(name, &value, Time::parse_end)?),
                Meaning::Option(_) => {}
            }
        }
        in_order(line)
    }
}

/// Reads one line of a bulk request.
fn selection(service: Service, text: &str) -> Result<Line, NotUnderstood> {
    let fields: Vec<&str> = text.split(is_blank).filter(|field| !field.is_empty()).take(7).collect();
    let (start, end) = match fields.as_slice() {
        [_, _, _, _] if service.has_open_lines() => ("*", "*"),
        [_, _, _, _, start, end] => (*start, *end),
        _ => return Err(NotUnderstood::Fields),
    };
    // Before a time that was not given everything is meant, and after it too.
    let given = |text: &str| !(service.has_open_lines() && text == "*");
    let mut line = Line {
        networks: codes("network", fields[0], Pattern::code)?,
        stations: codes("station", fields[1], Pattern::code)?,
        locations: codes("location", fields[2], Pattern::location)?,
        channels: codes("channel", fields[3], Pattern::code)?,
        ..Line::default()
    };
    if given(start) {
        line.span.start = Some(time("starttime", start, Time::from_str)?);
    }
    if given(end) {
        line.span.end = Some(time("endtime", end, Time::parse_end)?);
    }
    in_order(line)
}

fn in_order(line: Line) -> Result<Line, NotUnderstood> {
    if line.span.is_empty() { Err(NotUnderstood::StartAfterEnd) } else { Ok(line) }
}

fn codes(
    name: &'static str,
    text: &str,
    read: impl Fn(&str) -> Result<Pattern, NotAPattern>,
) -> Result<Patterns, NotUnderstood> {
    if text.split(',').nth(MAX_CODES).is_some() {
        return Err(NotUnderstood::TooManyCodes(name));
    }
    Patterns::parse(text, read)
        .map_err(|wrong| NotUnderstood::Value { name, wanted: format!("a comma list of codes; {wrong}") })
}

fn time(
    name: &'static str,
    text: &str,
    read: impl Fn(&str) -> Result<Time, NotATime>,
) -> Result<Time, NotUnderstood> {
    read(text).map_err(|wrong| NotUnderstood::Value { name, wanted: wrong.to_string() })
}

/// Names what nobody knows, as far as a person can use it.
fn unknown(name: &str) -> NotUnderstood {
    NotUnderstood::Unknown(name.chars().take(40).collect())
}

fn is_blank(letter: char) -> bool {
    letter == ' ' || letter == '\t'
}
