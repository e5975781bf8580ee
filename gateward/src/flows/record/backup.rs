//! What can happen to backups, in the words of the log; and how it waits while nothing can be recorded.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Happened, Outcome, What};
use crate::base::id::EventId;

/// What happened; the name of the variant, in snake case, is the event's `kind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "docs/formats.md describes each kind and field")]
pub enum BackupWhat {
    BackupMade(Box<MadeBackup>),
    /// There is none, or not in all of its places.
    BackupFailed {
        job: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        file: Option<String>,
        /// One word.
        reason: String,
        detail: String,
    },
    /// Those whose time was over are gone.
    BackupsPruned {
        job: String,
        place: String,
        removed: Vec<String>,
    },
    /// One is kept, whatever its age.
    BackupHeld {
        file: String,
        place: String,
    },
    /// One is kept no longer than others.
    BackupReleased {
        file: String,
        place: String,
    },
    /// One was looked at, with its key or without.
    BackupVerified {
        file: String,
        opened: bool,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        wrong: Vec<String>,
    },
    /// One was written out, into a database or a folder.
    BackupRestored {
        file: String,
        into: Vec<String>,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        wrong: Vec<String>,
    },
    /// One was written out into a place of its own, compared, and taken away again.
    BackupDrilled {
        file: String,
        host: String,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        wrong: Vec<String>,
    },
    BackupRecipientImported {
        fingerprint: String,
    },
    BackupRecipientRemoved {
        fingerprint: String,
    },
}

/// A backup as it lies there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeBackup {
    /// The job.
    pub job: String,
    /// The file.
    pub file: String,
    /// Where it lies.
    pub places: Vec<String>,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Fingerprints of those who can open it.
    pub recipients: Vec<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

impl BackupWhat {
    /// How it came out.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::BackupMade(_)
            | Self::BackupsPruned { .. }
            | Self::BackupHeld { .. }
            | Self::BackupReleased { .. }
            | Self::BackupRecipientImported { .. }
            | Self::BackupRecipientRemoved { .. } => Outcome::Done,
            Self::BackupVerified { wrong, .. }
            | Self::BackupRestored { wrong, .. }
            | Self::BackupDrilled { wrong, .. } => {
                if wrong.is_empty() {
                    Outcome::Done
                } else {
                    Outcome::Failed
                }
            }
            Self::BackupFailed { .. } => Outcome::Failed,
        }
    }
}

/// Something that happened before it could be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The event's id, made when it happened: recorded twice, it is there once.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it: `os:NAME`.
    pub who: String,
    /// What.
    pub what: BackupWhat,
}

impl Earlier {
    pub(super) fn happened(&self) -> Happened {
        Happened {
            outcome: self.what.outcome(),
            who: Some(self.who.clone()),
            ..Happened::done(What::Backup(self.what.clone()))
        }
    }
}
