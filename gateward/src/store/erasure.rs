//! What was taken out of the log, under which decision, and how far that is.
//!
//! One decision at a time is carried out, in steps: each step empties some events and moves the cursor in
//! one commit, so that whoever comes next goes on behind it, and two who do it at once do it once.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader, audit_term};
use crate::base::id::ErasureId;

const TABLE: &str = "erasure";

/// A stretch of the log: its first and its last position.
pub type Stretch = (u64, u64);

/// A decision that is being carried out.
#[derive(Debug, Clone)]
pub struct Open {
    /// Its id.
    pub id: ErasureId,
    /// What goes.
    pub scope: Scope,
    /// How far it is.
    pub next: u64,
    /// Where it is done.
    pub end: u64,
    /// How many events lost something.
    pub events: u64,
    /// How many stayed because they are held.
    pub held: u64,
    /// Who decided: `os:NAME`; `None` for the server.
    pub began_by: Option<String>,
}

/// What goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Whatever was recorded before then.
    Before(Timestamp),
    /// Whatever names a person.
    Person {
        /// The same for the same name, and worth nothing without the keyring.
        pseudonym: String,
        /// What they are found by, sealed to the row.
        sealed_names: Vec<u8>,
    },
}

/// Returns the decision that is being carried out, if there is one.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn open(reader: &Reader) -> Result<Option<Open>, Error> {
    let sql = "SELECT id, recorded_before, person, sealed_names, next_position, end_position, events, held, \
               began_by FROM erasure WHERE done_at IS NULL";
    reader.first(Query::of(TABLE, sql, Vec::new()), row).await
}

fn row(row: &Row<'_>) -> Result<Open, Unfit> {
    let number = |column| row.integer(column).map(i64::unsigned_abs);
    let scope = match row.time_if_any(1)? {
        Some(before) => Scope::Before(before),
        None => Scope::Person { pseudonym: row.string(2)?, sealed_names: row.bytes(3)?.to_vec() },
    };
    Ok(Open {
        id: row.parsed(0)?,
        scope,
        next: number(4)?,
        end: number(5)?,
        events: number(6)?,
        held: number(7)?,
        began_by: Some(row.string(8)?).filter(|by| !by.is_empty()),
    })
}

/// Returns the stretch of wholly erased events that begins at or before `position` and ends last.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn whole_around(reader: &Reader, position: u64) -> Result<Option<Stretch>, Error> {
    let sql = "SELECT first_position, last_position FROM erased_whole WHERE first_position <= ?1 \
               ORDER BY first_position DESC LIMIT 1";
    let stretch = |row: &Row<'_>| Ok((row.integer(0)?.unsigned_abs(), row.integer(1)?.unsigned_abs()));
    let found = reader.first(Query::of("erased_whole", sql, values![signed(position)]), stretch).await?;
    Ok(found.filter(|(_, last)| *last >= position))
}

/// As the columns have it.
fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Begins to carry out a decision, unless another one is being carried out.
#[derive(Debug)]
pub struct Begin {
    /// Its id.
    pub id: ErasureId,
    /// What goes.
    pub scope: Scope,
    /// The first position that is looked at.
    pub next: u64,
    /// The first that is not.
    pub end: u64,
    /// When.
    pub at: Timestamp,
    /// Who decided: `os:NAME`; `None` for the server.
    pub by: Option<String>,
}

impl Begin {
    pub(super) fn statement(&self) -> Statement<'_> {
        let (what, before, person, names) = match &self.scope {
            Scope::Before(before) => ("expiry", Some(*before), None, None),
            Scope::Person { pseudonym, sealed_names } => {
                ("person", None, Some(pseudonym), Some(sealed_names.as_slice()))
            }
        };
        Statement::one(
            "INSERT INTO erasure (id, what, recorded_before, person, sealed_names, next_position, end_position, \
             events, held, began_at, began_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8, ?9) \
             ON CONFLICT DO NOTHING",
            values![
                self.id.to_string(),
                what,
                before,
                person,
                names,
                signed(self.next),
                signed(self.end),
                self.at,
                self.by.as_deref().unwrap_or_default()
            ],
        )
    }
}

/// Empties some events and moves the cursor, unless somebody else moved it, or a hold was made meanwhile.
#[derive(Debug)]
pub struct Step {
    /// Of which decision.
    pub id: ErasureId,
    /// Where the cursor is.
    pub from: u64,
    /// Where it is then.
    pub to: u64,
    /// What loses everything: stretches of which nothing was lost whole before.
    pub whole: Vec<Stretch>,
    /// What loses its personal part: stretches of which none was lost before.
    pub personal: Vec<Stretch>,
    /// How many events these are.
    pub events: u64,
    /// How many stayed because they are held.
    pub held: u64,
    /// How many holds there were when this was decided, released ones as well.
    pub holds: u64,
}

impl Step {
    pub(super) fn statements(&self) -> Vec<Statement<'_>> {
        let moved = Statement::one(
            "UPDATE erasure SET next_position = ?3, events = events + ?4, held = held + ?5 \
             WHERE id = ?1 AND next_position = ?2 AND done_at IS NULL \
             AND (SELECT count(*) FROM audit_hold) = ?6",
            values![
                self.id.to_string(),
                signed(self.from),
                signed(self.to),
                signed(self.events),
                signed(self.held),
                signed(self.holds)
            ],
        );
        let whole = self.whole.iter().flat_map(|(first, last)| {
            let (first, last) = (signed(*first), signed(*last));
            [
                Statement::one(
                    "INSERT INTO erased_whole (first_position, last_position, erasure) VALUES (?1, ?2, ?3)",
                    values![first, last, self.id.to_string()],
                ),
                Statement::any(
                    "UPDATE event SET salt = NULL, body = NULL, personal_salt = NULL, personal = NULL \
                     WHERE position BETWEEN ?1 AND ?2",
                    values![first, last],
                ),
                Statement::any(
                    "UPDATE search SET kind = 'erased', outcome = 'erased', service = NULL, who = NULL, \
                     transaction_id = NULL, reference = NULL WHERE position BETWEEN ?1 AND ?2",
                    values![first, last],
                ),
                audit_term::forget(first, last),
            ]
        });
        let personal = self.personal.iter().flat_map(|(first, last)| {
            let (first, last) = (signed(*first), signed(*last));
            [
                Statement::one(
                    "INSERT INTO erased_personal (first_position, last_position, erasure) VALUES (?1, ?2, ?3)",
                    values![first, last, self.id.to_string()],
                ),
                Statement::any(
                    "UPDATE event SET personal_salt = NULL, personal = NULL WHERE position BETWEEN ?1 AND ?2",
                    values![first, last],
                ),
                audit_term::forget(first, last),
                audit_term::index_again(first, last),
            ]
        });
        std::iter::once(moved).chain(whole).chain(personal).collect()
    }
}

/// Says that a decision is carried out, and forgets whom it was about.
#[derive(Debug)]
pub struct Finish {
    /// Which.
    pub id: ErasureId,
    /// When.
    pub at: Timestamp,
}

impl Finish {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE erasure SET done_at = ?2, sealed_names = NULL WHERE id = ?1 AND done_at IS NULL \
             AND next_position >= end_position",
            values![self.id.to_string(), self.at],
        )
    }
}
