//! Cosigning what others say of their logs (c2sp.org/tlog-witness): only what continues what was cosigned before.

use audit_log::{AddCheckpoint, Refusal, Seen};
use jiff::Timestamp;
use signed_note::{NotAName, VerifierKey};

use super::door::{Door, Refused};
use super::record::What;
use crate::base::address::ClientAddress;
use crate::base::id::Reference;
use crate::store::witnessed::{self, Witness, Witnessed};
use crate::store::{self, Change, CommitError, Failed};

/// Why a checkpoint is not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Whoever asks acts: it is not what may be cosigned.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Ours: a keyring from before there were checkpoints.
    #[error("the keyring has no key for the log's checkpoints: `gateward key log` adds it")]
    NoKey,
    /// Ours: `[audit] name` cannot be a key's.
    #[error("[audit] name: {0}")]
    Name(#[from] NotAName),
    /// Others ask for the same log at every moment; it may be tried again.
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

/// How often it is looked anew what was cosigned last.
const ATTEMPTS: u32 = 5;

/// Cosigns, under `name`, the checkpoint that `body` asks for, if it is signed by one of `logs` and continues what was
/// cosigned last; returns the lines to be put under it.
///
/// What is cosigned is stored before it is returned, and only if nothing else was stored meanwhile: of two requests at
/// once one is held against the other. A crash leaves a cosignature that nobody has seen, over one history all the same.
///
/// # Errors
///
/// [`Error`].
pub async fn cosign(
    door: &Door,
    (name, logs): (&str, &[VerifierKey]),
    body: &[u8],
    now: Timestamp,
) -> Result<String, Error> {
    let request = AddCheckpoint::read(body)?;
    let origin = request.claimed_origin();
    let keys: Vec<VerifierKey> = logs.iter().filter(|key| key.id().name == origin).cloned().collect();
    if keys.is_empty() {
        return Err(Refusal::UnknownLog.into());
    }
    let cosigner = door.keyring.cosigner(name)?.ok_or(Error::NoKey)?;
    let seconds = now.as_second().unsigned_abs();
    for _ in 0..ATTEMPTS {
        let before = witnessed::find(&door.store.reader, origin).await?.map(|last| (last.size, last.root));
        let seen = before.map_or(Seen::NOTHING, |(size, root)| Seen { size: size.unsigned_abs(), root });
        let done = request.cosign(origin, &keys, seen, &cosigner, seconds)?;
        let now_seen = Witnessed {
            origin: origin.to_owned(),
            size: i64::try_from(done.seen.size).unwrap_or(i64::MAX),
            root: done.seen.root,
            note: format!("{}{}", request.checkpoint, done.lines),
            at: now,
        };
        let witness = Change::Witness(Box::new(Witness { now: now_seen, before }));
        match door.recorder.commit(None, vec![witness], &[], now).await {
            Ok(()) => return Ok(done.lines),
            Err(CommitError::Precondition) => {}
            Err(error) => return Err(Failed::from(error).into()),
        }
    }
    Err(Error::Overtaken)
}

/// The longest note that is kept as a proof, in bytes: a checkpoint, and a dozen of cosignatures.
const KEPT: usize = 4096;

/// Whether the log has two histories, or its checkpoint came with a wrong proof.
pub fn is_fork(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Forked | Refusal::NotConsistent)
}

/// Records that `body`, which is refused because it [is a fork](is_fork), showed another history of a log than the one that was
/// cosigned: its operator has to be asked. A flood of it becomes counted summaries.
///
/// # Errors
///
/// [`Error::Failed`]; nothing is cosigned all the same.
pub async fn record_fork(
    door: &Door,
    (body, refusal): (&[u8], &Refusal),
    (address, now): (ClientAddress, Timestamp),
) -> Result<Reference, Error> {
    let request = AddCheckpoint::read(body)?;
    let log = request.claimed_origin().to_owned();
    let last = witnessed::find(&door.store.reader, &log).await?;
    let what = What::LogForked {
        detail: format!("{log}: {refusal}"),
        log,
        cosigned: last.map_or_else(String::new, |last| last.note),
        shown: Some(request.checkpoint).filter(|note| note.len() <= KEPT),
    };
    let reason = "log-forked".into();
    let refused = Refused { what, reason, service: None, who: None, certificate: None, address };
    Ok(door.record_refusal(refused, now).await.map_err(Failed::from)?)
}
