//! Watches the revocation counter, so that running answers end when their reasons do.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::flows::door::Door;
use crate::store::revocation::Revision;

/// How often the counter is read: a revocation acts within one second with room to spare.
const EVERY: Duration = Duration::from_millis(200);

/// How long a reading may take until running answers pause: with the time between two readings, less
/// than the second within which a revocation acts.
const SOON: Duration = Duration::from_millis(500);

/// What is known of the counter.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Its value when it was last read.
    pub revision: Revision,
    /// Since when it cannot be read; `None` while it can.
    pub unreadable_since: Option<Instant>,
    /// Which trust is in force: whose certificates are believed.
    pub trust: u64,
}

/// Reads the counter for ever, refreshing the policy when it has moved.
pub async fn watch(door: Arc<Door>, seen: watch::Sender<Seen>) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Some(reason) = door.recorder.shut_for() {
            // Nothing that runs can be recorded to its end: it pauses, and is cut.
            note(&seen, &door, Err(&reason));
            continue;
        }
        let mut read = Box::pin(door.policy.up_to_date());
        let read = if let Ok(read) = tokio::time::timeout(SOON, &mut read).await {
            read
        } else {
            note(&seen, &door, Err(&format!("no answer within {} ms", SOON.as_millis())));
            read.await
        };
        note(
            &seen,
            &door,
            read.as_ref().map(|policy| policy.revision).map_err(|error| error as &dyn Display),
        );
    }
}

/// Says what was read, or why nothing was, to those who wait for a change.
fn note(seen: &watch::Sender<Seen>, door: &Door, read: Result<Revision, &dyn Display>) {
    let trust = door.trust.current().generation();
    seen.send_if_modified(|seen| {
        let before = *seen;
        *seen = match read {
            Ok(revision) => Seen { revision, unreadable_since: None, trust },
            Err(_) => {
                Seen { unreadable_since: before.unreadable_since.or(Some(Instant::now())), trust, ..before }
            }
        };
        let blind = seen.unreadable_since != before.unreadable_since;
        let changed = blind || seen.revision != before.revision || seen.trust != before.trust;
        if let Err(error) = read
            && blind
        {
            tracing::error!(%error, "the revocation counter cannot be read: running answers pause");
        }
        changed
    });
}
