//! Cosigning the checkpoints of another log (c2sp.org/tlog-witness): only what continues what was seen.
//!
//! A witness keeps one thing for each log: the size and root that it cosigned last. It answers
//! `add-checkpoint` by [`AddCheckpoint::cosign`], which is pure: what was seen comes in, what is seen
//! now goes out, and **must be stored, if nothing else was stored in between, before the lines are
//! sent**. Otherwise two requests at once could make it cosign two histories.

use std::fmt;

use signed_note::{Cosigner, CosignerKey, OpenError, VerifierKey, cosignatures};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::hash::{Hash, decimal};
use crate::proof::{NotProven, verify_consistency};

/// How long a request may be: its proof, and a checkpoint with some cosignatures.
pub const MAX_REQUEST: usize = 64 << 10;

/// How many lines of proof a request may have.
const MAX_HASHES: usize = 63;

/// Asks a witness to cosign a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the checkpoint that the witness cosigned last, as far as the log knows; 0 for none.
    pub old: u64,
    /// That the checkpoint continues it.
    pub proof: Vec<Hash>,
    /// The checkpoint's note.
    pub checkpoint: String,
}

/// What a witness cosigned last of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How many leaves the log had.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Seen {
    /// Of a log whose first checkpoint is still to come.
    pub const NOTHING: Self = Self { size: 0, root: Hash::EMPTY };
}

/// A checkpoint that a witness has cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// What was cosigned.
    pub checkpoint: Checkpoint,
    /// What is to be stored before anything is answered.
    pub seen: Seen,
    /// The answer's body: the lines that go under the checkpoint.
    pub lines: String,
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Whoever sent it cannot write requests.
    #[error("not an add-checkpoint request: {0}")]
    Malformed(&'static str),
    /// It is not the log's.
    #[error("the checkpoint is not to be believed: {0}")]
    NotSigned(CheckpointError),
    /// The key of one log has signed for another.
    #[error("the checkpoint is of another log")]
    UnknownLog,
    /// The log does not know what was cosigned last: it asks again, with a proof from this size.
    #[error("the last checkpoint that was cosigned has {0} entries")]
    Behind(u64),
    /// **The log has two histories.** Its operator has to be asked; both checkpoints prove it.
    #[error("the checkpoint has as many entries as the last one that was cosigned, and other ones")]
    Forked,
    /// The log has two histories, or sent a wrong proof.
    #[error("the checkpoint does not continue the last one that was cosigned")]
    NotConsistent,
}

impl Refusal {
    /// The status of HTTP that the specification asks for.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NotSigned(_) => 403,
            Self::UnknownLog => 404,
            Self::Behind(_) | Self::Forked => 409,
            Self::NotConsistent => 422,
        }
    }

    /// The type of what [`Refusal::body`] writes.
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Behind(_) => "text/x.tlog.size",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// The answer's body: the size that was cosigned last where that is asked for, else what is wrong.
    pub fn body(&self) -> String {
        match self {
            Self::Behind(size) => format!("{size}\n"),
            other => format!("{other}\n"),
        }
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl AddCheckpoint {
    /// Reads the body of a request.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`].
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        if body.len() > MAX_REQUEST {
            return Err(Refusal::Malformed("it is longer than 64 KiB"));
        }
        let text = str::from_utf8(body).map_err(|_| Refusal::Malformed("it is not UTF-8"))?;
        let (asked, checkpoint) =
            text.split_once("\n\n").ok_or(Refusal::Malformed("it has no empty line"))?;
        let mut lines = asked.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old = old.ok_or(Refusal::Malformed("its first line is not `old` and a size"))?;
        let proof: Vec<_> = lines
            .take(MAX_HASHES + 1)
            .map(Hash::from_base64)
            .collect::<Option<_>>()
            .ok_or(Refusal::Malformed("a line of its proof is no hash"))?;
        if proof.len() > MAX_HASHES {
            return Err(Refusal::Malformed("its proof has more than 63 lines"));
        }
        Ok(Self { old, proof, checkpoint: checkpoint.to_owned() })
    }

    /// The log that it is said to be of: to look up keys and what was seen. Nobody has vouched for it yet.
    pub fn claimed_origin(&self) -> &str {
        self.checkpoint.split('\n').next().unwrap_or_default()
    }

    /// Cosigns the checkpoint if one of `keys`, which are those of the log `origin`, has signed it and
    /// it continues what was `seen`. `time` is in seconds since 1970.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing changed for the log.
    pub fn cosign(
        &self,
        origin: &str,
        keys: &[VerifierKey],
        seen: Seen,
        cosigner: &Cosigner,
        time: u64,
    ) -> Result<Cosigned, Refusal> {
        let checkpoint = Checkpoint::open(self.checkpoint.as_bytes(), keys).map_err(Refusal::NotSigned)?;
        if checkpoint.origin() != origin {
            return Err(Refusal::UnknownLog);
        }
        let now = Seen { size: checkpoint.size(), root: checkpoint.root() };
        if self.old > now.size {
            return Err(Refusal::Malformed("its old size is above the checkpoint's"));
        }
        if self.old != seen.size {
            return Err(Refusal::Behind(seen.size));
        }
        if now.size == seen.size && now.root != seen.root {
            return Err(Refusal::Forked);
        }
        verify_consistency((seen.size, &seen.root), (now.size, &now.root), &self.proof)
            .map_err(|NotProven| Refusal::NotConsistent)?;
        let lines = cosigner
            .cosign(&checkpoint.text(), time)
            .map_err(|_| Refusal::Malformed("no note has its checkpoint's text"))?;
        Ok(Cosigned { checkpoint, seen: now, lines })
    }
}

/// Puts the lines of a witness's answer under the checkpoint's `note`, as far as they are of the keys in
/// `known` and are over it; says when each was made, in seconds since 1970.
///
/// # Errors
///
/// [`OpenError`]: the answer is no signature lines, or one of a known key does not fit. No time at all
/// is no error: the witness is one that nobody here knows.
pub fn add_cosignatures(
    note: &str,
    answer: &str,
    known: &[CosignerKey],
) -> Result<(String, Vec<u64>), OpenError> {
    if !answer.split_inclusive('\n').all(|line| line.starts_with('\u{2014}') && line.ends_with('\n')) {
        return Err(OpenError::NotANote("a line of the answer is no signature"));
    }
    let both = format!("{note}{answer}");
    let (mut note, mut times) = (note.to_owned(), Vec::new());
    let already = cosignatures(&both.as_bytes()[..note.len()], known)?.len();
    for cosignature in cosignatures(both.as_bytes(), known)?.into_iter().skip(already) {
        note.push_str(cosignature.line);
        note.push('\n');
        times.push(cosignature.time);
    }
    Ok((note, times))
}
