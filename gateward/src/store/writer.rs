//! The one writer: gathers many callers' changes and events into one durable commit.
//!
//! Callers hand in a [`Proposal`] and wait; a thread of its own takes whatever waits, checks each
//! proposal's preconditions, applies its changes, appends its events and commits once for all. One
//! caller's refusal is only theirs. `Ok` means: on the disk.
//!
//! While another process holds the database's write lock, proposals wait until their deadline. A
//! commit whose end is unknown is looked for by event id, and acknowledged only after a commit of
//! our own has gone through.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::event::{self, NewEvent};
use super::revocation::Revision;
use super::{Error, grant, instance, issuer, revocation, sqlite, temporary_login, token_block, user};
use crate::base::time::{Clock, stored};

/// What a flow wants stored: all of it or nothing, under the revocation counter it was decided by.
#[derive(Debug, Default)]
pub struct Proposal {
    /// The counter under which this was decided; `None` for records of what has happened anyway.
    pub decided_under: Option<Revision>,
    /// In order; the first that its precondition refuses stops them all.
    pub changes: Vec<Change>,
    /// Appended after the changes, in order.
    pub events: Vec<NewEvent>,
}

/// One change of one table, with its precondition: it must touch exactly one row.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is documented in its table's file")]
pub enum Change {
    AdvanceRevocation(revocation::Advance),
    CreateLogin(Box<temporary_login::Create>),
    ProlongLogin(temporary_login::Prolong),
    DeleteLogin(temporary_login::Delete),
    BlockToken(token_block::Block),
    UnblockToken(token_block::Unblock),
    CreateUser(user::Create),
    CreateGrant(grant::Create),
    DeleteGrant(grant::Delete),
    NoteIssuer(issuer::Note),
    ForgetIssuer(issuer::Forget),
    RevokeIssuer(issuer::Revoke),
    RenewLease(instance::Renew),
    RetireInstance(instance::Retire),
    OpenTransaction(instance::Open),
    CloseTransaction(instance::Close),
}

impl Change {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        match self {
            Self::AdvanceRevocation(change) => change.apply(connection),
            Self::CreateLogin(change) => change.apply(connection),
            Self::ProlongLogin(change) => change.apply(connection),
            Self::DeleteLogin(change) => change.apply(connection),
            Self::BlockToken(change) => change.apply(connection),
            Self::UnblockToken(change) => change.apply(connection),
            Self::CreateUser(change) => change.apply(connection),
            Self::CreateGrant(change) => change.apply(connection),
            Self::DeleteGrant(change) => change.apply(connection),
            Self::NoteIssuer(change) => change.apply(connection),
            Self::ForgetIssuer(change) => change.apply(connection),
            Self::RevokeIssuer(change) => change.apply(connection),
            Self::RenewLease(change) => change.apply(connection),
            Self::RetireInstance(change) => change.apply(connection),
            Self::OpenTransaction(change) => change.apply(connection),
            Self::CloseTransaction(change) => change.apply(connection),
        }
    }
}

/// Why a proposal is not (or may not be) on the disk.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The revocation counter moved since the decision; the flow decides once more.
    #[error("decided under revocation counter {0:?}, which has moved since")]
    Stale(Revision),
    /// A change's precondition does not hold any more; the flow looks again.
    #[error("a precondition no longer holds")]
    Precondition,
    /// Nothing was written; the operator's to mend, and the caller may come back.
    #[error("nothing can be recorded: {0}")]
    Unavailable(String),
    /// It may have been written or not; the operator's to mend.
    #[error("the end of a commit is unknown: {0}")]
    Unknown(String),
}

/// Hands proposals to the writing thread; cheap to clone. The last one dropped waits until the
/// thread has closed the database, so that nothing but the database file stays behind.
#[derive(Debug, Clone)]
pub struct Writer(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    /// `None` once nothing more is handed in.
    queue: Option<mpsc::Sender<Submission>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue = None;
        // A thread that panicked has nothing open any more.
        if let Some(Err(_)) = self.thread.take().map(std::thread::JoinHandle::join) {
            tracing::error!("the writing thread panicked");
        }
    }
}

#[derive(Debug)]
struct Submission {
    proposal: Proposal,
    deadline: Instant,
    answer: oneshot::Sender<Result<(), CommitError>>,
}

/// How long a proposal waits for the write lock before its caller is told that nothing can be
/// recorded: shorter than the 30 s after which clients usually give up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many proposals may wait; more are refused at once.
const QUEUE: usize = 4096;

