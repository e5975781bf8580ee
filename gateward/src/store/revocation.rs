//! The revocation counter: what every decision is made under.

use rusqlite::Connection;

use super::{Error, Reader};

/// The counter's value when something was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub(super) i64);

pub(super) fn read(connection: &Connection) -> rusqlite::Result<Revision> {
    connection.prepare_cached("SELECT counter FROM revocation")?.query_row([], |row| row.get(0).map(Revision))
}

/// Returns the counter as it stands.
///
/// # Errors
///
/// [`Error::Unreachable`]; running answers then pause.
pub fn current(reader: &Reader) -> Result<Revision, Error> {
    reader.read(read)
}

/// Moves the counter: whatever was decided before is decided once more.
#[derive(Debug)]
pub struct Advance;

impl Advance {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection.prepare_cached("UPDATE revocation SET counter = counter + 1")?.execute([])
    }
}
