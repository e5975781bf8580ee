//! A decision that is made once more while the policy moves beneath it.

use jiff::Timestamp;

use super::answer::{self, Problem};
use super::gate::Opened;
use crate::base::time::Unbelieved;
use crate::flows::tries::Tries;
use crate::store::CommitError;

/// Why a decision led to no answer.
#[derive(Debug)]
pub enum Undone {
    /// The policy moved meanwhile: decide once more.
    Again(CommitError),
    /// This is the answer.
    Said(Problem),
}

impl From<Problem> for Undone {
    fn from(problem: Problem) -> Self {
        Self::Said(problem)
    }
}

impl From<CommitError> for Undone {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Stale(_) | CommitError::Precondition => Self::Again(error),
            CommitError::Unavailable(_) | CommitError::Unknown(_) => Self::Said(answer::shut(&error)),
        }
    }
}

/// The decisions about one request, each under the newest policy.
#[derive(Debug)]
pub struct Attempts<'a> {
    opened: &'a Opened,
    tries: Tries,
    at: Timestamp,
}

impl<'a> Attempts<'a> {
    /// About a request that nothing was decided about yet.
    pub fn new(opened: &'a Opened) -> Self {
        Self { opened, tries: Tries::default(), at: Timestamp::UNIX_EPOCH }
    }

    /// The time of the last decision.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Says at what time to decide.
    ///
    /// # Errors
    ///
    /// What the caller is told, because the clock cannot be believed.
    pub fn begin(&mut self) -> Result<Timestamp, Box<Problem>> {
        let now = self.opened.clock.now();
        self.at = now.as_ref().map_or_else(Unbelieved::nearest, |now| *now);
        now.map_err(|stepped| Box::new(self.opened.shut_for_clock(&stepped)))
    }

    /// Reads the policy again, to decide once more.
    ///
    /// # Errors
    ///
    /// What the caller is told: there is an answer, or there will be none.
    pub async fn again(&mut self, undone: Undone) -> Result<(), Problem> {
        let moved = match undone {
            Undone::Said(problem) => return Err(problem),
            Undone::Again(error) => error,
        };
        self.tries.again(moved).map_err(|moved| answer::shut(&moved))?;
        self.opened.door.policy.up_to_date().await.map(drop).map_err(|error| answer::shut(&error))
    }
}
