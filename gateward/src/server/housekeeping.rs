//! What has to be done every so often while the program runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::gate::Opened;
use crate::base::time::later;
use crate::flows::admit::end_doubtful;
use crate::flows::clean_up::{clean_up, forget_ended};
use crate::flows::close_lapsed::{Whose, close_lapsed};
use crate::store::{Change, instance};

/// How often it is looked what is due.
const EVERY: Duration = Duration::from_secs(1);

/// How long lies between two renewals of the lease.
const RENEWED_EVERY: SignedDuration = SignedDuration::from_secs(5);

/// How long lies between two sweeps.
const SWEPT_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// How long a lease lasts: longer than an answer goes on for a server that cannot reach its store (see
/// `pump.rs`), so that nobody closes as unknown what is still carried.
pub const LEASE: SignedDuration = SignedDuration::from_secs(80);

/// How long the store must have been there until leases that lapsed say anything: when it comes back,
/// others may not have renewed theirs yet.
const SETTLED: Duration = Duration::from_secs(10);

/// Makes the change that renews our lease.
pub fn lease(opened: &Opened, now: Timestamp) -> Change {
    let instance = opened.door.recorder.instance();
    Change::RenewLease(instance::Renew { instance, now, until: later(now, LEASE) })
}

/// Runs for ever.
pub async fn keep_house(opened: Arc<Opened>, started_at: Timestamp) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut done = Done { renewed: started_at, closed: started_at, swept: started_at };
    let (mut troubled, mut steady_since) = (false, Instant::now());
    loop {
        tick.tick().await;
        let result = turn(&opened, &mut done, steady_since.elapsed() >= SETTLED).await;
        if result.is_err() {
            steady_since = Instant::now();
        }
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
    renewed: Timestamp,
    closed: Timestamp,
    swept: Timestamp,
}

async fn turn(
    opened: &Opened,
    done: &mut Done,
    settled: bool,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let door = &opened.door;
    door.store.reader.measure_clock().await?;
    let now = opened.clock.now()?;
    door.recorder.close_gap(now).await?;
    end_doubtful(door, now).await?;
    door.record_summaries(false, now).await?;
    if now.duration_since(done.renewed) >= RENEWED_EVERY {
        door.recorder.commit(None, vec![lease(opened, now)], &[], now).await?;
        done.renewed = now;
    }
    if settled && now.duration_since(done.closed) >= RENEWED_EVERY {
        let closed = close_lapsed(door, Whose::Lapsed, now).await?;
        if closed > 0 {
            tracing::warn!(closed, "closed transactions that another server had left open, as unknown");
        }
        done.closed = now;
    }
    if now.duration_since(done.swept) >= SWEPT_EVERY {
        let cleaned = clean_up(door, None, now).await?;
        forget_ended(door, now).await?;
        if cleaned > 0 {
            tracing::info!(cleaned, "swept");
        }
        done.swept = now;
    }
    Ok(())
}
