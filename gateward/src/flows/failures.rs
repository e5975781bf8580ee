//! Counts failures by address: limits what one address may try, and what a flood may write.
//!
//! Up to ten failures a minute from one address for one reason are events of their own. What
//! comes after is counted: the first of it is recorded at once, under a reference that all of them
//! are given, and the count when the minute is over. A crash in between loses the count, and the
//! recorded beginning says that there was more.

mod guesses;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::base::address::{AddressBlock, ClientAddress};
use crate::base::id::Reference;
use crate::base::random::Random;

pub use self::guesses::{Entrance, Guess, Guesser, Guesses, NotNow};

/// How many failures of one address and reason are recorded one by one in a window.
pub const RECORDED_SINGLY: u64 = 10;

/// How many exchanges may fail from one address in a window.
pub const FAILED_EXCHANGES: u64 = 30;

/// How many Digest answers may be wrong from one address in a window: a real client tries seven
/// times before it gives up, and several scripts may share an address.
pub const WRONG_ANSWERS: u64 = 30;

/// How long a window is.
pub const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// How many failures of all addresses together are recorded one by one in a window; what is beyond
/// is counted as if it came from one address.
pub const ALL_RECORDED_SINGLY: u64 = 600;

/// How many addresses are kept apart; what is beyond shares one window.
const WINDOWS: usize = 20_000;

/// What is limited by address alone; passwords have [`Guesses`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempt {
    /// A signed token for a login.
    Exchange,
    /// A Digest answer.
    Login,
}

/// How a failure is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// As an event of its own, with its own reference.
    Singly,
    /// As the beginning of a summary, with this reference.
    OpensSummary(Reference),
    /// Counted under this reference.
    Counted(Reference),
}

/// What a summary says when its window is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Which addresses; `None` where too many failed at once to keep them apart.
    pub block: Option<AddressBlock>,
    /// The reason they share.
    pub reason: String,
    /// What the callers were given.
    pub reference: Reference,
    /// How many were counted beyond those recorded singly.
    pub count: u64,
    /// When the window began.
    pub since: Timestamp,
    /// When it ended.
    pub until: Timestamp,
    /// Whether its beginning is on the disk.
    is_recorded: bool,
}

#[derive(Debug)]
struct Window {
    since: Timestamp,
    count: u64,
    summary: Option<OfSummary>,
}

impl Window {
    fn beginning(since: Timestamp) -> Self {
        Self { since, count: 0, summary: None }
    }
}

/// The summary that a window has become.
#[derive(Debug, Clone, Copy)]
struct OfSummary {
    reference: Reference,
    /// Its beginning is on the disk.
    is_recorded: bool,
}

#[derive(Debug, Default)]
struct Tables {
    /// By address and reason, for what is written.
    reasons: HashMap<(Option<AddressBlock>, String), Window>,
    /// By address and attempt, for what is allowed.
    attempts: HashMap<(Option<AddressBlock>, Attempt), (Timestamp, u64)>,
    /// Since when, and how many, failures were recorded one by one.
    singly: Option<(Timestamp, u64)>,
}

/// Counts failures.
#[derive(Debug, Default)]
pub struct Failures {
    tables: Mutex<Tables>,
    /// Guesses at passwords of users.
    pub guesses: Guesses,
}

/// A window does not end because somebody read the clock before it began and finishes only now.
fn is_over(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) >= WINDOW
}

