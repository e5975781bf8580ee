//! The one writer: gathers many callers' changes and events into one durable commit.
//!
//! Callers hand in a [`Proposal`] and wait; a thread of its own takes whatever waits, checks each
//! proposal's preconditions, applies its changes, appends its events and commits once for all. One
//! caller's refusal is only theirs. `Ok` means: on the disk.
//!
//! While another process holds the head of the log, proposals wait until their deadline. A commit
//! whose end is unknown is looked for by event id, and acknowledged only after a commit of our own
//! has gone through.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::event::NewEvent;
use super::revocation::Revision;
use super::sql::Statement;
use super::{
    access_token, api_token, audit_hold, audit_term, checkpoint, erasure, existing_key, feed, fhir_creation,
    file_policy, grant, instance, issuer, log, node, opaque_key, placement, postgres, revocation, session,
    sqlite, temporary_login, token_block, user, user_digest, witnessed,
};
use crate::base::id::EventId;

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

impl Proposal {
    /// Whether what was decided before it is decided once more.
    pub(super) fn advances_revocation(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::AdvanceRevocation(_)))
    }
}

/// One change of one table, with its precondition: it must touch exactly one row.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is documented in its table's file")]
pub enum Change {
    AdvanceRevocation(revocation::Advance),
    CreateLogin(Box<temporary_login::Create>),
    ProlongLogin(temporary_login::Prolong),
    DeleteLogin(temporary_login::Delete),
    NotePlacement(placement::Note),
    ConfirmPlacement(placement::Confirm),
    TakenFromPlace(placement::Taken),
    ForgetPlacement(placement::Forget),
    BeginAccessToken(Box<access_token::Begin>),
    IssueAccessToken(access_token::Issue),
    EndAccessToken(access_token::End),
    AccessTokenEnded(access_token::Ended),
    ReplaceAccessToken(access_token::Replace),
    CreateOpaqueKey(opaque_key::Create),
    ActivateOpaqueKey(opaque_key::Activate),
    UseOpaqueKey(opaque_key::Use),
    WipeOpaqueKey(opaque_key::Wipe),
    SeeExistingKey(existing_key::See),
    SweepExistingKeys(existing_key::Sweep),
    BeginFeed(feed::Begin),
    LeaseFeed(feed::Lease),
    AdvanceFeed(feed::Advance),
    FeedFailing(feed::Failing),
    BlockToken(token_block::Block),
    UnblockToken(token_block::Unblock),
    CreateUser(user::Create),
    SetPassword(user::SetPassword),
    DisableUser(user::Disable),
    EnableUser(user::Enable),
    DeleteUser(user::Delete),
    TakeHoldings(user::TakeHoldings),
    EndSessions(user::EndSessions),
    PutDigest(user_digest::Put),
    ForgetDigest(user_digest::Forget),
    CreateApiToken(Box<api_token::Create>),
    DeleteApiToken(api_token::Delete),
    SweepApiTokens(api_token::Sweep),
    ApiTokenUsed(api_token::Used),
    BeginSession(session::Begin),
    SessionSeen(session::Seen),
    EndSession(session::End),
    SweepSessions(session::Sweep),
    CreateGrant(grant::Create),
    DeleteGrant(grant::Delete),
    EnrollNode(node::Create),
    AddNodeCredential(Box<node::AddCredential>),
    RevokeNode(node::Revoke),
    EndNodeCredentials(node::EndCredentials),
    NoteCreation(fhir_creation::Note),
    ForgetCreations(fhir_creation::Forget),
    NoteIssuer(issuer::Note),
    ForgetIssuer(issuer::Forget),
    RevokeIssuer(issuer::Revoke),
    StateFilePolicy(file_policy::State),
    RenewLease(instance::Renew),
    ExpectLapsed(instance::ExpectLapsed),
    RetireInstance(instance::Retire),
    OpenTransaction(instance::Open),
    CloseTransaction(instance::Close),
    BeginErasure(erasure::Begin),
    EraseSome(Box<erasure::Step>),
    FinishErasure(erasure::Finish),
    CreateHold(Box<audit_hold::Create>),
    ReleaseHold(audit_hold::Release),
    AddAuditTerms(audit_term::Add),
    AddAuditTermsAgain(audit_term::Again),
    BeginLog(Box<log::Begin>),
    KeepCheckpoint(Box<checkpoint::Keep>),
    Witness(Box<witnessed::Witness>),
}

