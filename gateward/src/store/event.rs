//! The event log: appending to it, searching it, looking one thing up.

use audit_log::{Event, FORMAT_VERSION, PersonalHash, SALT_LENGTH};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Error, Reader};
use crate::base::id::{EventId, InstanceId, Reference, TransactionId};
use crate::base::time::{self, stored};

/// An event before it has a position: made by `flows::record` alone.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Made before the write and unique, so that a write whose end is unknown can be looked for.
    pub id: EventId,
    /// Who writes it.
    pub instance: InstanceId,
    /// When it happened, by the caller's clock.
    pub occurred_at: Timestamp,
    /// Salt of the entry.
    pub salt: [u8; SALT_LENGTH],
    /// Canonical JSON without personal data.
    pub body: String,
    /// Salt of the personal part.
    pub personal_salt: [u8; SALT_LENGTH],
    /// Canonical JSON of what names a person.
    pub personal: String,
    /// The columns that searches look at, all of them in `body` too.
    pub search: SearchColumns,
}

/// What searches look at.
#[derive(Debug, Clone)]
pub struct SearchColumns {
    /// The kind of event, as in `body`.
    pub kind: String,
    /// `done`, `refused` or `failed`.
    pub outcome: &'static str,
    /// The service concerned.
    pub service: Option<String>,
    /// Temporary login, user or operating-system user.
    pub who: Option<String>,
    /// The request's id.
    pub transaction: Option<TransactionId>,
    /// What a refused caller was given.
    pub reference: Option<Reference>,
}

/// An event as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the one order, from 0, without gaps.
    pub position: u64,
    /// Its id.
    pub id: String,
    /// The run of the program that wrote it.
    pub instance: String,
    /// When it happened.
    pub occurred_at: String,
    /// When it was written.
    pub recorded_at: String,
    /// Canonical JSON.
    pub body: String,
    /// Canonical JSON; `None` once erased.
    pub personal: Option<String>,
}

/// The newest event's place and time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub next_position: i64,
    pub recorded_at: Timestamp,
}

pub(super) fn head(connection: &Connection) -> rusqlite::Result<Head> {
    connection
        .prepare_cached("SELECT position, recorded_at FROM event ORDER BY position DESC LIMIT 1")?
        .query_row([], |row| {
            let recorded_at: String = row.get(1)?;
            Ok(Head { next_position: row.get::<_, i64>(0)? + 1, recorded_at: instant(1, &recorded_at)? })
        })
        .optional()
        .map(|head| head.unwrap_or(Head { next_position: 0, recorded_at: Timestamp::MIN }))
}

/// Reads a stored time; a damaged one is SQLite's conversion error of that column.
pub(super) fn instant(column: usize, text: &str) -> rusqlite::Result<Timestamp> {
    time::from_stored(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

pub(super) fn append(
    connection: &Connection,
    position: i64,
    recorded_at: &str,
    new: &NewEvent,
) -> rusqlite::Result<()> {
    let id = new.id.to_string();
    let instance = new.instance.to_string();
    let occurred_at = stored(new.occurred_at);
    let personal_hash = PersonalHash::of(&new.personal_salt, &new.personal);
    let event = Event {
        id: &id,
        format_version: FORMAT_VERSION,
        instance: &instance,
        occurred_at: &occurred_at,
        recorded_at,
        body: &new.body,
    };
    let entry = event.entry(&new.salt, personal_hash);
    connection
        .prepare_cached(
            "INSERT INTO event (position, id, format_version, instance, occurred_at, recorded_at, salt, body, \
             personal_salt, personal, personal_hash, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            position,
            id,
            FORMAT_VERSION,
            instance,
            occurred_at,
            recorded_at,
            new.salt,
            new.body,
            new.personal_salt,
            new.personal,
            personal_hash.0,
            entry.0,
        ])?;
    let search = &new.search;
    connection
        .prepare_cached(
            "INSERT INTO search (position, recorded_at, kind, outcome, service, who, transaction_id, reference) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            position,
            recorded_at,
            search.kind,
            search.outcome,
            search.service,
            search.who,
            search.transaction.map(|id| id.to_string()),
            search.reference.map(|reference| reference.to_string()),
        ])?;
    Ok(())
}

/// Returns the position of the event `id`, if it was ever committed.
pub(super) fn position_of(connection: &Connection, id: EventId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT position FROM event WHERE id = ?1")?
        .query_row([id.to_string()], |row| row.get(0))
        .optional()
}

/// What to look for; what is `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Recorded at this instant or later.
    pub since: Option<Timestamp>,
    /// Recorded before this instant.
    pub until: Option<Timestamp>,
    /// Concerning this service.
    pub service: Option<String>,
    /// `done`, `refused` or `failed`.
    pub outcome: Option<String>,
}

const COLUMNS: &str = "event.position, event.id, event.instance, event.occurred_at, event.recorded_at, event.body, event.personal";

fn recorded(row: &Row<'_>) -> rusqlite::Result<Recorded> {
    Ok(Recorded {
        position: row.get::<_, i64>(0)?.unsigned_abs(),
        id: row.get(1)?,
        instance: row.get(2)?,
        occurred_at: row.get(3)?,
        recorded_at: row.get(4)?,
        body: row.get(5)?,
        personal: row.get(6)?,
    })
}

/// Hands every event that `filter` lets through to `each`, oldest first, one at a time in memory.
///
/// `each` returns `false` to stop. All events come from one snapshot.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn search(reader: &Reader, filter: &Filter, mut each: impl FnMut(Recorded) -> bool) -> Result<(), Error> {
    let since = filter.since.map(stored);
    let until = filter.until.map(stored);
    reader.read(|connection| {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM search JOIN event ON event.position = search.position \
             WHERE (?1 IS NULL OR search.recorded_at >= ?1) AND (?2 IS NULL OR search.recorded_at < ?2) \
             AND (?3 IS NULL OR search.service = ?3) AND (?4 IS NULL OR search.outcome = ?4) \
             ORDER BY search.position"
        ))?;
        let mut rows = statement.query(params![since, until, filter.service, filter.outcome])?;
        while let Some(row) = rows.next()? {
            if !each(recorded(row)?) {
                break;
            }
        }
        Ok(())
    })
}

/// Returns the events that `name` (an event's id, a transaction's id or a reference) stands for,
/// with the other events of the same transactions, oldest first; empty when there is none.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn show(reader: &Reader, name: &str) -> Result<Vec<Recorded>, Error> {
    reader.read(|connection| {
        let mut statement = connection.prepare_cached(&format!(
            "WITH named AS ( \
               SELECT position, transaction_id FROM search WHERE reference = ?1 OR transaction_id = ?1 \
               UNION SELECT position, transaction_id FROM search \
                     WHERE position IN (SELECT position FROM event WHERE id = ?1)), \
             wanted AS ( \
               SELECT position FROM named \
               UNION SELECT search.position FROM search JOIN named \
                     ON search.transaction_id = named.transaction_id) \
             SELECT {COLUMNS} FROM event JOIN wanted ON wanted.position = event.position ORDER BY event.position"
        ))?;
        statement.query_map([name], recorded)?.collect()
    })
}
