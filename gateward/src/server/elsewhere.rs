//! Keeps in line what stands of our logins where it is not ours: RESIF's databases, an htdigest file.
//!
//! A task of its own: a database that does not answer holds up nothing else, least of all our lease.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::gate::Opened;
use super::watch::Seen;
use crate::flows::placement::{Pending, Swept, sweep};

/// How long lies between two sweeps; a revocation does not wait for the next.
const EVERY: Duration = Duration::from_secs(30);

/// How long lies between two sweeps while one fails.
const AGAIN: Duration = Duration::from_secs(5);

/// Sweeps for ever: at once what a crash left, then as it becomes due.
pub async fn keep_placements(opened: Arc<Opened>, mut seen: watch::Receiver<Seen>) {
    if opened.door.resif.is_none() {
        return;
    }
    let mut which = Pending::All;
    let mut troubled = false;
    loop {
        let swept = turn(&opened, which).await;
        match &swept {
            Ok(swept) => {
                which = Pending::Stale;
                if troubled {
                    tracing::info!("RESIF's databases are in line with ours again");
                }
                if *swept != Swept::default() {
                    let Swept { placed, taken, others } = swept;
                    tracing::info!(placed, taken, others, "RESIF's databases were swept");
                }
            }
            Err(error) if !troubled => {
                tracing::error!(%error, "RESIF's databases are not in line with ours; it goes on trying");
            }
            Err(_) => {}
        }
        troubled = swept.is_err();
        let pause = if troubled { AGAIN } else { EVERY };
        // The counter moved: somebody's login may have ended. A closed channel means that we end.
        let moved = tokio::time::timeout(pause, seen.changed()).await;
        if matches!(moved, Ok(Err(_))) {
            return;
        }
    }
}

async fn turn(opened: &Opened, which: Pending) -> Result<Swept, Box<dyn std::error::Error + Send + Sync>> {
    let now = opened.clock.now()?;
    Ok(sweep(&opened.door, which, None, now).await?)
}
