//! Intervals of time, both ends included.

use crate::time::Time;

/// A closed interval: both ends belong to it. `None` is without limit.
///
/// A span whose start is after its end holds no instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first instant.
    pub start: Option<Time>,
    /// The last instant.
    pub end: Option<Time>,
}

impl Span {
    /// All of time.
    pub const ALWAYS: Self = Self { start: None, end: None };

    /// From `start` to `end`, both included.
    pub const fn new(start: Time, end: Time) -> Self {
        Self { start: Some(start), end: Some(end) }
    }

    /// From the first microsecond of the year `first` to the last one of the year `last`, if any.
    pub fn years(first: i16, last: Option<i16>) -> Self {
        Self { start: Some(Time::start_of_year(first)), end: last.map(Time::end_of_year) }
    }

    /// The first instant, [`Time::MIN`] where there is no limit.
    pub fn first(self) -> Time {
        self.start.unwrap_or(Time::MIN)
    }

    /// The last instant, [`Time::MAX`] where there is no limit.
    pub fn last(self) -> Time {
        self.end.unwrap_or(Time::MAX)
    }

    /// Whether no instant belongs to it.
    pub fn is_empty(self) -> bool {
        self.first() > self.last()
    }

    /// Whether `instant` belongs to it.
    pub fn contains(self, instant: Time) -> bool {
        self.first() <= instant && instant <= self.last()
    }

    /// Whether every instant of `other` belongs to it.
    pub fn covers(self, other: Self) -> bool {
        other.is_empty() || (self.first() <= other.first() && other.last() <= self.last())
    }

    /// Whether some instant belongs to both.
    pub fn overlaps(self, other: Self) -> bool {
        self.intersection(other).is_some()
    }

    /// The instants that belong to both, if there are any.
    pub fn intersection(self, other: Self) -> Option<Self> {
        let both = Self {
            start: self.start.max(other.start),
            // For an end, None is the latest.
            end: match (self.end, other.end) {
                (Some(one), Some(another)) => Some(one.min(another)),
                (one, another) => one.or(another),
            },
        };
        (!both.is_empty()).then_some(both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: i64, end: i64) -> Span {
        Span::new(Time::from_micros(start), Time::from_micros(end))
    }

    #[test]
    fn both_ends_belong_to_a_span() {
        assert!(span(1, 2).overlaps(span(2, 3)));
        assert!(!span(1, 2).overlaps(span(3, 4)));
        assert_eq!(span(1, 2).intersection(span(2, 3)), Some(span(2, 2)));
        assert!(span(2, 2).contains(Time::from_micros(2)));
    }

    #[test]
    fn a_missing_end_is_without_limit() {
        let since = Span { start: Some(Time::from_micros(5)), end: None };
        let until = Span { start: None, end: Some(Time::from_micros(7)) };
        assert!(since.contains(Time::MAX) && until.contains(Time::MIN));
        assert_eq!(since.intersection(until), Some(span(5, 7)));
        assert_eq!(Span::ALWAYS.intersection(since), Some(since));
        assert!(Span::ALWAYS.covers(since) && !since.covers(Span::ALWAYS));
    }

    #[test]
    fn years_are_whole() {
        let years = Span::years(2011, Some(2014));
        assert!(years.contains("2011-01-01".parse().unwrap()));
        assert!(years.contains("2014-12-31T23:59:59.999999".parse().unwrap()));
        assert!(!years.contains("2015-01-01".parse().unwrap()));
        assert!(!years.contains("2010-12-31T23:59:59.999999".parse().unwrap()));
        assert_eq!(Span::years(2011, None).end, None);
    }

    #[test]
    fn a_span_that_ends_before_it_starts_holds_nothing() {
        assert!(span(2, 1).is_empty());
        assert!(!span(2, 1).overlaps(Span::ALWAYS));
        assert!(span(5, 6).covers(span(2, 1)));
    }
}
