//! The database's clock, by which every machine decides: this machine's, corrected by how far they
//! are apart.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};

use crate::base::time::{Clock, Unbelieved};

/// How far a machine's clock may be from the database's.
const APART: SignedDuration = SignedDuration::from_secs(5);

/// The database's clock as this machine knows it.
#[derive(Debug, Clone)]
pub(in crate::store) struct DatabaseClock {
    machine: Clock,
    /// How much the database's is ahead; `None` until it was measured.
    ahead: Arc<ArcSwapOption<SignedDuration>>,
}

impl DatabaseClock {
    pub fn new(machine: Clock) -> Self {
        Self { machine, ahead: Arc::default() }
    }

    /// What this machine's clock shows. It needs nobody's belief: the database's is there to judge it.
    pub fn machine(&self) -> Timestamp {
        self.machine.now().unwrap_or_else(|unbelieved| unbelieved.shown())
    }

    /// Notes that the database's clock showed `database` between `before` and `after` of this machine's.
    ///
    /// What took long says little and is not noted, unless nothing is known yet. A clock that stepped
    /// and shows the same as the database's now was set right.
    pub fn observe(&self, before: Timestamp, database: Timestamp, after: Timestamp) {
        let took = after.duration_since(before);
        let middle = before.saturating_add(took / 2).unwrap_or(after);
        let quick = took.abs() < SignedDuration::from_secs(1);
        let ahead = database.duration_since(middle);
        if quick && near(ahead, after).is_ok() && self.machine.now().is_err() {
            self.machine.believe();
        }
        if quick || self.ahead.load().is_none() {
            self.ahead.store(Some(Arc::new(ahead)));
        }
    }

    /// Says that the database's clock shows `database`, at most a moment ago.
    ///
    /// # Errors
    ///
    /// [`Unbelieved`]: it and this machine's are further apart than is allowed.
    pub fn check(&self, database: Timestamp) -> Result<(), Unbelieved> {
        let machine = self.machine();
        near(database.duration_since(machine), machine)
    }

    /// Returns the clock to decide by.
    pub fn clock(&self) -> Clock {
        let Self { machine, ahead } = self.clone();
        Clock::new(move || {
            let now = machine.now();
            let ahead = ahead.load().as_deref().copied().unwrap_or_default();
            near(ahead, now.unwrap_or_else(|stepped| stepped.shown()))?;
            // One that stepped is believed once it was compared with the database's.
            let now = now?;
            Ok(now.saturating_add(ahead).unwrap_or(now))
        })
    }
}

fn near(ahead: SignedDuration, machine: Timestamp) -> Result<(), Unbelieved> {
    if ahead.abs() > APART { Err(Unbelieved::Apart { ahead, machine }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::base::steady::SteadyClock;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn decisions_are_made_by_the_databases_clock() {
        let clock = DatabaseClock::new(Clock::new(|| Ok(at(100))));
        clock.observe(at(100), at(104), at(100));
        assert_eq!(clock.clock().now(), Ok(at(104)));
    }

    #[test]
    fn a_machine_whose_clock_is_far_off_decides_nothing() {
        for database in [94, 106] {
            let clock = DatabaseClock::new(Clock::new(|| Ok(at(100))));
            clock.observe(at(100), at(database), at(100));
            assert!(matches!(clock.clock().now(), Err(Unbelieved::Apart { .. })), "{database}");
            assert!(clock.check(at(database)).is_err());
            clock.observe(at(100), at(101), at(100));
            assert_eq!(clock.clock().now(), Ok(at(101)), "set right, it decides again");
        }
    }

    #[test]
    fn a_clock_that_was_set_right_is_believed_as_soon_as_the_database_shows_the_same() {
        let steady = Arc::new(std::sync::Mutex::new((SteadyClock::new(at(4000), Instant::now()), at(4000))));
        let doubted = Arc::clone(&steady);
        let machine = Clock::judged(
            move || {
                let (steady, shown) = &mut *steady.lock().unwrap();
                Ok(steady.read(*shown, Instant::now())?)
            },
            {
                let steady = Arc::clone(&doubted);
                move || {
                    let (steady, shown) = &mut *steady.lock().unwrap();
                    steady.believe(*shown, Instant::now());
                }
            },
        );
        let clock = DatabaseClock::new(machine);
        clock.observe(at(4000), at(100), at(4000));
        assert!(matches!(clock.clock().now(), Err(Unbelieved::Apart { .. })));
        doubted.lock().unwrap().1 = at(100);
        assert!(clock.clock().now().is_err(), "nobody has looked since");
        assert_eq!(clock.machine(), at(100));
        clock.observe(at(100), at(101), at(100));
        assert_eq!(clock.clock().now(), Ok(at(101)));
    }

    #[test]
    fn a_slow_answer_does_not_move_the_clock() {
        let clock = DatabaseClock::new(Clock::new(|| Ok(at(100))));
        clock.observe(at(100), at(102), at(100));
        clock.observe(at(96), at(96), at(100));
        assert_eq!(clock.clock().now(), Ok(at(102)));
    }
}
