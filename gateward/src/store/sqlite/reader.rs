//! Reads a SQLite file: connections that cannot write, kept for the next read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, params_from_iter};

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

/// How long a read may take that can take long.
const PATIENCE: Duration = Duration::from_secs(4);

/// After how many instructions of SQLite's machine it is looked whether it has: some milliseconds.
const INSTRUCTIONS: i32 = 100_000;

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
        self.read(query, |connection| rows(connection, query, fit))
    }

    /// The same, ended once it has taken [`PATIENCE`].
    pub fn all_at_length<T>(&self, query: &Query<'_>, fit: Fit<T>) -> Result<Vec<T>, Error> {
        self.read(query, |connection| {
            let begun = Instant::now();
            connection.progress_handler(INSTRUCTIONS, Some(move || begun.elapsed() > PATIENCE))?;
            let rows = rows(connection, query, fit)?;
            connection.progress_handler(0, None::<fn() -> bool>)?;
            Ok(rows)
        })
    }

    fn read<T>(
        &self,
        query: &Query<'_>,
        read: impl FnOnce(&mut Connection) -> Result<Vec<T>, Trouble>,
    ) -> Result<Vec<T>, Error> {
        let kept = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => open_to_read(&self.0.path).map_err(|error| unreachable(&self.0.path, error))?,
        };
        // After an error the connection is dropped: the next read starts afresh.
        let rows = read(&mut connection).map_err(|trouble| match trouble {
            Trouble::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                Error::TookTooLong { table: query.table }
            }
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
    let mut statement = connection.prepare_cached(&query.sql)?;
    let mut rows = statement.query(params_from_iter(&query.values))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(fit(&Row::Sqlite(row)).map_err(|unfit| Trouble::Damaged(query.damaged(&unfit)))?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::values;

    #[test]
    fn a_read_that_takes_too_long_is_ended_and_the_next_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (one INTEGER)").unwrap();
        let reader = Reader::new(&path);
        let numbers = |most: i64| {
            let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT max(i) FROM n";
            reader.all_at_length(&Query::of("numbers", sql, values![most]), |row| row.integer(0))
        };
        assert!(matches!(numbers(i64::MAX), Err(Error::TookTooLong { table: "numbers" })));
        assert_eq!(numbers(1000).unwrap(), [1000]);
        std::thread::sleep(PATIENCE);
        let sql = "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT i FROM n)";
        let counted = reader.all(&Query::of("numbers", sql, values![1_000_000_i64]), |row| row.integer(0));
        assert_eq!(counted.unwrap(), [1_000_000], "what was said of one read is not said of those after it");
    }
}
