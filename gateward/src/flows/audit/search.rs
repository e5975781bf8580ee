//! Searching the log as a FHIR client does, and reading one event of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::index::{at_us, index_next, term};
use super::question::{Cursor, Question};
use super::{Observer, resources};
use crate::flows::door::Door;
use crate::store::audit_term::{self, Find, Place};
use crate::store::{self, Failed, event};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's, who comes back: so much was recorded lately that the index is behind, or nothing can be written now.
    #[error("the index of the log is behind: try again in a few seconds")]
    Behind,
    /// The caller's, who asks for less.
    #[error("too many events would have to be looked at: name a shorter time")]
    TooMuch,
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Store(store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::TookTooLong { .. } => Self::TooMuch,
            other => Self::Store(other),
        }
    }
}

/// A page of what was found.
#[derive(Debug)]
pub struct Found {
    /// The resources, in order.
    pub resources: Vec<Value>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
    /// How many there are, where that was asked.
    pub total: Option<u64>,
}

/// How long a search indexes what is missing of the log as it was when the search began.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many are counted at most.
const COUNTED: u32 = 1_000_000;

/// How many candidates one search looks at, where the index knows only how texts begin.
pub const LOOKED_AT: usize = 20_000;

/// How many of them at once, where they are counted.
const AT_ONCE: u32 = 500;

/// Answers `question`, looking at `most` candidates at the most where the index knows only how texts begin.
///
/// # Errors
///
/// [`Error`].
pub async fn search(
    door: &Door,
    observer: &Observer,
    question: &Question,
    most: usize,
) -> Result<Found, Error> {
    let reader = &door.store.reader;
    let mut find = range(door, observer, question).await?;
    if let Some(ids) = question.ids() {
        return by_ids(door, observer, question, ids, &find).await;
    }
    if question.only_count && question.is_exact() {
        // One more than is counted: a number that is only the bound would be taken for the answer.
        let total = audit_term::count(reader, &find, COUNTED + 1).await?;
        if total > COUNTED.into() {
            return Err(Error::TooMuch);
        }
        return Ok(Found { resources: Vec::new(), next: None, total: Some(total) });
    }
    if question.only_count {
        let total = look_through(door, observer, question, find, most).await?;
        return Ok(Found { resources: Vec::new(), next: None, total: Some(total) });
    }
    let mut found: Vec<(Place, Value)> = Vec::new();
    let mut looked_at = 0;
    let batch = question.count + 1;
    loop {
        let places = audit_term::find(reader, &find, batch).await?;
        let Some(last) = places.last().copied() else { break };
        looked_at += places.len();
        let told = read(door, observer, &places).await?;
        found.extend(told.into_iter().filter(|(_, resource)| question.holds(resource)));
        find.after = Some(last);
        if found.len() > question.count as usize || places.len() < batch as usize {
            break;
        }
        if looked_at >= most {
            return Err(Error::TooMuch);
        }
    }
    Ok(page(question, found, find.end))
}

/// Counts those that are meant among what the index knows of, up to `most`; none of them is kept.
async fn look_through(
    door: &Door,
    observer: &Observer,
    question: &Question,
    mut find: Find,
    most: usize,
) -> Result<u64, Error> {
    let (mut total, mut looked_at) = (0, 0);
    loop {
        let places = audit_term::find(&door.store.reader, &find, AT_ONCE).await?;
        looked_at += places.len();
        if looked_at > most {
            return Err(Error::TooMuch);
        }
        let told = read(door, observer, &places).await?;
        total += told.iter().filter(|(_, resource)| question.holds(resource)).count() as u64;
        match places.last() {
            Some(last) if places.len() == AT_ONCE as usize => find.after = Some(*last),
            _ => return Ok(total),
        }
    }
}

