//! Ends access tokens when their time is over, and goes on with what CKAN refused before.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::ckan::Known;
use super::gate::Opened;
use crate::flows::access_token::sweep;

/// How often it is looked what is due.
const EVERY: Duration = Duration::from_secs(60);

/// Runs for ever.
pub async fn keep(opened: Arc<Opened>, ckan: Option<Known>) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Each is told of once: one that cannot be ended for long does not hide the next.
    let mut told: BTreeSet<String> = BTreeSet::new();
    loop {
        tick.tick().await;
        let Ok(now) = opened.clock.now() else { continue };
        let troubles: BTreeSet<String> = match sweep(&opened.door, ckan.as_ref(), None, now).await {
            Ok(swept) => {
                if swept.ended > 0 {
                    tracing::info!(ended = swept.ended, "access tokens ended");
                }
                swept.left.iter().map(|left| format!("{}: {}", left.id, left.why)).collect()
            }
            Err(error) => BTreeSet::from([error.to_string()]),
        };
        for error in troubles.difference(&told) {
            tracing::error!(
                error,
                "an access token that is over may still be good; it is tried every minute"
            );
        }
        if troubles.is_empty() && !told.is_empty() {
            tracing::info!("access tokens end again");
        }
        told = troubles;
    }
}
