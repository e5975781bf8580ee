//! A SQLite file page by page, as it is at one instant, while others write.
//!
//! A copy is made neither on the disk nor in memory: the pages are read in one read transaction, which sees
//! nothing of what is committed after its begin. What comes out is a database file by itself, without the
//! write-ahead log beside it. That log grows while the transaction lasts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{open_to_read, unreachable};
use crate::base::sql_name::quoted;
use crate::store::Error;

/// What SQLite was built with; without the table of pages every backup of a store would fail.
const FLAGS: &str =
    env!("LIBSQLITE3_FLAGS", "build inside the source tree: .cargo/config.toml says how SQLite is built");
const _: () = assert!(
    contains(FLAGS.as_bytes(), b"-DSQLITE_ENABLE_DBPAGE_VTAB"),
    "LIBSQLITE3_FLAGS must have -DSQLITE_ENABLE_DBPAGE_VTAB, as in .cargo/config.toml"
);

/// All pages of a SQLite file at one instant; it holds a read transaction.
#[derive(Debug)]
pub struct Pages {
    path: PathBuf,
    connection: Connection,
    bytes: u64,
}

/// Why the pages did not all go out.
#[derive(Debug, thiserror::Error)]
pub enum Broken<E> {
    /// The file.
    #[error(transparent)]
    Read(Error),
    /// Whoever takes them.
    #[error("{0}")]
    Taker(E),
}

impl Pages {
    /// Begins the read transaction, from which on nothing changes.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Unreachable`].
    pub fn begin(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            return Err(Error::Missing(path.to_owned()));
        }
        let begin = || {
            let connection = open_to_read(path)?;
            // The transaction begins with what it reads first, not with BEGIN.
            connection.execute_batch("BEGIN")?;
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
            let bytes = u64::from(number("page_count")?) * u64::from(number("page_size")?);
            Ok((connection, bytes))
        };
        let (connection, bytes) = begin().map_err(|error: rusqlite::Error| unreachable(path, error))?;
        Ok(Self { path: path.to_owned(), connection, bytes })
    }

    /// How long all pages are.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts the rows of each table.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`].
    pub fn rows(&self) -> Result<BTreeMap<String, u64>, Error> {
        const TABLES: &str =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
        let count = || {
            let mut tables = self.connection.prepare(TABLES)?;
            let names = tables.query_map([], |row| row.get::<_, String>(0))?;
            names
                .map(|name| {
                    let name = name?;
                    let count = format!("SELECT count(*) FROM {}", quoted(&name));
                    let rows = self.connection.query_row(&count, [], |row| row.get::<_, i64>(0))?;
                    Ok((name, rows.unsigned_abs()))
                })
                .collect::<rusqlite::Result<_>>()
        };
        count().map_err(|error: rusqlite::Error| unreachable(&self.path, error))
    }

    /// Hands every page to `take`, in order: together they are the file.
    ///
    /// # Errors
    ///
    /// [`Broken::Read`]; [`Broken::Taker`] with what `take` says.
    pub fn each<E>(&self, mut take: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), Broken<E>> {
        let sql = |error: rusqlite::Error| Broken::Read(unreachable(&self.path, error));
        let mut pages =
            self.connection.prepare("SELECT data FROM sqlite_dbpage('main') ORDER BY pgno").map_err(sql)?;
        let mut pages = pages.query([]).map_err(sql)?;
        let mut taken = 0;
        while let Some(page) = pages.next().map_err(sql)? {
            let page = page.get_ref(0).map_err(sql)?.as_blob();
            let page = page.map_err(|error| sql(error.into()))?;
            take(page).map_err(Broken::Taker)?;
            taken += page.len() as u64;
        }
        if taken == self.bytes {
            Ok(())
        } else {
            let reason = format!("{taken} bytes of pages, {} expected", self.bytes);
            Err(Broken::Read(unreachable(&self.path, reason)))
        }
    }
}

const fn contains(text: &[u8], part: &[u8]) -> bool {
    let mut from = 0;
    while from + part.len() <= text.len() {
        let mut same = 0;
        while same < part.len() && text[from + same] == part[same] {
            same += 1;
        }
        if same == part.len() {
            return true;
        }
        from += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::open;

    /// A database with a thousand rows of a kilobyte each, a part of it in the write-ahead log alone.
    fn database(folder: &Path) -> PathBuf {
        let path = folder.join("store.db");
        super::super::create(&path).unwrap();
        let connection = open(&path).unwrap();
        connection
            .execute_batch("CREATE TABLE \"a \"\"table\" (number INTEGER PRIMARY KEY, text TEXT)")
            .unwrap();
        for number in 0..1000 {
            let row = (number, "x".repeat(1000));
            connection.execute("INSERT INTO \"a \"\"table\" VALUES (?1, ?2)", row).unwrap();
        }
        path
    }

    /// Stops a writer also where what it disturbs fails.
    struct Stopping<'a>(&'a std::sync::atomic::AtomicBool);

    impl Drop for Stopping<'_> {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[test]
    fn what_is_written_after_the_begin_is_neither_counted_nor_in_the_pages() {
        let folder = tempfile::tempdir().unwrap();
        let path = database(folder.path());
        let pages = Pages::begin(&path).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let mut copy = Vec::new();
        std::thread::scope(|scope| {
            let _writer = Stopping(&stop);
            scope.spawn(|| {
                let connection = open(&path).unwrap();
                let mut number = 1000;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let row = (number, "y".repeat(100));
                    connection.execute("INSERT INTO \"a \"\"table\" VALUES (?1, ?2)", row).unwrap();
                    connection
                        .execute("DELETE FROM \"a \"\"table\" WHERE number = ?1", [number - 900])
                        .unwrap();
                    connection.pragma_query_value(None, "wal_checkpoint", |_| Ok(())).unwrap();
                    number += 1;
                }
            });
            let mut piece = |page: &[u8]| {
                copy.extend_from_slice(page);
                std::thread::sleep(std::time::Duration::from_millis(1));
                Ok::<_, ()>(())
            };
            pages.each(&mut piece).unwrap();
            assert_eq!(pages.rows().unwrap(), BTreeMap::from([("a \"table".to_owned(), 1000)]));
        });
        assert_eq!(copy.len() as u64, pages.bytes());

        let restored = folder.path().join("restored.db");
        std::fs::write(&restored, copy).unwrap();
        let restored = open(&restored).unwrap();
        let look = |sql: &str| restored.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!(look("PRAGMA integrity_check"), "ok");
        assert_eq!(look("SELECT count(*) || ' to ' || max(number) FROM \"a \"\"table\""), "1000 to 999");
    }

    #[test]
    fn a_file_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        assert!(matches!(Pages::begin(&path), Err(Error::Missing(_))));
        assert!(!path.exists());
    }
}
