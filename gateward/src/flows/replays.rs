//! Which right answers came before: the nonce counts of HTTP Digest (RFC 7616 section 3.4, `nc`).
//!
//! For each nonce that was answered right, a window over its newest counts is kept in memory until
//! the nonce is stale. What came before, or lies below the window, is answered as stale, and an
//! honest client repeats by itself.
//!
//! Best effort: another replica, or this one after a restart, takes each answer once more, and
//! under more than 65 536 nonces in five minutes the oldest are forgotten. A request is never
//! refused for want of memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use http_digest::{NonceId, NonceUse};
use jiff::Timestamp;

/// How many nonces are remembered: about 4 MiB.
const MOST_NONCES: usize = 65_536;

/// How many stale nonces go when a new one comes: more than one, so that they become fewer.
const GO_AT_ONCE: usize = 2;

/// What was answered right lately.
#[derive(Debug)]
pub struct Replays {
    /// Those that are stale first come first.
    windows: Mutex<BTreeMap<NonceId, Window>>,
    most: usize,
}

impl Default for Replays {
    fn default() -> Self {
        Self { windows: Mutex::default(), most: MOST_NONCES }
    }
}

/// One request at the door. It may be decided several times, as the policy moves; it arrives once.
///
/// Make one for each request that comes in, never for each decision.
#[derive(Debug, Default)]
pub struct Arrival(OnceLock<bool>);

impl Replays {
    /// Whether the right answer that `arrival` brought is none that came before. The first decision
    /// about a request finds out; all later ones are told the same.
    pub fn is_new(&self, arrival: &Arrival, used: NonceUse, now: Timestamp) -> bool {
        *arrival.0.get_or_init(|| self.take(used, now))
    }

    /// Notes a use of a nonce; `false` if it was noted before or is too old to tell.
    fn take(&self, used: NonceUse, now: Timestamp) -> bool {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = windows.get_mut(&used.nonce) {
            return window.take(used.count);
        }
        for _ in 0..GO_AT_ONCE {
            match windows.first_entry() {
                Some(oldest) if oldest.key().stale_from() <= now => drop(oldest.remove()),
                _ => break,
            }
        }
        if windows.len() >= self.most {
            windows.pop_first();
        }
        // From wherever it counts: its first uses may have gone to another replica.
        windows.insert(used.nonce, Window::starting_at(used.count));
        true
    }
}

/// The newest counts of one nonce. Requests that left one after the other may overtake each other
/// by 64.
#[derive(Debug)]
struct Window {
    highest: u32,
    /// Bit `n` stands for the count `highest - 1 - n`.
    below: u64,
}

impl Window {
    fn starting_at(count: u32) -> Self {
        Self { highest: count, below: 0 }
    }