/// How many proposals go into one commit: beyond this a commit's own cost no longer shows.
const BATCH: usize = 512;

impl Writer {
    /// Starts the writing thread on the database at `path`. It ends when the last handle is gone.
    pub(super) fn start(path: &Path, clock: Clock) -> Result<Self, Error> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let path = path.to_owned();
        let unreachable = |source| Error::Unreachable { path: path.clone(), source };
        let connection = sqlite::open(&path).map_err(unreachable)?;
        let thread = WritingThread { path: path.clone(), clock, connection: Some(connection) };
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || thread.run(receiver))
            .map_err(|error| unreachable(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))?;
        Ok(Self(Arc::new(Handle { queue: Some(sender), thread: Some(thread) })))
    }

    /// Commits `proposal`; returns once it is on the disk, or will never be.
    ///
    /// # Errors
    ///
    /// See [`CommitError`]: only after [`CommitError::Unknown`] may anything have been written.
    pub async fn commit(&self, proposal: Proposal) -> Result<(), CommitError> {
        let (answer, answered) = oneshot::channel();
        let submission = Submission { proposal, deadline: Instant::now() + PATIENCE, answer };
        let queue = self.0.queue.as_ref().expect("the queue goes with the last handle");
        queue.try_send(submission).map_err(|error| {
            CommitError::Unavailable(match error {
                mpsc::error::TrySendError::Full(_) => format!("{QUEUE} others wait already"),
                mpsc::error::TrySendError::Closed(_) => "the writer has stopped".into(),
            })
        })?;
        answered.await.unwrap_or_else(|_| Err(CommitError::Unknown("the writer has stopped".into())))
    }
}

struct WritingThread {
    path: PathBuf,
    clock: Clock,
    /// `None` after a failure: the next attempt opens it afresh.
    connection: Option<Connection>,
}

/// How one attempt to write a batch ended.
enum Attempt {
    /// Committed; one answer per submission.
    Done(Vec<Result<(), CommitError>>),
    /// Another process holds the lock: nothing was written.
    Busy,
    /// Nothing was written.
    Failed(String),
    /// COMMIT was asked for and did not answer `Ok`.
    Unknown(String),
}

impl WritingThread {
    fn run(mut self, mut queue: mpsc::Receiver<Submission>) {
        while let Some(first) = queue.blocking_recv() {
            let mut batch = vec![first];
            fill(&mut batch, &mut queue);
            self.write(batch, &mut queue);
        }
    }

    /// Writes `batch`, waiting for the lock as long as its members have patience.
    fn write(&mut self, mut batch: Vec<Submission>, queue: &mut mpsc::Receiver<Submission>) {
        loop {
            match self.attempt(&batch) {
                Attempt::Done(answers) => {
                    for (submission, answer) in batch.into_iter().zip(answers) {
                        submission.tell(answer);
                    }
                    return;
                }
                Attempt::Busy => {
                    batch = dismiss_impatient(batch);
                    fill(&mut batch, queue);
                    if batch.is_empty() {
                        return;
                    }
                }
                Attempt::Failed(reason) => {
                    self.connection = None;
                    for submission in batch {
                        submission.tell(Err(CommitError::Unavailable(reason.clone())));
                    }
                    return;
                }
                Attempt::Unknown(reason) => {
                    self.connection = None;
                    self.find_out(batch, &reason);
                    return;
                }
            }
        }
    }

