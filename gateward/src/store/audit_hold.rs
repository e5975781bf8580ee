//! What must stay in the log for a reason, whatever else would go. Rows stay; what they say of people goes
//! when they are released.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader};
use crate::base::id::HoldId;

const TABLE: &str = "audit_hold";

/// A hold that holds.
#[derive(Debug, Clone)]
pub struct HoldRow {
    /// Its id.
    pub id: HoldId,
    /// Whom the events name, sealed to the row; `None`: anybody.
    pub sealed_person: Option<Vec<u8>>,
    /// Recorded then or later; `None`: from the beginning.
    pub since: Option<Timestamp>,
    /// Recorded before then; `None`: without end.
    pub until: Option<Timestamp>,
    /// Why, sealed to the row.
    pub sealed_reason: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it: `os:NAME`.
    pub created_by: String,
}

fn row(row: &Row<'_>) -> Result<HoldRow, Unfit> {
    Ok(HoldRow {
        id: row.parsed(0)?,
        sealed_person: row.bytes_if_any(1)?.map(<[u8]>::to_vec),
        since: row.time_if_any(2)?,
        until: row.time_if_any(3)?,
        sealed_reason: row.bytes(4)?.to_vec(),
        created_at: row.time(5)?,
        created_by: row.string(6)?,
    })
}

/// Returns those that hold, the oldest first.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn all(reader: &Reader) -> Result<Vec<HoldRow>, Error> {
    let sql = "SELECT id, sealed_person, since, until, sealed_reason, created_at, created_by FROM audit_hold \
               WHERE released_at IS NULL ORDER BY created_at, id";
    reader.all(Query::of(TABLE, sql, Vec::new()), row).await
}

/// Returns how many were ever made.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn count(reader: &Reader) -> Result<u64, Error> {
    let query = Query::of(TABLE, "SELECT count(*) FROM audit_hold", Vec::new());
    Ok(reader.first(query, |row| row.integer(0)).await?.unwrap_or(0).unsigned_abs())
}

/// Makes one.
#[derive(Debug)]
pub struct Create {
    /// What it holds, and why.
    pub row: HoldRow,
}

impl Create {
    pub(super) fn statement(&self) -> Statement<'_> {
        let HoldRow { id, sealed_person, since, until, sealed_reason, created_at, created_by } = &self.row;
        Statement::one(
            "INSERT INTO audit_hold (id, sealed_person, since, until, sealed_reason, created_at, created_by) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            values![
                id.to_string(),
                sealed_person.as_deref(),
                *since,
                *until,
                sealed_reason.as_slice(),
                *created_at,
                created_by
            ],
        )
    }
}

/// Lets what one holds go, and forgets whom it was about; one that was released already is refused.
#[derive(Debug)]
pub struct Release {
    /// Which.
    pub id: HoldId,
    /// When.
    pub at: Timestamp,
}

impl Release {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE audit_hold SET released_at = ?2, sealed_person = NULL, sealed_reason = NULL \
             WHERE id = ?1 AND released_at IS NULL",
            values![self.id.to_string(), self.at],
        )
    }
}
