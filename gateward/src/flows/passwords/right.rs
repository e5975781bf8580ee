//! Which passwords were right a moment ago, so that a program that sends one with each request costs one hash a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::hmac;
use jiff::{SignedDuration, Timestamp};

use crate::base::random::Random;
use crate::base::secret::Secret;
use crate::base::time::later;
use crate::store::revocation::Revision;

/// For how long.
const LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// For how long whoever was right is no guesser, whatever others guess beside them.
const NO_GUESS: SignedDuration = SignedDuration::from_hours(1);

/// How many are remembered; beyond them each costs its hash.
const MOST: usize = 10_000;

/// A name, its stored hash and a password, under a key that this run of the program alone has: it tells nothing of any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Mark([u8; 32]);

/// What was right, and under which value of the revocation counter.
pub(super) struct Right {
    key: hmac::Key,
    lately: Mutex<Lately>,
}

#[derive(Debug, Default)]
struct Lately {
    under: Option<Revision>,
    until: HashMap<Mark, Timestamp>,
    /// When each was right last, whatever became of the counter.
    last: HashMap<Mark, Timestamp>,
}

impl std::fmt::Debug for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Right")
    }
}

impl Right {
    pub fn new(random: &Random) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random.bytes::<32>());
        Self { key, lately: Mutex::default() }
    }

    /// Marks a password for the account `name`, whose hash is `stored`.
    pub fn mark(&self, name: &str, stored: &str, password: &Secret) -> Mark {
        let mut context = hmac::Context::with_key(&self.key);
        // None of the first two has a zero.
        for part in [name, "\0", stored, "\0", password.expose()] {
            context.update(part.as_bytes());
        }
        let tag = context.sign();
        Mark(tag.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }

    /// Whether it was right within the last minute, and the revocation counter stands as it did.
    pub fn was(&self, mark: Mark, under: Revision, now: Timestamp) -> bool {
        let lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.under == Some(under) && lately.until.get(&mark).is_some_and(|until| now < *until)
    }

    /// Whether it was right within the last hour, whatever has changed since: whoever shows it does not guess.
    ///
    /// It proves nothing: the account may have been disabled. Another password, or hash, is another mark.
    pub fn is_no_guess(&self, mark: Mark, now: Timestamp) -> bool {
        let lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.last.get(&mark).is_some_and(|last| now.duration_since(*last) < NO_GUESS)
    }

    /// Remembers that it was right, as found under this value of the counter or an earlier one.
    pub fn note(&self, mark: Mark, under: Revision, now: Timestamp) {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        if lately.last.len() >= MOST {
            lately.last.retain(|_, last| now.duration_since(*last) < NO_GUESS);
        }
        if lately.last.len() < MOST || lately.last.contains_key(&mark) {
            lately.last.insert(mark, now);
        }
        if lately.under < Some(under) {
            (lately.under, lately.until) = (Some(under), HashMap::new());
        }
        if lately.under != Some(under) {
            return;
        }
        if lately.until.len() >= MOST {
            lately.until.retain(|_, until| now < *until);
        }
        if lately.until.len() < MOST {
            lately.until.insert(mark, later(now, LIFETIME));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn what_was_right_counts_for_a_minute_and_until_the_counter_moves() {
        let right = Right::new(&Random::new(|bytes| bytes.fill(1)));
        let [first, second] = [1, 2].map(Revision::for_tests);
        let mark = right.mark("ann", "hash", &Secret::new("password".into()));
        assert!(!right.was(mark, first, NOW));
        right.note(mark, first, NOW);
        assert!(right.was(mark, first, later(NOW, SignedDuration::from_secs(59))));
        assert!(!right.was(mark, first, later(NOW, SignedDuration::from_secs(60))), "a minute is over");
        assert!(!right.was(mark, second, NOW), "the counter moved");
        right.note(mark, second, NOW);
        right.note(mark, first, NOW);
        assert!(
            right.was(mark, second, NOW) && !right.was(mark, first, NOW),
            "a late one is not taken back in"
        );
    }

    #[test]
    fn whoever_was_right_within_the_hour_does_not_guess_whatever_the_counter_says() {
        let right = Right::new(&Random::new(|bytes| bytes.fill(1)));
        let mark = right.mark("ann", "hash", &Secret::new("password".into()));
        assert!(!right.is_no_guess(mark, NOW));
        right.note(mark, Revision::for_tests(1), NOW);
        right.note(right.mark("bob", "hash", &Secret::new("password".into())), Revision::for_tests(2), NOW);
        assert!(right.is_no_guess(mark, later(NOW, SignedDuration::from_mins(59))));
        assert!(!right.is_no_guess(mark, later(NOW, SignedDuration::from_mins(60))));
        assert!(!right.is_no_guess(right.mark("ann", "hash", &Secret::new("other".into())), NOW));
    }

    #[test]
    fn another_name_hash_or_password_is_another_mark() {
        let right = Right::new(&Random::new(|bytes| bytes.fill(1)));
        let secret = |text: &str| Secret::new(text.into());
        let mark = right.mark("ann", "hash", &secret("password"));
        assert_ne!(mark, right.mark("bob", "hash", &secret("password")));
        assert_ne!(mark, right.mark("ann", "other", &secret("password")));
        assert_ne!(mark, right.mark("ann", "hash", &secret("Password")));
    }
}
