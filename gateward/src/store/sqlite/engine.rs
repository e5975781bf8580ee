//! Writes batches into a SQLite file: one immediate transaction each, durable when it returns.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, TransactionBehavior, params, params_from_iter};

use super::open;
use crate::base::id::EventId;
use crate::base::time::{Clock, from_stored, stored};
use crate::store::event::Row;
use crate::store::revocation::Revision;
use crate::store::sql::{Statement, Value};
use crate::store::tree::{Growing, Mismatch, Written};
use crate::store::writer::{Attempt, Batch, ClockBehindLog, CommitError, Head};

/// The writing side of one SQLite file.
#[derive(Debug)]
pub(in crate::store) struct Engine {
    path: PathBuf,
    clock: Clock,
    /// `None` after a failure: the next attempt opens it afresh.
    open: Option<Open>,
    written: Written,
}

/// A connection, and the file that it has, whatever stands at its path by now.
#[derive(Debug)]
struct Open {
    connection: Connection,
    file: Option<FileId>,
}

impl Open {
    fn at(path: &Path) -> rusqlite::Result<Self> {
        // Asked first: a file that is exchanged meanwhile is found to be another one, and opened anew.
        let file = file_at(path);
        Ok(Self { connection: open(path)?, file })
    }
}

/// Device and inode.
type FileId = (u64, u64);

fn file_at(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Why a batch could not be written at all.
enum Trouble {
    Sql(rusqlite::Error),
    Clock(ClockBehindLog),
    Tree(Mismatch),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Engine {
    /// Opens the file at `path`.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn open(path: &Path, clock: Clock) -> rusqlite::Result<Self> {
        Ok(Self { path: path.to_owned(), clock, open: Some(Open::at(path)?), written: Written::default() })
    }

    /// Tries once to write `batch`.
    pub fn attempt(&mut self, batch: Batch<'_>) -> Attempt {
        let attempt = self.try_write(batch);
        if matches!(attempt, Attempt::Failed(_) | Attempt::Refused(_) | Attempt::Unknown(_)) {
            self.open = None;
        }
        attempt
    }

    fn try_write(&mut self, batch: Batch<'_>) -> Attempt {
        let now = match self.clock.now() {
            Ok(now) => now,
            Err(stepped) => return Attempt::Failed(stepped.to_string()),
        };
        let Open { connection, file } = match connected(&self.path, &mut self.open) {
            Ok(open) => open,
            Err(error) => return Attempt::Failed(error.to_string()),
        };
        let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(transaction) => transaction,
            Err(error) if is_busy(&error) => return Attempt::Busy,
            Err(error) => return Attempt::Failed(error.to_string()),
        };
        // Dropping the transaction rolls it back; nothing is on the disk then.
        let (answers, tree) = match write_all(&transaction, &self.written, batch, now) {
            Ok(written) => written,
            Err(Trouble::Sql(error)) if is_refusal(&error) => return Attempt::Refused(error.to_string()),
            Err(Trouble::Sql(error)) => return Attempt::Failed(error.to_string()),
            Err(Trouble::Clock(behind)) => return Attempt::Failed(behind.to_string()),
            Err(Trouble::Tree(mismatch)) => return Attempt::Failed(mismatch.to_string()),
        };
        // A crash before this line leaves nothing of the batch; after it, all of it. Nobody has been
        // told anything yet.
        if let Err(error) = transaction.commit() {
            return Attempt::Unknown(error.to_string());
        }
        // What is committed to a file that nobody finds any more is lost: it is looked for in the one that is there.
        if file_at(&self.path) != *file {
            return Attempt::Unknown("somebody put another file in the place of the store's".into());
        }
        self.written.note(tree);
        Attempt::Done(answers)
    }

    /// Tells which of the events `ids` a failed COMMIT left, on a new connection.
    ///
    /// # Errors
    ///
    /// What SQLite says; it is not known then.
    pub fn find_out(&mut self, ids: &[Option<EventId>]) -> Result<Vec<bool>, String> {
        let found = connected(&self.path, &mut self.open).and_then(|open| {
            let transaction = open.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.push(match id {
                    Some(id) => transaction
                        .prepare_cached("SELECT 1 FROM event WHERE id = ?1")?
                        .exists([id.to_string()])?,
                    None => false,
                });
            }
            // A write of our own that must reach the disk: what lies before it has then, too, and what
            // the failed commit left behind the end of the write-ahead log is overwritten.
            transaction.execute("UPDATE log_head SET turn = turn + 1", [])?;
            transaction.commit()?;
            Ok(found)
        });
        found.map_err(|error| {
            self.open = None;
            error.to_string()
        })
    }
}

fn connected<'a>(path: &Path, kept: &'a mut Option<Open>) -> rusqlite::Result<&'a mut Open> {
    let open = match kept.take() {
        Some(open) => open,
        None => Open::at(path)?,
    };
    Ok(kept.insert(open))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether the statement itself is refused, and not all of them.
fn is_refusal(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig)
    )
}

pub(super) fn head(connection: &Connection) -> rusqlite::Result<Head> {
    connection.prepare_cached("SELECT next_position, recorded_at FROM log_head")?.query_row([], read_head)
}

