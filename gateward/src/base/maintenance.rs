//! That a service is being worked on.

use jiff::Timestamp;

/// Since now, and until when if that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maintenance {
    /// Until the configuration says otherwise.
    On,
    /// Until then.
    Until(Timestamp),
}

impl Maintenance {
    /// Tells for how long callers should stay away, in seconds; `None` when it is over.
    pub fn seconds_left(self, now: Timestamp) -> Option<u64> {
        match self {
            Self::On => Some(UNKNOWN),
            Self::Until(end) => {
                let left = u64::try_from(end.duration_since(now).as_secs()).ok()?;
                (end > now).then_some(left.max(1))
            }
        }
    }
}

/// When to come back while nobody knows, in seconds.
const UNKNOWN: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maintenance_ends_at_the_very_second() {
        let end = Timestamp::from_second(1000).unwrap();
        let left = |second| Maintenance::Until(end).seconds_left(Timestamp::from_second(second).unwrap());
        assert_eq!((left(0), left(999), left(1000), left(2000)), (Some(1000), Some(1), None, None));
        assert_eq!(Maintenance::On.seconds_left(end), Some(300));
    }
}
