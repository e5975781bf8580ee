//! What only SQLite does: opening, migrating, the lock of the one server, pooled readers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::Error;

/// The migrations, oldest first; the schema's version is how many ran.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001.sql")];

/// How long one attempt waits for another process's write lock; the writer tries again.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(200);

/// Opens a connection that writes durably: a commit is on the disk before it returns.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    // No CREATE: a file that went away is an error, not a new empty store.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", "on")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Brings the schema up to this program's version, or says that it is newer.
///
/// A crash in the middle leaves the old schema: each migration is one transaction.
pub(super) fn migrate(path: &Path) -> Result<(), Error> {
    if !path.exists() {
        return Err(Error::Missing(path.to_owned()));
    }
    let unreachable = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => Error::NotADatabase(path.to_owned()),
        _ => Error::Unreachable { path: path.to_owned(), source },
    };
    let mut connection = open(path).map_err(unreachable)?;
    let known = i64::try_from(MIGRATIONS.len()).expect("there are few migrations");
    for (index, sql) in MIGRATIONS.iter().enumerate() {
        let step = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(unreachable)?;
        let version = schema_version(&step).map_err(unreachable)?;
        if oldest_binary(&step).map_err(unreachable)? > known {
            return Err(Error::TooNew { path: path.to_owned(), version, known });
        }
        if usize::try_from(version).is_ok_and(|version| version <= index) {
            step.execute_batch(sql).and_then(|()| step.commit()).map_err(unreachable)?;
        }
    }
    Ok(())
}

fn has_schema(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_state'", [], |row| {
        row.get::<_, i64>(0).map(|count| count > 0)
    })
}

fn schema_version(connection: &Connection) -> rusqlite::Result<i64> {
    if !has_schema(connection)? {
        return Ok(0);
    }
    connection.query_row("SELECT version FROM schema_state", [], |row| row.get(0))
}

fn oldest_binary(connection: &Connection) -> rusqlite::Result<i64> {
    if !has_schema(connection)? {
        return Ok(0);
    }
    connection.query_row("SELECT oldest_binary FROM schema_state", [], |row| row.get(0))
}

/// Makes an empty file that nobody else reads, unless there is one.
pub(super) fn create(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // A file that is there stays untouched: closing a descriptor of it would let go of every lock
    // that SQLite holds on it in this process (POSIX advisory locks).
    match File::options().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            let source = rusqlite::Error::ToSqlConversionFailure(Box::new(error));
            Err(Error::Unreachable { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Held while a server runs on the file; the operating system lets go of it however it ends.
#[derive(Debug)]
pub struct ServeLock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl ServeLock {
    /// Takes the lock of the store at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Served`] while another server has it.
    pub fn take(path: &Path) -> Result<Self, Error> {
        let mut last = Self::try_take(path);
        // A command that looks whether there is a server holds it for a moment.
        for _ in 0..5 {
            if !matches!(last, Err(Error::Served(_))) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
            last = Self::try_take(path);
        }
        last
    }

    /// Tells whether a server runs on the store at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`].
    pub fn is_taken(path: &Path) -> Result<bool, Error> {
        match Self::try_take(path) {
            Ok(_) => Ok(false),
            Err(Error::Served(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn try_take(path: &Path) -> Result<Self, Error> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut name = path.as_os_str().to_owned();
        name.push(".serve-lock");
        let unreachable = |error: std::io::Error| Error::Unreachable {
            path: path.to_owned(),
            source: rusqlite::Error::ToSqlConversionFailure(Box::new(error)),
        };
        let mut options = File::options();
        options.create(true).append(true).mode(0o600);
        let file = options.open(PathBuf::from(name)).map_err(unreachable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::Served(path.to_owned())),
            Err(std::fs::TryLockError::Error(error)) => Err(unreachable(error)),
        }
    }
}

/// Reads the store; cheap to clone, any number at once.
///
/// Reads are point lookups on an index, microseconds long, and in WAL mode no writer blocks them;
/// that is why they run where they are called. What takes longer belongs into a thread.
#[derive(Debug, Clone)]
pub struct Reader(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// How many connections wait for their next read; more are opened when needed and closed after.
const IDLE_READERS: usize = 16;

impl Reader {
    pub(super) fn new(path: &Path) -> Self {
        Self(Arc::new(Pool { path: path.to_owned(), idle: Mutex::new(Vec::new()) }))
    }

    /// Runs `query` on a connection that cannot write.
    pub(super) fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let unreachable = |source| Error::Unreachable { path: self.0.path.clone(), source };
        let kept = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.connect().map_err(unreachable)?,
        };
        // After an error the connection is dropped: the next read starts afresh.
        let answer = query(&connection).map_err(unreachable)?;
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_READERS {
            idle.push(connection);
        }
        Ok(answer)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        // No CREATE: a file that went away is an error here, not a new empty store.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.0.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "query_only", "on")?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables of a fresh store with their columns, in order.
    fn fresh_schema() -> Vec<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateward.db");
        create(&path).unwrap();
        migrate(&path).unwrap();
        let tables = "SELECT name, (SELECT group_concat(name) FROM pragma_table_info(sqlite_schema.name)) \
            FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let reader = Reader::new(&path);
        let schema = reader.read(|connection| {
            connection.prepare(tables)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        });
        schema.unwrap()
    }

    #[test]
    fn an_event_has_the_columns_that_the_formats_name_and_no_others() {
        let schema = fresh_schema();
        let (_, columns) = schema.iter().find(|(table, _)| table == "event").unwrap();
        assert_eq!(
            columns,
            "position,id,format_version,instance,occurred_at,recorded_at,salt,body,personal_salt,personal,personal_hash,entry"
        );
    }

    #[test]
    fn a_fresh_store_has_these_tables_and_no_others() {
        let tables: Vec<String> = fresh_schema().into_iter().map(|(table, _)| table).collect();
        assert_eq!(
            tables,
            [
                "event",
                "grants",
                "instance",
                "issuer",
                "open_transaction",
                "revocation",
                "schema_state",
                "search",
                "temporary_login",
                "token_block",
                "users"
            ]
        );
    }
}
