//! A backup's file, read a second time only as it was when it was proven.
//!
//! What is fed to a database cannot be looked at first, so the file is. Whoever can put another in its place between
//! the two readings must not get anything out of that: a file on this machine stays open, and one from elsewhere is
//! fetched before it is proven.

use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::Path;

use backup_manifest::Manifest;

use super::tree::{Copy, copy};
use crate::base::backup::FileName;
use crate::flows::backup::opening;
use crate::flows::backup::restore::{Untaken, Why, prove_file};
use crate::flows::backup::target::Target;
use crate::server::backup::interrupt::{Interrupt, Stoppable};

/// A file that nobody has proven yet.
#[derive(Debug)]
pub struct Sealed<'a>(Where<'a>);

enum Where<'a> {
    Here(File),
    Elsewhere(&'a dyn Target, &'a FileName),
}

impl std::fmt::Debug for Where<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here(file) => file.fmt(f),
            Self::Elsewhere(place, name) => write!(f, "{}/{name}", place.place()),
        }
    }
}

impl<'a> Sealed<'a> {
    /// Opens a file of this machine.
    ///
    /// # Errors
    ///
    /// What the system said.
    pub fn file(path: &Path) -> io::Result<Self> {
        Ok(Self(Where::Here(File::open(path)?)))
    }

    /// Names one that `place` has.
    pub fn elsewhere(place: &'a dyn Target, name: &'a FileName) -> Self {
        Self(Where::Elsewhere(place, name))
    }

    /// Reads it whole, and gives it to be read again if it is the one that `manifest` describes.
    ///
    /// One from elsewhere comes, sealed as it is, into a file without a name on the disk of the folder `spare`.
    ///
    /// # Errors
    ///
    /// [`Why::Other`]; [`opening::Error::Input`]; [`Untaken::Place`] where there is no room in `spare`;
    /// [`Why::Stopped`].
    pub fn proven(
        self,
        manifest: &Manifest,
        spare: &Path,
        interrupt: &Interrupt,
    ) -> Result<Stoppable<File>, Why> {
        let prove = || {
            let mut file = match self.0 {
                Where::Here(file) => file,
                Where::Elsewhere(place, name) => {
                    let from = place.read(name).map_err(|error| reading(io::Error::other(error)))?;
                    // One byte more tells a longer one; nobody fills our disk.
                    fetched(interrupt.over(from).take(manifest.file.bytes.saturating_add(1)), spare)?
                }
            };
            prove_file(manifest, interrupt.over(&file))?;
            file.rewind().map_err(reading)?;
            Ok(interrupt.over(file))
        };
        let proven: Result<_, Why> = prove();
        proven.map_err(|why| if interrupt.is_raised() { Why::Stopped } else { why })
    }
}

fn reading(error: io::Error) -> Why {
    opening::Error::Input(error).into()
}

fn fetched(mut from: impl Read, spare: &Path) -> Result<File, Why> {
    let place = |error| Untaken::Place(format!("{}, for the sealed file: {error}", spare.display()));
    let mut file = tempfile::tempfile_in(spare).map_err(place)?;
    copy(&mut from, &mut file).map_err(|error| match error {
        Copy::Read(error) => reading(error),
        Copy::Write(error) => place(error).into(),
    })?;
    file.rewind().map_err(place)?;
    Ok(file)
}

#[cfg(test)]
mod tests;