impl Change {
    /// What the change does, in order.
    pub(super) fn statements(&self) -> Vec<Statement<'_>> {
        match self {
            Self::AdvanceRevocation(change) => vec![change.statement()],
            Self::CreateLogin(change) => change.statements(),
            Self::ProlongLogin(change) => vec![change.statement()],
            Self::DeleteLogin(change) => vec![change.statement()],
            Self::NotePlacement(change) => vec![change.statement()],
            Self::ConfirmPlacement(change) => vec![change.statement()],
            Self::TakenFromPlace(change) => vec![change.statement()],
            Self::ForgetPlacement(change) => vec![change.statement()],
            Self::BeginAccessToken(change) => vec![change.statement()],
            Self::IssueAccessToken(change) => vec![change.statement()],
            Self::EndAccessToken(change) => vec![change.statement()],
            Self::AccessTokenEnded(change) => vec![change.statement()],
            Self::ReplaceAccessToken(change) => vec![change.statement()],
            Self::CreateOpaqueKey(change) => vec![change.statement()],
            Self::ActivateOpaqueKey(change) => vec![change.statement()],
            Self::UseOpaqueKey(change) => vec![change.statement()],
            Self::WipeOpaqueKey(change) => vec![change.statement()],
            Self::SeeExistingKey(change) => change.statements(),
            Self::SweepExistingKeys(change) => vec![change.statement()],
            Self::BeginFeed(change) => vec![change.statement()],
            Self::LeaseFeed(change) => vec![change.statement()],
            Self::AdvanceFeed(change) => vec![change.statement()],
            Self::FeedFailing(change) => vec![change.statement()],
            Self::BlockToken(change) => vec![change.statement()],
            Self::UnblockToken(change) => vec![change.statement()],
            Self::CreateUser(change) => vec![change.statement()],
            Self::SetPassword(change) => vec![change.statement()],
            Self::DisableUser(change) => vec![change.statement()],
            Self::EnableUser(change) => vec![change.statement()],
            Self::DeleteUser(change) => change.statements(),
            Self::TakeHoldings(change) => change.statements(),
            Self::EndSessions(change) => vec![change.statement()],
            Self::PutDigest(change) => vec![change.statement()],
            Self::ForgetDigest(change) => vec![change.statement()],
            Self::CreateApiToken(change) => vec![change.statement()],
            Self::DeleteApiToken(change) => vec![change.statement()],
            Self::SweepApiTokens(change) => vec![change.statement()],
            Self::ApiTokenUsed(change) => vec![change.statement()],
            Self::BeginSession(change) => change.statements(),
            Self::SessionSeen(change) => vec![change.statement()],
            Self::EndSession(change) => vec![change.statement()],
            Self::SweepSessions(change) => vec![change.statement()],
            Self::CreateGrant(change) => vec![change.statement()],
            Self::DeleteGrant(change) => vec![change.statement()],
            Self::EnrollNode(change) => vec![change.statement()],
            Self::AddNodeCredential(change) => vec![change.statement()],
            Self::RevokeNode(change) => vec![change.statement()],
            Self::EndNodeCredentials(change) => vec![change.statement()],
            Self::NoteCreation(change) => vec![change.statement()],
            Self::ForgetCreations(change) => vec![change.statement()],
            Self::NoteIssuer(change) => vec![change.statement()],
            Self::ForgetIssuer(change) => vec![change.statement()],
            Self::RevokeIssuer(change) => vec![change.statement()],
            Self::StateFilePolicy(change) => vec![change.statement()],
            Self::RenewLease(change) => vec![change.statement()],
            Self::ExpectLapsed(change) => vec![change.statement()],
            Self::RetireInstance(change) => vec![change.statement()],
            Self::OpenTransaction(change) => vec![change.statement()],
            Self::CloseTransaction(change) => vec![change.statement()],
            Self::BeginErasure(change) => vec![change.statement()],
            Self::EraseSome(change) => change.statements(),
            Self::FinishErasure(change) => vec![change.statement()],
            Self::CreateHold(change) => vec![change.statement()],
            Self::ReleaseHold(change) => vec![change.statement()],
            Self::AddAuditTerms(change) => change.statements(),
            Self::AddAuditTermsAgain(change) => change.statements(),
            Self::BeginLog(change) => vec![change.statement()],
            Self::KeepCheckpoint(change) => vec![change.statement()],
            Self::Witness(change) => vec![change.statement()],
        }
    }
}

/// Why a proposal is not (or may not be) on the disk.
#[derive(Debug, Clone, thiserror::Error)]
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

