//! The event log: appending to it, searching it, looking one thing up.

use audit_log::{Event, FORMAT_VERSION, PersonalHash, SALT_LENGTH};
use jiff::Timestamp;

use super::reader::Query;
use super::sql::{self, Unfit, Value, values};
use super::{Error, Reader};
use crate::base::id::{EventId, InstanceId, Reference, TransactionId};
use crate::base::time::stored;

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
    /// Canonical JSON; `None` once the whole event expired or was erased, its personal part with it.
    pub body: Option<String>,
    /// Canonical JSON; `None` once erased.
    pub personal: Option<String>,
}

impl Recorded {
    /// Returns what happened, or nothing where it was erased.
    pub fn body(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }
}

/// An event's row as it is written: with its place, its time and what binds it.
pub(super) struct Row<'a> {
    pub position: i64,
    pub id: String,
    pub format_version: i64,
    pub instance: String,
    pub occurred_at: String,
    pub recorded_at: &'a str,
    pub salt: &'a [u8],
    pub body: &'a str,
    pub personal_salt: &'a [u8],
    pub personal: &'a str,
    pub personal_hash: [u8; 32],
    pub entry: [u8; 32],
    pub search: &'a SearchColumns,
    pub transaction: Option<String>,
    pub reference: Option<String>,
}

impl<'a> Row<'a> {
    pub fn new(position: i64, recorded_at: &'a str, new: &'a NewEvent) -> Self {
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
        Self {
            position,
            id,
            format_version: FORMAT_VERSION.into(),
            instance,
            occurred_at,
            recorded_at,
            salt: &new.salt,
            body: &new.body,
            personal_salt: &new.personal_salt,
            personal: &new.personal,
            personal_hash: personal_hash.0,
            entry: entry.0,
            search: &new.search,
            transaction: new.search.transaction.map(|id| id.to_string()),
            reference: new.search.reference.map(|reference| reference.to_string()),
        }
    }
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
    /// Temporary login, user, or `os:NAME`.
    pub who: Option<String>,
}

const COLUMNS: &str = "event.position, event.id, event.instance, event.occurred_at, event.recorded_at, event.body, event.personal";

fn recorded(row: &sql::Row<'_>) -> Result<Recorded, Unfit> {
    Ok(Recorded {
        position: row.integer(0)?.unsigned_abs(),
        id: row.string(1)?,
        instance: row.string(2)?,
        occurred_at: row.string(3)?,
        recorded_at: row.string(4)?,
        body: row.text_if_any(5)?.map(str::to_owned),
        personal: row.text_if_any(6)?.map(str::to_owned),
    })
}

/// How many events are read at once.
const PAGE: u32 = 500;

/// How many positions one query looks at: what no index finds takes long in a long log, and no query
/// of it may take as long as that.
const STRETCH: i64 = 100_000;

/// The same where an index takes one caller's out of them.
const STRETCH_OF_ONE: i64 = 1_000_000;

/// The events that a filter lets through, oldest first, page by page: as many as there were when
/// the search began. The log only grows, so that this is one state of it.
#[derive(Debug)]
pub struct Search {
    reader: Reader,
    filter: Filter,
    next: i64,
    end: i64,
}

impl Search {
    /// Begins to search.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`].
    pub async fn begin(reader: &Reader, filter: Filter) -> Result<Self, Error> {
        let (next, end) = bounds(reader, &filter).await?;
        Ok(Self { reader: reader.clone(), filter, next, end })
    }

    /// How many events it looks at; all of them come where the filter names only times.
    pub fn positions(&self) -> usize {
        usize::try_from(self.end.saturating_sub(self.next)).unwrap_or(0)
    }

    /// Returns the next events; none when there are no more.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`], [`Error::Damaged`].
    pub async fn page(&mut self) -> Result<Vec<Recorded>, Error> {
        let stretch = if self.filter.who.is_some() { STRETCH_OF_ONE } else { STRETCH };
        while self.next < self.end {
            let until = self.end.min(self.next.saturating_add(stretch));
            let (sql, values) = page(&self.filter, (self.next, until), "ASC", PAGE);
            let page = self.reader.all(Query::of("event", &sql, values), recorded).await?;
            let full = page.len() >= PAGE as usize;
            self.next = match page.last() {
                Some(last) if full => i64::try_from(last.position).unwrap_or(i64::MAX).saturating_add(1),
                _ => until,
            };
            if !page.is_empty() {
                return Ok(page);
            }
        }
        Ok(Vec::new())
    }
}

