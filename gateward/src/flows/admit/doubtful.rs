//! Transactions that stand in the log as open or not at all: the commit that opened them broke off,
//! and what became of it could not be found out in time.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::running::{Admitted, Ending};
use crate::flows::door::Door;
use crate::flows::record::Delivery;
use crate::store::CommitError;

/// Those that are not settled yet. What is still here in a crash, the next sweep closes.
#[derive(Debug, Default)]
pub struct Doubtful(Mutex<Vec<Admitted>>);

impl Doubtful {
    /// Takes one whose caller was told that the door is shut.
    pub(super) fn note(&self, admitted: Admitted) {
        self.list().push(admitted);
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Admitted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends what is doubtful: those that do stand in the log, since nothing of them left.
///
/// # Errors
///
/// [`CommitError`]: the rest stays doubtful; try again.
pub async fn end_doubtful(door: &Door, now: Timestamp) -> Result<(), CommitError> {
    let next = || door.doubtful.list().pop();
    while let Some(admitted) = next() {
        // It waits for the head of the log, so whatever broke off before is done or undone by then.
        let ended = admitted.end(door, Ending::nothing_left(503, Delivery::Cut), now).await;
        if let Err(error) = ended {
            door.doubtful.note(admitted);
            return Err(error);
        }
    }
    Ok(())
}
