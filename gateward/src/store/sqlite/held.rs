//! A SQLite file that nobody else writes while we hold it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params_from_iter};

use super::{ServeLock, engine, migrate, open, unreachable};
use crate::base::time::Clock;
use crate::store::Error;
use crate::store::event;
use crate::store::sql::{Row, Value};
use crate::store::tables::{Cells, Page, Table};
use crate::store::tree::Growing;
use crate::store::writer::Head;

/// A SQLite file in one immediate transaction, with the lock that a server would have.
pub(in crate::store) struct Held {
    path: PathBuf,
    clock: Clock,
    // Before the lock: it is closed while the file is still ours.
    connection: Connection,
    _lock: ServeLock,
}

/// How long a command that writes is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

impl Held {
    pub fn take(path: &Path, clock: &Clock) -> Result<Self, Error> {
        // Looked for first: a lock would be left beside a file that is not there.
        migrate(path)?;
        let lock = ServeLock::take(path)?;
        let begin = || {
            let connection = open(path)?;
            connection.busy_timeout(PATIENCE)?;
            connection.execute_batch("BEGIN IMMEDIATE")?;
            Ok(connection)
        };
        let connection = begin().map_err(|error: rusqlite::Error| unreachable(path, error))?;
        Ok(Self { path: path.to_owned(), clock: clock.clone(), connection, _lock: lock })
    }

    fn unreachable(&self, error: impl std::fmt::Display) -> Error {
        unreachable(&self.path, error)
    }

    pub fn head(&self) -> Result<Head, Error> {
        engine::head(&self.connection).map_err(|error| self.unreachable(error))
    }

    pub fn now(&self) -> Result<Timestamp, Error> {
        self.clock.now().map_err(|error| self.unreachable(error))
    }

    pub fn page(&self, table: &Table, after: Option<Value<'_>>) -> Result<Page, Error> {
        let unreachable = |error: rusqlite::Error| self.unreachable(error);
        let sql = table.page(after.is_none());
        let mut statement = self.connection.prepare_cached(&sql).map_err(unreachable)?;
        let mut rows = statement.query(params_from_iter(after)).map_err(unreachable)?;
        let mut page = Page::of(table);
        while let Some(row) = rows.next().map_err(unreachable)? {
            page.push(&Row::Sqlite(row)).map_err(|unfit| table.damaged(&unfit))?;
        }
        Ok(page)
    }

    pub fn insert(&self, table: &Table, page: &Page) -> Result<(), Error> {
        let marks: Vec<String> = (1..=table.columns.len()).map(|at| format!("?{at}")).collect();
        let sql =
            format!("INSERT INTO {} ({}) VALUES ({})", table.name, table.column_names(), marks.join(", "));
        let insert = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            for row in 0..page.rows {
                statement.execute(params_from_iter(page.columns.iter().map(|cells| value(cells, row))))?;
            }
            Ok(())
        };
        insert().map_err(|error: rusqlite::Error| self.unreachable(error))
    }

    pub fn clear(&self, table: &Table) -> Result<(), Error> {
        let cleared = self.connection.execute(&format!("DELETE FROM {}", table.name), []);
        cleared.map(|_| ()).map_err(|error| self.unreachable(error))
    }

    pub fn tree(&self) -> Result<Growing, Error> {
        let sql = "SELECT edge, next_position FROM log_head";
        let tree = self.connection.query_row(sql, [], |row| {
            Ok(Growing::of(row.get_ref(0)?.as_blob()?, row.get(1)?).map_err(|mismatch| mismatch.to_string()))
        });
        let damaged = |reason| Error::Damaged { table: "log_head", reason };
        tree.map_err(|error| self.unreachable(error))?.map_err(damaged)
    }

    pub fn grow(&self, tree: &mut Growing) -> Result<(), Error> {
        engine::grow(&self.connection, tree).map_err(|error| self.unreachable(error))
    }

    pub fn append(&self, row: &event::Row<'_>, tree: &mut Growing) -> Result<(), Error> {
        tree.append(row.entry);
        engine::append(&self.connection, row)
            .and_then(|()| engine::move_head(&self.connection, row.position + 1, row.recorded_at, tree))
            .map_err(|error| self.unreachable(error))
    }

    pub fn commit(self) -> Result<(), String> {
        self.connection.execute_batch("COMMIT").map_err(|error| error.to_string())
    }
}

fn value(cells: &Cells, row: usize) -> Value<'_> {
    match cells {
        Cells::Integer(cells) => cells[row].into(),
        Cells::Text(cells) => cells[row].as_deref().into(),
        Cells::Bytes(cells) => cells[row].as_deref().into(),
    }
}
