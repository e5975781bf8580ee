//! The places that a job names.

use super::folder::Folder;
use super::s3::{ObjectStore, Patience, Unready};
use crate::base::random::Random;
use crate::base::time::Clock;
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

/// Why a place cannot be opened: the operator's.
#[derive(Debug, thiserror::Error)]
pub enum NoPlace {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] Error),
    /// The object store.
    #[error("[backup.s3]: {0}")]
    ObjectStore(#[from] Unready),
}

/// Opens all places of `job`.
///
/// # Errors
///
/// [`NoPlace`].
pub fn places(
    job: &Backup,
    what_for: For,
    clock: &Clock,
    random: &Random,
) -> Result<Vec<Box<dyn Target>>, NoPlace> {
    let mut places: Vec<Box<dyn Target>> = Vec::new();
    if let Some(folder) = &job.folder {
        places.push(Box::new(match what_for {
            For::Writing => Folder::for_writing(folder)?,
            For::Reading => Folder::for_reading(folder),
        }));
    }
    if let Some(s3) = &job.s3 {
        places.push(Box::new(ObjectStore::new(s3, clock.clone(), random.clone(), Patience::default())?));
    }
    Ok(places)
}
