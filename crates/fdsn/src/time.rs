//! Instants as FDSN web services write them: UTC, to the microsecond.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use std::fmt;
use std::str::FromStr;

/// Microseconds since 1970-01-01T00:00:00 UTC, within the years 1 to 9999.
///
/// Leap seconds are not counted, as in every FDSN web service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// Why a text is not a time. Whoever wrote it acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss[.ffffff]], UTC")]
pub struct NotATime;

impl Time {
    /// 0001-01-01T00:00:00: nothing is earlier.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-31T23:59:59.999999: nothing is later.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The instant `micros` after 1970-01-01T00:00:00 UTC; what lies outside of [`Time::MIN`] and
    /// [`Time::MAX`] becomes the nearer of the two.
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// Microseconds since 1970-01-01T00:00:00 UTC.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The first microsecond of a year; the years are 1 to 9999, and others become the nearest.
    pub fn start_of_year(year: i16) -> Self {
        Date::new(year.clamp(1, 9999), 1, 1).map_or(Self::MIN, |date| Self::of(date.at(0, 0, 0, 0)))
    }

    /// The last microsecond of a year; the years are 1 to 9999, and others become the nearest.
    pub fn end_of_year(year: i16) -> Self {
        Date::new(year.clamp(1, 9999), 12, 31)
            .map_or(Self::MAX, |date| Self::of(date.at(23, 59, 59, 999_999_000)))
    }

    /// Reads an instant and rounds what is finer than a microsecond up: the end of an interval.
    ///
    /// # Errors
    ///
    /// [`NotATime`] as for [`str::parse`], which rounds down.
    pub fn parse_end(text: &str) -> Result<Self, NotATime> {
        let (time, nanos) = read(text)?;
        Ok(if nanos % 1000 == 0 { time } else { Self::from_micros(time.0 + 1) })
    }

    /// The microsecond after this one, if there is one.
    pub(crate) fn next(self) -> Option<Self> {
        (self < Self::MAX).then(|| Self(self.0 + 1))
    }

    /// The microsecond before this one, if there is one.
    pub(crate) fn previous(self) -> Option<Self> {
        (self > Self::MIN).then(|| Self(self.0 - 1))
    }

