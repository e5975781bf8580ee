//! Signs checkpoints while the program runs, at its start and whenever the log has grown since the last, and has them
//! kept outside the store.

use std::sync::Arc;

use audit_log::Checkpoint;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::anchors;
use super::gate::Opened;
use crate::config::audit::CheckpointEvery;
use crate::flows::{anchor, checkpoint};

/// Runs for ever.
pub async fn keep(opened: Arc<Opened>, every: CheckpointEvery) {
    let mut tick = tokio::time::interval(every.0.unsigned_abs());
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (signed, _) = watch::channel(());
    // They end with this.
    let mut keeping = JoinSet::new();
    for number in 0..opened.anchors.len() {
        keeping.spawn(anchors::keep(Arc::clone(&opened), number, signed.subscribe()));
    }
    let (mut said, mut last) = (String::new(), None);
    loop {
        tick.tick().await;
        let error = match sign(&opened, &mut last).await {
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
        // Also where nothing was signed: they find out whether the store is behind what they have.
        signed.send_replace(());
    }
}

/// Signs, unless the store has lost what this program has signed: it may have been put back under the running server.
async fn sign(
    opened: &Opened,
    last: &mut Option<Checkpoint>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let now = opened.clock.now()?;
    if let Some(last) = &last
        && let Some(behind) = anchor::behind(&opened.door.store.reader, last).await?
    {
        return Err(format!("the store is not what was signed: {behind}").into());
    }
    let signed = checkpoint::sign(&opened.door, now).await?;
    if let Some(signed) = &signed {
        *last = Some(Checkpoint::new(&signed.origin, signed.size.unsigned_abs(), signed.root)?);
    }
    Ok(())
}
