//! Keeps the log as long as it shall be kept, and finishes what a command began to take out of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::gate::Opened;
use crate::base::period::Period;
use crate::base::time::from_stored;
use crate::flows::door::Door;
use crate::flows::feed::lacking;
use crate::flows::retention;
use crate::store;
use crate::store::event::{self, Filter};
use crate::store::scrub::{self, Scrubbed};

/// How often it is looked whether somebody left something unfinished.
const EVERY: Duration = Duration::from_secs(60);

/// How long lies between two expiries.
const EXPIRED_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// How far the clock may be ahead of what it should show, as the log before this start and the time since then tell, for
/// anything to expire by itself: one that is wrong by a year would take a year of the log with it, for good.
const AHEAD: SignedDuration = SignedDuration::from_hours(40 * 24);

/// What the clock should show.
struct Expected {
    /// When the newest event was recorded that another run wrote.
    before: Timestamp,
    since: Instant,
}

impl Expected {
    async fn begin(door: &Door, now: Timestamp) -> Result<Self, store::Error> {
        let ours = door.recorder.instance().to_string();
        let mut before = None;
        loop {
            let page = event::newest(&door.store.reader, Filter::default(), before, 500).await?;
            let another = page.iter().find(|event| event.instance != ours);
            let Some(last) = another.or(page.last()) else {
                return Ok(Self { before: now, since: Instant::now() });
            };
            if another.is_some() {
                let before = from_stored(&last.recorded_at).unwrap_or(now);
                return Ok(Self { before, since: Instant::now() });
            }
            before = Some(last.position);
        }
    }

    fn believes(&self, now: Timestamp) -> bool {
        let passed = SignedDuration::try_from(self.since.elapsed()).unwrap_or(SignedDuration::MAX);
        now.duration_since(self.before).saturating_sub(passed) <= AHEAD
    }
}

/// Runs for ever: what is older than `keep` goes once a day, beginning now; with `None` nothing does. `file` is the
/// SQLite file, if the store is one; `feeds` are the places that events are sent to.
pub async fn keep_log(opened: Arc<Opened>, keep: Option<Period>, file: Option<PathBuf>, feeds: Vec<String>) {
    let (mut expired, mut expected, mut troubled) = (None, None, false);
    loop {
        let result = turn(&opened, keep, file.clone(), &feeds, (&mut expired, &mut expected)).await;
        if let Err(error) = &result
            && !troubled
        {
            tracing::error!(%error, "nothing can be taken out of the log; it goes on trying");
        }
        troubled = result.is_err();
        tokio::time::sleep(EVERY).await;
    }
}

async fn turn(
    opened: &Opened,
    keep: Option<Period>,
    file: Option<PathBuf>,
    feeds: &[String],
    (expired, expected): (&mut Option<Timestamp>, &mut Option<Expected>),
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let door = &opened.door;
    let now = opened.clock.now()?;
    let finished = retention::finish(door, now).await?.map_or(0, |done| done.events);
    let mut events = finished;
    let expected = match expected {
        Some(expected) => expected,
        none => none.insert(Expected::begin(door, now).await?),
    };
    let is_due = expired.is_none_or(|last| now.duration_since(last) >= EXPIRED_EVERY);
    if is_due && keep.is_some() && !expected.believes(now) {
        *expired = Some(now);
        tracing::error!(
            "the clock is more than 40 days past what the log says: nothing expires by itself. Set it right and restart; if \
             it is right, `gateward audit expire --before` does it now"
        );
    } else if let Some(before) = keep.filter(|_| is_due).and_then(|keep| keep.before(now)) {
        for (feed, events) in lacking(&door.store.reader, feeds, before).await? {
            tracing::warn!(
                feed,
                events,
                "what it does not have yet expires; `gateward audit feeds` says why it waits"
            );
        }
        let done = retention::expire(door, before, None, now).await?;
        if done.events > 0 || done.held > 0 {
            tracing::info!(events = done.events, held = done.held, "expired");
        }
        events += done.events;
        *expired = Some(now);
    }
    if let Some(file) = file.filter(|_| events > 0) {
        // What somebody began leaves nothing. What expires day by day is overwritten: nobody waits for the file each day.
        let anew = finished > 0;
        if tokio::task::spawn_blocking(move || scrub::scrub(&file, &[], anew)).await?? == Scrubbed::WalInUse {
            tracing::warn!(
                "the write-ahead log has what went until nobody reads any more: it is emptied with the next"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_far_past_the_log_lets_nothing_expire() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let expected = Expected { before: at("2026-01-01T00:00:00Z"), since: Instant::now() };
        assert!(expected.believes(at("2026-02-09T00:00:00Z")));
        assert!(!expected.believes(at("2026-02-10T02:00:00Z")));
        assert!(!expected.believes(at("2027-01-01T00:00:00Z")));
        assert!(expected.believes(at("2025-01-01T00:00:00Z")), "a clock that is behind is others' to judge");
    }
}
