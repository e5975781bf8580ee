//! Floor 1: SQL and nothing else.
//!
//! One file per table holds its rows, its reads and its changes, each change with the
//! precondition under which it may happen. [`Writer`] is the only way in: it applies changes and
//! appends events in one commit, for many callers at once. Reads go through [`Reader`].

pub mod event;
pub mod grant;
pub mod instance;
pub mod issuer;
pub mod revocation;
mod sqlite;
pub mod temporary_login;
pub mod token_block;
pub mod user;
mod writer;

use std::path::{Path, PathBuf};

use crate::base::time::Clock;

pub use sqlite::{Reader, ServeLock};
pub use writer::{Change, CommitError, Proposal, Writer};

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened or read now; it may come back.
    #[error("the store {path} cannot be reached: {source}", path = .path.display())]
    Unreachable {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// No file: `init` makes one, a server waits for one.
    #[error("there is no store {path}: `gateward init` makes one", path = .0.display())]
    Missing(PathBuf),
    /// The file holds something else; the operator names another, or restores a backup.
    #[error("{path} is no database: name another file as store, or restore a backup", path = .0.display())]
    NotADatabase(PathBuf),
    /// A newer program migrated the schema past what this one understands.
    #[error("the store {path} needs a newer gateward: its schema is of version {version}, this program knows {known}", path = .path.display())]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// The schema's version.
        version: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// Another `gateward serve` has it.
    #[error("another gateward serves on {path}: one SQLite file has one server", path = .0.display())]
    Served(PathBuf),
    /// A row holds what this program never writes.
    #[error("the store holds a damaged row in {table}: {reason}")]
    Damaged {
        /// The table.
        table: &'static str,
        /// What is wrong, without the row's content.
        reason: String,
    },
}

/// Why something could not be read or written now: the operator's, and it may pass.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Reading.
    #[error(transparent)]
    Read(#[from] Error),
    /// Writing.
    #[error(transparent)]
    Write(#[from] CommitError),
}

/// The store: one way to read, one way to write.
#[derive(Debug, Clone)]
pub struct Store {
    /// Reads, from a snapshot each.
    pub reader: Reader,
    /// Writes, in one order.
    pub writer: Writer,
}

impl Store {
    /// Makes the SQLite file at `path`, unless there is one, and opens it.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn create(path: &Path, clock: Clock) -> Result<Self, Error> {
        sqlite::create(path)?;
        Self::open(path, clock)
    }

    /// Opens the SQLite file at `path`, migrating it when needed. A file that is not there is not
    /// made: an unmounted disk must not become a new, empty store.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] and [`Error::Missing`] may pass; the others need the operator.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, Error> {
        sqlite::migrate(path)?;
        let reader = Reader::new(path);
        let writer = Writer::start(path, clock)?;
        Ok(Self { reader, writer })
    }
}
