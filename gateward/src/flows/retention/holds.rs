//! What is exempt from expiry and erasure, and for which reason.

use jiff::Timestamp;

use super::names::{Names, NotAName, Parts};
use crate::base::id::HoldId;
use crate::base::time::stored;
use crate::flows::door::Door;
use crate::flows::keyring::{CannotOpen, Place};
use crate::flows::record::{Happened, Personal, What};
use crate::store::audit_hold::{self, Create, HoldRow, Release};
use crate::store::event::{self, Recorded};
use crate::store::{self, Change, CommitError, Reader};

/// How many bytes a reason may have.
const LONGEST_REASON: usize = 2000;

/// Why no hold was made or released.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's.
    #[error(transparent)]
    Name(#[from] NotAName),
    /// The operator's.
    #[error("a hold names a person, or a time, or both: else nothing would ever go")]
    HoldsEverything,
    /// The operator's.
    #[error("a hold has a reason, of at most {LONGEST_REASON} bytes")]
    Reason,
    /// The operator's.
    #[error("there is no hold {0}: `gateward audit hold list` shows those there are")]
    NoSuchHold(HoldId),
    /// The operator's: the keyring is another one, or the row was changed.
    #[error(transparent)]
    Sealed(#[from] CannotOpen),
    /// The operator's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// What is to be held.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whom the events name; `None`: anybody.
    pub person: Option<String>,
    /// Recorded then or later.
    pub since: Option<Timestamp>,
    /// Recorded before then.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// A hold that holds.
#[derive(Debug, Clone)]
pub struct Hold {
    /// As it is stored.
    pub row: HoldRow,
    /// Whom the events name; `None`: anybody.
    pub names: Option<Names>,
    /// Why.
    pub reason: String,
}

impl Hold {
    /// Whether `event`, whose parts these are, stays.
    pub fn holds(&mut self, event: &Recorded, parts: &Parts) -> bool {
        // Whatever its time is, it may tell by what else the person is called.
        let names_them = self.names.as_mut().is_none_or(|names| !names.find(parts).nowhere());
        let recorded_at = event.recorded_at.as_str();
        let begun = self.row.since.is_none_or(|since| stored(since).as_str() <= recorded_at);
        let ended = self.row.until.is_some_and(|until| stored(until).as_str() <= recorded_at);
        names_them && begun && !ended
    }
}

fn place<'a>(row: &'a str, column: &'static str) -> Place<'a> {
    Place { table: "audit_hold", row, column }
}

/// Returns all that hold, the oldest first.
///
/// # Errors
///
/// [`Error::Store`], [`Error::Sealed`].
pub async fn list(door: &Door) -> Result<Vec<Hold>, Error> {
    let mut holds = Vec::new();
    for row in audit_hold::all(&door.store.reader).await? {
        let id = row.id.to_string();
        let person = place(&id, "sealed_person");
        let names = match &row.sealed_person {
            Some(sealed) => {
                let text = door.keyring.open(person, sealed)?;
                Some(Names::parse(text.expose()).ok_or_else(|| person.cannot_open())?)
            }
            None => None,
        };
        let reason = door.keyring.open(place(&id, "sealed_reason"), &row.sealed_reason)?;
        holds.push(Hold { names, reason: reason.expose().to_owned(), row });
    }
    Ok(holds)
}

/// Makes a hold; it acts on whatever expires or is erased from then on.
///
/// The person's name and the reason are sealed in the row, and stand in the personal part of the event.
///
/// # Errors
///
/// [`Error`].
pub async fn create(door: &Door, wanted: Wanted, by: &str, now: Timestamp) -> Result<HoldId, Error> {
    let Wanted { person, since, until, reason } = wanted;
    if person.is_none() && since.is_none() && until.is_none() {
        return Err(Error::HoldsEverything);
    }
    if reason.trim().is_empty() || reason.len() > LONGEST_REASON {
        return Err(Error::Reason);
    }
    let names = match &person {
        Some(person) => Some(all_names(&door.store.reader, Names::new(person)?).await?),
        None => None,
    };
    let id = HoldId::new(now, &door.random);
    let text = id.to_string();
    let seal = |column, plain: &str| door.keyring.seal(place(&text, column), plain, &door.random);
    let row = HoldRow {
        id,
        sealed_person: names.as_ref().map(|names| seal("sealed_person", &names.to_text())),
        since,
        until,
        sealed_reason: seal("sealed_reason", &reason),
        created_at: now,
        created_by: by.to_owned(),
    };
    let what = What::HoldCreated { hold: id, since: since.map(stored), until: until.map(stored) };
    let happened = Happened {
        who: Some(by.to_owned()),
        personal: Personal { person, detail: Some(reason), ..Personal::default() },
        ..Happened::done(what)
    };
    let changes = vec![Change::CreateHold(Box::new(Create { row }))];
    door.recorder.commit(None, changes, &[happened], now).await?;
    Ok(id)
}

/// Releases a hold: whatever it held goes with the next expiry or erasure.
///
/// # Errors
///
/// [`Error::NoSuchHold`], [`Error::Store`], [`Error::Commit`].
pub async fn release(door: &Door, id: HoldId, by: &str, now: Timestamp) -> Result<(), Error> {
    let change = Change::ReleaseHold(Release { id, at: now });
    let happened = Happened { who: Some(by.to_owned()), ..Happened::done(What::HoldReleased { hold: id }) };
    match door.recorder.commit(None, vec![change], &[happened], now).await {
        Err(CommitError::Precondition) => Err(Error::NoSuchHold(id)),
        done => Ok(done?),
    }
}

/// Reads the log to learn by what else it calls somebody.
///
/// # Errors
///
/// [`store::Error::Unreachable`].
pub async fn all_names(reader: &Reader, mut names: Names) -> Result<Names, store::Error> {
    learn(reader, &mut [&mut names]).await?;
    Ok(names)
}

/// Reads the log to learn by what else it calls these people, until it says nothing new: what names somebody can stand
/// before what tells that it does.
///
/// # Errors
///
/// [`store::Error::Unreachable`].
pub async fn learn(reader: &Reader, people: &mut [&mut Names]) -> Result<(), store::Error> {
    let end = event::length(reader).await?.map_or(0, |length| length.events);
    let known = |people: &[&mut Names]| people.iter().map(|names| names.all().len()).sum::<usize>();
    let mut before = 0;
    while known(people) > before {
        before = known(people);
        let mut next = 0;
        loop {
            let page = event::left_between(reader, next, end, super::PAGE).await?;
            let Some(last) = page.last() else { break };
            next = last.position + 1;
            for event in &page {
                let parts = Parts::of(event);
                for names in people.iter_mut() {
                    names.find(&parts);
                }
            }
        }
    }
    Ok(())
}
