//! Keeps the log as long as it shall be kept, and finishes what a command began to take out of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::gate::Opened;
use crate::base::period::Period;
use crate::flows::feed::lacking;
use crate::flows::retention;
use crate::store::scrub;

/// How often it is looked whether somebody left something unfinished.
const EVERY: Duration = Duration::from_secs(60);

/// How long lies between two expiries.
const EXPIRED_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Runs for ever: what is older than `keep` goes once a day, beginning now; with `None` nothing does. `file` is the
/// SQLite file, if the store is one; `feeds` are the places that events are sent to.
pub async fn keep_log(opened: Arc<Opened>, keep: Option<Period>, file: Option<PathBuf>, feeds: Vec<String>) {
    let (mut expired, mut troubled) = (None, false);
    loop {
        let result = turn(&opened, keep, file.clone(), &feeds, &mut expired).await;
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
    expired: &mut Option<Timestamp>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let door = &opened.door;
    let now = opened.clock.now()?;
    let mut events = retention::finish(door, now).await?.map_or(0, |done| done.events);
    let is_due = expired.is_none_or(|last| now.duration_since(last) >= EXPIRED_EVERY);
    if let Some(before) = keep.filter(|_| is_due).and_then(|keep| keep.before(now)) {
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
        // What cannot be emptied now is with the next that goes.
        tokio::task::spawn_blocking(move || scrub::scrub(&file, &[])).await??;
    }
    Ok(())
}
