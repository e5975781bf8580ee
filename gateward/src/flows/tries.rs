//! How often something is decided once more, while others keep changing what it was decided on.

use crate::store::CommitError;

/// Beyond this, whoever asks comes back later.
const TRIES: usize = 8;

/// The tries at one decision.
#[derive(Debug)]
pub struct Tries {
    left: usize,
}

impl Default for Tries {
    fn default() -> Self {
        Self { left: TRIES }
    }
}

impl Tries {
    /// Allows one more try, if `error` says that something moved, and this has not happened too often.
    ///
    /// # Errors
    ///
    /// `error`, as it came: it says why nothing was done, which is never that something is not there.
    pub fn again(&mut self, error: CommitError) -> Result<(), CommitError> {
        self.left -= 1;
        match error {
            CommitError::Stale(_) | CommitError::Precondition if self.left > 0 => Ok(()),
            error => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_moving_is_given_up_with_the_reason_that_it_moves() {
        let mut tries = Tries::default();
        for _ in 1..TRIES {
            assert!(tries.again(CommitError::Precondition).is_ok());
        }
        assert!(matches!(tries.again(CommitError::Precondition), Err(CommitError::Precondition)));
    }

    #[test]
    fn what_cannot_be_written_is_not_tried_again() {
        let down = CommitError::Unavailable("the disk is full".into());
        assert!(matches!(Tries::default().again(down), Err(CommitError::Unavailable(_))));
    }
}
