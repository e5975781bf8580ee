//! How long is waited for an object store, and how often it is asked again.

use std::time::{Duration, Instant};

use crate::base::random::Random;

/// How patient we are with an object store.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long an answer may take that nothing large has to travel for.
    pub answer: Duration,
    /// How many bytes a second at least must travel where something large does.
    pub slowest: u32,
    /// For how long one thing is tried again and again before it has failed. While the server has answered
    /// nothing at all, it is a fifth of that.
    pub trying: Duration,
    /// About how long is waited before the second attempt; each further one waits twice as long.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
            slowest: 64 * 1024,
            trying: Duration::from_secs(300),
            pause: Duration::from_millis(250),
        }
    }
}

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

impl Patience {
    /// How long one attempt may take that carries so many bytes.
    pub(super) fn attempt(&self, bytes: usize) -> Duration {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.answer + Duration::from_secs_f64(f64::from(bytes) / f64::from(self.slowest.max(1)))
    }

    /// Begins to try something.
    pub(super) fn begin(&self, has_answered: bool) -> Attempts {
        let trying = if has_answered { self.trying } else { self.trying / 5 };
        Attempts { until: Instant::now() + trying, pause: self.pause, made: 1 }
    }
}

/// The attempts at one thing.
#[derive(Debug)]
pub(super) struct Attempts {
    until: Instant,
    pause: Duration,
    pub(super) made: u32,
}

impl Attempts {
    /// How long to wait before the next one: a random half of the pause, so that many who failed at once do not
    /// come back at once. `None` when it is enough.
    pub(super) fn next(&mut self, random: &Random) -> Option<Duration> {
        let half = self.pause / 2;
        let wait = half + half.mul_f64(f64::from(u16::from_le_bytes(random.bytes())) / f64::from(u16::MAX));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.made += 1;
        (Instant::now() + wait < self.until).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_never_pass_the_end() {
        let patience = Patience { trying: Duration::from_secs(3600), ..Patience::default() };
        for (byte, share) in [(0, 0.5), (255, 1.0)] {
            let random = Random::new(move |bytes: &mut [u8]| bytes.fill(byte));
            let mut attempts = patience.begin(true);
            let waits: Vec<f64> =
                (0..10).map(|_| attempts.next(&random).unwrap().as_secs_f64() / share).collect();
            let expected = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0, 20.0];
            assert!(
                waits.iter().zip(expected).all(|(wait, expected)| (wait - expected).abs() < 1e-6),
                "{waits:?}"
            );
        }
        let mut over = Patience { trying: Duration::ZERO, ..patience }.begin(true);
        assert_eq!(over.next(&Random::new(|_| ())), None);
    }

    #[test]
    fn what_is_larger_may_take_longer() {
        let patience = Patience::default();
        assert_eq!(patience.attempt(0), Duration::from_secs(30));
        assert_eq!(patience.attempt(16 * 1024 * 1024), Duration::from_secs(286));
    }
}
