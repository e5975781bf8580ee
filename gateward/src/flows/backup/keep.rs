//! Which backups of a job may go.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::base::backup::{FileName, Keep};

/// One complete backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dated {
    /// Its file.
    pub name: FileName,
    /// When it was begun, as its manifest says.
    pub started_at: Timestamp,
    /// Whether somebody said that it stays.
    pub is_held: bool,
}

/// Names those of `found`, the complete backups of one job, that no rule of `keep` keeps; the oldest first.
///
/// Days, weeks (ISO 8601), months and years are those of UTC. The newest one stays whatever the rules say, and so
/// does what is held. What claims to have been begun after `now` is a clock's mistake: it stays and counts
/// for nothing, so that no later one goes in its stead.
pub fn surplus(found: &[Dated], keep: Keep, now: Timestamp) -> Vec<FileName> {
    let mut newest_first: Vec<&Dated> = found.iter().filter(|backup| backup.started_at <= now).collect();
    newest_first.sort_by_key(|backup| std::cmp::Reverse((backup.started_at, &backup.name)));
    let mut rules = [
        Rule::new(keep.days, |day| (day.year(), day.day_of_year())),
        Rule::new(keep.weeks, |day| (day.iso_week_date().year(), day.iso_week_date().week().into())),
        Rule::new(keep.months, |day| (day.year(), day.month().into())),
        Rule::new(keep.years, |day| (day.year(), 0)),
    ];
    // Whatever is configured, the newest one stays.
    let last = usize::try_from(keep.last).unwrap_or(usize::MAX).max(1);
    let mut surplus: Vec<FileName> = Vec::new();
    for (place, backup) in newest_first.into_iter().enumerate() {
        let day = backup.started_at.to_zoned(TimeZone::UTC).date();
        // Every rule counts each one: none may be passed over because another rule keeps it already.
        let by_period = rules.iter_mut().map(|rule| rule.keeps(day)).filter(|keeps| *keeps).count();
        if by_period == 0 && place >= last && !backup.is_held {
            surplus.push(backup.name.clone());
        }
    }
    surplus.reverse();
    surplus
}

/// Keeps the newest of each of so many periods; is asked from the newest to the oldest.
struct Rule {
    left: u32,
    period: fn(Date) -> (i16, i16),
    met: BTreeSet<(i16, i16)>,
}

impl Rule {
    fn new(periods: u32, period: fn(Date) -> (i16, i16)) -> Self {
        Self { left: periods, period, met: BTreeSet::new() }
    }

