//! Sets of instants: what is asked for, listed, restricted, granted, forbidden.

use crate::span::Span;
use crate::time::Time;

/// A set of instants, as closed intervals in order that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans(Vec<(Time, Time)>);

impl Spans {
    /// No instant at all.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Every instant.
    pub(crate) fn always() -> Self {
        Self::from(Span::ALWAYS)
    }

    /// Every instant that belongs to one of `spans`.
    pub(crate) fn union(spans: impl IntoIterator<Item = Span>) -> Self {
        let spans = spans.into_iter().filter(|span| !span.is_empty());
        let mut pairs: Vec<_> = spans.map(|span| (span.first(), span.last())).collect();
        pairs.sort_unstable();
        let mut merged: Vec<(Time, Time)> = Vec::with_capacity(pairs.len());
        for (start, end) in pairs {
            match merged.last_mut() {
                // Touching counts: between two neighbouring microseconds there is nothing.
                Some((_, last)) if last.next().is_none_or(|next| start <= next) => *last = end.max(*last),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }

    /// Whether no instant belongs to it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its intervals in order, without limit where they reach the limits of time.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Span> + '_ {
        self.0.iter().map(|(start, end)| Span {
            start: (*start > Time::MIN).then_some(*start),
            end: (*end < Time::MAX).then_some(*end),
        })
    }

    /// The instants that belong to one or the other.
    pub(crate) fn or(&self, other: &Self) -> Self {
        Self::union(self.iter().chain(other.iter()))
    }

    /// The instants that belong to both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some((start, end)), Some((other_start, other_end))) = (ours.peek(), theirs.peek()) {
            let (first, last) = (*start.max(other_start), *end.min(other_end));
            if first <= last {
                both.push((first, last));
            }
            if end <= other_end {
                ours.next()
            } else {
                theirs.next()
            };
        }
        Self(both)
    }

    /// The instants that do not belong to it.
    pub(crate) fn complement(&self) -> Self {
        let mut rest = Vec::with_capacity(self.0.len() + 1);
        let mut from = Some(Time::MIN);
        for (start, end) in &self.0 {
            if let (Some(first), Some(last)) = (from, start.previous())
                && first <= last
            {
                rest.push((first, last));
            }
            from = end.next();
        }
        rest.extend(from.map(|first| (first, Time::MAX)));
        Self(rest)
    }

    /// The instants that belong to this and not to `other`.
    pub(crate) fn without(&self, other: &Self) -> Self {
        self.and(&other.complement())
    }

    /// Whether some instant of `span` belongs to it.
    pub(crate) fn overlaps(&self, span: Span) -> bool {
        let (first, last) = (span.first(), span.last());
        let at = self.0.partition_point(|(_, end)| *end < first);
        first <= last && self.0.get(at).is_some_and(|(start, _)| *start <= last)
    }
}

impl From<Span> for Spans {
    fn from(span: Span) -> Self {
        Self::union([span])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(pairs: &[(i64, i64)]) -> Spans {
        Spans::union(pairs.iter().map(|(start, end)| span(*start, *end)))
    }

    fn span(start: i64, end: i64) -> Span {
        Span::new(Time::from_micros(start), Time::from_micros(end))
    }

    #[test]
    fn neighbouring_microseconds_leave_no_gap() {
        assert_eq!(set(&[(4, 6), (1, 3)]), set(&[(1, 6)]));
        assert_ne!(set(&[(5, 6), (1, 3)]), set(&[(1, 6)]));
    }

    #[test]
    fn the_rest_of_everything_is_nothing() {
        assert_eq!(Spans::always().complement(), Spans::none());
        assert_eq!(Spans::none().complement(), Spans::always());
        assert_eq!(Spans::union([Span::ALWAYS, span(1, 2)]), Spans::always());
        assert_eq!(Spans::always().iter().collect::<Vec<_>>(), [Span::ALWAYS]);
    }

    fn any_set() -> impl Strategy<Value = Vec<(i64, i64)>> {
        proptest::collection::vec((0_i64..20, 0_i64..20), 0..5)
    }

    fn holds(pairs: &[(i64, i64)], at: i64) -> bool {
        pairs.iter().any(|(start, end)| (*start..=*end).contains(&at))
    }

    proptest! {
        #[test]
        fn sets_of_instants_are_what_their_instants_say(one in any_set(), other in any_set(), at in -1_i64..21) {
            let instant = span(at, at);
            let (a, b) = (set(&one), set(&other));
            prop_assert_eq!(a.overlaps(instant), holds(&one, at));
            prop_assert_eq!(a.or(&b).overlaps(instant), holds(&one, at) || holds(&other, at));
            prop_assert_eq!(a.and(&b).overlaps(instant), holds(&one, at) && holds(&other, at));
            prop_assert_eq!(a.without(&b).overlaps(instant), holds(&one, at) && !holds(&other, at));
            prop_assert_eq!(a.complement().overlaps(instant), !holds(&one, at));
            prop_assert_eq!(a.complement().complement(), a);
        }

        #[test]
        fn an_interval_overlaps_if_one_of_its_instants_belongs(one in any_set(), start in 0_i64..20, len in 0_i64..5) {
            let expected = (start..=start + len).any(|at| holds(&one, at));
            prop_assert_eq!(set(&one).overlaps(span(start, start + len)), expected);
        }
    }
}
