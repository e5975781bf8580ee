//! What has to be done every so often while the program runs.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::boot::Opened;
use crate::base::time::later;
use crate::flows::clean_up::clean_up;
use crate::flows::close_lapsed::{Whose, close_lapsed};
use crate::store::{Change, instance};

const EVERY: Duration = Duration::from_secs(1);

/// How many seconds lie between two renewals of the lease.
const RENEWED_EVERY: u64 = 5;

/// How many seconds lie between two sweeps.
const SWEPT_EVERY: u64 = 60;

/// How long a lease lasts: three renewals may fail before others think that we are gone.
const LEASE: SignedDuration = SignedDuration::from_secs(20);

/// Makes the change that renews our lease.
pub fn lease(opened: &Opened, now: Timestamp) -> Change {
    let instance = opened.door.recorder.instance();
    Change::RenewLease(instance::Renew { instance, now, until: later(now, LEASE) })
}

/// Runs for ever.
pub async fn keep_house(opened: Arc<Opened>) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut troubled = false;
    for second in 1_u64.. {
        tick.tick().await;
        let result = turn(&opened, second).await;
        if let Err(error) = &result
            && !troubled
        {
            tracing::error!(%error, "housekeeping is held up; it goes on trying");
        } else if result.is_ok() && troubled {
            tracing::info!("housekeeping works again");
        }
        troubled = result.is_err();
    }
}

async fn turn(opened: &Opened, second: u64) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let door = &opened.door;
    let now = opened.clock.now()?;
    door.recorder.close_gap(now).await?;
    door.record_summaries(false, now).await?;
    if second.is_multiple_of(RENEWED_EVERY) {
        door.recorder.commit(None, vec![lease(opened, now)], &[], now).await?;
    }
    if second.is_multiple_of(SWEPT_EVERY) {
        let closed = close_lapsed(door, Whose::Lapsed, now).await?;
        let cleaned = clean_up(door, None, now).await?;
        if closed + cleaned > 0 {
            tracing::info!(closed, cleaned, "swept");
        }
    }
    Ok(())
}
