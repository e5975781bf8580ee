//! Gateward's own: its configuration, its keyring, its store.

use std::path::{Path, PathBuf};

use backup_manifest::Part;

use super::archive::{Entries, Member};
use crate::flows::backup::source::Error;
use crate::store::{Broken, Pages};

/// A short file as a member of an archive, without its owner and its mode: whoever restores it gives it theirs.
#[derive(Debug)]
pub struct OwnFile {
    name: &'static str,
    path: PathBuf,
}

/// A SQLite store as a member of an archive: as it is at one instant, while it is written.
#[derive(Debug)]
pub struct OwnStore {
    path: PathBuf,
}

/// Where the store lies in the archive.
const STORE: &str = "gateward/store.db";

impl OwnFile {
    /// Prepares the file at `path` to be put under `name`.
    pub fn new(name: &'static str, path: &Path) -> Self {
        Self { name, path: path.to_owned() }
    }
}

impl OwnStore {
    /// Prepares the database in the file at `path`.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

impl Member for OwnFile {
    fn put(&mut self, into: &mut Entries<'_>) -> Result<Vec<Part>, Error> {
        let content = std::fs::read(&self.path).map(zeroize::Zeroizing::new).map_err(|error| {
            Error::Failed { what: self.path.display().to_string(), why: error.to_string() }
        })?;
        into.own(self.name, &content)?;
        let (folder, bytes) = (self.path.display().to_string(), content.len() as u64);
        Ok(vec![Part::Files { folder, entry: self.name.into(), files: 1, bytes }])
    }

    fn likely_bytes(&self) -> Option<u64> {
        std::fs::metadata(&self.path).ok().map(|about| about.len())
    }
}

impl Member for OwnStore {
    fn put(&mut self, into: &mut Entries<'_>) -> Result<Vec<Part>, Error> {
        let failed = |why: String| Error::Failed { what: self.path.display().to_string(), why };
        let pages = Pages::begin(&self.path).map_err(|error| failed(error.to_string()))?;
        let bytes = pages.bytes();
        let rows = pages.rows().map_err(|error| failed(error.to_string()))?;
        let mut body = into.begin_own(STORE, bytes)?;
        pages.each(|page| body.write(page)).map_err(|broken| match broken {
            Broken::Read(error) => failed(error.to_string()),
            Broken::Taker(error) => error,
        })?;
        body.end()?;
        Ok(vec![Part::Sqlite { entry: STORE.into(), bytes, rows }])
    }

    fn likely_bytes(&self) -> Option<u64> {
        std::fs::metadata(&self.path).ok().map(|about| about.len())
    }
}
