//! Guesses at passwords: what one account and address, and one address, may still try.
//!
//! Nothing counts against an account alone: whoever guesses wrong from one place keeps nobody out who comes
//! from another. What all of them together may cost is bounded by the places where passwords are hashed.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::{WINDOW, WINDOWS};
use crate::base::address::{AddressBlock, ClientAddress};

/// How often one account may be guessed at wrongly from one address in [`PAIR_WINDOW`].
pub const WRONG_OF_PAIR: u64 = 10;

/// For how long those count.
pub const PAIR_WINDOW: SignedDuration = SignedDuration::from_secs(300);

/// How many passwords may be wrong from one address in a minute, whosever they are.
pub const WRONG_OF_ADDRESS: u64 = 30;

/// How many passwords of one address are looked at at once; more come back later.
pub const AT_ONCE_OF_ADDRESS: u64 = 8;

/// For how long somebody who was right is no stranger from where they came.
const FAMILIAR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Where a password is shown; each counts for itself, so that strangers at the one keep nobody out at the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entrance {
    /// The public listener.
    Public,
    /// The operators' listener.
    Operators,
}

/// An account as somebody names it, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Guesser<'a> {
    /// As it was sent: there need be no such account.
    pub name: &'a str,
    /// From where.
    pub address: ClientAddress,
    /// Where it is shown.
    pub at: Entrance,
}

/// Why a password is not looked at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNow {
    /// Too many were wrong: how long to wait.
    TooMany(SignedDuration),
    /// Others of this address are being looked at.
    Busy,
}

type PairKey = (Entrance, AddressBlock, u64);
type AddressKey = (Entrance, AddressBlock);

#[derive(Debug)]
struct Count {
    since: Timestamp,
    wrong: u64,
    underway: u64,
}

#[derive(Debug, Default)]
struct Tables {
    pairs: HashMap<PairKey, Count>,
    addresses: HashMap<AddressKey, Count>,
    familiar: HashMap<(AddressBlock, u64), Timestamp>,
    /// When what is over was forgotten last.
    swept_at: Option<Timestamp>,
}

/// Counts guesses.
#[derive(Debug, Default)]
pub struct Guesses {
    tables: Mutex<Tables>,
    /// Names are strangers' and of any length: kept as a number that nobody can aim at.
    names: RandomState,
}

impl Count {
    fn at(&mut self, now: Timestamp, window: SignedDuration) -> &mut Self {
        if now.duration_since(self.since) >= window {
            (self.since, self.wrong) = (now, 0);
        }
        self
    }

    fn not_now(&self, limit: u64, window: SignedDuration, now: Timestamp) -> Option<NotNow> {
        let left = window.saturating_sub(now.duration_since(self.since));
        if left.is_positive() && self.wrong >= limit {
            return Some(NotNow::TooMany(left));
        }
        let wrong = if left.is_positive() { self.wrong } else { 0 };
        (wrong + self.underway >= limit).then_some(NotNow::Busy)
    }
}

/// A guess that is being looked at; dropped without a verdict it was wrong, so that hanging up gains nothing.
#[derive(Debug)]
#[must_use = "say how it came out"]
pub struct Guess<'a> {
    guesses: &'a Guesses,
    pair: PairKey,
    now: Timestamp,
    was_wrong: bool,
}

impl Guess<'_> {
    /// It was right: whoever sent it is no stranger here from now on.
    pub fn right(mut self) {
        self.was_wrong = false;
        let (_, block, name) = self.pair;
        let mut tables = self.guesses.tables();
        if tables.familiar.len() >= WINDOWS {
            let now = self.now;
            tables.familiar.retain(|_, last| now.duration_since(*last) < FAMILIAR);
        }
        if tables.familiar.len() < WINDOWS || tables.familiar.contains_key(&(block, name)) {
            tables.familiar.insert((block, name), self.now);
        }
    }

    /// Nobody found out whether it was right.
    pub fn not_judged(mut self) {
        self.was_wrong = false;
    }

    /// It was wrong.
    pub fn wrong(self) {
        drop(self);
    }
}

