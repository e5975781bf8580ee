//! What searches through the FHIR interface look at: terms, each with the places where it stands.
//!
//! Made from the log alone, behind it and never with it: the door does not wait for an index.

use std::fmt::Write as _;
use std::sync::LazyLock;

use super::reader::Query;
use super::sql::{self, Statement, Unfit, Value, values};
use super::{Error, Reader};

/// One AuditEvent: where in time and in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// `AuditEvent.recorded`, in microseconds since 1970.
    pub at_us: i64,
    /// The event's position.
    pub position: i64,
    /// Which of those that the event is told as, from 0.
    pub part: i64,
}

/// A term at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// The keyed hash of a parameter and a value.
    pub term: i64,
    /// Where.
    pub place: Place,
}

/// Adds the terms of the events from `from` until before `to`.
#[derive(Debug)]
pub struct Add {
    /// Where the index ended: another server may have gone on meanwhile, and then nothing is added.
    pub from: i64,
    /// Where it ends afterwards.
    pub to: i64,
    /// How many bodies and personal parts these events had when their terms were made: where one was erased
    /// meanwhile, nothing is added, or the index would still know what the log has forgotten.
    pub parts: i64,
    /// The terms.
    pub terms: Vec<Term>,
}

/// How many terms one statement adds.
const ROWS: usize = 64;

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let row = |at: usize| format!("(?{}, ?{}, ?{}, ?{})", at + 1, at + 2, at + 3, at + 4);
    let rows: Vec<String> = (0..ROWS).map(|number| row(4 * number)).collect();
    let rows = rows.join(", ");
    format!("INSERT INTO audit_term (term, at_us, position, part) VALUES {rows} ON CONFLICT DO NOTHING")
});

impl Add {
    pub(super) fn statements(&self) -> Vec<Statement<'_>> {
        let moved = Statement::one(
            "UPDATE audit_index SET next_position = ?2 WHERE one = 1 AND next_position = ?1 \
             AND (SELECT count(body) + count(personal) FROM event WHERE position >= ?1 AND position < ?2) = ?3",
            values![self.from, self.to, self.parts],
        );
        [moved].into_iter().chain(self.terms.chunks(ROWS).map(insert)).collect()
    }
}

/// Adds up to [`ROWS`] terms; a statement has one length, so the last of fewer stands several times.
fn insert(terms: &[Term]) -> Statement<'_> {
    let last = terms.last().into_iter();
    let full = terms.iter().chain(last.cycle()).take(ROWS);
    let values = full
        .flat_map(|Term { term, place }| [*term, place.at_us, place.position, place.part].map(Value::from));
    Statement::any(&INSERT, values.collect())
}

/// Adds the terms of what is left of events of which a part was erased: theirs went with it.
#[derive(Debug)]
pub struct Again {
    /// The first of a stretch of them.
    pub first: i64,
    /// Its last.
    pub last: i64,
    /// The first that is not done with this.
    pub to: i64,
    /// How many bodies and personal parts those before `to` had, as for [`Add`].
    pub parts: i64,
    /// The terms.
    pub terms: Vec<Term>,
}

impl Again {
    pub(super) fn statements(&self) -> Vec<Statement<'_>> {
        let done = Statement::one(
            "DELETE FROM audit_again WHERE first_position = ?1 AND last_position = ?2 \
             AND (SELECT count(body) + count(personal) FROM event WHERE position >= ?1 AND position < ?3) = ?4",
            values![self.first, self.last, self.to, self.parts],
        );
        let rest = (self.to <= self.last).then(|| index_again(self.to, self.last));
        [done].into_iter().chain(rest).chain(self.terms.chunks(ROWS).map(insert)).collect()
    }
}

/// Has what is left of the events from `first` to `last` indexed anew.
pub(super) fn index_again(first: i64, last: i64) -> Statement<'static> {
    Statement::any(
        "INSERT INTO audit_again (first_position, last_position) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        values![first, last],
    )
}

/// Returns a stretch of events that are to be indexed anew: its first and its last; `None` if there is none.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn again(reader: &Reader) -> Result<Option<(i64, i64)>, Error> {
    let sql = "SELECT first_position, last_position FROM audit_again ORDER BY first_position, last_position LIMIT 1";
    let stretch = |row: &sql::Row<'_>| Ok((row.integer(0)?, row.integer(1)?));
    reader.first(Query::of("audit_again", sql, Vec::new()), stretch).await
}

/// Forgets the terms of the events from `first` to `last`, whose content goes.
pub(super) fn forget(first: i64, last: i64) -> Statement<'static> {
    Statement::any("DELETE FROM audit_term WHERE position BETWEEN ?1 AND ?2", values![first, last])
}

/// Returns where the index ends: every event before it is there.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn end(reader: &Reader) -> Result<i64, Error> {
    let query = Query::of("audit_index", "SELECT next_position FROM audit_index", Vec::new());
    Ok(reader.first(query, |row| row.integer(0)).await?.unwrap_or(0))
}