    fn take(&mut self, count: u32) -> bool {
        if let Some(ahead) = count.checked_sub(self.highest).filter(|ahead| *ahead > 0) {
            // The old highest becomes bit `ahead - 1`.
            let moved = self.below.checked_shl(ahead).unwrap_or(0);
            self.below = moved | 1_u64.checked_shl(ahead - 1).unwrap_or(0);
            self.highest = count;
            return true;
        }
        let bit = (self.highest - count).checked_sub(1).and_then(|behind| 1_u64.checked_shl(behind));
        match bit {
            Some(bit) if self.below & bit == 0 => {
                self.below |= bit;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use http_digest::{Credentials, NONCE_LIFETIME, NonceKey, NonceKeys, Offer, ProtectionSpace, Request};
    use http_digest::{Verdict, client};
    use jiff::SignedDuration;

    use super::*;

    /// The use of a nonce that was issued at `issued`.
    fn used(issued: Timestamp, random: u8, count: u32) -> NonceUse {
        let realm = "FDSN".parse().unwrap();
        let keys = NonceKeys::new(NonceKey::new([7; 32]), vec![]);
        let space = ProtectionSpace { service: "a", realm: &realm, keys: &keys, offer: Offer::Md5 };
        let challenges = space.challenges(issued, [random; 12], false);
        let challenge = client::Challenge::parse(&challenges[0]).unwrap();
        let request = Request { method: "GET", target: "/" };
        let answer = client::answer(&challenge, "login", "password", request, count, "c").unwrap();
        let credentials = Credentials::parse(&answer).unwrap();
        match space.verify(&credentials, request, Some(&credentials.ha1("password")), issued) {
            Verdict::Right(used) => used,
            other => panic!("{other:?}"),
        }
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn take(replays: &Replays, count: u32) -> bool {
        replays.is_new(&Arrival::default(), used(NOW, 1, count), NOW)
    }

    #[test]
    fn an_answer_is_new_once() {
        let replays = Replays::default();
        for count in 1..200 {
            assert!(take(&replays, count), "{count}");
            assert!(!take(&replays, count), "{count}");
        }
    }

    #[test]
    fn a_request_that_is_decided_again_is_no_repeat() {
        let replays = Replays::default();
        let (first, repeated) = (Arrival::default(), Arrival::default());
        for _ in 0..8 {
            assert!(replays.is_new(&first, used(NOW, 1, 1), NOW));
            assert!(!replays.is_new(&repeated, used(NOW, 1, 1), NOW));
        }
    }

    #[test]
    fn requests_may_overtake_each_other_by_64() {
        let replays = Replays::default();
        assert!(take(&replays, 100));
        for count in (36..100).rev() {
            assert!(take(&replays, count), "{count}");
            assert!(!take(&replays, count), "{count}");
        }
        assert!(!take(&replays, 100));
        assert!(!take(&replays, 35), "below the window nobody knows");
    }

    #[test]
    fn what_was_seen_stays_seen_however_far_the_window_moves() {
        for ahead in 1..=130 {
            let replays = Replays::default();
            assert!(take(&replays, 1000) && take(&replays, 999));
            assert!(take(&replays, 1000 + ahead), "{ahead}");
            assert!(!take(&replays, 1000) && !take(&replays, 999), "{ahead}");
            assert_eq!(take(&replays, 998), ahead + 2 <= 64, "{ahead}");
        }
    }

    #[test]
    fn a_count_may_start_and_end_anywhere() {
        for first in [0, 7, u32::MAX] {
            let replays = Replays::default();
            assert!(take(&replays, first) && !take(&replays, first), "{first}");
        }
        let replays = Replays::default();
        assert!(take(&replays, 0) && take(&replays, u32::MAX) && !take(&replays, 0));
    }

    #[test]
    fn every_nonce_counts_for_itself() {
        let replays = Replays::default();
        for random in 0..4 {
            assert!(replays.is_new(&Arrival::default(), used(NOW, random, 1), NOW));
        }
    }

    #[test]
    fn the_oldest_nonces_are_forgotten_when_there_are_too_many() {
        let replays = Replays { most: 4, ..Replays::default() };
        let at = |second| NOW + SignedDuration::from_secs(second);
        let is_new = |second| replays.is_new(&Arrival::default(), used(at(second), 1, 1), at(5));
        // They need not come in the order of their issue.
        for second in [2, 1, 4, 3, 5] {
            assert!(is_new(second));
        }
        assert_eq!(replays.windows.lock().unwrap().len(), 4);
        assert!([2, 3, 4, 5].into_iter().all(|second| !is_new(second)));
        assert!(is_new(1), "the oldest was forgotten");
    }

    #[test]
    fn stale_nonces_do_not_pile_up() {
        let replays = Replays::default();
        let at = |second| NOW + SignedDuration::from_secs(second);
        for second in 0..100 {
            assert!(replays.is_new(&Arrival::default(), used(at(second), 1, 1), at(second)));
        }
        let later = at(99) + NONCE_LIFETIME;
        for random in 0..50 {
            assert!(replays.is_new(&Arrival::default(), used(later, random, 1), later));
        }
        assert_eq!(replays.windows.lock().unwrap().len(), 50);
    }
}
