//! Keeps the index of the log: searches through the FHIR interface wait until it has come as far as they ask.

use std::sync::Arc;
use std::time::Duration;

use super::gate::Opened;
use crate::flows::audit::index_next;

/// How often it is looked whether the log has grown.
const EVERY: Duration = Duration::from_millis(250);

/// How long the door has the store to itself between two pages of many.
const BETWEEN: Duration = Duration::from_millis(2);

/// Runs for ever.
pub async fn keep(opened: Arc<Opened>) {
    let mut troubled = false;
    loop {
        let indexed = index_next(&opened.door, &opened.observer).await;
        if let Err(error) = &indexed
            && !troubled
        {
            tracing::error!(%error, "the index of the log is held up; it goes on trying");
        } else if indexed.is_ok() && troubled {
            tracing::info!("the index of the log goes on");
        }
        troubled = indexed.is_err();
        tokio::time::sleep(if matches!(indexed, Ok(true)) { BETWEEN } else { EVERY }).await;
    }
}
