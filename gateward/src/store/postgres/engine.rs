//! Writes batches into a PostgreSQL database: the head of the log locked first, everything sent
//! without waiting in between, durable when COMMIT has answered.
//!
//! A batch takes three journeys to the server: begin and take the head; the changes; the events and
//! COMMIT. While it holds the head, every other machine waits; the server ends a session that holds
//! it and says nothing (`idle_in_transaction_session_timeout`), and whoever waits gives up and tries
//! again (`lock_timeout`).

use std::time::{Duration, Instant};

use futures_util::future::{join, join3, maybe_done};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

use super::append::Append;
use super::clock::DatabaseClock;
use super::connect::{Connection, Error as ConnectError, Server, described};
use super::durability::{durability, switched_off};
use crate::base::id::EventId;
use crate::base::postgres_url::PostgresUrl;
use crate::base::time::{from_stored, stored};
use crate::store::event::Row;
use crate::store::revocation::Revision;
use crate::store::sql::Statement;
use crate::store::tree::{Growing, Written};
use crate::store::writer::{Attempt, Batch, CommitError, Head, Proposal};

/// What the writing session asks of the server. No statement timeout: one that struck during COMMIT
/// would report as done what no standby has. The three times add up to less than a caller's patience.
const SETTINGS: &[&str] = &[
    "statement_timeout=0",
    "lock_timeout=2s",
    "idle_in_transaction_session_timeout=3s",
    "tcp_user_timeout=5s",
    "tcp_keepalives_idle=5",
    "tcp_keepalives_interval=2",
    "tcp_keepalives_count=2",
    "client_connection_check_interval=2s",
];

/// How long anything before COMMIT may take, the wait for the head included.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a COMMIT may take even if its callers have waited long already.
const COMMITTED_WITHIN: Duration = Duration::from_secs(2);

/// How long lies between two looks for what a commit of unknown end left.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

pub(super) const HEAD: &str = "SELECT next_position, recorded_at, edge FROM log_head FOR UPDATE";

/// After the head is ours: what stands here, no other machine changes until we are done.
const STATE: &str = concat!(
    "SELECT counter, gateward_now(), (SELECT max(position) FROM event), ",
    durability!(),
    " FROM revocation"
);

const FOUND: &str = "SELECT id FROM event WHERE id = ANY(?1)";

const TURN: &str = "UPDATE log_head SET turn = turn + 1";

/// The writing side of one PostgreSQL database.
#[derive(Debug)]
pub(in crate::store) struct Engine {
    server: Server,
    clock: DatabaseClock,
    /// `None` after a failure: the next attempt opens it afresh.
    connection: Option<Connection>,
    written: Written,
}

/// Why a batch was not written.
enum Trouble {
    /// The connection broke before COMMIT was asked for: nothing was written.
    Lost(String),
    /// Another machine holds the head.
    Busy,
    /// A statement was refused.
    Refused(String),
    /// Nothing can be written now.
    Failed(String),
    /// COMMIT was asked for and did not answer.
    Unknown(String),
}

impl From<tokio_postgres::Error> for Trouble {
    /// Says what an error before COMMIT means.
    fn from(error: tokio_postgres::Error) -> Self {
        let reason = described(&error);
        // What the server did not say, the connection did.
        let Some(code) = error.code().map(SqlState::code) else { return Self::Lost(reason) };
        match code {
            "55P03" | "40P01" | "40001" => Self::Busy,
            // The server goes away, ended our session, or became a standby.
            "25006" => Self::Lost(reason),
            code if code.starts_with("57P") || code.starts_with("25P03") || code.starts_with("08") => {
                Self::Lost(reason)
            }
            // The server is out of something, or broken: the same for every statement.
            code if ["53", "54", "58", "XX", "25"].iter().any(|class| code.starts_with(class)) => {
                Self::Failed(reason)
            }
            // Data that does not fit, a constraint, a table that was not granted: one statement's.
            _ => Self::Refused(reason),
        }
    }
}

impl Trouble {
    /// Says that what was refused is refused for every proposal alike.
    fn of_all(self) -> Self {
        match self {
            Self::Refused(reason) => Self::Failed(reason),
            other => other,
        }
    }
}

