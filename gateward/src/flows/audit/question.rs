//! What somebody asks of the FHIR interface: the parameters of a search, read once.
//!
//! Repeated parameters are all to hold, values with commas between them are alternatives (FHIR R4 section 3.1.1). What is
//! not known is left out, and the link to the search itself tells so.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::terms::{self, Key, Sort};
use crate::store::audit_term::Place;

/// Why a question has no answer: whoever asked mends it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// Everything at once is nobody's question.
    #[error("a search names a time: date=ge2026-11-01, date=2026-11-21 or the like")]
    NoDate,
    /// A modifier, as in `agent:missing`.
    #[error("{0:?}: modifiers are not known here")]
    Modifier(String),
    /// A time that is none.
    #[error(
        "{0:?} is no time: eq, gt, ge, lt, le, sa or eb, and 2026, 2026-11, 2026-11-21 or 2026-11-21T20:30:00Z"
    )]
    Time(String),
    /// Another order.
    #[error("{0:?} is no order that is known here: _sort=date or _sort=-date")]
    Sort(String),
    /// A number that is none.
    #[error("_count={0:?} is no number")]
    Count(String),
    /// Another summary.
    #[error("_summary={0:?} is not known here: count")]
    Summary(String),
    /// A link of ours that somebody changed.
    #[error("the link to the next page is damaged: search again")]
    Cursor,
    /// Nobody asks so much.
    #[error("{0} has too many values, or none: 1 to 50 of at most 1024 letters")]
    Values(String),
    /// A system says too little to look by.
    #[error("{0}=SYSTEM| is not known here: name the code behind the bar, too, or the code alone")]
    OnlySystem(String),
    /// Nobody asks so much, either.
    #[error("more than 40 parameters")]
    TooMany,
}

/// A question.
#[derive(Debug, Clone)]
pub struct Question {
    /// Parameters with their alternatives: all of them have to hold.
    pub(super) wanted: Vec<(&'static str, Sort, Vec<String>)>,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    /// When it was written into our log.
    pub(super) written_since: Timestamp,
    pub(super) written_until: Timestamp,
    pub(super) newest_first: bool,
    pub(super) count: u32,
    pub(super) only_count: bool,
    pub(super) cursor: Option<Cursor>,
    /// The parameters that were understood, as they came.
    understood: Vec<(String, String)>,
    /// The names of the others.
    left_out: Vec<String>,
}

/// Where a page ends, and which state of the log the search is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The last place of the page before.
    pub(super) after: Place,
    /// The log's end when the search began.
    pub(super) end: i64,
}

/// How many events a page has, unless said otherwise, and at most.
const COUNT: u32 = 50;
const MOST: u32 = 500;

/// The parameter of our links that holds a [`Cursor`].
const CURSOR: &str = "_cursor";

impl Question {
    /// Reads the parameters, as they are decoded.
    ///
    /// # Errors
    ///
    /// [`Unclear`].
    pub fn read(parameters: &[(String, String)]) -> Result<Self, Unclear> {
        if parameters.len() > 40 {
            return Err(Unclear::TooMany);
        }
        let mut question = Self {
            wanted: Vec::new(),
            since: Timestamp::MIN,
            until: Timestamp::MAX,
            written_since: Timestamp::MIN,
            written_until: Timestamp::MAX,
            newest_first: true,
            count: COUNT,
            only_count: false,
            cursor: None,
            understood: Vec::new(),
            left_out: Vec::new(),
        };
        for (name, value) in parameters {
            if !question.take(name, value)? {
                question.left_out.push(name.clone());
            } else if name != CURSOR {
                question.understood.push((name.clone(), value.clone()));
            }
        }
        // These are about the answer's form, and asked for as it is read.
        question.left_out.retain(|name| !["_format", "_pretty"].contains(&name.as_str()));
        if !parameters.iter().any(|(name, _)| name == "date") {
            return Err(Unclear::NoDate);
        }
        Ok(question)
    }