/// Finds the few that have one of `ids`: these stand in no index.
async fn by_ids(
    door: &Door,
    observer: &Observer,
    question: &Question,
    ids: &[String],
    find: &Find,
) -> Result<Found, Error> {
    let mut found = BTreeMap::new();
    for id in ids {
        let Some((place, resource)) = placed(door, observer, id).await? else { continue };
        let beyond =
            find.after.is_none_or(|after| if find.newest_first { place < after } else { place > after });
        let in_time = (find.since_us..find.until_us).contains(&place.at_us);
        if beyond && in_time && (find.first..find.end).contains(&place.position) && question.holds(&resource)
        {
            found.insert(place, resource);
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    if find.newest_first {
        found.reverse();
    }
    Ok(page(question, found, find.end))
}

/// Makes the answer from what was found, which is in order; `end` is the log's, when the search began.
fn page(question: &Question, mut found: Vec<(Place, Value)>, end: i64) -> Found {
    if question.only_count {
        return Found { resources: Vec::new(), next: None, total: Some(found.len() as u64) };
    }
    let more = found.len() > question.count as usize;
    found.truncate(question.count as usize);
    let next = found.last().filter(|_| more).map(|(place, _)| Cursor { after: *place, end });
    Found { resources: found.into_iter().map(|(_, resource)| resource).collect(), next, total: None }
}

/// Has the index come as far as the log, and says what is looked for there.
async fn range(door: &Door, observer: &Observer, question: &Question) -> Result<Find, Error> {
    let reader = &door.store.reader;
    let now = event::length(reader).await?.map_or(0, |length| as_position(length.events));
    let end = question.cursor.map_or(now, |cursor| cursor.end.min(now));
    // Not left to those who index behind the log: the record of the search before this one would be waited for each time.
    let indexing = async {
        while audit_term::end(reader).await? < end || audit_term::again(reader).await?.is_some() {
            index_next(door, observer).await?;
        }
        Ok::<(), Failed>(())
    };
    match tokio::time::timeout(PATIENCE, indexing).await {
        Ok(Err(Failed::Read(error))) => return Err(error.into()),
        Ok(Ok(())) => {}
        Ok(Err(Failed::Write(_))) | Err(_) => return Err(Error::Behind),
    }
    let written = |at| event::first_at(reader, at);
    let first = as_position(written(question.written_since).await?);
    let until = as_position(written(question.written_until).await?);
    let groups = question.groups();
    let groups = groups.iter().map(|group| group.iter().map(|key| term(&door.keyring, key)).collect());
    Ok(Find {
        groups: groups.collect(),
        since_us: question.since.as_microsecond(),
        until_us: question.until.as_microsecond(),
        first,
        end: end.min(until),
        after: question.cursor.map(|cursor| cursor.after),
        newest_first: question.newest_first,
    })
}

fn as_position(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads what stands at `places`, in their order. Of an event with many parts no more than these stay in memory.
async fn read(door: &Door, observer: &Observer, places: &[Place]) -> Result<Vec<(Place, Value)>, Error> {
    let mut positions: Vec<i64> = places.iter().map(|place| place.position).collect();
    positions.dedup();
    let events = event::at_positions(&door.store.reader, &positions).await?;
    let wanted: BTreeSet<(i64, i64)> = places.iter().map(|place| (place.position, place.part)).collect();
    let mut told = BTreeMap::new();
    for recorded in &events {
        let position = as_position(recorded.position);
        let parts =
            (0..).zip(resources(recorded, observer)).map(|(part, resource)| ((position, part), resource));
        told.extend(parts.filter(|(part, _)| wanted.contains(part)));
    }
    let resource = |place: &Place| Some((*place, told.remove(&(place.position, place.part))?));
    Ok(places.iter().filter_map(resource).collect())
}

/// Reads one event by the id that its resource has; `None` if there is none.
///
/// # Errors
///
/// [`Error::Store`].
pub async fn read_one(door: &Door, observer: &Observer, id: &str) -> Result<Option<Value>, Error> {
    Ok(placed(door, observer, id).await?.map(|(_, resource)| resource))
}

/// The same, with its place.
async fn placed(door: &Door, observer: &Observer, id: &str) -> Result<Option<(Place, Value)>, Error> {
    // An id of ours, and which of its parts.
    const UUID: usize = 36;
    let Some(own) = id.get(..UUID).filter(|own| own.parse::<crate::base::id::EventId>().is_ok()) else {
        return Ok(None);
    };
    let events = event::show(&door.store.reader, own).await?;
    let Some(recorded) = events.iter().find(|event| event.id == own) else { return Ok(None) };
    let told = resources(recorded, observer).into_iter().zip(0i64..);
    let place = |(resource, part): (Value, i64)| {
        let place = Place { at_us: at_us(&resource), position: as_position(recorded.position), part };
        (place, resource)
    };
    Ok(told.map(place).find(|(_, resource)| resource["id"] == id))
}