impl From<ConnectError> for Trouble {
    fn from(error: ConnectError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Engine {
    /// Prepares writing to `url`; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// A file that the URL names.
    pub fn new(url: &PostgresUrl, clock: DatabaseClock) -> Result<Self, ConnectError> {
        Ok(Self { server: Server::new(url, SETTINGS)?, clock, connection: None, written: Written::default() })
    }

    /// Tries to write `batch`: twice, if the connection turns out to have died since its last use.
    pub async fn attempt(&mut self, batch: Batch<'_>) -> Attempt {
        let kept = self.connection.is_some();
        let written = match self.try_write(batch).await {
            Err(Trouble::Lost(_)) if kept => self.try_write(batch).await,
            written => written,
        };
        match written {
            Ok(answers) => Attempt::Done(answers),
            Err(Trouble::Busy) => Attempt::Busy,
            Err(Trouble::Refused(reason)) => Attempt::Refused(reason),
            Err(Trouble::Lost(reason) | Trouble::Failed(reason)) => Attempt::Failed(reason),
            Err(Trouble::Unknown(reason)) => Attempt::Unknown(reason),
        }
    }

    async fn try_write(&mut self, batch: Batch<'_>) -> Result<Vec<Result<(), CommitError>>, Trouble> {
        // Taken out: whatever fails or is given up below leaves no half-used connection behind.
        let silent = || Trouble::Lost("the server does not answer".into());
        let mut connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            let connecting = async { Ok(self.server.connect().await?) };
            timeout(left(batch).min(PATIENCE), connecting).await.unwrap_or_else(|_| Err(silent()))?
        };
        let before_commit = prepare(&mut connection, &self.clock, batch);
        let before_commit = timeout(left(batch).min(PATIENCE), before_commit).await;
        let prepared = before_commit.unwrap_or_else(|_| Err(silent()))?;
        self.written.check(&prepared.tree).map_err(|error| Trouble::Failed(error.to_string()))?;
        // A crash before COMMIT arrives leaves nothing of the batch; after it, all of it. Nobody has
        // been told anything yet.
        // Whoever waits waits also while it is looked for what a silent COMMIT left.
        let for_commit = left(batch).saturating_sub(PATIENCE).max(COMMITTED_WITHIN);
        let (answers, tree) = timeout(for_commit, commit(&mut connection, prepared))
            .await
            .unwrap_or_else(|_| Err(Trouble::Unknown("COMMIT has not answered".into())))?;
        self.connection = Some(connection);
        self.written.note(tree);
        Ok(answers)
    }

    /// Tells which of the events `ids` a commit of unknown end left; tries until `deadline`, and long
    /// enough for the server to end the session that holds the head.
    ///
    /// # Errors
    ///
    /// Why it is still not known.
    pub async fn find_out(
        &mut self,
        ids: &[Option<EventId>],
        deadline: Instant,
    ) -> Result<Vec<bool>, String> {
        let names: Vec<String> = ids.iter().flatten().map(ToString::to_string).collect();
        let until = deadline.max(Instant::now() + PATIENCE);
        loop {
            let looked = timeout(PATIENCE, self.look(&names)).await;
            let reason = match looked {
                Ok(Ok(found)) => {
                    let is_there =
                        |id: &Option<EventId>| id.is_some_and(|id| found.contains(&id.to_string()));
                    return Ok(ids.iter().map(is_there).collect());
                }
                Ok(Err(Trouble::Busy)) => "another machine holds the head of the log".into(),
                Ok(Err(
                    Trouble::Lost(reason)
                    | Trouble::Refused(reason)
                    | Trouble::Failed(reason)
                    | Trouble::Unknown(reason),
                )) => reason,
                Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
            };
            if Instant::now() + LOOK_AGAIN >= until {
                return Err(reason);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Takes the head, so that whoever was committing is done, looks which of `ids` are there, and
    /// commits something of its own: what lies before it is then as durable as it.
    async fn look(&mut self, ids: &[String]) -> Result<Vec<String>, Trouble> {
        let mut connection = self.server.connect().await?;
        let head = connection.prepare(HEAD).await?;
        let found = connection.prepare(FOUND).await?;
        let turn = connection.prepare(TURN).await?;
        let client = &connection.client;
        client.batch_execute(BEGIN).await?;
        client.query_one(&head, &[]).await?;
        let found = client.query(&found, &[&ids]).await?.iter().map(|row| row.get(0)).collect();
        client.execute(&turn, &[]).await?;
        connection.commit().await.map_err(Trouble::Unknown)?;
        self.connection = Some(connection);
        Ok(found)
    }
}

/// How long those who wait for `batch` still wait; a moment at least.
fn left(batch: Batch<'_>) -> Duration {
    batch.deadline().saturating_duration_since(Instant::now()).max(Duration::from_secs(1))
}

/// Whatever the server's default: a change is looked at after the head is ours, not before.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// A batch whose changes are applied, before its events are appended.
struct Prepared<'a> {
    answers: Vec<Result<(), CommitError>>,
    head: Head,
    tree: Growing,
    recorded_at: String,
    accepted: Vec<&'a Proposal>,
}

/// Begins, takes the head and applies the changes.
///
/// A proposal that is refused after it changed something takes the whole transaction back; it is
/// begun again without it (a savepoint for each would cost everybody).
async fn prepare<'a>(
    connection: &mut Connection,
    clock: &DatabaseClock,
    batch: Batch<'a>,
) -> Result<Prepared<'a>, Trouble> {
    let mut refused = vec![false; batch.len()];
    loop {
        match try_prepare(connection, clock, batch, &mut refused).await {
            Ok(Some(prepared)) => return Ok(prepared),
            Ok(None) => connection.client.batch_execute("ROLLBACK").await?,
            Err(trouble) => return Err(trouble),
        }
    }
}

/// As [`prepare`], once; `None` if it has to be done again without those that `refused` names now.
async fn try_prepare<'a>(
    connection: &mut Connection,
    clock: &DatabaseClock,
    batch: Batch<'a>,
    refused: &mut [bool],
) -> Result<Option<Prepared<'a>>, Trouble> {
    let Taken { head, tree, revision, now } = take_head(connection, clock).await.map_err(Trouble::of_all)?;
    let recorded_at = stored(head.next_time(now).map_err(|behind| Trouble::Failed(behind.to_string()))?);
    let mut answers: Vec<Result<(), CommitError>> = Vec::with_capacity(batch.len());
    let mut statements: Vec<Vec<Statement<'a>>> = Vec::with_capacity(batch.len());
    let mut moved = false;
    for (proposal, refused) in batch.proposals().zip(&*refused) {
        let answer = match proposal.decided_under {
            _ if *refused => Err(CommitError::Precondition),
            // Whether the counter moves in this batch is known only after it: decided once more.
            Some(decided) if moved || decided != revision => Err(CommitError::Stale(revision)),
            _ => Ok(()),
        };
        statements.push(match answer {
            Ok(()) => proposal.changes.iter().flat_map(super::super::writer::Change::statements).collect(),
            Err(_) => Vec::new(),
        });
        moved |= answer.is_ok() && proposal.advances_revocation();
        answers.push(answer);
    }
    let touched = apply(connection, &statements).await?;
    let mut again = false;
    let proposals = answers.iter_mut().zip(&statements).zip(&touched).zip(refused);
    for (((answer, statements), touched), refused) in proposals {
        let holds = statements.iter().zip(touched).all(|(statement, rows)| statement.touches.holds(*rows));
        if answer.is_ok() && !holds {
            *answer = Err(CommitError::Precondition);
            let changed = touched.iter().any(|rows| *rows > 0);
            *refused |= changed;
            again |= changed;
        }
    }
    if again {
        return Ok(None);
    }
    let accepted =
        batch.proposals().zip(&answers).filter(|(_, answer)| answer.is_ok()).map(|(proposal, _)| proposal);
    let accepted = accepted.collect();
    Ok(Some(Prepared { answers, head, tree, recorded_at, accepted }))
}