    fn keeps(&mut self, day: Date) -> bool {
        let is_its_newest = self.left > 0 && self.met.insert((self.period)(day));
        self.left -= u32::from(is_its_newest);
        is_its_newest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    fn backup(started_at: Timestamp, is_held: bool) -> Dated {
        Dated { name: format!("b.{}", started_at.as_second()).parse().unwrap(), started_at, is_held }
    }

    /// What stays of backups of these times, newest first.
    fn staying(times: &[&str], keep: Keep) -> Vec<String> {
        let found: Vec<Dated> = times.iter().map(|time| backup(at(time), false)).collect();
        let gone = surplus(&found, keep, at("2027-06-01T00:00:00Z"));
        let mut stay: Vec<_> = found.iter().filter(|backup| !gone.contains(&backup.name)).collect();
        stay.sort_by_key(|backup| std::cmp::Reverse(backup.started_at));
        stay.iter().map(|backup| backup.started_at.to_string()).collect()
    }

    #[test]
    fn a_day_a_week_a_month_and_a_year_keep_their_newest() {
        let times = [
            // A Sunday, and the Monday after it: two ISO weeks.
            "2027-01-04T00:02:00Z",
            "2027-01-03T23:00:00Z",
            "2027-01-03T00:02:00Z",
            // A Friday: still the last week of 2026 by ISO 8601, but another year and month.
            "2027-01-01T00:02:00Z",
            "2026-12-31T00:02:00Z",
            "2026-11-30T00:02:00Z",
            "2025-11-30T00:02:00Z",
        ];
        let kept = |keep| -> Vec<usize> {
            let stay = staying(&times, keep);
            stay.iter().map(|time| times.iter().position(|other| other == time).unwrap()).collect()
        };
        let none = Keep::default();
        assert_eq!(kept(Keep { last: 2, ..none }), [0, 1]);
        assert_eq!(kept(Keep { days: 3, ..none }), [0, 1, 3]);
        assert_eq!(kept(Keep { weeks: 3, ..none }), [0, 1, 5]);
        assert_eq!(kept(Keep { months: 3, ..none }), [0, 4, 5]);
        assert_eq!(kept(Keep { years: 9, ..none }), [0, 4, 6]);
        assert_eq!(kept(Keep { last: 1, years: 3, weeks: 2, ..none }), [0, 1, 4, 6]);
    }

    #[test]
    fn the_newest_stays_though_nothing_is_to_be_kept() {
        assert_eq!(
            staying(&["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"], Keep::default()),
            ["2026-01-02T00:00:00Z"]
        );
    }

    #[test]
    fn one_that_a_wrong_clock_dated_ahead_pushes_out_nothing() {
        let keep = Keep { last: 1, days: 1, ..Keep::default() };
        let found = [backup(at("2099-01-01T00:00:00Z"), false), backup(at("2026-01-02T00:00:00Z"), false)];
        assert_eq!(surplus(&found, keep, at("2026-01-02T00:00:00Z")), []);
    }

    const START: i64 = 1_790_000_000;

    fn some_backups() -> impl Strategy<Value = Vec<Dated>> {
        // Hours within three years, some of them within one week, so that periods have several.
        let hours = prop_oneof![0_i64..26_280, 0_i64..168];
        prop::collection::btree_map(hours, prop::bool::weighted(0.1), 0..60).prop_map(|hours| {
            let at = |hour| Timestamp::from_second(START + hour * 3600).unwrap();
            hours.into_iter().map(|(hour, is_held)| backup(at(hour), is_held)).collect()
        })
    }

    fn some_keep() -> impl Strategy<Value = Keep> {
        (0..9_u32, 0..9_u32, 0..9_u32, 0..9_u32, 0..4_u32)
            .prop_map(|(last, days, weeks, months, years)| Keep { last, days, weeks, months, years })
    }

    fn later() -> Timestamp {
        Timestamp::from_second(START + 26_280 * 3600).unwrap()
    }

    /// The rules as one would say them, for each backup by itself.
    fn stays(backup: &Dated, found: &[Dated], keep: Keep) -> bool {
        let newer: Vec<&Dated> = found.iter().filter(|other| other.started_at > backup.started_at).collect();
        let among_the_newest = |count: u32, format: &str| {
            let period = |of: &Dated| of.started_at.strftime(format).to_string();
            let periods: BTreeSet<String> = newer.iter().map(|other| period(other)).collect();
            !periods.contains(&period(backup)) && periods.len() < count as usize
        };
        newer.is_empty()
            || backup.is_held
            || newer.len() < keep.last as usize
            || among_the_newest(keep.days, "%Y-%m-%d")
            || among_the_newest(keep.weeks, "%G-%V")
            || among_the_newest(keep.months, "%Y-%m")
            || among_the_newest(keep.years, "%Y")
    }

    proptest! {
        #[test]
        fn exactly_what_no_rule_keeps_goes(
            mut found in some_backups(),
            keep in some_keep(),
            by in any::<prop::sample::Index>(),
        ) {
            if !found.is_empty() {
                let by = by.index(found.len());
                found.rotate_left(by);
            }
            let gone = surplus(&found, keep, later());
            for backup in &found {
                prop_assert_eq!(!gone.contains(&backup.name), stays(backup, &found, keep), "{:?}", backup);
            }
            prop_assert!(gone.is_sorted(), "the oldest first");
        }

        #[test]
        fn an_older_backup_makes_no_newer_one_go(found in some_backups(), keep in some_keep()) {
            for oldest in 0..found.len() {
                let without = surplus(&found[oldest + 1..], keep, later());
                let with = surplus(&found[oldest..], keep, later());
                prop_assert!(with.iter().all(|name| *name == found[oldest].name || without.contains(name)));
            }
        }

        #[test]
        fn a_second_time_nothing_more_goes(found in some_backups(), keep in some_keep()) {
            let gone = surplus(&found, keep, later());
            let left: Vec<Dated> =
                found.iter().filter(|backup| !gone.contains(&backup.name)).cloned().collect();
            prop_assert_eq!(surplus(&left, keep, later()), []);
        }

        #[test]
        fn as_many_stay_as_each_count_says_where_there_are_enough(
            found in some_backups(),
            keep in some_keep(),
        ) {
            let gone = surplus(&found, keep, later());
            let left: Vec<&Dated> = found.iter().filter(|backup| !gone.contains(&backup.name)).collect();
            for (count, format) in [
                (keep.last, "%s"),
                (keep.days, "%Y-%m-%d"),
                (keep.weeks, "%G-%V"),
                (keep.months, "%Y-%m"),
                (keep.years, "%Y"),
            ] {
                let period = |of: &Dated| of.started_at.strftime(format).to_string();
                let there: BTreeSet<String> = found.iter().map(period).collect();
                let kept: BTreeSet<String> = left.iter().map(|of| period(of)).collect();
                prop_assert!(kept.len() >= there.len().min(count as usize), "{}", format);
            }
        }
    }
}
