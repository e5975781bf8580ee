//! Time as the log writes it, and the one handle through which it is read.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::steady::Stepped;

/// Reads the time; made by `cli` and `server`, an argument everywhere else.
#[derive(Clone)]
pub struct Clock {
    source: Arc<dyn Fn() -> Result<Timestamp, Unbelieved> + Send + Sync>,
    believe: Arc<dyn Fn() + Send + Sync>,
}

/// Why the time cannot be told now: nothing is decided or recorded then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unbelieved {
    /// It may come right by itself.
    #[error(transparent)]
    Stepped(#[from] Stepped),
    /// The operator's: one of the two is wrong.
    #[error(
        "the database's clock and this machine's are {ahead:#} apart, more than 5 s: set the wrong one right"
    )]
    Apart {
        /// How much the database's is ahead.
        ahead: SignedDuration,
        /// What this machine's says.
        machine: Timestamp,
    },
}

impl Unbelieved {
    /// The time to name all the same: the last one believed, or the machine's.
    pub fn nearest(&self) -> Timestamp {
        match self {
            Self::Stepped(stepped) => stepped.last,
            Self::Apart { machine, .. } => *machine,
        }
    }

    /// What the machine's clock shows, believed or not.
    pub fn shown(&self) -> Timestamp {
        match self {
            Self::Stepped(stepped) => stepped.shown,
            Self::Apart { machine, .. } => *machine,
        }
    }
}

impl Clock {
    /// Wraps a source of time.
    pub fn new(source: impl Fn() -> Result<Timestamp, Unbelieved> + Send + Sync + 'static) -> Self {
        Self::judged(source, || ())
    }

    /// Wraps a source of time that may come to doubt its clock; `believe` ends the doubt.
    pub fn judged(
        source: impl Fn() -> Result<Timestamp, Unbelieved> + Send + Sync + 'static,
        believe: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { source: Arc::new(source), believe: Arc::new(believe) }
    }

    /// Returns the time now, in UTC.
    ///
    /// # Errors
    ///
    /// [`Unbelieved`]: nothing is decided or recorded then.
    pub fn now(&self) -> Result<Timestamp, Unbelieved> {
        (self.source)()
    }

    /// Has what the clock shows now believed, whatever it did before: a better clock shows the same.
    pub fn believe(&self) {
        (self.believe)();
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// Writes `at` as RFC 3339 in UTC with exactly six fraction digits, rounded down.
///
/// All stored times have this form: it sorts as text as it sorts in time, on both engines, and
/// an auditor can read it.
pub fn stored(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// Reads what [`stored`] wrote.
///
/// # Errors
///
/// When `text` is no RFC 3339 instant.
pub fn from_stored(text: &str) -> Result<Timestamp, jiff::Error> {
    text.parse()
}

/// Returns `at` later by `by`, or the last instant there is.
pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_times_sort_as_text_as_they_do_in_time() {
        let early: Timestamp = "2026-11-21T20:30:00Z".parse().unwrap();
        let late: Timestamp = "2026-11-21T20:30:00.000001999Z".parse().unwrap();
        assert_eq!(stored(early), "2026-11-21T20:30:00.000000Z");
        assert_eq!(stored(late), "2026-11-21T20:30:00.000001Z");
        assert!(stored(early) < stored(late));
    }
}
