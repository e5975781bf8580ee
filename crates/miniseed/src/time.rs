//! From calendar and sample rate to the span of a record.

use crate::NotARecord;

/// The start of a record as both formats write it: UTC, year and day of the year.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    pub(crate) year: u16,
    /// 1 is the first of January.
    pub(crate) day: u16,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    /// 60 in a leap second.
    pub(crate) second: u8,
    /// Can be more than a second.
    pub(crate) nanosecond: i64,
}

/// First and last sample, in microseconds since 1970; outwards where they lie between two.
pub(crate) struct Span {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

const NS_PER_SECOND: i64 = 1_000_000_000;
const NS_PER_MICROSECOND: i64 = 1000;

/// What 64 bits of nanoseconds hold with room to spare, so that sums cannot overflow.
const YEARS: std::ops::RangeInclusive<u16> = 1700..=2200;

impl Start {
    /// The span of `samples` samples, `interval` nanoseconds apart, of which the first comes
    /// `correction` nanoseconds after this time.
    pub(crate) fn span(self, correction: i64, samples: u32, interval: Interval) -> Result<Span, NotARecord> {
        let first = self.nanoseconds().ok_or(NotARecord::Start)? + correction;
        // A leap second has no number of its own and counts as the second after it. It belongs to
        // the day before, so the record reaches back there.
        let earliest = if self.second == 60 { first - self.nanosecond - 1 } else { first };
        let last =
            first.checked_add(interval.times(samples.saturating_sub(1))?).ok_or(NotARecord::SampleRate)?;
        Ok(Span {
            start: earliest.div_euclid(NS_PER_MICROSECOND),
            end: -(-last).div_euclid(NS_PER_MICROSECOND),
        })
    }

    fn nanoseconds(self) -> Option<i64> {
        let Self { year, day, hour, minute, second, nanosecond } = self;
        let year_is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let valid = YEARS.contains(&year)
            && (1..=365 + u16::from(year_is_leap)).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        let days = days_before(year) + i64::from(day) - 1;
        let minutes = (days * 24 + i64::from(hour)) * 60 + i64::from(minute);
        let seconds = minutes * 60 + i64::from(second);
        valid.then(|| seconds * NS_PER_SECOND + nanosecond)
    }
}

/// Days from 1970-01-01 to the first of January of `year`, Gregorian.
fn days_before(year: u16) -> i64 {
    let since_0001 = |year: i64| (year - 1) * 365 + (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    since_0001(i64::from(year)) - since_0001(1970)
}

/// The time from one sample to the next.
#[derive(Clone, Copy)]
pub(crate) enum Interval {
    /// There is none: a log, or a header alone.
    None,
    /// From this many samples a second.
    Hertz(f64),
    /// From this many seconds a sample.
    Seconds(f64),
}

impl Interval {
    /// Nanoseconds that `steps` samples take, to the nearest.
    fn times(self, steps: u32) -> Result<i64, NotARecord> {
        let steps = f64::from(steps);
        let seconds = match self {
            Self::None => return Ok(0),
            Self::Hertz(rate) => steps / rate,
            Self::Seconds(period) => steps * period,
        };
        // A century is longer than any record, and far from what would overflow.
        let nanoseconds = (0.0..=3e9).contains(&seconds).then(|| (seconds * 1e9).round());
        #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^63 by the line above")]
        nanoseconds.map(|whole| whole as i64).ok_or(NotARecord::SampleRate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW_YEAR: Start = Start { year: 2017, day: 1, hour: 0, minute: 0, second: 0, nanosecond: 0 };
    const NEW_YEAR_MICROSECONDS: i64 = 1_483_228_800_000_000;

    fn span(start: Start, samples: u32, interval: Interval) -> (i64, i64) {
        let span = start.span(0, samples, interval).unwrap();
        (span.start - NEW_YEAR_MICROSECONDS, span.end - NEW_YEAR_MICROSECONDS)
    }

    #[test]
    fn the_calendar_knows_the_epoch_and_leap_years() {
        let of =
            |year, day| Start { year, day, ..NEW_YEAR }.nanoseconds().map(|ns| ns / 86_400 / NS_PER_SECOND);
        assert_eq!(of(1970, 1), Some(0));
        assert_eq!(of(1969, 365), Some(-1));
        assert_eq!(of(2000, 366), Some(11_322)); // 2000-12-31
        assert_eq!(of(2001, 1), Some(11_323));
        assert_eq!(of(1900, 366), None);
        assert_eq!(of(2015, 366), None);
        assert_eq!(of(2016, 367), None);
        assert_eq!(of(2016, 0), None);
    }

    #[test]
    fn what_no_clock_shows_is_no_time() {
        let wrong: [fn(&mut Start); 5] = [
            |start| start.hour = 24,
            |start| start.minute = 60,
            |start| start.second = 61,
            |start| start.year = 1699,
            |start| start.year = 2201,
        ];
        for change in wrong {
            let mut start = NEW_YEAR;
            change(&mut start);
            assert!(matches!(start.span(0, 1, Interval::None), Err(NotARecord::Start)));
        }
    }

    #[test]
    fn the_span_is_rounded_outwards_to_microseconds() {
        let start = Start { nanosecond: 1999, ..NEW_YEAR };
        assert_eq!(span(start, 0, Interval::None), (1, 2));
        assert_eq!(span(start, 2, Interval::Seconds(1e-9)), (1, 2));
        assert_eq!(span(start, 3, Interval::Seconds(1e-9)), (1, 3));
    }

    #[test]
    fn a_span_before_1970_is_rounded_outwards_too() {
        let start = Start { year: 1969, day: 365, hour: 23, minute: 59, second: 59, nanosecond: 999_999_500 };
        let span = start.span(0, 1, Interval::None).unwrap();
        assert_eq!((span.start, span.end), (-1, 0));
    }

    #[test]
    fn the_last_sample_ends_the_span_not_the_time_after_it() {
        assert_eq!(span(NEW_YEAR, 101, Interval::Hertz(100.0)), (0, 1_000_000));
        assert_eq!(span(NEW_YEAR, 3, Interval::Seconds(10.0)), (0, 20_000_000));
        for samples in [0, 1] {
            assert_eq!(span(NEW_YEAR, samples, Interval::Hertz(100.0)), (0, 0));
        }
    }

    #[test]
    fn a_leap_second_belongs_to_the_year_that_it_ends() {
        let leap = Start { year: 2016, day: 366, hour: 23, minute: 59, second: 60, nanosecond: 500_000_000 };
        assert_eq!(span(leap, 2, Interval::Hertz(1.0)), (-1, 1_500_000));
    }

    #[test]
    fn a_rate_that_gives_no_end_is_refused() {
        let intervals = [
            Interval::Hertz(f64::NAN),
            Interval::Hertz(-1.0),
            Interval::Hertz(0.0),
            Interval::Hertz(f64::MIN_POSITIVE),
            Interval::Seconds(f64::NAN),
            Interval::Seconds(f64::INFINITY),
            Interval::Seconds(-1.0),
            Interval::Seconds(1e300),
            Interval::Seconds(3.1e9),
        ];
        for interval in intervals {
            assert!(matches!(NEW_YEAR.span(0, 2, interval), Err(NotARecord::SampleRate)));
        }
    }
}