/// Returns at most `most` events from `from` on and before `end` of which something is left, oldest first.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn left_between(reader: &Reader, from: u64, end: u64, most: u32) -> Result<Vec<Recorded>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM event WHERE position >= ?1 AND position < ?2 AND body IS NOT NULL \
         ORDER BY position LIMIT ?3"
    );
    let place = |position: u64| i64::try_from(position).unwrap_or(i64::MAX);
    let values = values![place(from), place(end), most];
    reader.all(Query::of("event", &sql, values), recorded).await
}

/// Returns the position of the first event that was recorded at `at` or later; the log's length if there is none.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn first_at(reader: &Reader, at: Timestamp) -> Result<u64, Error> {
    match position(reader, FIRST_AT, values![at]).await? {
        Some(first) => Ok(first.unsigned_abs()),
        None => Ok(length(reader).await?.map_or(0, |length| length.events)),
    }
}

/// Returns at most `most` events that a filter lets through, the newest first: of those before position `before` where
/// that is given, so that one page follows another however the log grows.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn newest(
    reader: &Reader,
    filter: Filter,
    before: Option<u64>,
    most: u32,
) -> Result<Vec<Recorded>, Error> {
    let (first, end) = bounds(reader, &filter).await?;
    let stretch = if filter.who.is_some() { STRETCH_OF_ONE } else { STRETCH };
    let before = before.map_or(end, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let (mut end, mut found) = (end.min(before), Vec::new());
    while first < end && found.len() < most as usize {
        let from = first.max(end.saturating_sub(stretch));
        let left = most.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        let (sql, values) = page(&filter, (from, end), "DESC", left);
        found.extend(reader.all(Query::of("event", &sql, values), recorded).await?);
        end = from;
    }
    Ok(found)
}

/// Returns between which positions, the second not included, the times of a filter lie.
async fn bounds(reader: &Reader, filter: &Filter) -> Result<(i64, i64), Error> {
    let end = position(reader, NEXT, Vec::new()).await?.unwrap_or(0);
    let first_at = |at: Option<Timestamp>| async move {
        match at {
            // Times never run back along the positions.
            Some(at) => position(reader, FIRST_AT, values![at]).await.map(|first| Some(first.unwrap_or(end))),
            None => Ok(None),
        }
    };
    let first = first_at(filter.since).await?.unwrap_or(0);
    let end = first_at(filter.until).await?.map_or(end, |until| until.min(end));
    Ok((first, end))
}

const NEXT: &str = "SELECT position + 1 FROM event ORDER BY position DESC LIMIT 1";
const FIRST_AT: &str =
    "SELECT position FROM search WHERE recorded_at >= ?1 ORDER BY recorded_at, position LIMIT 1";

/// How long the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// How many events it has.
    pub events: u64,
    /// When the newest was recorded.
    pub newest: Timestamp,
}

/// Returns how long the log is; `None` if it is empty.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn length(reader: &Reader) -> Result<Option<Length>, Error> {
    let sql = "SELECT position + 1, recorded_at FROM event ORDER BY position DESC LIMIT 1";
    let length =
        |row: &sql::Row<'_>| Ok(Length { events: row.integer(0)?.unsigned_abs(), newest: row.time(1)? });
    reader.first(Query::of("event", sql, Vec::new()), length).await
}

async fn position(reader: &Reader, sql: &str, values: Vec<Value<'_>>) -> Result<Option<i64>, Error> {
    reader.first(Query::of("event", sql, values), |row| row.integer(0)).await
}

/// Makes the query of one page between two positions, the second not included: only what the filter names stands in
/// it, so that each engine can use the index that serves it.
fn page<'a>(
    filter: &'a Filter,
    (first, end): (i64, i64),
    order: &str,
    most: u32,
) -> (String, Vec<Value<'a>>) {
    let mut wanted = vec!["search.position >= ?1 AND search.position < ?2".to_owned()];
    let mut values = values![first, end, most];
    for (column, value) in [("service", &filter.service), ("outcome", &filter.outcome), ("who", &filter.who)]
    {
        if let Some(value) = value {
            values.push(value.into());
            wanted.push(format!("search.{column} = ?{}", values.len()));
        }
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM search JOIN event ON event.position = search.position \
         WHERE {} ORDER BY search.position {order} LIMIT ?3",
        wanted.join(" AND ")
    );
    (sql, values)
}