    /// Takes one parameter; returns whether it is known.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Unclear> {
        let known = |name: &str| terms::sort_of(name).is_some() || ["date", "_lastUpdated"].contains(&name);
        if let Some((plain, _)) = name.split_once(':')
            && known(plain)
        {
            return Err(Unclear::Modifier(name.to_owned()));
        }
        match name {
            "date" => {
                let (since, until) = span(value)?;
                (self.since, self.until) = (self.since.max(since), self.until.min(until));
            }
            "_lastUpdated" => {
                let (since, until) = span(value)?;
                self.written_since = self.written_since.max(since);
                self.written_until = self.written_until.min(until);
            }
            "_sort" => {
                self.newest_first = match value {
                    "-date" => true,
                    "date" => false,
                    other => return Err(Unclear::Sort(other.to_owned())),
                }
            }
            "_count" => {
                let count: u32 = value.parse().map_err(|_| Unclear::Count(value.to_owned()))?;
                self.only_count |= count == 0;
                self.count = count.clamp(1, MOST);
            }
            "_summary" => match value {
                "count" => self.only_count = true,
                "false" => {}
                other => return Err(Unclear::Summary(other.to_owned())),
            },
            CURSOR => self.cursor = Some(Cursor::read(value).ok_or(Unclear::Cursor)?),
            _ => return self.want(name, value),
        }
        Ok(true)
    }

    fn want(&mut self, name: &str, value: &str) -> Result<bool, Unclear> {
        let Some((known, sort)) =
            terms::PARAMETERS.iter().find(|(one, _)| *one == name && name != terms::EVERY)
        else {
            return Ok(false);
        };
        let values = alternatives(value);
        let fits = |value: &String| !value.is_empty() && value.chars().count() <= 1024;
        if !(1..=50).contains(&values.len()) || !values.iter().all(fits) {
            return Err(Unclear::Values(name.to_owned()));
        }
        if *sort == Sort::Token && values.iter().any(|value| value.ends_with('|')) {
            return Err(Unclear::OnlySystem(name.to_owned()));
        }
        self.wanted.push((known, *sort, values));
        Ok(true)
    }

    /// The keys of the index: of each group one has to stand there.
    pub(super) fn groups(&self) -> Vec<Vec<Key>> {
        let group = |(name, sort, values): &(&'static str, Sort, Vec<String>)| {
            let keys = values.iter().map(|value| terms::looked_up(name, *sort, value));
            Some(keys.collect::<Option<Vec<_>>>()?.concat())
        };
        let groups: Vec<Vec<Key>> = self.wanted.iter().filter_map(group).collect();
        if groups.is_empty() { vec![vec![(terms::EVERY, String::new())]] } else { groups }
    }

    /// The ids of which an event has to have one, where that is asked.
    pub(super) fn ids(&self) -> Option<&[String]> {
        self.wanted.iter().find(|(name, ..)| *name == "_id").map(|(.., values)| values.as_slice())
    }

    /// Looks whether `resource` is meant, but for its times: the index says that only in part.
    pub(super) fn holds(&self, resource: &serde_json::Value) -> bool {
        let (forms, texts) = (terms::forms(resource), terms::texts(resource));
        self.wanted.iter().all(|(name, sort, values)| match sort {
            Sort::Text => texts.iter().filter(|(parameter, _)| parameter == name).any(|(_, text)| {
                let text = terms::folded(text);
                values.iter().any(|value| text.starts_with(&terms::folded(value)))
            }),
            Sort::Token | Sort::Reference | Sort::Uri => {
                values.iter().any(|value| forms.contains(&(*name, value.clone())))
            }
        })
    }

    /// Whether the index alone tells how many there are.
    pub(super) fn is_exact(&self) -> bool {
        let exact = |(name, sort, values): &(&'static str, Sort, Vec<String>)| {
            values.iter().all(|value| terms::is_exact(name, *sort, value))
        };
        self.wanted.iter().all(exact)
    }

    /// The parameters that are not known here.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// The parameters that were understood, for a link to this search, or to the page behind `cursor`.
    pub fn link(&self, cursor: Option<Cursor>) -> String {
        let cursor = cursor.map(|cursor| (CURSOR.to_owned(), cursor.written()));
        let pairs = self.understood.iter().chain(cursor.as_ref());
        let pairs = pairs.map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// The parameters that are known, each with how it is compared, in FHIR's word for that.
pub fn parameters() -> impl Iterator<Item = (&'static str, &'static str)> {
    let word = |sort: Sort| match sort {
        Sort::Token => "token",
        Sort::Text => "string",
        Sort::Reference => "reference",
        Sort::Uri => "uri",
    };
    let known = terms::PARAMETERS.iter().filter(|(name, _)| *name != terms::EVERY);
    known.map(move |(name, sort)| (*name, word(*sort))).chain([("date", "date"), ("_lastUpdated", "date")])
}

impl Cursor {
    fn read(text: &str) -> Option<Self> {
        let numbers: Vec<i64> = text.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        let [at_us, position, part, end] = numbers.try_into().ok()?;
        Some(Self { after: Place { at_us, position, part }, end })
    }

    fn written(self) -> String {
        let Place { at_us, position, part } = self.after;
        format!("{at_us}.{position}.{part}.{}", self.end)
    }
}

fn escaped(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~')
        .remove(b':')
        .remove(b'/')
        .remove(b',')
        .remove(b'|');
    // A bar is no letter of a URL (RFC 3986 section 2), but every FHIR client writes it so.
    percent_encoding::utf8_percent_encode(text, KEPT).to_string().replace('|', "%7C")
}

/// Takes a value apart at its commas; `\,` is one of the value's own (FHIR R4 section 3.1.1.4.1).
fn alternatives(value: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        let last = values.len() - 1;
        match letter {
            '\\' => values[last].extend(letters.next()),
            ',' => values.push(String::new()),
            other => values[last].push(other),
        }
    }
    values
}

