//! How long something is kept: whole days, weeks, months or years, as calendars count them.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// A time that something is kept for: `10y`, `18mo`, `90d`.
#[derive(Debug, Clone, Copy)]
pub struct Period(Span);

/// Says that a text is no time to keep something for: the operator's.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no time to keep something for: 10y, 18mo, 8w or 90d, and a day at least")]
pub struct NotAPeriod(String);

impl Period {
    /// Returns the instant that lies so long before `now`, in UTC; `None` before time began.
    pub fn before(self, now: Timestamp) -> Option<Timestamp> {
        Some(now.to_zoned(TimeZone::UTC).checked_sub(self.0).ok()?.timestamp())
    }
}

impl std::str::FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let not = || NotAPeriod(text.chars().take(64).collect());
        let span: Span = text.parse().map_err(|_| not())?;
        let days = [span.get_years().into(), span.get_months(), span.get_weeks(), span.get_days()];
        let only_days = span.get_hours() == 0 && span.get_minutes() == 0 && span.get_seconds() == 0;
        let only_days = only_days && span.get_milliseconds() == 0 && span.get_microseconds() == 0;
        let positive = !span.is_negative() && days.iter().any(|count: &i32| *count > 0);
        if positive && only_days && span.get_nanoseconds() == 0 { Ok(Self(span)) } else { Err(not()) }
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Period {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_counted_as_calendars_do_and_lasts_a_day_at_least() {
        let now: Timestamp = "2028-02-29T12:00:00Z".parse().unwrap();
        for (text, before) in [
            ("10y", "2018-02-28T12:00:00Z"),
            ("18mo", "2026-08-29T12:00:00Z"),
            ("90d", "2027-12-01T12:00:00Z"),
        ] {
            let period: Period = text.parse().unwrap();
            assert_eq!(period.before(now), Some(before.parse().unwrap()), "{text}");
            assert_eq!(period.to_string(), text);
        }
        for wrong in ["", "10", "1h", "-1d", "0d", "1d 1h", "10 years ago"] {
            assert!(wrong.parse::<Period>().is_err(), "{wrong}");
        }
    }
}