/// Returns at most `most` events from `position` on, oldest first.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn from(reader: &Reader, position: u64, most: u32) -> Result<Vec<Recorded>, Error> {
    let position = i64::try_from(position).unwrap_or(i64::MAX);
    let sql = format!("SELECT {COLUMNS} FROM event WHERE position >= ?1 ORDER BY position LIMIT ?2");
    reader.all(Query::of("event", &sql, values![position, most]), recorded).await
}

/// Returns the events at `positions`, in the order of the log.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn at_positions(reader: &Reader, positions: &[i64]) -> Result<Vec<Recorded>, Error> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<_> = (1..=positions.len()).map(|place| format!("?{place}")).collect();
    let sql =
        format!("SELECT {COLUMNS} FROM event WHERE position IN ({}) ORDER BY position", places.join(", "));
    let values = positions.iter().map(|position| Value::from(*position)).collect();
    reader.all(Query::of("event", &sql, values), recorded).await
}

/// Returns the events that `name` (an event's id, a transaction's id or a reference) stands for,
/// with the other events of the same transactions, oldest first; empty when there is none.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn show(reader: &Reader, name: &str) -> Result<Vec<Recorded>, Error> {
    reader.all(Query::of("event", shown(), values![name]), recorded).await
}

/// Makes the query of [`show`].
fn shown() -> String {
    format!(
        "WITH named AS ( \
           SELECT position, transaction_id FROM search WHERE reference = ?1 OR transaction_id = ?1 \
           UNION SELECT position, transaction_id FROM search \
                 WHERE position IN (SELECT position FROM event WHERE id = ?1)) \
         SELECT {COLUMNS} FROM event WHERE position IN ( \
           SELECT position FROM named \
           UNION SELECT position FROM search \
                 WHERE transaction_id IN (SELECT transaction_id FROM named)) \
         ORDER BY event.position"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    /// What SQLite does at each step of `sql`; it plans by the schema alone, however many rows there are.
    async fn steps(sql: &str, values: Vec<Value<'_>>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let address = crate::base::store_address::StoreAddress::Sqlite(folder.path().join("gateward.db"));
        let store =
            Store::create(&address, crate::base::time::Clock::new(|| Ok(Timestamp::UNIX_EPOCH))).await;
        let explained = format!("EXPLAIN QUERY PLAN {sql}");
        let query = Query::of("event", &explained, values);
        store.unwrap().reader.all(query, |row| row.string(3)).await.unwrap()
    }

    fn runs_through_a_table(step: &str) -> bool {
        ["SCAN event", "SCAN search"].iter().any(|scan| step.starts_with(scan))
    }

    #[tokio::test]
    async fn on_sqlite_a_search_follows_indexes_however_long_the_log_is() {
        let who = Filter { who: Some("a".into()), ..Filter::default() };
        let all = Filter { service: Some("b".into()), outcome: Some("c".into()), ..who.clone() };
        for (filter, order) in [Filter::default(), who, all]
            .into_iter()
            .flat_map(|filter| [(filter.clone(), "ASC"), (filter, "DESC")])
        {
            let (sql, values) = page(&filter, (0, 1), order, PAGE);
            let steps = steps(&sql, values).await;
            let index = if filter.who.is_some() { "search_by_who" } else { "PRIMARY KEY" };
            assert!(steps[0].starts_with("SEARCH search") && steps[0].contains(index), "{steps:#?}");
            assert!(!steps.iter().any(|step| runs_through_a_table(step)), "{steps:#?}");
        }
        let steps = steps(FIRST_AT, values![Timestamp::UNIX_EPOCH]).await;
        assert!(steps.iter().all(|step| step.contains("search_by_time (recorded_at>?)")), "{steps:#?}");
    }

    #[tokio::test]
    async fn on_sqlite_one_event_is_found_by_indexes_however_long_the_log_is() {
        let steps = steps(&shown(), values!["ABCDE-FGHIJ"]).await;
        for index in ["search_by_reference", "search_by_transaction", "sqlite_autoindex_event_1"] {
            assert!(steps.iter().any(|step| step.contains(index)), "{index}: {steps:#?}");
        }
        assert!(!steps.iter().any(|step| runs_through_a_table(step)), "{steps:#?}");
    }
}
