//! Signs what the log is: one checkpoint for a size, never two that disagree.
//!
//! A checkpoint (c2sp.org/tlog-checkpoint) says that the log of one origin had this root when it had that many
//! entries. It is signed over what is committed, stored by a commit of its own, and only then returned: whoever
//! was shown one finds it in the store, whatever happens next, and everything that it covers is as durable as it.

use audit_log::{Edge, Plan, verify_consistency};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use signed_note::{NotAName, NotAText};

use super::door::Door;
use crate::store::checkpoint::{self, Keep, StoredCheckpoint};
use crate::store::log::{self, Begin, Log};
use crate::store::{self, Change, CommitError, Failed, tree};

/// Why there is no new checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's: a keyring from before there were checkpoints.
    #[error("the keyring has no key for the log's checkpoints: `gateward key log` adds it")]
    NoKey,
    /// Somebody changed the log, or put an older one in its place: the operator finds out.
    #[error(
        "the log is not what its checkpoint of {size} events says that it was: nothing is signed; `gateward audit verify` \
         says what is wrong"
    )]
    Disagrees {
        /// How many events the checkpoint covers.
        size: i64,
    },
    /// The origin in the store cannot be a log's: somebody changed it.
    #[error("the log's origin in the store is none: {0}")]
    Name(#[from] NotAName),
    /// The same.
    #[error("the log's origin in the store is none: {0}")]
    Text(#[from] NotAText),
    /// Others write a checkpoint at every moment; it may be tried again.
    #[error("others were faster, several times")]
    Overtaken,
    /// It may pass.
    #[error(transparent)]
    Failed(#[from] Failed),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        Self::Failed(error.into())
    }
}

/// How often it is tried while other machines sign, too.
const ATTEMPTS: u32 = 5;

/// Returns the newest checkpoint of the log as it stands, signed now unless there is one already; `None` while nothing
/// was ever recorded.
///
/// A crash at any time leaves a checkpoint that is stored and that nobody was shown, or none.
///
/// # Errors
///
/// [`Error`].
pub async fn sign(door: &Door, now: Timestamp) -> Result<Option<StoredCheckpoint>, Error> {
    for _ in 0..ATTEMPTS {
        let Some(log) = current(door, now).await? else { return Ok(None) };
        let edge = tree::edge(&door.store.reader).await?;
        let newest = checkpoint::newest(&door.store.reader).await?;
        if let Some(newest) = &newest {
            check(door, newest, &edge).await?;
        }
        // Of a log that has just begun: a checkpoint of the other one says nothing of this.
        let newest = newest.filter(|newest| newest.origin == log.origin);
        if let Some(newest) = newest
            && size(&edge) == newest.size
        {
            return Ok(Some(newest));
        }
        let fresh = signed(door, &log, &edge, now)?;
        // Nobody has seen it yet. After this commit it stands there for good, and may be shown.
        let keep = Change::KeepCheckpoint(Box::new(Keep(fresh.clone())));
        match door.recorder.commit(None, vec![keep], &[], now).await {
            Ok(()) => return Ok(Some(fresh)),
            // Another machine was faster, or we do not know ourselves: what stands there is looked at.
            Err(CommitError::Precondition | CommitError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Overtaken)
}

/// Returns the log that is written, begun now if it is the first; `None` while it has no event.
///
/// # Errors
///
/// [`Error::Failed`].
pub async fn current(door: &Door, now: Timestamp) -> Result<Option<Log>, Error> {
    for _ in 0..ATTEMPTS {
        if let Some(log) = log::all(&door.store.reader).await?.pop() {
            return Ok(Some(log));
        }
        let took_over = size(&tree::edge(&door.store.reader).await?);
        if took_over == 0 {
            return Ok(None);
        }
        let first = Log { number: 1, origin: fresh_origin(door), began_at: now, took_over, old: None };
        let begin = Change::BeginLog(Box::new(Begin { log: first }));
        match door.recorder.commit(None, vec![begin], &[], now).await {
            Ok(()) | Err(CommitError::Precondition | CommitError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Overtaken)
}

/// Makes a name that no other log has: 128 random bits.
pub(super) fn fresh_origin(door: &Door) -> String {
    format!("gateward/{}", HEXLOWER.encode(&door.random.bytes::<16>()))
}

pub(super) fn size(edge: &Edge) -> i64 {
    i64::try_from(edge.size()).expect("positions are below 2^63")
}

/// Checks that the log has grown from what `signed` covers.
async fn check(door: &Door, signed: &StoredCheckpoint, edge: &Edge) -> Result<(), Error> {
    let disagrees = || Error::Disagrees { size: signed.size };
    let old = signed.size.unsigned_abs();
    let plan = Plan::consistency(old, edge.size()).map_err(|_| disagrees())?;
    let proof = tree::proof(&door.store.reader, &plan, edge.size()).await?;
    let grown = verify_consistency((old, &signed.root), (edge.size(), &edge.root()), &proof);
    grown.map_err(|_| disagrees())
}

fn signed(door: &Door, log: &Log, edge: &Edge, now: Timestamp) -> Result<StoredCheckpoint, Error> {
    let signer = door.keyring.log_signer(&log.origin)?.ok_or(Error::NoKey)?;
    let root = edge.root();
    let note = signer.sign(&format!("{}\n{}\n{root}\n", log.origin, edge.size()))?;
    Ok(StoredCheckpoint { size: size(edge), root, origin: log.origin.clone(), note, signed_at: now })
}
