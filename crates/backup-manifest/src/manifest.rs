//! The manifest of one backup.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use signed_note::{Signer, VerifierKey};

use crate::form::{self, Form, ManifestError, TooLong};

/// What is known of one backup, by whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The file beside it, without its folder.
    pub backup: String,
    /// The job that made it.
    pub job: String,
    /// The machine that made it.
    pub host: String,
    /// The program that made it, with its version.
    pub made_by: String,
    /// When the first byte was asked for.
    pub started_at: Timestamp,
    /// When the last one was written.
    pub finished_at: Timestamp,
    /// The file as it lies there.
    pub file: Measure,
    /// What comes out of the file once it is opened and decompressed.
    pub stream: Measure,
    /// How the stream is compressed inside the seal.
    pub compression: Compression,
    /// How it is sealed, in words: `AES-256 in CFB with a checksum (SEIPDv1)`.
    pub protection: String,
    /// Who can open it: any one of them.
    pub recipients: Vec<RecipientKey>,
    /// What is in the stream, in its order.
    pub parts: Vec<Part>,
}

/// How long something is, and what its SHA-256 is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 (FIPS 180-4), in lower-case hex.
    pub sha256: String,
}

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As it is.
    None,
    /// Zstandard (RFC 8878).
    Zstd,
}

/// One OpenPGP key that a backup is sealed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientKey {
    /// The fingerprint of its primary key, in lower-case hex.
    pub fingerprint: String,
    /// The fingerprint of the key or subkey that opens the file.
    pub opens_with: String,
}

/// One part of what was backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Part {
    /// A PostgreSQL database, by `pg_dump`.
    Database(Dump),
    /// The roles and tablespaces of a PostgreSQL server, by `pg_dumpall --globals-only`; without passwords.
    Globals {
        /// Where in the archive it lies; `None` where the stream is nothing else.
        entry: Option<String>,
        /// What the server says of itself.
        server_version: String,
    },
    /// Folders with all that is in them.
    Files {
        /// The folder, as it was named.
        folder: String,
        /// Where in the archive it lies.
        entry: String,
        /// How many regular files.
        files: u64,
        /// How long all of them are.
        bytes: u64,
    },
    /// What a command wrote to its standard output.
    Command {
        /// The program; none of its arguments, which may be secret.
        program: String,
    },
    /// A SQLite database, page by page, as it was at one instant.
    Sqlite {
        /// Where in the archive it lies.
        entry: String,
        /// Its length.
        bytes: u64,
        /// How many rows each table had, by its name.
        rows: BTreeMap<String, u64>,
    },
}

impl Form for Manifest {
    const FORMAT: &'static str = "gateward backup manifest 1";

    fn check(&self) -> Result<(), &'static str> {
        if self.backup.is_empty() || self.backup.contains('/') {
            return Err("the file has no name, or one with a folder");
        }
        let hashes = [&self.file.sha256, &self.stream.sha256];
        if !hashes.iter().all(|hash| hash.len() == 64 && is_lower_hex(hash)) {
            return Err("a SHA-256 is not 64 digits of lower-case hex");
        }
        let is_fingerprint = |text: &str| matches!(text.len(), 40 | 64) && is_lower_hex(text);
        let keys = self.recipients.iter().flat_map(|key| [&key.fingerprint, &key.opens_with]);
        if self.recipients.is_empty() || !keys.into_iter().all(|key| is_fingerprint(key)) {
            return Err("the recipients are not full fingerprints in lower-case hex, or there are none");
        }
        Ok(())
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Manifest {
    /// Writes it, signed: what lies beside the backup.
    ///
    /// # Errors
    ///
    /// [`TooLong`].
    pub fn sign(&self, signer: &Signer) -> Result<String, TooLong> {
        form::sign(self, signer)
    }

    /// Reads what [`Manifest::sign`] wrote with one of the `known` keys.
    ///
    /// It says what its signer found, not that the file beside it is still that: compare its name, its length
    /// and its hash.
    ///
    /// # Errors
    ///
    /// [`ManifestError`]: nothing of it is to be believed.
    pub fn read(note: &[u8], known: &[VerifierKey]) -> Result<Self, ManifestError> {
        form::read(note, known)
    }
}

/// One dump of a PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// The database.
    pub database: String,
    /// Where in the archive it lies, in pieces that are numbered: `ENTRY.000000` and on; `None` where the
    /// stream is the dump.
    pub entry: Option<String>,
    /// How `pg_dump` wrote it.
    pub format: DumpFormat,
    /// What the server says of itself.
    pub server_version: String,
    /// What `pg_dump` says of itself.
    pub program_version: String,
    /// How many rows each table had in the snapshot that was dumped, by `schema.table`.
    pub rows: BTreeMap<String, u64>,
    /// The tables that were too large to be counted.
    pub not_counted: Vec<String>,
}

/// How `pg_dump` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DumpFormat {
    /// For `pg_restore`.
    Custom,
    /// SQL, for `psql`.
    Plain,
}
