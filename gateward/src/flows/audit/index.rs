//! The index of the FHIR interface: made behind the log, page by page, by whichever server or search comes first.

use jiff::Timestamp;
use serde_json::Value;

use super::terms::{self, Key};
use super::{Observer, resources};
use crate::flows::door::Door;
use crate::flows::keyring::Keyring;
use crate::store::audit_term::{self, Place, Term};
use crate::store::event::{self, Recorded};
use crate::store::{self, Change, CommitError, Failed};

/// How many events are indexed with one commit at most: the door waits some hundredths of a second for it.
pub const PAGE: u32 = 256;

/// How many terms a commit adds at most, and those of one event more: one that names hundreds of patients has as many
/// as a page of others.
const TERMS: usize = 20_000;

/// Indexes the next events; returns whether there may be more.
///
/// # Errors
///
/// [`Failed`]: what was indexed stays, and the rest comes later.
pub async fn index_next(door: &Door, observer: &Observer) -> Result<bool, Failed> {
    let reader = &door.store.reader;
    // One at a time: others would make the same page for nothing.
    let _turn = door.indexing.lock().await;
    let change = match audit_term::again(reader).await? {
        Some(stretch) => index_again(door, observer, stretch).await?,
        None => match index_more(door, observer).await? {
            Some(change) => change,
            None => return Ok(false),
        },
    };
    // A crash before: the page is indexed again. Another server was faster, or some of it was erased: look anew.
    match door.recorder.behind(change, Vec::new()).await {
        Ok(()) | Err(CommitError::Precondition) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Makes what is added for the events that are not indexed yet; `None` where there are none.
async fn index_more(door: &Door, observer: &Observer) -> Result<Option<Change>, store::Error> {
    let reader = &door.store.reader;
    let from = audit_term::end(reader).await?;
    let page = event::from(reader, from.unsigned_abs(), PAGE).await?;
    let Some(last) = page.last() else { return Ok(None) };
    let (terms, next) = terms_of_first(door, observer, page.iter());
    let to = next.unwrap_or(position(last) + 1);
    let parts = parts_of(&page, to);
    Ok(Some(Change::AddAuditTerms(audit_term::Add { from, to, parts, terms })))
}

/// Makes what is added for the first events of a stretch of which a part was erased: of one that is gone, nothing.
async fn index_again(
    door: &Door,
    observer: &Observer,
    (first, last): (i64, i64),
) -> Result<Change, store::Error> {
    let most = u32::try_from(last - first + 1).unwrap_or(PAGE).min(PAGE);
    let page = event::from(&door.store.reader, first.unsigned_abs(), most).await?;
    let left = page.iter().filter(|event| event.body.is_some());
    let (terms, next) = terms_of_first(door, observer, left);
    let to = next.unwrap_or(page.last().map_or(last, position) + 1);
    let parts = parts_of(&page, to);
    Ok(Change::AddAuditTermsAgain(audit_term::Again { first, last, to, parts, terms }))
}

/// How many bodies and personal parts those before `to` have.
fn parts_of(page: &[Recorded], to: i64) -> i64 {
    let before = page.iter().filter(|event| position(event) < to);
    before.map(|event| i64::from(event.body.is_some()) + i64::from(event.personal.is_some())).sum()
}

/// Makes the terms of the first of these events, as many as one commit adds; returns with them the position of the
/// event that comes next, if one is left. In the order of the table: each of its pages is touched once.
fn terms_of_first<'e>(
    door: &Door,
    observer: &Observer,
    events: impl Iterator<Item = &'e Recorded>,
) -> (Vec<Term>, Option<i64>) {
    let (mut terms, mut next) = (Vec::new(), None);
    for recorded in events {
        if terms.len() >= TERMS {
            next = Some(position(recorded));
            break;
        }
        terms.extend(terms_of(&door.keyring, recorded, observer));
    }
    terms.sort_unstable();
    (terms, next)
}

fn position(recorded: &Recorded) -> i64 {
    i64::try_from(recorded.position).unwrap_or(i64::MAX)
}

/// Returns the terms of one event of ours: of each AuditEvent that it is told as.
pub fn terms_of(keyring: &Keyring, recorded: &Recorded, observer: &Observer) -> Vec<Term> {
    let told = resources(recorded, observer);
    let parts = told.iter().zip(0i64..);
    parts
        .flat_map(|(resource, part)| {
            let place = Place { at_us: at_us(resource), position: position(recorded), part };
            terms::keys(resource).into_iter().map(move |key| Term { term: term(keyring, &key), place })
        })
        .collect()
}

/// When a resource says that it was recorded, in microseconds.
pub(super) fn at_us(resource: &Value) -> i64 {
    let recorded = resource["recorded"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    recorded.map_or(0, Timestamp::as_microsecond)
}

/// What stands in the index for a parameter and its value.
pub(super) fn term(keyring: &Keyring, (parameter, value): &Key) -> i64 {
    keyring.index_term(parameter, value)
}
