//! The revocation counter: what every decision is made under.

use super::reader::Query;
use super::sql::Statement;
use super::{Error, Reader};

/// The counter's value when something was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub(super) i64);

#[cfg(test)]
impl Revision {
    /// Makes one for tests that have no store.
    pub(crate) fn for_tests(counter: i64) -> Self {
        Self(counter)
    }
}

/// Returns the counter as it stands.
///
/// # Errors
///
/// [`Error::Unreachable`]; running answers then pause.
pub async fn current(reader: &Reader) -> Result<Revision, Error> {
    let query = Query::of("revocation", "SELECT counter FROM revocation", Vec::new());
    let found = reader.first(query, |row| row.integer(0).map(Revision)).await?;
    found.ok_or_else(|| Error::Damaged { table: "revocation", reason: "it has no row".into() })
}

/// Moves the counter: whatever was decided before is decided once more.
#[derive(Debug)]
pub struct Advance;

impl Advance {
    #[expect(clippy::unused_self, reason = "as every change")]
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one("UPDATE revocation SET counter = counter + 1", Vec::new())
    }
}
