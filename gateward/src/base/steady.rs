//! Judges the wall clock by the monotonic one, so that a stepped clock drags nothing along.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Says that the clock cannot be believed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the clock stepped by {step:#}; it is believed again when it steps back, or stays for {wait} s")]
pub struct Stepped {
    /// How far it went, backwards if negative.
    pub step: SignedDuration,
    /// How many seconds it still has to stay.
    pub wait: u64,
    /// The last time that was believed.
    pub last: Timestamp,
    /// What the clock shows.
    pub shown: Timestamp,
}

/// How far the clock may go away from the passing of time and still be believed: time servers
/// correct seconds, not minutes.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// How long a clock that stepped must run steadily before its new time is believed.
const PROBATION: Duration = Duration::from_secs(300);

/// Follows the wall clock and notices when it steps.
#[derive(Debug)]
pub struct SteadyClock {
    believed: Anchor,
    /// Where a step went to, while it is on probation.
    suspect: Option<Anchor>,
    last: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    wall: Timestamp,
    monotonic: Instant,
}

impl Anchor {
    /// How far `wall` is from what the passing of time says.
    fn drift(self, wall: Timestamp, monotonic: Instant) -> SignedDuration {
        let passed = SignedDuration::try_from(monotonic.saturating_duration_since(self.monotonic))
            .unwrap_or(SignedDuration::MAX);
        wall.duration_since(self.wall).saturating_sub(passed)
    }
}

impl SteadyClock {
    /// Believes `wall` to begin with: there is nothing yet to judge it by.
    pub fn new(wall: Timestamp, monotonic: Instant) -> Self {
        Self { believed: Anchor { wall, monotonic }, suspect: None, last: wall }
    }

    /// Takes a reading and returns the time, never before an earlier answer.
    ///
    /// # Errors
    ///
    /// [`Stepped`] while the clock is more than a minute off what has passed.
    pub fn read(&mut self, wall: Timestamp, monotonic: Instant) -> Result<Timestamp, Stepped> {
        let now = Anchor { wall, monotonic };
        let step = self.believed.drift(wall, monotonic);
        if step.abs() > TOLERANCE {
            let kept = self.suspect.filter(|suspect| suspect.drift(wall, monotonic).abs() <= TOLERANCE);
            let suspect = *self.suspect.insert(kept.unwrap_or(now));
            let stayed = monotonic.saturating_duration_since(suspect.monotonic);
            if stayed < PROBATION {
                return Err(Stepped {
                    step,
                    wait: PROBATION.saturating_sub(stayed).as_secs(),
                    last: self.last,
                    shown: wall,
                });
            }
            self.last = wall;
        }
        self.believed = now;
        self.suspect = None;
        self.last = self.last.max(wall);
        Ok(self.last)
    }

    /// Begins anew with a reading that somebody knows to be right.
    pub fn believe(&mut self, wall: Timestamp, monotonic: Instant) {
        *self = Self::new(wall, monotonic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn at(seconds: i64) -> Timestamp {
        START + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn a_clock_that_steps_is_not_believed_until_it_steps_back() {
        let start = Instant::now();
        let mut clock = SteadyClock::new(at(0), start);
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(clock.read(at(10), after(10)), Ok(at(10)));
        assert!(clock.read(at(3700), after(20)).is_err());
        assert!(clock.read(at(-3700), after(21)).is_err());
        assert_eq!(clock.read(at(30), after(30)), Ok(at(30)));
    }

    #[test]
    fn a_new_time_that_stays_is_believed_without_a_hand() {
        let start = Instant::now();
        let mut clock = SteadyClock::new(at(0), start);
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(clock.read(at(7200), after(0)).is_err());
        assert!(clock.read(at(7200 + 299), after(299)).is_err());
        assert_eq!(clock.read(at(7200 + 300), after(300)), Ok(at(7500)));
        assert_eq!(clock.read(at(7200 + 301), after(301)), Ok(at(7501)));
    }

    #[test]
    fn a_new_time_is_believed_at_once_if_somebody_knows_it() {
        let start = Instant::now();
        let mut clock = SteadyClock::new(at(0), start);
        assert_eq!(clock.read(at(3600), start).unwrap_err().shown, at(3600));
        clock.believe(at(3600), start);
        assert_eq!(clock.read(at(3600), start), Ok(at(3600)));
        assert!(clock.read(at(0), start).is_err());
    }

    #[test]
    fn small_corrections_pass_and_time_never_runs_back() {
        let start = Instant::now();
        let mut clock = SteadyClock::new(at(0), start);
        assert_eq!(clock.read(at(50), start), Ok(at(50)));
        assert_eq!(clock.read(at(40), start), Ok(at(50)));
    }
}
