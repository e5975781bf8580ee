//! Keeps the index of the log. Searches index themselves what is missing; this is so that it never is much.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::gate::Opened;
use crate::flows::audit::{INDEX_PAGE, index_next};

/// How often it is looked whether others appended to the log.
const EVERY: Duration = Duration::from_secs(5);

/// How long is waited for more, so that not every event has a commit of its own behind it; and after a failure.
const GATHERED: Duration = Duration::from_millis(250);

/// How long the door has the store to itself between two pages of many.
const BETWEEN: Duration = Duration::from_millis(2);

/// How many times longer the index rests than a page took while more comes than it could ever take: it is behind in any
/// case then, and the door has the machine.
const STANDS_BACK: u32 = 8;

/// Runs for ever.
pub async fn keep(opened: Arc<Opened>) {
    let mut grown = opened.door.store.writer.grown();
    let mut troubled = false;
    loop {
        let (before, begun) = (*grown.borrow_and_update(), Instant::now());
        let indexed = index_next(&opened.door, &opened.observer).await;
        if let Err(error) = &indexed
            && !troubled
        {
            tracing::error!(%error, "the index of the log is held up; it goes on trying");
        } else if indexed.is_ok() && troubled {
            tracing::info!("the index of the log goes on");
        }
        troubled = indexed.is_err();
        if let Ok(true) = indexed {
            let outrun = *grown.borrow() - before > u64::from(INDEX_PAGE);
            tokio::time::sleep(if outrun { begun.elapsed() * STANDS_BACK } else { BETWEEN }).await;
            continue;
        }
        if !troubled {
            // Idle costs nothing: who appends here wakes us, and others are looked for now and then.
            let _ = tokio::time::timeout(EVERY, grown.changed()).await;
        }
        tokio::time::sleep(GATHERED).await;
    }
}
