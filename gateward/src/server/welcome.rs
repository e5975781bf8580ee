//! Closes a connection whose machine may not come in any more, also where nothing is asked on it.

use std::future::pending;
use std::time::Duration;

use super::gate::Gate;
use crate::flows::nodes::{KnownNode, Presented};

/// How long answers that run have to end by themselves first, which records why; with the time until a
/// change is noticed, less than the second within which a revocation acts.
const GRACE: Duration = Duration::from_millis(250);

/// How long is waited at most until it is looked again.
const AGAIN: Duration = Duration::from_secs(60);

/// Resolves once whoever showed `certificate` was a node that may come in, and is none any more.
///
/// Whoever showed none, or one that means nobody, is refused by each request and may stay.
pub async fn until_unwelcome(gate: &Gate, certificate: Option<&Presented>) {
    let Some(presented) = certificate else { return pending().await };
    until_ended(gate, presented, false).await;
}

/// The same for whoever came in as a node already: also where that ended before this begins to look.
pub async fn until_unwelcome_again(gate: &Gate, presented: &Presented) {
    until_ended(gate, presented, true).await;
}

async fn until_ended(gate: &Gate, presented: &Presented, mut was_known: bool) {
    loop {
        let Ok(opened) = gate.opened() else {
            tokio::time::sleep(Duration::from_millis(500)).await;
            continue;
        };
        let mut seen = opened.seen.clone();
        seen.mark_unchanged();
        let known = opened.clock.now().ok().map(|now| {
            let node =
                opened.door.policy.current().nodes.find(Some(presented), &opened.door.trust.current(), now);
            (node.ok().as_ref().map(KnownNode::ends_at), now)
        });
        drop(opened);
        let wait = match known {
            Some((None, _)) if was_known => return tokio::time::sleep(GRACE).await,
            Some((Some(end), now)) => {
                was_known = true;
                Duration::try_from(end.duration_since(now)).unwrap_or_default().min(AGAIN)
            }
            Some((None, _)) | None => AGAIN,
        };
        tokio::select! {
            changed = seen.changed() => if changed.is_err() { return pending().await },
            () = tokio::time::sleep(wait) => {}
        }
    }
}
