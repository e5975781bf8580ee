//! What has to be done every so often while the program runs.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::gate::Opened;
use crate::base::time::later;
use crate::flows::clean_up::clean_up;
use crate::flows::close_lapsed::{Whose, close_lapsed};
use crate::store::{Change, instance};

/// How often it is looked what is due.
const EVERY: Duration = Duration::from_secs(1);

/// How long lies between two renewals of the lease.
const RENEWED_EVERY: SignedDuration = SignedDuration::from_secs(5);

/// How long lies between two sweeps.
const SWEPT_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// How long a lease lasts: three renewals may fail before others think that we are gone.
pub const LEASE: SignedDuration = SignedDuration::from_secs(20);

/// Makes the change that renews our lease.
pub fn lease(opened: &Opened, now: Timestamp) -> Change {
    let instance = opened.door.recorder.instance();
    Change::RenewLease(instance::Renew { instance, now, until: later(now, LEASE) })
}

/// Runs for ever.
pub async fn keep_house(opened: Arc<Opened>, started_at: Timestamp) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut done = Done { renewed_at: started_at, swept_at: started_at };
    let mut troubled = false;
    loop {
        tick.tick().await;
        let result = turn(&opened, &mut done).await;
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

/// When things were done last.
struct Done {
    renewed_at: Timestamp,
    swept_at: Timestamp,
}

async fn turn(opened: &Opened, done: &mut Done) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let door = &opened.door;
    door.store.reader.measure_clock().await?;
    let now = opened.clock.now()?;
    door.recorder.close_gap(now).await?;
    door.record_summaries(false, now).await?;
    if now.duration_since(done.renewed_at) >= RENEWED_EVERY {
        door.recorder.commit(None, vec![lease(opened, now)], &[], now).await?;
        done.renewed_at = now;
    }
    if now.duration_since(done.swept_at) >= SWEPT_EVERY {
        let closed = close_lapsed(door, Whose::Lapsed, now).await?;
        let cleaned = clean_up(door, None, now).await?;
        if closed + cleaned > 0 {
            tracing::info!(closed, cleaned, "swept");
        }
        done.swept_at = now;
    }
    Ok(())
}
