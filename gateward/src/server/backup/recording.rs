//! Records what commands about backups could not record themselves: their user may not write to the store, or it
//! was away.

use std::sync::Arc;
use std::time::Duration;

use super::spool::{Spool, catch_up};
use crate::server::gate::Opened;

/// How often it is looked what waits.
const EVERY: Duration = Duration::from_secs(60);

/// Runs for ever.
pub async fn keep(opened: Arc<Opened>, spool: Spool) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told = None;
    loop {
        tick.tick().await;
        let Ok(now) = opened.clock.now() else { continue };
        let trouble = catch_up(&opened.door, &spool, now).await.err().map(|error| error.to_string());
        match &trouble {
            Some(error) if told != trouble => {
                tracing::error!(
                    error,
                    "what happened to backups is not recorded yet; it is tried every minute"
                );
            }
            None if told.is_some() => tracing::info!("what happened to backups is recorded again"),
            _ => {}
        }
        told = trouble;
    }
}