/// The newest event's place and time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub next_position: i64,
    pub recorded_at: Timestamp,
}

/// The writer's clock is so far behind the log that nothing is recorded until it comes true.
#[derive(Debug, thiserror::Error)]
#[error(
    "the clock ({now}) is behind the newest event ({head}) by more than a minute: set it right, or wait until it has come there"
)]
pub(super) struct ClockBehindLog {
    now: Timestamp,
    head: Timestamp,
}

/// How far the clock may be behind the newest event before the door shuts.
const BEHIND: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

impl Head {
    pub const EMPTY: Self = Self { next_position: 0, recorded_at: Timestamp::MIN };

    /// Returns the time of what is written next: never before what stands in the log.
    pub fn next_time(self, now: Timestamp) -> Result<Timestamp, ClockBehindLog> {
        if self.next_position > 0 && self.recorded_at.duration_since(now) > BEHIND {
            return Err(ClockBehindLog { now, head: self.recorded_at });
        }
        Ok(now.max(self.recorded_at))
    }
}

/// How one attempt to write a batch ended.
pub(super) enum Attempt {
    /// Committed; one answer per proposal.
    Done(Vec<Result<(), CommitError>>),
    /// Another process holds the head of the log: nothing was written.
    Busy,
    /// A statement of some proposal is refused by the engine: nothing was written.
    Refused(String),
    /// Nothing was written.
    Failed(String),
    /// COMMIT was asked for and did not answer `Ok`.
    Unknown(String),
}

/// What one attempt writes.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a>(&'a [Submission]);

impl<'a> Batch<'a> {
    pub fn len(self) -> usize {
        self.0.len()
    }

    pub fn proposals(self) -> impl Iterator<Item = &'a Proposal> {
        self.0.iter().map(|submission| &submission.proposal)
    }

    /// When the last of those who wait is told that it does not know.
    pub fn deadline(self) -> Instant {
        self.0.iter().map(|submission| submission.deadline).max().unwrap_or_else(Instant::now)
    }
}

/// Where batches are written to.
pub(super) enum Engine {
    Sqlite(Box<sqlite::Engine>),
    Postgres(Box<postgres::Engine>),
}

impl Engine {
    async fn attempt(&mut self, batch: Batch<'_>) -> Attempt {
        match self {
            Self::Sqlite(engine) => engine.attempt(batch),
            Self::Postgres(engine) => engine.attempt(batch).await,
        }
    }

    /// Tells which of the events `ids` a commit of unknown end left.
    async fn find_out(&mut self, ids: &[Option<EventId>], deadline: Instant) -> Result<Vec<bool>, String> {
        match self {
            Self::Sqlite(engine) => engine.find_out(ids),
            Self::Postgres(engine) => engine.find_out(ids, deadline).await,
        }
    }
}

/// Hands proposals to the writing thread; cheap to clone. The last one dropped waits until the
/// thread has closed the database, so that nothing but the database file stays behind.
#[derive(Debug, Clone)]
pub struct Writer(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    /// `None` once nothing more is handed in.
    queue: Option<mpsc::Sender<Submission>>,
    /// About how many events this process has appended; told when they were committed.
    grown: watch::Sender<u64>,
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
pub(super) struct Submission {
    proposal: Proposal,
    deadline: Instant,
    answer: oneshot::Sender<Result<(), CommitError>>,
}

/// How long a proposal waits for the head of the log before its caller is told that nothing can be
/// recorded: shorter than the 30 s after which clients usually give up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many proposals may wait; more are refused at once.
const QUEUE: usize = 4096;

/// How many proposals go into one commit: beyond this a commit's own cost no longer shows.
const BATCH: usize = 512;

impl Writer {
    /// Starts the writing thread on `engine`. It ends when the last handle is gone.
    ///
    /// # Errors
    ///
    /// What the operating system says: no thread.
    pub(super) fn start(engine: Engine) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let grown = watch::Sender::new(0);
        // Its own runtime: connections are driven and batches written whatever the others do.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("writer".into()).spawn({
            let grown = grown.clone();
            move || runtime.block_on(WritingThread { engine, grown }.run(receiver))
        })?;
        Ok(Self(Arc::new(Handle { queue: Some(sender), grown, thread: Some(thread) })))
    }

    /// Tells whoever works behind the log about how many events this process has appended to it. What others append, they look for
    /// themselves.
    pub fn grown(&self) -> watch::Receiver<u64> {
        self.0.grown.subscribe()
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
    engine: Engine,
    grown: watch::Sender<u64>,
}

