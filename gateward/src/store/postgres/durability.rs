//! The settings of a server that make what it commits last.

use tokio_postgres::Row;

/// The columns that [`switched_off`] reads, for a SELECT.
macro_rules! durability {
    () => {
        "current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit"
    };
}
pub(super) use durability;

/// Returns a setting that is off: what such a server commits could be lost.
pub(super) fn switched_off(row: &Row) -> Option<&'static str> {
    ["fsync", "synchronous_commit"].into_iter().find(|setting| row.get::<_, &str>(setting) == "off")
}
