//! What somebody asks the console for: the query of its form.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::store::event::Filter;

/// How long one answer of the form may be, in characters.
const LONGEST: usize = 256;

/// A filled-in form; what is left empty does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) since: String,
    pub(super) until: String,
    pub(super) who: String,
    pub(super) service: String,
    pub(super) outcome: String,
    /// An event's id, a request's, or a reference: that is shown, and nothing else looked at.
    pub(super) name: String,
    /// Older than the event at this position.
    pub(super) before: String,
}

impl Question {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// What about it cannot be read, for whoever asks.
    pub(super) fn read(query: &str) -> Result<Self, String> {
        let mut question = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value).ok_or("the form is no text in UTF-8")?;
            if value.chars().count() > LONGEST {
                return Err(format!("{name} has more than {LONGEST} characters"));
            }
            let field = match name {
                "since" => &mut question.since,
                "until" => &mut question.until,
                "who" => &mut question.who,
                "service" => &mut question.service,
                "outcome" => &mut question.outcome,
                "name" => &mut question.name,
                "before" => &mut question.before,
                _ => return Err("the form has a field that is not known here".to_owned()),
            };
            value.trim().clone_into(field);
        }
        Ok(question)
    }

    /// What the store is asked for, and below which position.
    ///
    /// # Errors
    ///
    /// What about it cannot be understood, for whoever asks.
    pub(super) fn filter(&self) -> Result<(Filter, Option<u64>), String> {
        if !["", "done", "refused", "failed"].contains(&self.outcome.as_str()) {
            return Err("an event came out done, refused or failed".to_owned());
        }
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let filter = Filter {
            since: instant(&self.since, false)?,
            until: instant(&self.until, true)?,
            service: given(&self.service),
            outcome: given(&self.outcome),
            who: given(&self.who),
        };
        let before = given(&self.before).map(|before| before.parse());
        Ok((filter, before.transpose().map_err(|_| "the page that was asked for is none".to_owned())?))
    }

    /// The query that asks for the same, older than `before`.
    pub(super) fn older_than(&self, before: u64) -> String {
        let older = Self { before: before.to_string(), ..self.clone() };
        older.written("&", |name, value| format!("{name}={}", encoded(value)))
    }

    /// What is asked for, as people read it.
    pub(super) fn in_words(&self) -> String {
        self.written(" ", |name, value| format!("{name} {value}"))
    }

    fn written(&self, between: &str, pair: impl Fn(&str, &str) -> String) -> String {
        let fields = [
            ("since", &self.since),
            ("until", &self.until),
            ("who", &self.who),
            ("service", &self.service),
            ("outcome", &self.outcome),
            ("before", &self.before),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| pair(name, value)).collect::<Vec<_>>().join(between)
    }
}

/// Writes `text` into a path or a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Reads an instant, or a day: its beginning, or with `whole_day` its end.
fn instant(text: &str, whole_day: bool) -> Result<Option<Timestamp>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(Some(instant));
    }
    let day = text.parse::<Date>().map_err(|_| format!("{text:?} is neither a day nor an instant"))?;
    let day = if whole_day { day.checked_add(1.day()).map_err(|error| error.to_string())? } else { day };
    let midnight = day.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
    Ok(Some(midnight.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_counts_as_a_whole() {
        let question = Question::read("since=2026-11-21&until=2026-11-21&who=os%3Aroot").unwrap();
        let (filter, before) = question.filter().unwrap();
        assert_eq!(filter.since.unwrap().to_string(), "2026-11-21T00:00:00Z");
        assert_eq!(filter.until.unwrap().to_string(), "2026-11-22T00:00:00Z");
        assert_eq!((filter.who.as_deref(), before), (Some("os:root"), None));
    }

    #[test]
    fn the_next_page_asks_for_the_same() {
        let question = Question::read("who=a%26b&outcome=refused&before=70").unwrap();
        let next = Question::read(&question.older_than(20)).unwrap();
        assert_eq!(next, Question { before: "20".into(), ..question });
    }

    #[test]
    fn what_cannot_be_understood_is_said() {
        for query in ["since=yesterday", "until=2026-02-30", "outcome=maybe", "before=-1"] {
            assert!(Question::read(query).unwrap().filter().is_err(), "{query}");
        }
        for query in ["who=%ff", "colour=red", &format!("who={}", "a".repeat(257))] {
            assert!(Question::read(query).is_err(), "{query}");
        }
    }
}