impl Drop for Guess<'_> {
    fn drop(&mut self) {
        let (at, block, _) = self.pair;
        let mut tables = self.guesses.tables();
        let Tables { pairs, addresses, .. } = &mut *tables;
        let counts = [(pairs.get_mut(&self.pair), PAIR_WINDOW), (addresses.get_mut(&(at, block)), WINDOW)];
        for (count, window) in counts {
            // Where there was no room to keep them apart, nothing is counted.
            let Some(count) = count else { continue };
            count.underway = count.underway.saturating_sub(1);
            if self.was_wrong {
                count.at(self.now, window).wrong += 1;
            }
        }
    }
}

impl Guesses {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self, by: Guesser<'_>) -> (PairKey, AddressKey) {
        let block = by.address.block();
        ((by.at, block, self.names.hash_one(by.name)), (by.at, block))
    }

    /// Tells why a password is not looked at now, before any work is done for it; `None`: it is.
    pub fn not_now(&self, by: Guesser<'_>, now: Timestamp) -> Option<NotNow> {
        let (pair, address) = self.keys(by);
        let tables = self.tables();
        let wrong_only = |count: &Count, limit, window| {
            count.not_now(limit, window, now).filter(|why| matches!(why, NotNow::TooMany(_)))
        };
        let of_pair = tables.pairs.get(&pair).and_then(|one| wrong_only(one, WRONG_OF_PAIR, PAIR_WINDOW));
        let of_address = || {
            let count = tables.addresses.get(&address)?;
            wrong_only(count, WRONG_OF_ADDRESS, WINDOW)
        };
        of_pair.or_else(of_address)
    }

    /// Begins to look at a password.
    ///
    /// # Errors
    ///
    /// [`NotNow`].
    pub fn begin(&self, by: Guesser<'_>, now: Timestamp) -> Result<Guess<'_>, NotNow> {
        let (pair, address) = self.keys(by);
        let mut tables = self.tables();
        tables.make_room(now);
        let Tables { pairs, addresses, .. } = &mut *tables;
        let of_pair = pairs.get(&pair).and_then(|count| count.not_now(WRONG_OF_PAIR, PAIR_WINDOW, now));
        let of_address = addresses.get(&address).and_then(|count| {
            let busy = (count.underway >= AT_ONCE_OF_ADDRESS).then_some(NotNow::Busy);
            count.not_now(WRONG_OF_ADDRESS, WINDOW, now).or(busy)
        });
        if let Some(why) = of_pair.or(of_address) {
            return Err(why);
        }
        begun(pairs, pair, PAIR_WINDOW, now);
        begun(addresses, address, WINDOW, now);
        Ok(Guess { guesses: self, pair, now, was_wrong: true })
    }

    /// Whether whoever comes from there was never right for this account, as far as is known.
    pub fn is_stranger(&self, by: Guesser<'_>, now: Timestamp) -> bool {
        let ((_, block, name), _) = self.keys(by);
        let last = self.tables().familiar.get(&(block, name)).copied();
        last.is_none_or(|last| now.duration_since(last) >= FAMILIAR)
    }
}

fn begun<K: Eq + std::hash::Hash>(
    counts: &mut HashMap<K, Count>,
    key: K,
    window: SignedDuration,
    now: Timestamp,
) {
    if counts.len() < WINDOWS || counts.contains_key(&key) {
        let fresh = Count { since: now, wrong: 0, underway: 0 };
        counts.entry(key).or_insert(fresh).at(now, window).underway += 1;
    }
}