impl Failures {
    /// Tells how long `address` has to wait before it may attempt this again; `None`: it may.
    pub fn wait(&self, address: ClientAddress, attempt: Attempt, now: Timestamp) -> Option<SignedDuration> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = match attempt {
            Attempt::Exchange => FAILED_EXCHANGES,
            Attempt::Login => WRONG_ANSWERS,
        };
        // Its own window only: a flood from everywhere else refuses nobody who did not take part.
        let (since, count) = tables.attempts.get(&(Some(address.block()), attempt))?;
        (*count >= limit && !is_over(*since, now)).then(|| WINDOW.saturating_sub(now.duration_since(*since)))
    }

    /// Counts a failed attempt against the limit of `address`.
    pub fn count_attempt(&self, address: ClientAddress, attempt: Attempt, now: Timestamp) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts = &mut tables.attempts;
        let own = (Some(address.block()), attempt);
        let key = if attempts.len() < WINDOWS || attempts.contains_key(&own) { own } else { (None, attempt) };
        let window = attempts.entry(key).or_insert((now, 0));
        if is_over(window.0, now) {
            *window = (now, 0);
        }
        window.1 += 1;
    }

    /// Counts a failure for `reason` and says how it is to be written down.
    pub fn count(&self, address: ClientAddress, reason: &str, now: Timestamp, random: &Random) -> Writing {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let Tables { reasons, singly, .. } = &mut *tables;
        let (since, recorded) = singly.get_or_insert((now, 0));
        if is_over(*since, now) {
            (*since, *recorded) = (now, 0);
        }
        let own = (Some(address.block()), reason.to_owned());
        let has_summary = reasons.get(&own).is_some_and(|window| window.summary.is_some());
        let has_room = *recorded < ALL_RECORDED_SINGLY || has_summary;
        let key = if has_room { own } else { (None, reason.to_owned()) };
        // A window that is over stays until its summary is taken: the count then runs on in it.
        let window = reasons.entry(key).or_insert(Window::beginning(now));
        if is_over(window.since, now) && window.summary.is_none() {
            *window = Window::beginning(now);
        }
        window.count += 1;
        if window.count <= RECORDED_SINGLY {
            *recorded += 1;
            return Writing::Singly;
        }
        let new = || OfSummary { reference: Reference::new(random), is_recorded: false };
        let summary = *window.summary.get_or_insert_with(new);
        if summary.is_recorded {
            Writing::Counted(summary.reference)
        } else {
            // Until one of those who fail now has recorded it, each does: nobody is given a
            // reference that leads nowhere.
            Writing::OpensSummary(summary.reference)
        }
    }

    /// Counts a failure for `reason` that cannot be written down now: into the summary of its window, or of
    /// all addresses together. Nobody is given its reference.
    pub fn count_only(&self, address: ClientAddress, reason: &str, now: Timestamp, random: &Random) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let own = (Some(address.block()), reason.to_owned());
        let has_summary = tables.reasons.get(&own).is_some_and(|window| window.summary.is_some());
        let key = if has_summary { own } else { (None, reason.to_owned()) };
        let window = tables.reasons.entry(key).or_insert(Window::beginning(now));
        if is_over(window.since, now) && window.summary.is_none() {
            *window = Window::beginning(now);
        }
        // What a summary counts begins after those that are recorded singly.
        window.count = window.count.max(RECORDED_SINGLY) + 1;
        let new = || OfSummary { reference: Reference::new(random), is_recorded: false };
        window.summary.get_or_insert_with(new);
    }

    /// Notes that the beginning of the summary `reference` is on the disk.
    pub fn summary_is_recorded(&self, reference: Reference) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let summaries = tables.reasons.values_mut().filter_map(|window| window.summary.as_mut());
        for summary in summaries.filter(|summary| summary.reference == reference) {
            summary.is_recorded = true;
        }
    }

    /// Takes out every window that is over and returns the summaries that are due.
    pub fn take_finished(&self, now: Timestamp) -> Vec<Summary> {
        self.take(|since| is_over(since, now), now)
    }

    /// Takes out every window, at the end.
    pub fn take_all(&self, now: Timestamp) -> Vec<Summary> {
        self.take(|_| true, now)
    }

    /// Puts a summary back that could not be written, to be tried again.
    pub fn put_back(&self, summary: &Summary) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let Summary { block, reason, reference, count, since, is_recorded, .. } = summary;
        let key = (*block, reason.clone());
        let window = tables.reasons.entry(key).or_insert(Window::beginning(*since));
        window.since = *since;
        window.count += count + RECORDED_SINGLY;
        // A summary that was opened meanwhile has been given out: it takes the count over.
        window.summary.get_or_insert(OfSummary { reference: *reference, is_recorded: *is_recorded });
    }

    fn take(&self, is_due: impl Fn(Timestamp) -> bool, now: Timestamp) -> Vec<Summary> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.attempts.retain(|_, (since, _)| !is_over(*since, now));
        let due = tables.reasons.extract_if(|_, window| is_due(window.since));
        due.filter_map(|((block, reason), window)| {
            let OfSummary { reference, is_recorded } = window.summary?;
            let count = window.count.saturating_sub(RECORDED_SINGLY);
            Some(Summary { block, reason, reference, count, since: window.since, until: now, is_recorded })
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ClientAddress {
        ClientAddress::new(text.parse().unwrap())
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn a_flood_from_one_address_becomes_one_summary_a_minute() {
        let failures = Failures::default();
        let random = Random::new(|bytes| bytes.fill(3));
        let from = address("192.0.2.1");
        for number in 0..10_000 {
            match failures.count(from, "expired", NOW, &random) {
                Writing::Singly => assert!(number < 10),
                Writing::OpensSummary(reference) => {
                    assert_eq!(number, 10);
                    failures.summary_is_recorded(reference);
                }
                Writing::Counted(_) => assert!(number > 10),
            }
        }
        assert_eq!(failures.take_finished(NOW + SignedDuration::from_secs(59)), []);
        let summaries = failures.take_finished(NOW + WINDOW);
        assert_eq!(summaries.len(), 1);
        assert_eq!(summaries[0].count, 9_990);
        assert_eq!(failures.count(from, "expired", NOW + WINDOW, &random), Writing::Singly);
    }

    #[test]
    fn a_limit_of_one_address_is_not_another_s() {
        let failures = Failures::default();
        for _ in 0..FAILED_EXCHANGES {
            assert_eq!(failures.wait(address("192.0.2.1"), Attempt::Exchange, NOW), None);
            failures.count_attempt(address("192.0.2.1"), Attempt::Exchange, NOW);
        }
        assert_eq!(failures.wait(address("192.0.2.1"), Attempt::Exchange, NOW), Some(WINDOW));
        assert_eq!(failures.wait(address("192.0.2.1"), Attempt::Login, NOW), None);
        assert_eq!(failures.wait(address("192.0.2.2"), Attempt::Exchange, NOW), None);
        assert_eq!(failures.wait(address("192.0.2.1"), Attempt::Exchange, NOW + WINDOW), None);
    }

    #[test]
    fn a_request_that_began_earlier_and_ends_later_resets_no_count() {
        let failures = Failures::default();
        let random = Random::new(|bytes| bytes.fill(3));
        let from = address("192.0.2.1");
        let mut singly = 0;
        for second in (0..40).rev() {
            let began = NOW + SignedDuration::from_secs(second);
            failures.count_attempt(from, Attempt::Exchange, began);
            singly += u64::from(failures.count(from, "expired", began, &random) == Writing::Singly);
        }
        assert_eq!(singly, RECORDED_SINGLY);
        assert!(failures.wait(from, Attempt::Exchange, NOW).is_some());
    }

    #[test]
    fn what_nobody_can_write_down_now_is_in_a_summary_all_the_same() {
        let (failures, random) = (Failures::default(), Random::new(|bytes| bytes.fill(7)));
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(failures.count(address("192.0.2.1"), "a", now, &random), Writing::Singly);
        for last in 1..=3 {
            failures.count_only(address(&format!("192.0.2.{last}")), "a", now, &random);
        }
        let summaries = failures.take_all(now);
        assert_eq!(summaries.iter().map(|one| (one.block, one.count)).collect::<Vec<_>>(), [(None, 3)]);
        // Where an address has a summary, it is counted there.
        for _ in 0..=RECORDED_SINGLY {
            failures.count(address("192.0.2.1"), "a", now, &random);
        }
        failures.count_only(address("192.0.2.1"), "a", now, &random);
        let summaries = failures.take_all(now);
        let own = Some(address("192.0.2.1").block());
        assert_eq!(summaries.iter().map(|one| (one.block, one.count)).collect::<Vec<_>>(), [(own, 2)]);
    }

    #[test]
    fn a_flood_from_everywhere_stays_bounded() {
        let failures = Failures::default();
        let random = Random::new(|bytes| bytes.fill(3));
        for n in 0..100_000_u32 {
            let from = ClientAddress::new(std::net::Ipv4Addr::from(n).into());
            failures.count(from, "expired", NOW, &random);
            failures.count_attempt(from, Attempt::Exchange, NOW);
        }
        for n in 0..100_000_u32 {
            let from = ClientAddress::new(std::net::Ipv4Addr::from(n).into());
            assert_ne!(failures.count(from, "expired", NOW, &random), Writing::Singly, "a second round");
        }
        let summaries = failures.take_all(NOW);
        assert_eq!(summaries.len(), 1);
        assert_eq!(summaries[0].block, None);
        assert_eq!(summaries[0].count, 200_000 - ALL_RECORDED_SINGLY - RECORDED_SINGLY);
    }
}
