//! A store that nobody else writes while we hold it: one writing transaction, with the head of the
//! log taken. Dropped without [`Held::commit`], it leaves the store as it was.

use jiff::Timestamp;

use super::event::Row;
use super::sql::Value;
use super::tables::{Page, Table};
use super::tree::Growing;
use super::writer::Head;
use super::{Error, postgres, sqlite};
use crate::base::store_address::StoreAddress;
use crate::base::time::Clock;

/// A store that is held.
pub(super) enum Held {
    Sqlite(Box<sqlite::Held>),
    Postgres(Box<postgres::Held>),
}

impl Held {
    /// Takes hold of the store at `address`, which is there and, on PostgreSQL, migrated.
    pub async fn take(address: &StoreAddress, clock: &Clock) -> Result<Self, Error> {
        Ok(match address {
            StoreAddress::Sqlite(path) => Self::Sqlite(Box::new(sqlite::Held::take(path, clock)?)),
            StoreAddress::Postgres(url) => Self::Postgres(Box::new(postgres::Held::take(url).await?)),
        })
    }

    /// Returns the end of the newest lease that runs.
    pub async fn lease(&mut self) -> Result<Option<String>, Error> {
        match self {
            // A server has the lock of its file, which is ours now.
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(held) => held.lease().await,
        }
    }

    /// Returns the end of the log, as its writer goes by it.
    pub fn head(&self) -> Result<Head, Error> {
        match self {
            Self::Sqlite(held) => held.head(),
            Self::Postgres(held) => Ok(held.head()),
        }
    }

    /// Returns the time by which the store's events are recorded.
    pub async fn now(&mut self) -> Result<Timestamp, Error> {
        match self {
            Self::Sqlite(held) => held.now(),
            Self::Postgres(held) => held.now().await,
        }
    }

    /// Returns the rows of `table` whose primary keys come after `after`, in their order.
    pub async fn page(&mut self, table: &Table, after: Option<Value<'_>>) -> Result<Page, Error> {
        match self {
            Self::Sqlite(held) => held.page(table, after),
            Self::Postgres(held) => held.page(table, after).await,
        }
    }

    /// Writes the rows of `page` into `table`.
    pub async fn insert(&mut self, table: &Table, page: &Page) -> Result<(), Error> {
        match self {
            Self::Sqlite(held) => held.insert(table, page),
            Self::Postgres(held) => held.insert(table, page).await,
        }
    }

    /// Deletes what a fresh schema has in `table`.
    pub async fn clear(&mut self, table: &Table) -> Result<(), Error> {
        match self {
            Self::Sqlite(held) => held.clear(table),
            Self::Postgres(held) => held.clear(table).await,
        }
    }

    /// Returns the tree of the log as it is stored.
    pub fn tree(&self) -> Result<Growing, Error> {
        match self {
            Self::Sqlite(held) => held.tree(),
            Self::Postgres(held) => held.tree(),
        }
    }

    /// Stores what of `tree` is finished.
    pub async fn grow(&mut self, tree: &mut Growing) -> Result<(), Error> {
        match self {
            Self::Sqlite(held) => held.grow(tree),
            Self::Postgres(held) => held.grow(tree).await,
        }
    }

    /// Appends the event that comes next, to the log and its `tree`, and moves the head behind it.
    pub async fn append(&mut self, row: &Row<'_>, tree: &mut Growing) -> Result<(), Error> {
        match self {
            Self::Sqlite(held) => held.append(row, tree),
            Self::Postgres(held) => held.append(row, tree).await,
        }
    }

    /// Commits.
    ///
    /// # Errors
    ///
    /// Why nobody knows whether it did.
    pub async fn commit(self) -> Result<(), String> {
        match self {
            Self::Sqlite(held) => held.commit(),
            Self::Postgres(held) => held.commit().await,
        }
    }
}
