//! The places that a job names.

use super::folder::Folder;
use crate::config::Backup;
use crate::flows::backup::target::{Error, Target};

/// What a place is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// A new backup: what a crash left is cleared.
    Writing,
    /// What lies there.
    Reading,
}

/// Opens all places of `job`.
///
/// # Errors
///
/// [`Error::Failed`]: the operator's.
pub fn places(job: &Backup, what_for: For) -> Result<Vec<Box<dyn Target>>, Error> {
    let mut places: Vec<Box<dyn Target>> = Vec::new();
    if let Some(folder) = &job.folder {
        places.push(Box::new(match what_for {
            For::Writing => Folder::for_writing(folder)?,
            For::Reading => Folder::for_reading(folder),
        }));
    }
    Ok(places)
}