impl WritingThread {
    async fn run(mut self, mut queue: mpsc::Receiver<Submission>) {
        while let Some(first) = queue.recv().await {
            let mut batch = vec![first];
            fill(&mut batch, &mut queue);
            // Whoever waited while another batch failed has waited enough.
            let batch = dismiss_impatient(batch);
            if !batch.is_empty() {
                let events: usize = batch.iter().map(|submission| submission.proposal.events.len()).sum();
                self.write(batch, &mut queue).await;
                if events > 0 {
                    self.grown.send_modify(|grown| *grown += events as u64);
                }
            }
        }
    }

    /// Writes `batch`, waiting for the head of the log as long as its members have patience.
    async fn write(&mut self, mut batch: Vec<Submission>, queue: &mut mpsc::Receiver<Submission>) {
        loop {
            match self.engine.attempt(Batch(&batch)).await {
                Attempt::Done(answers) => return tell_each(batch, answers),
                Attempt::Busy => {
                    batch = dismiss_impatient(batch);
                    fill(&mut batch, queue);
                    if batch.is_empty() {
                        return;
                    }
                }
                Attempt::Refused(reason) => {
                    self.write_alone(batch, &reason).await;
                    return;
                }
                Attempt::Failed(reason) => {
                    tell_all(batch, &CommitError::Unavailable(reason));
                    return;
                }
                Attempt::Unknown(reason) => {
                    self.find_out(batch, &reason).await;
                    return;
                }
            }
        }
    }

    /// Writes each of a batch by itself, so that the one that the engine refuses fails alone.
    async fn write_alone(&mut self, mut batch: Vec<Submission>, reason: &str) {
        if batch.len() == 1 {
            return tell_all(batch, &CommitError::Unavailable(reason.to_owned()));
        }
        loop {
            batch = dismiss_impatient(batch);
            if batch.is_empty() {
                return;
            }
            let one = vec![batch.remove(0)];
            match self.engine.attempt(Batch(&one)).await {
                Attempt::Done(answers) => tell_each(one, answers),
                Attempt::Refused(reason) => tell_all(one, &CommitError::Unavailable(reason)),
                // No one's fault: it is the same for all who still wait.
                Attempt::Busy => {
                    tell_all(one, &CommitError::Unavailable("another process holds the write lock".into()));
                }
                Attempt::Failed(reason) => {
                    tell_all(one, &CommitError::Unavailable(reason.clone()));
                    return tell_all(batch, &CommitError::Unavailable(reason));
                }
                Attempt::Unknown(reason) => {
                    self.find_out(one, &reason).await;
                    return tell_all(batch, &CommitError::Unavailable(reason));
                }
            }
        }
    }

    /// Looks for what a failed COMMIT left, and answers by it.
    async fn find_out(&mut self, batch: Vec<Submission>, reason: &str) {
        let ids: Vec<_> =
            batch.iter().map(|submission| submission.proposal.events.first().map(|event| event.id)).collect();
        let deadline = Batch(&batch).deadline();
        match self.engine.find_out(&ids, deadline).await {
            Ok(found) => {
                for ((submission, id), found) in batch.into_iter().zip(ids).zip(found) {
                    submission.tell(match (id, found) {
                        // Nothing to look for.
                        (None, _) => Err(CommitError::Unknown(reason.to_owned())),
                        (Some(_), true) => Ok(()),
                        (Some(_), false) => Err(CommitError::Unavailable(reason.to_owned())),
                    });
                }
            }
            Err(then) => tell_all(batch, &CommitError::Unknown(format!("{reason}; then {then}"))),
        }
    }
}

impl Submission {
    /// Answers; whoever hung up meanwhile finds the record of it in the log.
    fn tell(self, answer: Result<(), CommitError>) {
        drop(self.answer.send(answer));
    }
}

fn tell_each(batch: Vec<Submission>, answers: Vec<Result<(), CommitError>>) {
    for (submission, answer) in batch.into_iter().zip(answers) {
        submission.tell(answer);
    }
}

fn tell_all(batch: Vec<Submission>, error: &CommitError) {
    for submission in batch {
        submission.tell(Err(error.clone()));
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
    if late.is_empty() {
        return patient;
    }
    let reason =
        format!("another process or machine has held the store's write lock for {} s", PATIENCE.as_secs());
    tell_all(late, &CommitError::Unavailable(reason));
    patient
}
