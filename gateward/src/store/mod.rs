//! Floor 1: SQL and nothing else.
//!
//! One file per table holds its rows, its reads and its changes, each change with the
//! precondition under which it may happen. [`Writer`] is the only way in: it applies changes and
//! appends events in one commit, for many callers at once. Reads go through [`Reader`].

pub mod access_token;
pub mod api_token;
pub mod audit_hold;
pub mod audit_term;
pub mod checkpoint;
pub mod copy;
pub mod dumped;
pub mod erasure;
pub mod event;
pub mod evidence;
pub mod existing_key;
pub mod feed;
pub mod fhir_creation;
pub mod file_policy;
pub mod grant;
mod held;
pub mod instance;
pub mod issuer;
pub mod log;
pub mod node;
pub mod opaque_key;
pub mod placement;
mod postgres;
mod reader;
pub mod resif;
pub mod revocation;
pub mod scrub;
pub mod session;
pub mod source_database;
mod sql;
mod sqlite;
mod tables;
pub mod temporary_login;
pub mod token_block;
pub mod tree;
pub mod user;
pub mod user_digest;
pub mod witnessed;
mod writer;

use std::path::PathBuf;

use crate::base::store_address::StoreAddress;
use crate::base::time::Clock;

pub use reader::Reader;
pub use sqlite::{Broken, Pages, ServeLock};
pub use writer::{Change, CommitError, Proposal, Writer};

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened or read now; it may come back.
    #[error("the store {store} cannot be reached: {reason}")]
    Unreachable {
        /// The file, or the URL.
        store: String,
        /// What SQLite or PostgreSQL said.
        reason: String,
    },
    /// Too much would have been read; whoever asked asks for less.
    #[error("reading {table} took too long, and was ended")]
    TookTooLong {
        /// What was read.
        table: &'static str,
    },
    /// No file: `init` makes one, a server waits for one.
    #[error("there is no store {path}: `gateward init` makes one", path = .0.display())]
    Missing(PathBuf),
    /// The file holds something else; the operator names another, or restores a backup.
    #[error("{path} is no database: name another file as store, or restore a backup", path = .0.display())]
    NotADatabase(PathBuf),
    /// A newer program migrated the schema past what this one understands.
    #[error(
        "the store {store} needs a newer gateward: its schema is of version {version}, this program knows {known}"
    )]
    TooNew {
        /// The file, or the URL.
        store: String,
        /// The schema's version.
        version: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// A database that this program's command has not migrated yet; it may be, while a server waits.
    #[error(
        "the store {store} has schema version {version}, this program needs {known}: run `gateward store migrate`"
    )]
    NotMigrated {
        /// The URL.
        store: String,
        /// The schema's version; 0: none.
        version: i64,
        /// The version that this program needs.
        known: i64,
    },
    /// A server that says that something is on the disk when it is not: the operator's.
    #[error("the server of {store} runs with {setting} = off: what it commits could be lost; set it to on")]
    NotDurable {
        /// The URL.
        store: String,
        /// The server's setting.
        setting: &'static str,
    },
    /// Another server started with a configuration file that says otherwise who may reach what: the
    /// operator's, who restarts this one with the same file.
    #[error(
        "server {stated_by} started later with other issuers, grants or services in its configuration file: restart this one with the same file"
    )]
    PolicyDiffers {
        /// The other server's run.
        stated_by: String,
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

impl Error {
    /// Whether waiting may mend it.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Missing(_)
            | Self::NotMigrated { .. }
            | Self::NotDurable { .. }
            | Self::TookTooLong { .. } => true,
            Self::NotADatabase(_)
            | Self::TooNew { .. }
            | Self::PolicyDiffers { .. }
            | Self::Served(_)
            | Self::Damaged { .. } => false,
        }
    }
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