fn read_head(row: &rusqlite::Row<'_>) -> rusqlite::Result<Head> {
    let recorded_at = from_stored(row.get_ref(1)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(Head { next_position: row.get(0)?, recorded_at })
}

/// Returns the head of the log with its tree, for whoever appends.
fn end(connection: &Connection) -> Result<(Head, Growing), Trouble> {
    let sql = "SELECT next_position, recorded_at, edge, (SELECT max(position) FROM event) FROM log_head";
    let mut statement = connection.prepare_cached(sql)?;
    let (head, tree) = statement.query_row([], |row| {
        let head = read_head(row)?;
        Ok((head, Growing::of_head(row.get_ref(2)?.as_blob()?, head.next_position, row.get(3)?)))
    })?;
    Ok((head, tree.map_err(Trouble::Tree)?))
}

/// Moves the head of the log, and its tree, behind what was appended.
pub(super) fn move_head(
    connection: &Connection,
    next_position: i64,
    recorded_at: &str,
    tree: &mut Growing,
) -> rusqlite::Result<()> {
    grow(connection, tree)?;
    connection
        .prepare_cached("UPDATE log_head SET next_position = ?1, recorded_at = ?2, edge = ?3")?
        .execute(params![next_position, recorded_at, tree.edge()])?;
    Ok(())
}

/// Stores what of the tree is finished.
pub(super) fn grow(connection: &Connection, tree: &mut Growing) -> rusqlite::Result<()> {
    for node in tree.take_finished() {
        connection
            .prepare_cached("INSERT INTO log_node (level, number, hash) VALUES (?1, ?2, ?3)")?
            .execute(params![node.level, node.number, node.hash])?;
    }
    Ok(())
}

/// Makes the tree of all events that are there, in constant memory.
pub(super) fn make_tree(connection: &Connection) -> rusqlite::Result<()> {
    let mut tree = Growing::empty();
    let mut entries = connection.prepare("SELECT entry FROM event ORDER BY position")?;
    let mut entries = entries.query([])?;
    while let Some(row) = entries.next()? {
        tree.append(row.get(0)?);
        grow(connection, &mut tree)?;
    }
    connection.execute("UPDATE log_head SET edge = ?1", [tree.edge()])?;
    Ok(())
}

fn revision(connection: &Connection) -> rusqlite::Result<Revision> {
    connection.prepare_cached("SELECT counter FROM revocation")?.query_row([], |row| row.get(0).map(Revision))
}

/// Writes what of `batch` can be; returns what each proposal is answered, and the tree as it is then.
fn write_all(
    connection: &Connection,
    written: &Written,
    batch: Batch<'_>,
    now: Timestamp,
) -> Result<(Vec<Result<(), CommitError>>, Growing), Trouble> {
    let (head, mut tree) = end(connection)?;
    written.check(&tree).map_err(Trouble::Tree)?;
    let recorded_at = stored(head.next_time(now).map_err(Trouble::Clock)?);
    let mut position = head.next_position;
    let mut revision = revision(connection)?;
    let mut answers = Vec::with_capacity(batch.len());
    for proposal in batch.proposals() {
        if proposal.decided_under.is_some_and(|decided| decided != revision) {
            answers.push(Err(CommitError::Stale(revision)));
            continue;
        }
        let statements: Vec<_> =
            proposal.changes.iter().flat_map(super::super::writer::Change::statements).collect();
        if !apply(connection, &statements)? {
            answers.push(Err(CommitError::Precondition));
            continue;
        }
        for new in &proposal.events {
            let row = Row::new(position, &recorded_at, new);
            append(connection, &row)?;
            tree.append(row.entry);
            position += 1;
        }
        if proposal.advances_revocation() {
            revision = self::revision(connection)?;
        }
        answers.push(Ok(()));
    }
    if position > head.next_position {
        move_head(connection, position, &recorded_at, &mut tree)?;
    }
    Ok((answers, tree))
}

/// Applies all of `statements`, or none and returns `false`.
fn apply(connection: &Connection, statements: &[Statement<'_>]) -> rusqlite::Result<bool> {
    match statements {
        [] => Ok(true),
        [only] => Ok(only.touches.holds(execute(connection, only)?)),
        several => {
            connection.prepare_cached("SAVEPOINT proposal")?.execute([])?;
            for statement in several {
                if !statement.touches.holds(execute(connection, statement)?) {
                    connection.prepare_cached("ROLLBACK TO proposal")?.execute([])?;
                    connection.prepare_cached("RELEASE proposal")?.execute([])?;
                    return Ok(false);
                }
            }
            connection.prepare_cached("RELEASE proposal")?.execute([])?;
            Ok(true)
        }
    }
}

fn execute(connection: &Connection, statement: &Statement<'_>) -> rusqlite::Result<u64> {
    let rows = connection.prepare_cached(statement.sql)?.execute(params_from_iter(&statement.values))?;
    Ok(rows as u64)
}

pub(super) fn append(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO event (position, id, format_version, instance, occurred_at, recorded_at, salt, body, \
             personal_salt, personal, personal_hash, entry) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            row.position,
            row.id,
            row.format_version,
            row.instance,
            row.occurred_at,
            row.recorded_at,
            row.salt,
            row.body,
            row.personal_salt,
            row.personal,
            row.personal_hash,
            row.entry,
        ])?;
    connection
        .prepare_cached(
            "INSERT INTO search (position, recorded_at, kind, outcome, service, who, transaction_id, reference) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            row.position,
            row.recorded_at,
            row.search.kind,
            row.search.outcome,
            row.search.service,
            row.search.who,
            row.transaction,
            row.reference,
        ])?;
    Ok(())
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Absent => ValueRef::Null,
        }))
    }
}