/// What is looked for: in each of the groups one term, in a stretch of time and of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    /// One of each must stand there; never empty, and none of them is.
    pub groups: Vec<Vec<i64>>,
    /// Recorded at this microsecond or later.
    pub since_us: i64,
    /// Recorded before.
    pub until_us: i64,
    /// At this position or later.
    pub first: i64,
    /// Before this position: the log's end when the search began, so that its pages are of one state.
    pub end: i64,
    /// Beyond this place, in the order that is asked for.
    pub after: Option<Place>,
    /// The newest first.
    pub newest_first: bool,
}

/// How many rows are counted to tell a rare term from a frequent one.
const FREQUENT: i64 = 5_000;

/// Returns the first `limit` places, in order.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn find(reader: &Reader, find: &Find, limit: u32) -> Result<Vec<Place>, Error> {
    let order = rarest_first(reader, find).await?;
    let Some((driving, others)) = order.split_first() else { return Ok(Vec::new()) };
    let mut places = Vec::new();
    for term in *driving {
        let (sql, values) = places_of(find, *term, others, limit);
        places.extend(reader.all_at_length(Query::of("audit_term", sql, values), place).await?);
        places.sort_unstable();
        places.dedup();
        if find.newest_first {
            places.reverse();
        }
        // Here, so that many terms take no more memory than two.
        places.truncate(limit as usize);
    }
    Ok(places)
}

/// Counts the places, as far as `most`.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn count(reader: &Reader, find: &Find, most: u32) -> Result<u64, Error> {
    let order = rarest_first(reader, find).await?;
    let Some((driving, others)) = order.split_first() else { return Ok(0) };
    if let [term] = driving.as_slice() {
        let (sql, values) = places_of(find, *term, others, most);
        let sql = format!("SELECT count(*) FROM ({sql}) AS found");
        let counted =
            reader.all_at_length(Query::of("audit_term", sql, values), |row| row.integer(0)).await?;
        return Ok(counted.first().map_or(0, |counted| counted.unsigned_abs()));
    }
    Ok(self::find(reader, find, most).await?.len() as u64)
}

/// Orders the groups by how often their terms stand there: what drives the search should be rare.
async fn rarest_first<'a>(reader: &Reader, find: &'a Find) -> Result<Vec<&'a Vec<i64>>, Error> {
    if find.groups.len() < 2 {
        return Ok(find.groups.iter().collect());
    }
    let sql = "SELECT count(*) FROM (SELECT 1 FROM audit_term WHERE term = ?1 AND at_us >= ?2 AND at_us < ?3 \
               LIMIT ?4) AS some_of_them";
    let mut counted = Vec::with_capacity(find.groups.len());
    for group in &find.groups {
        let mut rows = 0;
        for term in group {
            let values = values![*term, find.since_us, find.until_us, FREQUENT];
            rows +=
                reader.first(Query::of("audit_term", sql, values), |row| row.integer(0)).await?.unwrap_or(0);
        }
        counted.push((rows, group));
    }
    counted.sort_by_key(|(rows, _)| *rows);
    Ok(counted.into_iter().map(|(_, group)| group).collect())
}

/// Makes the query of the places of one term where one of each other group stands, too.
fn places_of(find: &Find, term: i64, others: &[&Vec<i64>], limit: u32) -> (String, Vec<Value<'static>>) {
    let mut values = values![term, find.since_us, find.until_us, find.first, find.end, limit];
    let mut sql =
        "SELECT t.at_us, t.position, t.part FROM audit_term AS t WHERE t.term = ?1 AND t.at_us >= ?2 \
                   AND t.at_us < ?3 AND t.position >= ?4 AND t.position < ?5"
            .to_owned();
    let number = |value: i64, values: &mut Vec<Value<'static>>| {
        values.push(value.into());
        format!("?{}", values.len())
    };
    if let Some(Place { at_us, position, part }) = find.after {
        let place = [at_us, position, part].map(|value| number(value, &mut values)).join(", ");
        let beyond = if find.newest_first { '<' } else { '>' };
        let _ = write!(sql, " AND (t.at_us, t.position, t.part) {beyond} ({place})");
    }
    for group in others {
        let terms: Vec<String> = group.iter().map(|term| number(*term, &mut values)).collect();
        let _ = write!(
            sql,
            " AND EXISTS (SELECT 1 FROM audit_term AS o WHERE o.term IN ({}) AND o.at_us = t.at_us \
             AND o.position = t.position AND o.part = t.part)",
            terms.join(", ")
        );
    }
    let down = if find.newest_first { " DESC" } else { "" };
    let _ = write!(sql, " ORDER BY t.at_us{down}, t.position{down}, t.part{down} LIMIT ?6");
    (sql, values)
}

fn place(row: &sql::Row<'_>) -> Result<Place, Unfit> {
    Ok(Place { at_us: row.integer(0)?, position: row.integer(1)?, part: row.integer(2)? })
}
