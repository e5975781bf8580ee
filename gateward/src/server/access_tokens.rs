//! Ends access tokens when their time is over, and goes on with what CKAN refused before.

use std::sync::Arc;
use std::time::Duration;

use super::ckan::Known;
use super::gate::Opened;
use super::token_file::OnDisk;
use crate::flows::access_token::sweep;

/// How often it is looked what is due.
const EVERY: Duration = Duration::from_secs(60);

/// Runs for ever.
pub async fn keep(opened: Arc<Opened>, ckan: Option<Known>) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut troubled = false;
    loop {
        tick.tick().await;
        let Ok(now) = opened.clock.now() else { continue };
        let trouble = match sweep(&opened.door, ckan.as_ref(), &OnDisk, None, now).await {
            Ok(swept) => {
                if swept.ended > 0 {
                    tracing::info!(ended = swept.ended, "access tokens ended");
                }
                swept.left.first().map(|left| format!("{}: {}", left.id, left.why))
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = &trouble
            && !troubled
        {
            tracing::error!(error, "access tokens that are over may still be good; it is tried every minute");
        } else if trouble.is_none() && troubled {
            tracing::info!("access tokens end again");
        }
        troubled = trouble.is_some();
    }
}