    fn attempt(&mut self, batch: &[Submission]) -> Attempt {
        let now = match self.clock.now() {
            Ok(now) => now,
            Err(stepped) => return Attempt::Failed(stepped.to_string()),
        };
        let connection = match self.connected() {
            Ok(connection) => connection,
            Err(error) => return Attempt::Failed(error.to_string()),
        };
        let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(transaction) => transaction,
            Err(error) if is_busy(&error) => return Attempt::Busy,
            Err(error) => return Attempt::Failed(error.to_string()),
        };
        let answers = match write_all(&transaction, batch, now) {
            Ok(answers) => answers,
            // Dropping the transaction rolls it back; nothing is on the disk.
            Err(WriteFailure::Sql(error)) => return Attempt::Failed(error.to_string()),
            Err(failure @ WriteFailure::ClockBehindLog { .. }) => {
                return Attempt::Failed(failure.to_string());
            }
        };
        // A crash before this line leaves nothing of the batch; after it, all of it. Nobody has been
        // told anything yet.
        match transaction.commit() {
            Ok(()) => Attempt::Done(answers),
            Err(error) => Attempt::Unknown(error.to_string()),
        }
    }

    fn connected(&mut self) -> rusqlite::Result<&mut Connection> {
        let fresh = match self.connection.take() {
            Some(connection) => connection,
            None => sqlite::open(&self.path)?,
        };
        Ok(self.connection.insert(fresh))
    }

    /// Looks for what a failed COMMIT left, on a new connection, and answers by it.
    fn find_out(&mut self, batch: Vec<Submission>, reason: &str) {
        let ids: Vec<_> =
            batch.iter().map(|submission| submission.proposal.events.first().map(|event| event.id)).collect();
        let found = self.connected().and_then(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut found = Vec::with_capacity(ids.len());
            for id in &ids {
                found.push(match id {
                    Some(id) => event::position_of(&transaction, *id)?.is_some(),
                    None => false,
                });
            }
            // A write of our own that must reach the disk: what lies before it has then, too, and what
            // the failed commit left behind the end of the write-ahead log is overwritten. The value
            // must change, or SQLite writes nothing.
            let turn: i32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
            transaction.pragma_update(None, "user_version", turn.wrapping_add(1))?;
            transaction.commit()?;
            Ok(found)
        });
        match found {
            Ok(found) => {
                for (submission, found) in batch.into_iter().zip(found) {
                    submission.tell(if found {
                        Ok(())
                    } else {
                        Err(CommitError::Unavailable(reason.to_owned()))
                    });
                }
            }
            Err(error) => {
                self.connection = None;
                for submission in batch {
                    submission.tell(Err(CommitError::Unknown(format!("{reason}; then {error}"))));
                }
            }
        }
    }
}

impl Submission {
    /// Answers; whoever hung up meanwhile finds the record of it in the log.
    fn tell(self, answer: Result<(), CommitError>) {
        drop(self.answer.send(answer));
    }
}

/// Takes along whatever else waits, as far as a batch goes.
fn fill(batch: &mut Vec<Submission>, queue: &mut mpsc::Receiver<Submission>) {
    while batch.len() < BATCH {
        let Ok(next) = queue.try_recv() else { break };
        batch.push(next);
    }
}

fn dismiss_impatient(batch: Vec<Submission>) -> Vec<Submission> {
    let now = Instant::now();
    let (late, patient): (Vec<_>, Vec<_>) =
        batch.into_iter().partition(|submission| submission.deadline <= now);
    for submission in late {
        let reason =
            format!("another process has held the database's write lock for {} s", PATIENCE.as_secs());
        submission.tell(Err(CommitError::Unavailable(reason)));
    }
    patient
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Why a batch could not be written at all.
#[derive(Debug, thiserror::Error)]
enum WriteFailure {
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error("the clock ({now}) is behind the newest event ({head}) by more than a minute")]
    ClockBehindLog { now: Timestamp, head: Timestamp },
}

/// How far the clock may be behind the newest event before the door shuts.
const BEHIND: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

fn write_all(
    connection: &Connection,
    batch: &[Submission],
    now: Timestamp,
) -> Result<Vec<Result<(), CommitError>>, WriteFailure> {
    let head = event::head(connection)?;
    if head.next_position > 0 && head.recorded_at.duration_since(now) > BEHIND {
        return Err(WriteFailure::ClockBehindLog { now, head: head.recorded_at });
    }
    let recorded_at = stored(now.max(head.recorded_at));
    let mut position = head.next_position;
    let mut revision = revocation::read(connection)?;
    let mut answers = Vec::with_capacity(batch.len());
    for submission in batch {
        let proposal = &submission.proposal;
        if proposal.decided_under.is_some_and(|decided| decided != revision) {
            answers.push(Err(CommitError::Stale(revision)));
            continue;
        }
        if !apply(connection, &proposal.changes)? {
            answers.push(Err(CommitError::Precondition));
            continue;
        }
        for new in &proposal.events {
            event::append(connection, position, &recorded_at, new)?;
            position += 1;
        }
        if proposal.changes.iter().any(|change| matches!(change, Change::AdvanceRevocation(_))) {
            revision = revocation::read(connection)?;
        }
        answers.push(Ok(()));
    }
    Ok(answers)
}

/// Applies all of `changes`, or none and returns `false`.
fn apply(connection: &Connection, changes: &[Change]) -> rusqlite::Result<bool> {
    match changes {
        [] => Ok(true),
        [only] => Ok(only.apply(connection)? == 1),
        several => {
            connection.prepare_cached("SAVEPOINT proposal")?.execute([])?;
            for change in several {
                if change.apply(connection)? != 1 {
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
