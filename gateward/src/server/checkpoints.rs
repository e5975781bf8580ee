//! Signs checkpoints while the program runs: at its start, and whenever the log has grown since the last.

use std::sync::Arc;
use std::time::Duration;

use super::gate::Opened;
use crate::flows::checkpoint;

/// Runs for ever; looks every `interval`.
pub async fn keep(opened: Arc<Opened>, interval: Duration) {
    let mut tick = tokio::time::interval(interval);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut said = String::new();
    loop {
        tick.tick().await;
        let error = match turn(&opened).await {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        // The door stays open: what is recorded is recorded, and nothing that could be false is signed.
        if error != said && !error.is_empty() {
            tracing::error!(error, "no checkpoint of the log; trying again");
        } else if error != said {
            tracing::info!("checkpoints of the log are signed again");
        }
        said = error;
    }
}

async fn turn(opened: &Opened) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let now = opened.clock.now()?;
    checkpoint::sign(&opened.door, now).await?;
    Ok(())
}