impl Tables {
    /// Forgets what is over, once there is much; at most once a second, because it looks at all of it.
    fn make_room(&mut self, now: Timestamp) {
        let is_full = self.pairs.len() >= WINDOWS || self.addresses.len() >= WINDOWS;
        let lately = self.swept_at.is_some_and(|at| now.duration_since(at) < SignedDuration::from_secs(1));
        if !is_full || lately {
            return;
        }
        self.swept_at = Some(now);
        let counts = |count: &Count, window| count.underway > 0 || now.duration_since(count.since) < window;
        self.pairs.retain(|_, count| counts(count, PAIR_WINDOW));
        self.addresses.retain(|_, count| counts(count, WINDOW));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn from<'a>(name: &'a str, address: &str) -> Guesser<'a> {
        let address = ClientAddress::new(address.parse().unwrap());
        Guesser { name, address, at: Entrance::Public }
    }

    fn wrong(guesses: &Guesses, by: Guesser<'_>, now: Timestamp) -> Result<(), NotNow> {
        guesses.begin(by, now).map(Guess::wrong)
    }

    #[test]
    fn wrong_guesses_at_an_account_from_one_address_keep_nobody_out_who_comes_from_another() {
        let guesses = Guesses::default();
        for _ in 0..WRONG_OF_PAIR {
            wrong(&guesses, from("ann", "192.0.2.1"), NOW).unwrap();
        }
        assert_eq!(wrong(&guesses, from("ann", "192.0.2.1"), NOW), Err(NotNow::TooMany(PAIR_WINDOW)));
        assert!(guesses.not_now(from("ann", "192.0.2.1"), NOW).is_some());
        assert_eq!(guesses.not_now(from("ann", "198.51.100.7"), NOW), None);
        guesses.begin(from("ann", "198.51.100.7"), NOW).unwrap().right();
        let later = NOW + PAIR_WINDOW;
        wrong(&guesses, from("ann", "192.0.2.1"), later).unwrap();
    }

    #[test]
    fn an_address_that_tries_many_accounts_is_stopped_and_its_neighbour_is_not() {
        let guesses = Guesses::default();
        for number in 0..WRONG_OF_ADDRESS {
            wrong(&guesses, from(&format!("user{number}"), "192.0.2.1"), NOW).unwrap();
        }
        assert_eq!(guesses.not_now(from("ann", "192.0.2.1"), NOW), Some(NotNow::TooMany(WINDOW)));
        assert_eq!(guesses.not_now(from("ann", "192.0.2.2"), NOW), None);
        assert_eq!(guesses.not_now(from("ann", "192.0.2.1"), NOW + WINDOW), None);
        let operator = Guesser { at: Entrance::Operators, ..from("ann", "192.0.2.1") };
        assert_eq!(guesses.not_now(operator, NOW), None, "the other door has its own count");
    }

    #[test]
    fn guesses_that_are_looked_at_at_once_count_before_they_are_known_to_be_wrong() {
        let guesses = Guesses::default();
        let begin = |name| guesses.begin(from(name, "192.0.2.1"), NOW);
        let underway: Vec<_> = (0..AT_ONCE_OF_ADDRESS).map(|_| begin("ann").unwrap()).collect();
        assert_eq!(begin("ann").unwrap_err(), NotNow::Busy);
        assert_eq!(guesses.not_now(from("ann", "192.0.2.1"), NOW), None, "none was wrong yet");
        underway.into_iter().for_each(Guess::right);
        assert!(begin("ann").is_ok());
    }

    #[test]
    fn a_guess_that_nobody_waits_for_was_wrong_and_one_that_was_not_judged_costs_nothing() {
        let guesses = Guesses::default();
        for _ in 0..WRONG_OF_PAIR {
            drop(guesses.begin(from("ann", "192.0.2.1"), NOW).unwrap());
        }
        assert!(guesses.not_now(from("ann", "192.0.2.1"), NOW).is_some());
        for _ in 0..2 * WRONG_OF_ADDRESS {
            guesses.begin(from("bob", "192.0.2.2"), NOW).unwrap().not_judged();
        }
        assert_eq!(guesses.not_now(from("bob", "192.0.2.2"), NOW), None);
    }

    #[test]
    fn whoever_was_right_is_no_stranger_from_where_they_came() {
        let guesses = Guesses::default();
        let ann = from("ann", "192.0.2.1");
        assert!(guesses.is_stranger(ann, NOW));
        guesses.begin(ann, NOW).unwrap().right();
        assert!(!guesses.is_stranger(ann, NOW));
        assert!(guesses.is_stranger(from("bob", "192.0.2.1"), NOW));
        assert!(guesses.is_stranger(from("ann", "192.0.2.2"), NOW));
        assert!(guesses.is_stranger(ann, NOW + FAMILIAR));
    }

    #[test]
    fn guesses_from_everywhere_stay_bounded() {
        let guesses = Guesses::default();
        for number in 0..100_000_u32 {
            let address = ClientAddress::new(std::net::Ipv4Addr::from(number).into());
            let by = Guesser { name: "ann", address, at: Entrance::Public };
            guesses.begin(by, NOW).unwrap().wrong();
        }
        let tables = guesses.tables();
        assert!(tables.pairs.len() <= WINDOWS && tables.addresses.len() <= WINDOWS);
    }
}
