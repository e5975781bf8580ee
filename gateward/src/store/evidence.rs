//! Events with everything that they commit to, for whoever verifies the log.

use audit_log::{Entry, PersonalHash, Row as Verifiable, SALT_LENGTH, Salted};
use serde::Deserialize;

use super::reader::Query;
use super::sql::{Row, Unfit, values};
use super::{Error, Reader};

/// An event as it stands in the store, whole or what is left of it.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Its place in the log.
    pub position: u64,
    /// Its id.
    pub id: String,
    /// Which definition of an entry it was made by.
    pub format_version: u32,
    /// The run of the program that wrote it.
    pub instance: String,
    /// When it happened.
    pub occurred_at: String,
    /// When it was written.
    pub recorded_at: String,
    /// Salt and text of the body; `None` once it is gone.
    pub body: Option<([u8; SALT_LENGTH], String)>,
    /// Salt and text of the personal part; `None` once it is gone.
    pub personal: Option<([u8; SALT_LENGTH], String)>,
    /// What stays of the personal part.
    pub personal_hash: PersonalHash,
    /// What the event commits to.
    pub entry: Entry,
    /// The erasure that took what is missing.
    pub erasure: Option<String>,
    /// Where searches find it; `None` where they do not.
    pub searched: Option<Searched>,
}

/// What searches look at, as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searched {
    /// When the event was written.
    pub recorded_at: String,
    /// What is made from its body.
    pub columns: Columns,
}

/// What is made from an event's body for searches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Columns {
    /// The kind of event.
    pub kind: Option<String>,
    /// How it came out.
    pub outcome: Option<String>,
    /// The service concerned.
    pub service: Option<String>,
    /// Who did it.
    pub who: Option<String>,
    /// The request's id.
    pub transaction: Option<String>,
    /// What a refused caller was given.
    pub reference: Option<String>,
}

impl Evidence {
    /// As a verification takes it.
    pub fn row(&self) -> Verifiable<'_> {
        Verifiable {
            position: self.position,
            id: &self.id,
            format_version: self.format_version,
            instance: &self.instance,
            occurred_at: &self.occurred_at,
            recorded_at: &self.recorded_at,
            body: salted(self.body.as_ref()),
            personal: salted(self.personal.as_ref()),
            personal_hash: self.personal_hash,
            entry: self.entry,
            erasure: self.erasure.as_deref(),
        }
    }
}

fn salted(part: Option<&([u8; SALT_LENGTH], String)>) -> Option<Salted<'_>> {
    part.map(|(salt, text)| Salted { salt: *salt, text })
}

/// How many are read at once: eight tiles' worth.
pub const PAGE: u64 = 2048;

fn part(row: &Row<'_>, salt: usize, text: usize) -> Result<Option<([u8; SALT_LENGTH], String)>, Unfit> {
    match (row.bytes_if_any(salt)?.is_some(), row.text_if_any(text)?) {
        (true, Some(found)) => Ok(Some((row.array(salt)?, found.to_owned()))),
        (false, None) => Ok(None),
        // They are written together, and go together.
        (true, None) => Err(Unfit { column: text, reason: "its salt is there, and it is not".into() }),
        (false, Some(_)) => {
            Err(Unfit { column: salt, reason: "what it salted is there, and it is not".into() })
        }
    }
}

fn evidence(row: &Row<'_>) -> Result<Evidence, Unfit> {
    Ok(Evidence {
        position: row.integer(0)?.unsigned_abs(),
        id: row.string(1)?,
        // One that no program ever wrote is none that this one knows.
        format_version: u32::try_from(row.integer(2)?).unwrap_or(u32::MAX),
        instance: row.string(3)?,
        occurred_at: row.string(4)?,
        recorded_at: row.string(5)?,
        body: part(row, 6, 7)?,
        personal: part(row, 8, 9)?,
        personal_hash: PersonalHash(row.array(10)?),
        entry: Entry(row.array(11)?),
        erasure: row.text_if_any(12)?.map(str::to_owned),
        searched: searched(row)?,
    })
}

