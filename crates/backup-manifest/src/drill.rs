//! The result of a drill: a backup restored, to see that it can be.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use signed_note::{Signer, VerifierKey};

use crate::form::{self, Form, ManifestError, TooLong};

/// What came of restoring one backup, away from where it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// The backup's file, without its folder.
    pub backup: String,
    /// When it was begun.
    pub at: Timestamp,
    /// The machine that it was done on.
    pub host: String,
    /// The program that did it, with its version.
    pub made_by: String,
    /// Who had it done: `os:NAME`.
    pub who: String,
    /// The fingerprint of the key or subkey that opened the file, in lower-case hex.
    pub opened_with: String,
    /// How it came out.
    pub outcome: Outcome,
    /// How many rows, in all tables, were counted and compared with the manifest.
    pub rows_compared: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// How a drill came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All that was backed up was there again.
    Good,
    /// In words, what was not.
    Differs(Vec<String>),
}

impl Form for Drill {
    const FORMAT: &'static str = "gateward backup drill 1";

    fn check(&self) -> Result<(), &'static str> {
        match &self.outcome {
            Outcome::Differs(differences) if differences.is_empty() => {
                Err("it found a difference and does not say which")
            }
            Outcome::Good | Outcome::Differs(_) => Ok(()),
        }
    }
}

impl Drill {
    /// Writes it, signed: what lies beside the backup.
    ///
    /// # Errors
    ///
    /// [`TooLong`].
    pub fn sign(&self, signer: &Signer) -> Result<String, TooLong> {
        form::sign(self, signer)
    }

    /// Reads what [`Drill::sign`] wrote with one of the `known` keys.
    ///
    /// # Errors
    ///
    /// [`ManifestError`]: nothing of it is to be believed.
    pub fn read(note: &[u8], known: &[VerifierKey]) -> Result<Self, ManifestError> {
        form::read(note, known)
    }
}
