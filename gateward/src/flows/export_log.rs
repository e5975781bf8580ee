//! Carries a stretch of the log away with what binds it: whoever has the log's key needs nothing else to verify it.

use audit_log::{Edge, Hash, Plan};
use jiff::Timestamp;

use super::checkpoint;
use super::door::Door;
use crate::store::{self, tree};

/// Why nothing is carried away.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    /// The operator's: what was read elsewhere is no copy of this store, or this one lost something.
    #[error("the events up to {end} are not all in this log: it has {size}")]
    NotOurs {
        /// The position behind the last one.
        end: u64,
        /// How many events there are.
        size: u64,
    },
    /// It may pass.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What binds the events of a stretch.
#[derive(Debug)]
pub struct Bound {
    /// Of which log they are.
    pub origin: String,
    /// The tree over all events before.
    pub edge: Edge,
    /// A checkpoint that covers them.
    pub note: String,
    /// That the tree that ends with them became the tree of the checkpoint.
    pub consistency: Vec<Hash>,
}

/// Finds what binds the events from `first` to before `end`, by a checkpoint that is signed now unless the newest one covers all
/// that was recorded.
///
/// # Errors
///
/// [`Error`].
pub async fn bind(door: &Door, (first, end): (u64, u64), now: Timestamp) -> Result<Bound, Error> {
    let signed = checkpoint::sign(door, now).await?;
    let not_ours = |size| Error::NotOurs { end, size };
    let signed = signed.ok_or_else(|| not_ours(0))?;
    let size = signed.size.unsigned_abs();
    let reader = &door.store.reader;
    let grown = Plan::consistency(end, size).map_err(|_| not_ours(size))?;
    let consistency = tree::proof(reader, &grown, size).await?;
    let peaks = Plan::edge(first).map_err(|_| not_ours(size))?;
    let peaks = tree::proof(reader, &peaks, first).await?;
    let edge = Edge::new(first, peaks).expect("the plan has the peaks of this size");
    Ok(Bound { origin: signed.origin, edge, note: signed.note, consistency })
}
