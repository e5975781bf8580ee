//! The proof of one entry that can be handed on (c2sp.org/tlog-proof): the way to a signed checkpoint.

use std::fmt;
use std::str::FromStr;

use signed_note::VerifierKey;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::hash::{Hash, decimal};
use crate::proof::{NotProven, verify_inclusion};
use crate::{Entry, MAX_SIZE};

/// That an entry is in a log: its position, the proof, and the checkpoint that it leads to.
///
/// Written, it is a file of a few hundred bytes that needs nothing else than the log's key:
///
/// ```text
/// c2sp.org/tlog-proof@v1
/// index 73894
/// gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
///
/// (the checkpoint's note)
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProof {
    /// Position of the entry, from 0.
    pub index: u64,
    /// The hashes from the leaf's sibling to below the root.
    pub hashes: Vec<Hash>,
    /// The checkpoint's note, with its signatures.
    pub checkpoint: String,
}

/// How many hashes an inclusion proof has at most.
const MAX_HASHES: usize = 63;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// Why a text is no proof. Whoever copied it should look at the original again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a proof of c2sp.org/tlog-proof: {0}")]
pub struct NotALogProof(&'static str);

/// Why a proof does not convince.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Its checkpoint is not to be believed.
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The event is another one, or the proof was changed.
    #[error("it does not lead from this event to its checkpoint")]
    NotProven(#[from] NotProven),
}

impl LogProof {
    /// Checks that `entry` is where the proof says in the log of one of the keys in `known`, and returns
    /// the checkpoint that says so.
    ///
    /// # Errors
    ///
    /// [`ProofError`].
    pub fn verify(&self, entry: &Entry, known: &[VerifierKey]) -> Result<Checkpoint, ProofError> {
        let checkpoint = Checkpoint::open(self.checkpoint.as_bytes(), known)?;
        let (size, root) = (checkpoint.size(), checkpoint.root());
        verify_inclusion(Hash::of_leaf(entry), self.index, size, &self.hashes, &root)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for LogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FIRST_LINE}\nindex {}\n", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for LogProof {
    type Err = NotALogProof;

    /// Reads a proof; a line `extra`, which nothing vouches for, is passed over.
    fn from_str(text: &str) -> Result<Self, NotALogProof> {
        let (proof, checkpoint) = text.split_once("\n\n").ok_or(NotALogProof("it has no empty line"))?;
        let mut lines = proof.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return Err(NotALogProof("its first line is another one"));
        }
        let mut line = lines.next();
        if line.is_some_and(|line| line.starts_with("extra ")) {
            line = lines.next();
        }
        let index = line
            .and_then(|line| line.strip_prefix("index "))
            .and_then(decimal)
            .filter(|index| *index < MAX_SIZE)
            .ok_or(NotALogProof("it names no position"))?;
        let hashes: Vec<_> = lines
            .take(MAX_HASHES + 1)
            .map(Hash::from_base64)
            .collect::<Option<_>>()
            .ok_or(NotALogProof("one of its lines is no hash"))?;
        if hashes.len() > MAX_HASHES {
            return Err(NotALogProof("it has more hashes than a proof needs"));
        }
        Ok(Self { index, hashes, checkpoint: checkpoint.to_owned() })
    }
}