/// What stands while the head of the log is ours.
struct Taken {
    head: Head,
    tree: Growing,
    revision: Revision,
    now: jiff::Timestamp,
}

/// Begins a transaction and locks the head of the log.
async fn take_head(connection: &mut Connection, clock: &DatabaseClock) -> Result<Taken, Trouble> {
    let head = connection.prepare(HEAD).await?;
    let state = connection.prepare(STATE).await?;
    let client = &connection.client;
    let (begun, head, state) =
        join3(client.batch_execute(BEGIN), client.query_one(&head, &[]), client.query_one(&state, &[])).await;
    begun?;
    let (head, state) = (head?, state?);
    if let Some(setting) = switched_off(&state) {
        return Err(Trouble::Failed(format!("the server's {setting} is off: what it commits could be lost")));
    }
    let time = |text: &str| from_stored(text).map_err(|error| Trouble::Failed(error.to_string()));
    let now = time(state.get(1))?;
    clock.check(now).map_err(|error| Trouble::Failed(error.to_string()))?;
    let (next, edge) = (head.get(0), head.get(2));
    let tree =
        Growing::of_head(edge, next, state.get(2)).map_err(|error| Trouble::Failed(error.to_string()))?;
    let head = Head { next_position: next, recorded_at: time(head.get(1))? };
    Ok(Taken { head, tree, revision: Revision(state.get(0)), now })
}