/// The stretch of time that a value with its prefix means: from, and until before.
fn span(value: &str) -> Result<(Timestamp, Timestamp), Unclear> {
    let wrong = || Unclear::Time(value.chars().take(64).collect());
    let (prefix, text) = match value.get(..2) {
        Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_lowercase()) => (prefix, &value[2..]),
        _ => ("eq", value),
    };
    let (start, end) = instant(text).ok_or_else(wrong)?;
    match prefix {
        "eq" => Ok((start, end)),
        "ge" => Ok((start, Timestamp::MAX)),
        "gt" | "sa" => Ok((end, Timestamp::MAX)),
        "le" => Ok((Timestamp::MIN, end)),
        "lt" | "eb" => Ok((Timestamp::MIN, start)),
        _ => Err(wrong()),
    }
}

/// When what is written with some precision begins, and when it is over; without a zone it is UTC.
fn instant(text: &str) -> Option<(Timestamp, Timestamp)> {
    let utc = |at: DateTime| at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    let numbers = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if !text.contains('T') {
        if !numbers(text) {
            return None;
        }
        let (whole, step) = match text.len() {
            4 => (format!("{text}-01-01"), 1.year()),
            7 => (format!("{text}-01"), 1.month()),
            10 => (text.to_owned(), 1.day()),
            _ => return None,
        };
        let start: DateTime =
            whole.parse::<jiff::civil::Date>().ok()?.to_datetime(jiff::civil::Time::midnight());
        // A timestamp ends within the last day of the year 9999.
        let or_last = |at: Option<DateTime>| at.and_then(utc).unwrap_or(Timestamp::MAX);
        return Some((or_last(Some(start)), or_last(start.checked_add(step).ok())));
    }
    // Whoever leaves the plus of a zone as it is in an address has sent a blank.
    let text = &text.replace(' ', "+");
    let of_day =
        text.split_once('T').and_then(|(_, time)| time.split(['Z', '+', '-']).next()).unwrap_or_default();
    let minute = match of_day.matches(':').count() {
        1 => true,
        2 => false,
        _ => return None,
    };
    let start = match text.parse::<Timestamp>() {
        Ok(at) => at,
        Err(_) => utc(text.parse().ok()?)?,
    };
    let digits = text.split_once('.').map(|(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
    let step = match digits {
        _ if minute => SignedDuration::from_mins(1),
        None | Some(0) => SignedDuration::from_secs(1),
        Some(1..=3) => SignedDuration::from_millis(1),
        Some(_) => SignedDuration::from_micros(1),
    };
    Some((start, start.checked_add(step).unwrap_or(Timestamp::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Question, Unclear> {
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Question::read(&pairs)
    }

    #[test]
    fn a_time_means_as_much_as_it_says() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (value, since, until) in [
            ("2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2026-11", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("eq2026-11-21", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("2026-11-21T20:30:00Z", "2026-11-21T20:30:00Z", "2026-11-21T20:30:01Z"),
            ("2026-11-21T20:30Z", "2026-11-21T20:30:00Z", "2026-11-21T20:31:00Z"),
            ("2026-11-21T20:30+02:00", "2026-11-21T18:30:00Z", "2026-11-21T18:31:00Z"),
            ("2026-11-21T20:30:00 02:00", "2026-11-21T18:30:00Z", "2026-11-21T18:30:01Z"),
            ("2026-11-21T20:30:00.5+02:00", "2026-11-21T18:30:00.5Z", "2026-11-21T18:30:00.501Z"),
        ] {
            assert_eq!(span(value), Ok((at(since), at(until))), "{value}");
        }
        assert_eq!(span("gt2026").unwrap().0, at("2027-01-01T00:00:00Z"));
        assert_eq!(span("le2026").unwrap().1, at("2027-01-01T00:00:00Z"));
        assert_eq!(span("lt2026").unwrap().1, at("2026-01-01T00:00:00Z"));
        for last in ["le9999", "le9999-12", "le9999-12-31", "9999-12-31"] {
            assert_eq!(span(last).unwrap().1, Timestamp::MAX, "{last}");
        }
        for wrong in [
            "",
            "ap2026",
            "ne2026",
            "26",
            "2026-13",
            "2026,2027",
            "xx2026-11-21",
            "2026-11-21T",
            "2026-11-21T20Z",
            "ü",
        ] {
            assert!(matches!(span(wrong), Err(Unclear::Time(_))), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_understood_is_left_out_or_refused_never_taken_for_something_else() {
        let good =
            read(&[("date", "ge2026"), ("color", "red"), ("type", "rest"), ("_count", "9999")]).unwrap();
        assert_eq!(good.link(None), "date=ge2026&type=rest&_count=9999");
        assert_eq!(good.count, MOST);
        for (pairs, why) in [
            (vec![("type", "rest")], Unclear::NoDate),
            (vec![("date", "2026"), ("type:not", "rest")], Unclear::Modifier("type:not".into())),
            (vec![("date", "2026"), ("_sort", "type")], Unclear::Sort("type".into())),
            (vec![("date", "2026"), ("_count", "-1")], Unclear::Count("-1".into())),
            (vec![("date", "2026"), ("type", "a,,b")], Unclear::Values("type".into())),
            (vec![("date", "2026"), ("type", "a,urn:b|")], Unclear::OnlySystem("type".into())),
            (vec![("date", "2026"), ("_cursor", "1.2.3")], Unclear::Cursor),
        ] {
            assert_eq!(read(&pairs).unwrap_err(), why);
        }
    }

    #[test]
    fn repeats_have_to_hold_all_and_commas_are_alternatives() {
        let asked = [("date", "2026"), ("policy", r"a,b\,c"), ("policy", "d"), ("agent-name", "Ann Lee")];
        let question = read(&asked).unwrap();
        let expected: Vec<Vec<Key>> = vec![
            vec![("policy", "a".into()), ("policy", "b,c".into())],
            vec![("policy", "d".into())],
            vec![("agent-name", "ann le".into())],
        ];
        assert_eq!(question.groups(), expected);
        assert!(!question.is_exact());
        let by = |name: &str, policies: &[&str]| {
            let event = serde_json::json!({"agent": [{"name": name, "policy": policies}]});
            question.holds(&event)
        };
        assert!(by("Ann Leeds", &["d", "b,c"]));
        assert!(!by("Ann Lewis", &["d", "b,c"]) && !by("Ann Lee", &["a"]));
    }

    #[test]
    fn a_link_leads_to_the_page_behind_it() {
        let question = read(&[("date", "ge2026"), ("patient", "Patient/ü 1")]).unwrap();
        let cursor = Cursor { after: Place { at_us: -5, position: 7, part: 1 }, end: 99 };
        let link = question.link(Some(cursor));
        assert_eq!(link, "date=ge2026&patient=Patient/%C3%BC%201&_cursor=-5.7.1.99");
        assert_eq!(Cursor::read("-5.7.1.99"), Some(cursor));
    }
}
