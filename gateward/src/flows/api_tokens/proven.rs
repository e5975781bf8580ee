//! Which API tokens were proven a moment ago, so that a program that sends one with each request has the store
//! asked about it twice a minute and not twice a request.
//!
//! Whatever takes a right away moves the revocation counter, and what was remembered under another value of it
//! counts no more; a decision under an old value the writer refuses.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::base::sha256::Sha256;
use crate::flows::users::KnownUser;
use crate::store::revocation::Revision;

/// How many are remembered; beyond them the store is asked about each.
const MOST: usize = 10_000;

/// The tokens that were proven lately, by their hashes.
#[derive(Debug, Default)]
pub struct Proven(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    under: Option<Revision>,
    users: HashMap<Sha256, Remembered>,
}

#[derive(Debug)]
struct Remembered {
    user: KnownUser,
    until: Timestamp,
}

impl Proven {
    /// Returns whose token this is, if that was found out under the same value of the revocation counter, the
    /// token has not ended since, and no use of it is to be noted.
    pub fn whose(&self, token: &Sha256, under: Revision, now: Timestamp) -> Option<KnownUser> {
        let lately = self.lately();
        let remembered = lately.users.get(token).filter(|_| lately.under == Some(under))?;
        (now < remembered.until).then(|| remembered.user.clone())
    }

    /// Remembers whose token this is, as found after this value of the counter had been read.
    pub fn note(&self, token: Sha256, user: &KnownUser, under: Revision, now: Timestamp) {
        // Whoever is to be noted is looked up again next time: then it has been.
        let Some(until) = user.noted_until().filter(|until| now < *until) else { return };
        let mut lately = self.lately();
        if lately.under < Some(under) {
            *lately = Lately { under: Some(under), users: HashMap::new() };
        }
        if lately.under != Some(under) {
            return;
        }
        if lately.users.len() >= MOST {
            lately.users.retain(|_, remembered| now < remembered.until);
        }
        if lately.users.len() < MOST {
            lately.users.insert(token, Remembered { user: user.clone(), until });
        }
    }

    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::base::time::later;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn used_at(last: Option<Timestamp>, ends_after: SignedDuration) -> KnownUser {
        KnownUser::with_token_for_tests("ann", last, later(NOW, ends_after))
    }

    fn seconds(count: i64) -> Timestamp {
        later(NOW, SignedDuration::from_secs(count))
    }

    #[test]
    fn a_proven_token_counts_until_the_counter_moves() {
        let (proven, token) = (Proven::default(), Sha256::of(b"gw_"));
        let [first, second] = [1, 2].map(Revision::for_tests);
        let user = used_at(Some(NOW), SignedDuration::from_hours(1));
        assert!(proven.whose(&token, first, NOW).is_none());
        proven.note(token, &user, first, NOW);
        assert!(proven.whose(&token, first, NOW).is_some());
        assert!(proven.whose(&Sha256::of(b"other"), first, NOW).is_none(), "another token");
        assert!(proven.whose(&token, second, NOW).is_none(), "the counter moved");
        proven.note(token, &user, second, NOW);
        proven.note(token, &user, first, NOW);
        assert!(proven.whose(&token, second, NOW).is_some(), "a late one takes nothing away");
        assert!(proven.whose(&token, first, NOW).is_none(), "and is not taken back in");
    }

    #[test]
    fn a_proven_token_ends_at_its_very_second() {
        let (proven, token, under) = (Proven::default(), Sha256::of(b"gw_"), Revision::for_tests(1));
        proven.note(token, &used_at(Some(NOW), SignedDuration::from_secs(20)), under, NOW);
        assert!(proven.whose(&token, under, seconds(19)).is_some());
        assert!(proven.whose(&token, under, seconds(20)).is_none());
    }

    #[test]
    fn the_use_of_a_token_is_noted_every_minute_whoever_is_remembered() {
        let (proven, token, under) = (Proven::default(), Sha256::of(b"gw_"), Revision::for_tests(1));
        let ends = SignedDuration::from_hours(1);
        proven.note(token, &used_at(None, ends), under, NOW);
        assert!(proven.whose(&token, under, NOW).is_none(), "its first use is not noted yet");
        proven.note(token, &used_at(Some(NOW), ends), under, NOW);
        assert!(proven.whose(&token, under, seconds(59)).is_some());
        assert!(proven.whose(&token, under, seconds(60)).is_none(), "a minute is over");
    }

    #[test]
    fn no_more_tokens_are_remembered_than_there_is_room_for() {
        let (proven, under) = (Proven::default(), Revision::for_tests(1));
        let name = |at: usize| Sha256::of(&at.to_le_bytes());
        let user = used_at(Some(NOW), SignedDuration::from_hours(1));
        for at in 0..=MOST {
            proven.note(name(at), &user, under, NOW);
        }
        assert!(proven.whose(&name(MOST - 1), under, NOW).is_some());
        assert!(proven.whose(&name(MOST), under, NOW).is_none());
        let later = used_at(Some(seconds(60)), SignedDuration::from_hours(1));
        proven.note(name(MOST), &later, under, seconds(60));
        assert!(proven.whose(&name(MOST), under, seconds(60)).is_some(), "the others are over by then");
    }
}
