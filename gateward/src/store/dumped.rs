//! Databases that come out of backups: what is in them, to be compared with what was backed up.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags};
use tokio_postgres::error::SqlState;

use super::postgres::connect::{self, Connection as Session, Server, described};
use crate::base::postgres_url::PostgresUrl;
use crate::base::sql_name::quoted;

/// Why a database cannot be looked at: whoever operates it must act.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It has to be made first.
    #[error("there is no database {database} on that server: make it with `createdb {database}`")]
    Missing {
        /// Its name.
        database: String,
    },
    /// The server, or the way to it.
    #[error("the database {database} cannot be looked at: {reason}")]
    Unreachable {
        /// Its name, or its file.
        database: String,
        /// What was said.
        reason: String,
    },
}

/// What is in a database besides what every database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The server's major version.
    pub major: u32,
    /// How many tables, views and sequences there are that no extension brought.
    pub relations: i64,
    /// The newest of them, by the number that the server gave it. It tells new ones from old.
    pub newest: i64,
}

/// Counting takes as long as it takes, and sees all rows or says that it does not.
const SETTINGS: &[&str] = &["statement_timeout=0", "default_transaction_read_only=on", "row_security=off"];

const RELATIONS: &str = "FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace \
     WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f') \
     AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid \
                     AND deptype = 'e')";

/// Looks into the database at `url`.
///
/// # Errors
///
/// [`Error`].
pub async fn look(url: &PostgresUrl) -> Result<Look, Error> {
    let session = open(url).await?;
    let sql = format!(
        "SELECT current_setting('server_version_num')::int8, count(*), coalesce(max(pg_class.oid::int8), 0) {RELATIONS}"
    );
    let row = session.client.query_one(&sql, &[]).await.map_err(|error| unreachable(url, &error))?;
    let version: i64 = row.get(0);
    let major = u32::try_from(version / 10_000).unwrap_or_default();
    Ok(Look { major, relations: row.get(1), newest: row.get(2) })
}

/// Counts the rows of tables, named `schema.table` and quoted where SQL asks for it; those that are not there are
/// left out.
///
/// # Errors
///
/// [`Error`].
pub async fn rows(
    url: &PostgresUrl,
    tables: impl Iterator<Item = &String>,
) -> Result<BTreeMap<String, u64>, Error> {
    let session = open(url).await?;
    let failed = |error| unreachable(url, &error);
    let sql = format!("SELECT format('%I.%I', nspname, relname) {RELATIONS} AND relkind = 'r'");
    let there = session.client.query(&sql, &[]).await.map_err(failed)?;
    // As the server itself quotes them.
    let there: BTreeSet<String> = there.iter().map(|row| row.get(0)).collect();
    let mut counted = BTreeMap::new();
    for name in tables.filter(|name| there.contains(*name)) {
        let count = session.client.query_one(&format!("SELECT count(*) FROM ONLY {name}"), &[]).await;
        let count: i64 = count.map_err(failed)?.get(0);
        counted.insert(name.clone(), count.unsigned_abs());
    }
    Ok(counted)
}

/// Checks a SQLite file that nobody writes to, and counts the rows of all its tables; nothing is left beside it.
///
/// # Errors
///
/// [`Error::Unreachable`]: it is no database, or a damaged one.
pub fn sqlite_rows(path: &Path) -> Result<BTreeMap<String, u64>, Error> {
    let count = || -> rusqlite::Result<Result<_, String>> {
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        // Of a file in WAL mode even a reader makes -wal and -shm, unless nobody writes ("URI Filenames", 3.4).
        let path = percent_encode(path.as_os_str().as_bytes(), NON_ALPHANUMERIC);
        let connection = Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?;
        let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if said != "ok" {
            return Ok(Err(said));
        }
        let sql =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
        let mut tables = connection.prepare(sql)?;
        let names = tables.query_map([], |row| row.get::<_, String>(0))?;
        let mut counted = BTreeMap::new();
        for name in names {
            let name = name?;
            let sql = format!("SELECT count(*) FROM {}", quoted(&name));
            let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
            counted.insert(name, rows.unsigned_abs());
        }
        Ok(Ok(counted))
    };
    let failed = |reason| Error::Unreachable { database: path.display().to_string(), reason };
    count().map_err(|error| failed(error.to_string()))?.map_err(failed)
}

async fn open(url: &PostgresUrl) -> Result<Session, Error> {
    let server = Server::new(url, SETTINGS);
    let opened = async { server?.connect().await }.await;
    opened.map_err(|error| match error {
        connect::Error::Server(said) if said.code() == Some(&SqlState::INVALID_CATALOG_NAME) => {
            Error::Missing { database: url.database.clone() }
        }
        other => Error::Unreachable { database: url.database.clone(), reason: other.at(url) },
    })
}

fn unreachable(url: &PostgresUrl, error: &tokio_postgres::Error) -> Error {
    Error::Unreachable { database: url.database.clone(), reason: described(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_leaves_nothing_beside_a_file_in_wal_mode_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["store.db", "a b?mode=memory#c%41&é.db"] {
            let path = folder.path().join(name);
            let connection = Connection::open(&path).unwrap();
            connection
                .execute_batch(
                    "PRAGMA journal_mode = WAL; CREATE TABLE a (b); INSERT INTO a VALUES (1), (2);",
                )
                .unwrap();
            connection.close().unwrap();
            assert_eq!(sqlite_rows(&path).unwrap(), BTreeMap::from([("a".to_owned(), 2)]));
        }
        let left: BTreeSet<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(left.into_iter().collect::<Vec<_>>(), ["a b?mode=memory#c%41&é.db", "store.db"]);
        let missing = sqlite_rows(&folder.path().join("missing.db")).unwrap_err();
        assert!(missing.to_string().contains("missing.db"), "{missing}");
    }
}
