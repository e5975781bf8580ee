//! What only SQLite does: opening, migrating, the lock of the one server, reading and writing.

mod engine;
mod held;
mod pages;
mod reader;
mod serve_lock;

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{Error, Schema};

pub(super) use engine::Engine;
pub(super) use held::Held;
pub use pages::{Broken, Pages};
pub(super) use reader::Reader;
pub use serve_lock::ServeLock;

/// The migrations, oldest first; the schema's version is how many ran.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/sqlite/0001.sql"),
    include_str!("../migrations/sqlite/0002.sql"),
    include_str!("../migrations/sqlite/0003.sql"),
    include_str!("../migrations/sqlite/0004.sql"),
    include_str!("../migrations/sqlite/0005.sql"),
    include_str!("../migrations/sqlite/0006.sql"),
    include_str!("../migrations/sqlite/0007.sql"),
    include_str!("../migrations/sqlite/0008.sql"),
    include_str!("../migrations/sqlite/0009.sql"),
    include_str!("../migrations/sqlite/0010.sql"),
    include_str!("../migrations/sqlite/0011.sql"),
];

/// How long one attempt waits for another process's write lock; the writer tries again.
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(200);

/// How long a file is waited for that is to be written anew.
const VACUUM_WAITS: std::time::Duration = std::time::Duration::from_secs(10);

/// Opens a connection that writes durably: a commit is on the disk before it returns.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    // No CREATE: a file that went away is an error, not a new empty store.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", "on")?;
    // What is taken out is overwritten, and does not stay behind in the file.
    connection.pragma_update(None, "secure_delete", "on")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens a connection that changes nothing.
fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    // No CREATE: a file that went away is an error, not a new empty store.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", "on")?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// Brings the schema up to this program's version, or says that it is newer; returns its state before.
///
/// A crash in the middle leaves the old schema: each migration is one transaction.
pub(super) fn migrate(path: &Path) -> Result<Schema, Error> {
    let before = schema(path)?;
    if before.oldest_binary > before.known {
        let store = path.display().to_string();
        return Err(Error::TooNew { store, version: before.version, known: before.known });
    }
    let unreachable = |error| unreachable(path, error);
    if before.version >= before.known
        && !lacks_tree(&open_to_read(path).map_err(unreachable)?).map_err(unreachable)?
    {
        return Ok(before);
    }
    let mut connection = open(path).map_err(unreachable)?;
    for (index, sql) in MIGRATIONS.iter().enumerate() {
        let step = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(unreachable)?;
        // Looked at again under the lock: another program may have migrated meanwhile.
        let version = schema_version(&step).map_err(unreachable)?;
        if usize::try_from(version).is_ok_and(|version| version <= index) {
            step.execute_batch(sql).and_then(|()| step.commit()).map_err(unreachable)?;
        }
    }
    // A crash before this: whoever opens the store next makes the tree. No program writes without it.
    let step = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(unreachable)?;
    if lacks_tree(&step).map_err(unreachable)? {
        engine::make_tree(&step).and_then(|()| step.commit()).map_err(unreachable)?;
    }
    Ok(before)
}

/// Whether the tree over the log has to be made from the events.
fn lacks_tree(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM log_head WHERE edge = x'' AND next_position > 0";
    connection.query_row(sql, [], |row| row.get::<_, i64>(0).map(|count| count > 0))
}

/// Returns what state the schema is in.
pub(super) fn schema(path: &Path) -> Result<Schema, Error> {
    // One that cannot be looked at is there for others: opening it says why we cannot.
    if matches!(path.try_exists(), Ok(false)) {
        return Err(Error::Missing(path.to_owned()));
    }
    let opening = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => Error::NotADatabase(path.to_owned()),
        _ => unreachable(path, error),
    };
    let connection = open_to_read(path).map_err(opening)?;
    Ok(Schema {
        version: schema_version(&connection).map_err(opening)?,
        oldest_binary: oldest_binary(&connection).map_err(opening)?,
        known: i64::try_from(MIGRATIONS.len()).expect("there are few migrations"),
    })
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
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(unreachable(path, error)),
        _ => Ok(()),
    }
}

/// Empties the write-ahead log into the file, and the file that it is; `false` while somebody reads from it.
pub(super) fn empty_wal(path: &Path) -> Result<bool, Error> {
    let empty = || {
        let connection = open(path)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
    };
    empty().map(|busy| busy == 0).map_err(|error| unreachable(path, error))
}

/// Writes the file anew, without what lies in it beside the rows. Nobody else writes meanwhile.
pub(super) fn vacuum(path: &Path) -> Result<(), Error> {
    let vacuum = || {
        let connection = open(path)?;
        connection.busy_timeout(VACUUM_WAITS)?;
        connection.execute_batch("VACUUM")
    };
    vacuum().map_err(|error| unreachable(path, error))
}

fn unreachable(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::Unreachable { store: path.display().to_string(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::reader::Query;
    use crate::store::tables::{EVENT, OTHERS};

    /// The tables of a fresh store with their columns, in order.
    fn fresh_schema() -> Vec<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateward.db");
        create(&path).unwrap();
        migrate(&path).unwrap();
        let tables = "SELECT name, (SELECT group_concat(name) FROM pragma_table_info(sqlite_schema.name)) \
            FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let query = Query::of("sqlite_schema", tables, Vec::new());
        Reader::new(&path).all(&query, |row| Ok((row.string(0)?, row.string(1)?))).unwrap()
    }

    #[test]
    fn every_table_with_every_column_is_carried_when_a_store_is_copied() {
        // What a migration makes, and does not stand in the list, would be left behind.
        let listed = OTHERS.iter().chain([&EVENT]);
        let mut listed: Vec<(String, String)> =
            listed.map(|table| (table.name.to_owned(), table.column_names().replace(", ", ","))).collect();
        listed.push(("schema_state".into(), "one,version,oldest_binary".into()));
        // These are made from the log, there anew.
        listed.push(("audit_index".into(), "one,next_position".into()));
        listed.push(("audit_term".into(), "term,at_us,position,part".into()));
        listed.push(("audit_again".into(), "first_position,last_position".into()));
        // Made from the events.
        listed.push(("log_head".into(), "one,next_position,recorded_at,turn,edge".into()));
        listed.push(("log_node".into(), "level,number,hash".into()));
        listed.sort();
        assert_eq!(fresh_schema(), listed);
    }

    #[test]
    fn an_event_has_the_columns_that_the_formats_name_and_no_others() {
        assert_eq!(
            EVENT.column_names(),
            "position, id, format_version, instance, occurred_at, recorded_at, salt, body, personal_salt, personal, \
             personal_hash, entry"
        );
    }
}
