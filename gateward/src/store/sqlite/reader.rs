//! Reads a SQLite file: connections that cannot write, kept for the next read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, params_from_iter};

use super::{open_to_read, unreachable};
use crate::store::Error;
use crate::store::reader::{Fit, Query};
use crate::store::sql::Row;

/// Reads a SQLite file.
///
/// Reads are point lookups on an index, microseconds long, and in WAL mode no writer blocks them;
/// that is why they run where they are called. What takes longer reads page by page.
#[derive(Debug, Clone)]
pub(in crate::store) struct Reader(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// How many connections wait for their next read; more are opened when needed and closed after.
const IDLE_READERS: usize = 16;

/// Why a query gave nothing.
enum Trouble {
    Sqlite(rusqlite::Error),
    Damaged(Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Reader {
    pub fn new(path: &Path) -> Self {
        Self(Arc::new(Pool { path: path.to_owned(), idle: Mutex::new(Vec::new()) }))
    }

    /// Returns every row that `query` gives.
    pub fn all<T>(&self, query: &Query<'_>, fit: Fit<T>) -> Result<Vec<T>, Error> {
        let kept = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => open_to_read(&self.0.path).map_err(|error| unreachable(&self.0.path, error))?,
        };
        // After an error the connection is dropped: the next read starts afresh.
        let rows = rows(&connection, query, fit).map_err(|trouble| match trouble {
            Trouble::Sqlite(error) => unreachable(&self.0.path, error),
            Trouble::Damaged(error) => error,
        })?;
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_READERS {
            idle.push(connection);
        }
        Ok(rows)
    }
}

fn rows<T>(connection: &Connection, query: &Query<'_>, fit: Fit<T>) -> Result<Vec<T>, Trouble> {
    let mut statement = connection.prepare_cached(query.sql)?;
    let mut rows = statement.query(params_from_iter(&query.values))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(fit(&Row::Sqlite(row)).map_err(|unfit| Trouble::Damaged(query.damaged(&unfit)))?);
    }
    Ok(all)
}