    fn of(civil: DateTime) -> Self {
        let since = civil.duration_since(EPOCH);
        // Both parts have the sign of the whole.
        Self::from_micros(since.as_secs() * 1_000_000 + i64::from(since.subsec_micros()))
    }
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Reads the forms of the FDSN web service specification: the instant, rounded down to a
/// microsecond, and the nanoseconds of its second.
fn read(text: &str) -> Result<(Time, u32), NotATime> {
    let text = text.strip_suffix('Z').filter(|rest| rest.contains('T')).unwrap_or(text);
    let (date, clock) = text.split_once('T').map_or((text, None), |(date, clock)| (date, Some(clock)));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (clock, nanos) = match clock {
        None => ([0; 3], 0),
        Some(clock) => read_clock(clock)?,
    };
    let fits = |number: u32| i8::try_from(number).map_err(|_| NotATime);
    let year = i16::try_from(year).ok().filter(|year| *year >= 1).ok_or(NotATime)?;
    let [hour, minute, second] = clock;
    let date = Date::new(year, fits(month)?, fits(day)?).map_err(|_| NotATime)?;
    // A leap second, :60, is refused: not every server reads it.
    let clock = jiff::civil::Time::new(fits(hour)?, fits(minute)?, fits(second)?, 0).map_err(|_| NotATime)?;
    let whole = Time::of(date.to_datetime(clock));
    Ok((Time::from_micros(whole.0 + i64::from(nanos / 1000)), nanos))
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.f`, with one to nine digits in `f`.
fn read_clock(clock: &str) -> Result<([u32; 3], u32), NotATime> {
    let (whole, fraction) = clock.split_once('.').map_or((clock, None), |(whole, rest)| (whole, Some(rest)));
    if whole.len() == 5 {
        let [hour, minute] = numbers(whole, ':', [2, 2])?;
        return if fraction.is_none() { Ok(([hour, minute, 0], 0)) } else { Err(NotATime) };
    }
    let clock = numbers(whole, ':', [2, 2, 2])?;
    let nanos = match fraction {
        None => 0,
        Some(digits) if (1..=9).contains(&digits.len()) => number(&format!("{digits:0<9}"))?,
        Some(_) => return Err(NotATime),
    };
    Ok((clock, nanos))
}

/// Exactly `N` numbers with exactly as many digits as `widths` says.
fn numbers<const N: usize>(text: &str, between: char, widths: [usize; N]) -> Result<[u32; N], NotATime> {
    let mut parts = text.split(between);
    let mut found = [0; N];
    for (place, width) in found.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width).ok_or(NotATime)?;
        *place = number(part)?;
    }
    if parts.next().is_none() { Ok(found) } else { Err(NotATime) }
}

/// Digits only: `parse` alone would also read a sign.
fn number(digits: &str) -> Result<u32, NotATime> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotATime);
    }
    digits.parse().map_err(|_| NotATime)
}

impl FromStr for Time {
    type Err = NotATime;

    /// Reads an instant and rounds what is finer than a microsecond down: the start of an interval.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        read(text).map(|(time, _)| time)
    }
}

impl fmt::Display for Time {
    /// `2015-01-01T00:00:00`, with six digits more where the second is not whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = EPOCH.saturating_add(SignedDuration::from_micros(self.0));
        let date = civil.date();
        write!(f, "{:04}-{:02}-{:02}T", date.year(), date.month(), date.day())?;
        write!(f, "{:02}:{:02}:{:02}", civil.hour(), civil.minute(), civil.second())?;
        match self.0.rem_euclid(1_000_000) {
            0 => Ok(()),
            micros => write!(f, ".{micros:06}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        text.parse::<Time>().unwrap().as_micros()
    }

    #[test]
    fn every_form_of_the_specification_is_read() {
        assert_eq!(micros("1970-01-01"), 0);
        assert_eq!(micros("1970-01-01T00:01"), 60_000_000);
        assert_eq!(micros("1970-01-01T00:01Z"), 60_000_000);
        assert_eq!(micros("1970-01-02T01:01:01"), 90_061_000_000);
        assert_eq!(micros("1970-01-01T00:00:00.5"), 500_000);
        assert_eq!(micros("1970-01-01T00:00:00.000001Z"), 1);
        assert_eq!(micros("1969-12-31T23:59:59.999999"), -1);
        assert_eq!(micros("2000-02-29"), 951_782_400_000_000);
    }

    #[test]
    fn a_start_is_rounded_down_and_an_end_up() {
        assert_eq!(micros("1970-01-01T00:00:00.0000019"), 1);
        assert_eq!(micros("1969-12-31T23:59:59.9999991"), -1);
        let end = |text| Time::parse_end(text).unwrap().as_micros();
        assert_eq!(end("1970-01-01T00:00:00.000001001"), 2);
        assert_eq!(end("1970-01-01T00:00:00.000001000"), 1);
        assert_eq!(end("1969-12-31T23:59:59.9999991"), 0);
        assert_eq!(Time::parse_end("9999-12-31T23:59:59.9999999").unwrap(), Time::MAX);
    }

    #[test]
    fn what_servers_could_read_differently_is_no_time() {
        for text in [
            "",
            "2015",
            "2015-1-1",
            "2015-001",
            "20150101",
            "2015-02-29",
            "2015-13-01",
            "0000-01-01",
            "2015-01-01Z",
            "2015-01-01T",
            "2015-01-01T24:00",
            "2015-01-01T00:00:60",
            "2015-01-01T00:00:0",
            "2015-01-01T00",
            "2015-01-01T00:00.5",
            "2015-01-01T00:00:00.",
            "2015-01-01T00:00:00.1234567890",
            "2015-01-01T00:00:00+00:00",
            "2015-01-01t00:00:00",
            "2015-01-01T00:00:00z",
            "2015-01-01 00:00:00",
            "2015-01-01T+1:00:00",
            "-015-01-01",
            "12015-01-01",
            "2015/01/01",
            "2015-01-01T00:00:00ZZ",
            " 2015-01-01",
            "2015-01-01T00:00:00.+5",
            "2015-01-0\u{661}",
        ] {
            assert_eq!(text.parse::<Time>(), Err(NotATime), "{text:?}");
        }
    }

    #[test]
    fn limits_are_the_years_1_and_9999() {
        assert_eq!(Time::MIN.to_string(), "0001-01-01T00:00:00");
        assert_eq!(Time::MAX.to_string(), "9999-12-31T23:59:59.999999");
        assert_eq!(Time::start_of_year(1), Time::MIN);
        assert_eq!(Time::end_of_year(9999), Time::MAX);
        assert_eq!(Time::from_micros(i64::MIN), Time::MIN);
        assert_eq!(Time::from_micros(i64::MAX), Time::MAX);
        assert_eq!(Time::end_of_year(1969).as_micros(), -1);
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same_instant(micros in Time::MIN.0..=Time::MAX.0) {
            let time = Time::from_micros(micros);
            proptest::prop_assert_eq!(time.to_string().parse(), Ok(time));
            proptest::prop_assert_eq!(Time::parse_end(&time.to_string()), Ok(time));
        }
    }
}
