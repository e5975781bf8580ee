//! Places outside the store that keep checkpoints: what they have seen of the log, and what they are given.
//!
//! Each has a task of its own. It compares what the place has with the store before it gives it anything more; where the
//! store is behind, or is something else, the door is shut at once.

mod file;
mod place;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use audit_log::Checkpoint;
use tokio::sync::watch;

pub use self::place::{Place, Trouble};
use super::gate::Opened;
use crate::config::Anchor;
use crate::flows::anchor::{self, Behind};
use crate::flows::door::Door;
use crate::store::{self, checkpoint};

/// How long it takes until a place is asked again that failed, unless there is a new checkpoint before.
const RETRY: Duration = Duration::from_secs(60);

/// A place that has seen more of the log than the store has, or something else.
#[derive(Debug)]
pub struct Ahead {
    /// The place.
    pub anchor: Anchor,
    /// What it has.
    pub kept: Checkpoint,
    /// What the store has of it.
    pub behind: Behind,
}

/// What places and store have of each other.
#[derive(Debug, Default)]
pub struct Compared {
    /// The place that has seen most of what the store has not; `None` where the store has all of it.
    pub ahead: Option<Ahead>,
    /// Places that said nothing: they cannot say that the store is behind, so they keep nobody out. Whoever serves compares as
    /// soon as they can be read.
    pub unread: Vec<(Anchor, Trouble)>,
}

/// Compares the store with what each place has seen, as far as it answers in time.
///
/// # Errors
///
/// [`store::Error`].
pub async fn compare(places: &[Place], door: &Door) -> Result<Compared, store::Error> {
    let mut compared = Compared::default();
    for (place, seen) in places.iter().zip(all_seen(places, door).await) {
        match seen {
            Ok(seen) => {
                let most = compared.ahead.as_ref().map_or(0, |ahead| ahead.kept.size());
                compared.ahead = ahead_of(place, seen, most, door).await?.or(compared.ahead);
            }
            Err(trouble) => compared.unread.push((place.anchor().clone(), trouble)),
        }
    }
    Ok(compared)
}

/// Asks all places at once.
pub async fn all_seen(places: &[Place], door: &Door) -> Vec<Result<Vec<Checkpoint>, Trouble>> {
    futures_util::future::join_all(places.iter().map(|place| place.seen(door))).await
}

/// What `place` has seen that the store has not, if it is more than `most` events.
async fn ahead_of(
    place: &Place,
    seen: Vec<Checkpoint>,
    most: u64,
    door: &Door,
) -> Result<Option<Ahead>, store::Error> {
    let mut found: Option<Ahead> = None;
    for kept in seen {
        let most = found.as_ref().map_or(most, |ahead| ahead.kept.size());
        if kept.size() > most
            && let Some(behind) = anchor::behind(&door.store.reader, &kept).await?
        {
            found = Some(Ahead { anchor: place.anchor().clone(), kept, behind });
        }
    }
    Ok(found)
}

/// Why a place does not have the newest checkpoint.
#[derive(Debug, thiserror::Error)]
enum NotKept {
    #[error(transparent)]
    Trouble(#[from] Trouble),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("{0}")]
    Behind(Behind),
}

/// Gives the place number `number` each checkpoint, whenever `signed` moves, until the door is shut.
pub async fn keep(opened: Arc<Opened>, number: usize, mut signed: watch::Receiver<()>) {
    let Some(place) = opened.anchors.get(number) else { return };
    let mut said = None;
    loop {
        let done = turn(&opened, place).await;
        let trouble = done.as_ref().err().map(ToString::to_string);
        place.note(trouble.clone());
        match &done {
            Err(NotKept::Behind(behind)) => return shut(&opened, place, behind),
            Err(error) if trouble != said => {
                tracing::error!(anchor = %place.anchor(), %error, "checkpoints are not kept there; it goes on trying");
            }
            Ok(()) if said.is_some() => {
                tracing::info!(anchor = %place.anchor(), "checkpoints are kept there again");
            }
            _ => {}
        }
        said = trouble;
        tokio::select! {
            moved = signed.changed() => if moved.is_err() { return },
            () = tokio::time::sleep(RETRY), if said.is_some() => {}
        }
    }
}

/// Compares what `place` has with the store, and gives it the newest checkpoint unless it has it.
async fn turn(opened: &Opened, place: &Place) -> Result<(), NotKept> {
    let door = &opened.door;
    let newest = checkpoint::newest(&door.store.reader).await?;
    if let Some(newest) = &newest {
        place.wants(newest.size.unsigned_abs());
    }
    let seen = place.seen(door).await?;
    if let Some(Ahead { behind, .. }) = ahead_of(place, seen.clone(), 0, door).await? {
        return Err(NotKept::Behind(behind));
    }
    let Some(newest) = newest else { return Ok(()) };
    let told = seen.iter().filter(|kept| kept.origin() == newest.origin).map(Checkpoint::size).max();
    let has = if place.tells() { told } else { Some(place.standing().has) };
    place.has(has.unwrap_or(0));
    if !place.is_done_with(newest.size) || has.is_none_or(|has| has < newest.size.unsigned_abs()) {
        place.keep(door, &newest, has.unwrap_or(0)).await?;
        place.has(newest.size.unsigned_abs());
    }
    Ok(())
}

/// Shuts the door: what would be recorded from now on, others could prove to be another history.
fn shut(opened: &Opened, place: &Place, behind: &Behind) {
    let reason = format!(
        "the store is not what {} has seen: {behind}; restore a newer backup, or begin a new log with `gateward audit \
         recover`, and start anew",
        place.anchor()
    );
    tracing::error!(reason, "the door is shut: somebody put another store in place under the running server");
    opened.door.recorder.shut(reason);
}