/// Sends every statement, then waits; returns how many rows each touched.
async fn apply(
    connection: &mut Connection,
    proposals: &[Vec<Statement<'_>>],
) -> Result<Vec<Vec<u64>>, Trouble> {
    let mut prepared = Vec::new();
    for statement in proposals.iter().flatten() {
        prepared.push(connection.prepare(statement.sql).await?);
    }
    let client = &connection.client;
    let requests = proposals.iter().flatten().zip(&prepared);
    let requests =
        requests.map(|(statement, prepared)| client.execute_raw(prepared, statement.values.iter()));
    let mut touched = in_order(requests).await.into_iter();
    let mut counts = Vec::with_capacity(proposals.len());
    for statements in proposals {
        counts.push(touched.by_ref().take(statements.len()).collect::<Result<_, _>>()?);
    }
    Ok(counts)
}

/// Sends all `requests` in order before it waits for the first answer (pipelining, PostgreSQL manual,
/// section 55.2.4).
async fn in_order<T>(requests: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut requests: Vec<_> = requests.map(|request| Box::pin(maybe_done(request))).collect();
    std::future::poll_fn(|context| {
        // A request is on its way once it was polled; whether it is answered is asked below.
        for request in &mut requests {
            let _ = request.as_mut().poll(context);
        }
        std::task::Poll::Ready(())
    })
    .await;
    let mut answers = Vec::with_capacity(requests.len());
    for request in &mut requests {
        request.as_mut().await;
        answers.push(request.as_mut().take_output().expect("it was just waited for, once"));
    }
    answers
}

/// Appends the events and commits; returns what each proposal is answered, and the tree as it is then.
async fn commit(
    connection: &mut Connection,
    prepared: Prepared<'_>,
) -> Result<(Vec<Result<(), CommitError>>, Growing), Trouble> {
    let Prepared { answers, head, mut tree, recorded_at, accepted } = prepared;
    let events = accepted.iter().flat_map(|proposal| &proposal.events);
    let rows: Vec<Row<'_>> = events
        .zip(head.next_position..)
        .map(|(new, position)| Row::new(position, &recorded_at, new))
        .collect();
    for row in &rows {
        tree.append(row.entry);
    }
    let append = Append::prepare(connection).await?;
    let appended = append.send(&connection.client, &rows, &mut tree);
    let (appended, committed) = join(appended, connection.commit()).await;
    // What the server refuses, its COMMIT takes back; what it did not answer, it may have committed.
    appended.map_err(|error| match error.as_db_error() {
        Some(_) => Trouble::from(error),
        None => Trouble::Unknown(described(&error)),
    })?;
    committed.map_err(Trouble::Unknown)?;
    Ok((answers, tree))
}