fn searched(row: &Row<'_>) -> Result<Option<Searched>, Unfit> {
    let text = |column| Ok(row.text_if_any(column)?.map(str::to_owned));
    let Some(recorded_at) = text(13)? else { return Ok(None) };
    let columns = Columns {
        kind: text(14)?,
        outcome: text(15)?,
        service: text(16)?,
        who: text(17)?,
        transaction: text(18)?,
        reference: text(19)?,
    };
    Ok(Some(Searched { recorded_at, columns }))
}

/// Returns the events from position `first` to before `end`, in their order, [`PAGE`] of them at most.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn page(reader: &Reader, first: u64, end: u64) -> Result<Vec<Evidence>, Error> {
    let sql = "SELECT event.position, id, format_version, instance, occurred_at, event.recorded_at, salt, body, \
               personal_salt, personal, personal_hash, entry, CASE \
               WHEN body IS NULL THEN (SELECT CASE WHEN last_position >= event.position THEN erasure END FROM erased_whole \
                 WHERE first_position <= event.position ORDER BY first_position DESC LIMIT 1) \
               WHEN personal IS NULL THEN (SELECT CASE WHEN last_position >= event.position THEN erasure END \
                 FROM erased_personal WHERE first_position <= event.position ORDER BY first_position DESC LIMIT 1) \
               END, search.recorded_at, kind, outcome, service, who, transaction_id, reference \
               FROM event LEFT JOIN search ON search.position = event.position \
               WHERE event.position >= ?1 AND event.position < ?2 ORDER BY event.position LIMIT ?3";
    let limit = u32::try_from(PAGE).unwrap_or(u32::MAX);
    let [first, end] = [first, end].map(|position| i64::try_from(position).unwrap_or(i64::MAX));
    reader.all(Query::of("event", sql, values![first, end, limit]), evidence).await
}

/// Finds a place in what searches look at where no event stands: before the first, or from `end` on.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn searched_without_event(reader: &Reader, end: u64) -> Result<Option<i64>, Error> {
    // What is appended meanwhile has its event: one statement sees one state.
    let beyond = "SELECT position FROM search WHERE position >= ?1 AND NOT EXISTS \
                  (SELECT 1 FROM event WHERE event.position = search.position) ORDER BY position LIMIT 1";
    let before = "SELECT position FROM search WHERE position < 0 ORDER BY position LIMIT 1";
    let end = i64::try_from(end).unwrap_or(i64::MAX);
    let place = |row: &Row<'_>| row.integer(0);
    match reader.first(Query::of("search", before, Vec::new()), place).await? {
        Some(place) => Ok(Some(place)),
        None => reader.first(Query::of("search", beyond, values![end]), place).await,
    }
}

/// Finds an event that stands where the log's head says that there is none: before the first, or behind the last.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn beyond_the_head(reader: &Reader) -> Result<Option<i64>, Error> {
    // What is appended meanwhile moves the head: one statement sees one state.
    let beyond = "SELECT position FROM event WHERE position >= (SELECT next_position FROM log_head) \
                  ORDER BY position LIMIT 1";
    let before = "SELECT position FROM event WHERE position < 0 ORDER BY position LIMIT 1";
    let place = |row: &Row<'_>| row.integer(0);
    match reader.first(Query::of("event", before, Vec::new()), place).await? {
        Some(place) => Ok(Some(place)),
        None => reader.first(Query::of("event", beyond, Vec::new()), place).await,
    }
}

/// Finds where the event `id` stands and what it commits to.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn entry(reader: &Reader, id: &str) -> Result<Option<(u64, Entry)>, Error> {
    let sql = "SELECT position, entry FROM event WHERE id = ?1";
    let found = |row: &Row<'_>| Ok((row.integer(0)?.unsigned_abs(), Entry(row.array(1)?)));
    reader.first(Query::of("event", sql, values![id]), found).await
}
