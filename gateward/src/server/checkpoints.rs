//! Signs checkpoints while the program runs, at its start and whenever the log has grown since the last, and has them
//! kept outside the store.

use std::collections::HashMap;
use std::sync::Arc;

use super::anchors;
use super::gate::Opened;
use crate::config::{Anchor, Audit};
use crate::flows::checkpoint;
use crate::store::checkpoint::StoredCheckpoint;

/// Runs for ever.
pub async fn keep(opened: Arc<Opened>, audit: Audit) {
    let mut tick = tokio::time::interval(audit.checkpoint.0.unsigned_abs());
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut said, mut anchored) = (String::new(), HashMap::new());
    loop {
        tick.tick().await;
        let error = match sign(&opened).await {
            Ok(signed) => {
                if let Some(signed) = signed {
                    for place in &audit.anchor {
                        anchor(&opened, place, &signed, &mut anchored).await;
                    }
                }
                String::new()
            }
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

async fn sign(opened: &Opened) -> Result<Option<StoredCheckpoint>, Box<dyn std::error::Error + Send + Sync>> {
    let now = opened.clock.now()?;
    Ok(checkpoint::sign(&opened.door, now).await?)
}

/// Has `place` keep the checkpoint, unless it has it; `anchored` says how large the newest is that each has.
async fn anchor(
    opened: &Arc<Opened>,
    place: &Anchor,
    signed: &StoredCheckpoint,
    anchored: &mut HashMap<String, Result<i64, String>>,
) {
    let name = place.to_string();
    if anchored.get(&name) == Some(&Ok(signed.size)) {
        return;
    }
    let done = keep_in(opened, place, signed).await.map(|()| signed.size).map_err(|error| error.to_string());
    if let Err(error) = &done
        && anchored.get(&name) != Some(&done)
    {
        tracing::error!(anchor = name, error, "a checkpoint is not kept there; trying again with the next");
    }
    anchored.insert(name, done);
}

async fn keep_in(
    opened: &Arc<Opened>,
    place: &Anchor,
    signed: &StoredCheckpoint,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let Anchor::File(path) = place.clone();
    let (door, wanted) = (Arc::clone(&opened.door), signed.clone());
    // A disk of another machine may not answer for long: the others go on meanwhile.
    tokio::task::spawn_blocking(move || {
        let has = anchors::newest(&path, &door.keyring)?;
        let has =
            has.is_some_and(|has| has.origin() == wanted.origin && has.size() >= wanted.size.unsigned_abs());
        if has { Ok(()) } else { anchors::append(&path, &wanted.note) }
    })
    .await??;
    Ok(())
}
