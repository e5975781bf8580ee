//! Watches the revocation counter, so that running answers end when their reasons do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::flows::door::Door;
use crate::store::revocation::{self, Revision};

/// How often the counter is read: a revocation acts within one second with room to spare.
const EVERY: Duration = Duration::from_millis(200);

/// What is known of the counter.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Its value when it was last read.
    pub revision: Revision,
    /// Since when it cannot be read; `None` while it can.
    pub unreadable_since: Option<Instant>,
}

/// Reads the counter for ever, refreshing the policy when it has moved.
pub async fn watch(door: Arc<Door>, seen: watch::Sender<Seen>) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let before = *seen.borrow();
        let now = match revocation::current(&door.store.reader).await {
            Ok(revision) if revision == before.revision => Seen { revision, unreadable_since: None },
            Ok(_) => match door.policy.refresh().await {
                Ok(policy) => Seen { revision: policy.revision, unreadable_since: None },
                Err(error) => unreadable(before, &error),
            },
            Err(error) => unreadable(before, &error),
        };
        seen.send_if_modified(|seen| {
            let changed = seen.revision != now.revision || seen.unreadable_since != now.unreadable_since;
            *seen = now;
            changed
        });
    }
}

fn unreadable(before: Seen, error: &crate::store::Error) -> Seen {
    if before.unreadable_since.is_none() {
        tracing::error!(%error, "the revocation counter cannot be read: running answers pause");
    }
    Seen { unreadable_since: before.unreadable_since.or_else(|| Some(Instant::now())), ..before }
}
