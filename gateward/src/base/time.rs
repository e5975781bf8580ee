//! Time as the log writes it, and the one handle through which it is read.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::steady::Stepped;

/// Reads the time; made by `cli` and `server`, an argument everywhere else.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Result<Timestamp, Stepped> + Send + Sync>);

impl Clock {
    /// Wraps a source of time.
    pub fn new(source: impl Fn() -> Result<Timestamp, Stepped> + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// Returns the time now, in UTC.
    ///
    /// # Errors
    ///
    /// [`Stepped`] while the clock cannot be believed: nothing is decided or recorded then.
    pub fn now(&self) -> Result<Timestamp, Stepped> {
        (self.0)()
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
