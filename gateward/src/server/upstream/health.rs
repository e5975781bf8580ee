//! Whether an upstream is there, by how it took the last connections.
//!
//! One that is away costs each request a wait for a connection. After some in a row it is left alone for a
//! moment; then one request tries, and the others still do not wait.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After how many connections in a row that did not come about it is left alone.
const IN_A_ROW: u32 = 3;

/// How long it is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// How an upstream took the last connections.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failed: u32,
    alone_until: Option<Instant>,
}

impl Health {
    /// Tells whether a request may be sent at `now`, or else how long it is left alone.
    pub(super) fn may_ask(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.alone_until {
            Some(until) if until > now => Err(until - now),
            Some(_) => {
                // This one tries, for all.
                state.alone_until = Some(now + PAUSE);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Notes that it answered.
    pub(super) fn answered(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// Notes that it took no connection.
    pub(super) fn was_away(&self, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failed += 1;
        if state.failed >= IN_A_ROW {
            state.alone_until = Some(now + PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_that_is_away_is_tried_by_one_request_at_a_time() {
        let (health, begun) = (Health::default(), Instant::now());
        for _ in 0..IN_A_ROW {
            assert_eq!(health.may_ask(begun), Ok(()));
            health.was_away(begun);
        }
        assert_eq!(health.may_ask(begun), Err(PAUSE));
        let later = begun + PAUSE;
        assert_eq!(health.may_ask(later), Ok(()), "one tries");
        assert_eq!(health.may_ask(later), Err(PAUSE), "and no other");
        health.was_away(later);
        assert_eq!(health.may_ask(later + PAUSE), Ok(()));
        health.answered();
        assert_eq!((health.may_ask(later), health.may_ask(later)), (Ok(()), Ok(())));
    }

    #[test]
    fn failures_that_are_not_in_a_row_leave_it_be() {
        let (health, now) = (Health::default(), Instant::now());
        for _ in 0..IN_A_ROW {
            health.was_away(now);
            health.answered();
        }
        assert_eq!(health.may_ask(now), Ok(()));
    }
}