/// What state the schema of a store is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// The newest migration that ran; 0: there is no schema.
    pub version: i64,
    /// The oldest program that it serves, as the newest migration which that one knows.
    pub oldest_binary: i64,
    /// The newest migration that this program knows.
    pub known: i64,
}

/// The store: one way to read, one way to write, and the clock that both go by.
#[derive(Debug, Clone)]
pub struct Store {
    /// Reads, from a snapshot each.
    pub reader: Reader,
    /// Writes, in one order.
    pub writer: Writer,
    /// The time for decisions: the machine's own with SQLite, the database's with PostgreSQL.
    pub clock: Clock,
}

impl Store {
    /// Makes the SQLite file at `address` unless there is one, or the tables of the PostgreSQL
    /// database there, and opens it.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub async fn create(address: &StoreAddress, clock: Clock) -> Result<Self, Error> {
        make(address).await?;
        Self::open(address, clock).await
    }

    /// Opens the store at `address`. A SQLite file is migrated when needed, a PostgreSQL database by
    /// command only. A file that is not there is not made: an unmounted disk must not become a new,
    /// empty store.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Error::may_pass`] tells whether to wait.
    pub async fn open(address: &StoreAddress, clock: Clock) -> Result<Self, Error> {
        let unreachable = |error: String| Error::Unreachable { store: address.to_string(), reason: error };
        let (reader, engine, clock) = match address {
            StoreAddress::Sqlite(path) => {
                sqlite::migrate(path)?;
                let engine = sqlite::Engine::open(path, clock.clone());
                let engine =
                    writer::Engine::Sqlite(Box::new(engine.map_err(|error| unreachable(error.to_string()))?));
                (Reader::of_sqlite(sqlite::Reader::new(path)), engine, clock)
            }
            StoreAddress::Postgres(url) => {
                postgres::check(url).await?;
                let clock = postgres::DatabaseClock::new(clock);
                let reader = postgres::Reader::new(url, clock.clone())?;
                reader.measure_clock().await?;
                let engine = postgres::Engine::new(url, clock.clone());
                let engine = engine.map_err(|error| unreachable(error.to_string()))?;
                (Reader::of_postgres(reader), writer::Engine::Postgres(Box::new(engine)), clock.clock())
            }
        };
        let writer = Writer::start(engine).map_err(|error| unreachable(error.to_string()))?;
        Ok(Self { reader, writer, clock })
    }
}

/// Makes the SQLite file at `address` unless there is one, and the tables there.
async fn make(address: &StoreAddress) -> Result<(), Error> {
    if let StoreAddress::Sqlite(path) = address {
        sqlite::create(path)?;
    }
    migrate(address).await.map(|_| ())
}

/// Prepares reading the store at `address`, whatever its schema, and returns the clock that it goes
/// by; changes nothing.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn look(address: &StoreAddress, clock: Clock) -> Result<(Reader, Clock), Error> {
    Ok(match address {
        StoreAddress::Sqlite(path) => (Reader::of_sqlite(sqlite::Reader::new(path)), clock),
        StoreAddress::Postgres(url) => {
            let clock = postgres::DatabaseClock::new(clock);
            (Reader::of_postgres(postgres::Reader::new(url, clock.clone())?), clock.clock())
        }
    })
}

/// Brings the schema of the store at `address` up to this program's version; returns its state
/// before.
///
/// # Errors
///
/// [`Error`].
pub async fn migrate(address: &StoreAddress) -> Result<Schema, Error> {
    match address {
        StoreAddress::Sqlite(path) => sqlite::migrate(path),
        StoreAddress::Postgres(url) => postgres::migrate(url).await,
    }
}

/// Returns what state the schema of the store at `address` is in; changes nothing.
///
/// # Errors
///
/// [`Error`].
pub async fn schema(address: &StoreAddress) -> Result<Schema, Error> {
    match address {
        StoreAddress::Sqlite(path) => sqlite::schema(path),
        StoreAddress::Postgres(url) => postgres::schema(url).await,
    }
}
