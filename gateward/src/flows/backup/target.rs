//! Where backups go, and where they are found again.

use std::io::{self, Read, Write};

use crate::base::backup::FileName;

/// A place for backups and what lies beside them.
///
/// A name stands for a whole file or for none: what is on its way is never found by [`Target::list`].
pub trait Target: Send + Sync {
    /// Names the place in messages: a folder, or `s3://BUCKET/PREFIX`.
    fn place(&self) -> String;

    /// Begins a file; nobody finds it before it is complete.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] where the name is taken.
    fn begin(&self, name: &FileName) -> Result<Box<dyn Upload>, Error>;

    /// Lays a short file there whole; never over another one.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] where the name is taken.
    fn put(&self, name: &FileName, content: &[u8]) -> Result<(), Error>;

    /// Names all files whose names may be ours, with their lengths, by name.
    fn list(&self) -> Result<Vec<Found>, Error>;

    /// Reads a file from its beginning.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] where it is not there.
    fn read(&self, name: &FileName) -> Result<Box<dyn Read + Send>, Error>;

    /// Takes a file away; that it is gone already is as good.
    fn remove(&self, name: &FileName) -> Result<(), Error>;
}

/// Reads a manifest, or another short text that was signed.
///
/// # Errors
///
/// [`Error::Missing`], [`Error::Failed`], [`Error::Io`]; what is longer than a note comes cut, and is none.
pub fn read_note(target: &dyn Target, name: &FileName) -> Result<Vec<u8>, Error> {
    let mut note = Vec::new();
    let mut file = target.read(name)?.take(signed_note::MAX_BYTES as u64 + 1);
    file.read_to_end(&mut note).map_err(|source| Error::Io { place: target.place(), source })?;
    Ok(note)
}

/// A file on its way. Dropped before it is complete, nothing of it is found.
pub trait Upload: Write + Send {
    /// Lets it be found under its name. Once this returns, a crash takes nothing of it away.
    fn complete(self: Box<Self>) -> Result<(), Error>;
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: FileName,
    /// Its length.
    pub bytes: u64,
}

/// Why a target does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was there before.
    #[error("{place}: {name} is there already")]
    Exists {
        /// The target.
        place: String,
        /// The file.
        name: FileName,
    },
    /// Nobody put it there, or somebody took it.
    #[error("{place}: there is no {name}")]
    Missing {
        /// The target.
        place: String,
        /// The file.
        name: FileName,
    },
    /// The operator's: rights, room, credentials, the network.
    #[error("{place}: {why}")]
    Failed {
        /// The target.
        place: String,
        /// What was tried, and what the system or the server said.
        why: String,
    },
    /// As it came up in the middle of a stream.
    #[error("{place}: {source}")]
    Io {
        /// The target.
        place: String,
        /// What the system said.
        source: io::Error,
    },
}
