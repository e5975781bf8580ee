//! The log as a file: what `gateward audit export --format ndjson` writes, and anybody verifies.
//!
//! One JSON object a line. The first says what follows, then comes each event, the last says what binds
//! them:
//!
//! ```text
//! {"audit_export":1,"origin":"cr.example.org/log","first":17,"edge":"0000000000000011..."}
//! {"position":17,"id":"0193...","format_version":1,"instance":"0193...","occurred_at":"2026-...","recorded_at":"2026-...",
//!  "salt":"00..","body":{...},"personal_salt":"00..","personal":{...},"personal_hash":"00..","entry":"00.."}
//! {"events":1,"checkpoint":"cr.example.org/log\n18\n...","consistency":[]}
//! ```
//!
//! Salts, hashes and `edge` ([`Edge::to_bytes`]) are hex in lower case. `body` and `personal` stand there byte
//! for byte as they are stored: a program that writes the objects in another way breaks them. What is erased
//! is `null`, and `erasure` names the erasure. `consistency` leads from the tree of the last event here to
//! the checkpoint where that is larger (base64, as in c2sp.org/tlog-witness); both are left out where there is no
//! checkpoint as large as what is exported. An export is whole only with its last line.

use std::borrow::Cow;
use std::io::{BufRead, Read};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use signed_note::VerifierKey;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::edge::Edge;
use crate::entry::{Entry, PersonalHash};
use crate::hash::Hash;
use crate::hex::Hex;
use crate::proof::verify_consistency;
use crate::verify::{Row, Salted, Verification, Verified, Wrong};

/// How long a line may be: longer than any event.
pub const MAX_LINE: usize = 4 << 20;

/// The version of this form.
pub const EXPORT_VERSION: u32 = 1;

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header<'a> {
    /// [`EXPORT_VERSION`].
    pub audit_export: u32,
    /// Which log it is of, as its checkpoints say.
    #[serde(borrow)]
    pub origin: Cow<'a, str>,
    /// Position of the first event here.
    pub first: u64,
    /// The tree over all events before: [`Edge::to_bytes`].
    pub edge: Hex<Vec<u8>>,
}

/// An event's line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<'a> {
    /// See [`Row`] for these.
    pub position: u64,
    /// A UUID.
    pub id: &'a str,
    /// [`FORMAT_VERSION`](crate::FORMAT_VERSION) of who wrote it.
    pub format_version: u32,
    /// A UUID.
    pub instance: &'a str,
    /// RFC 3339.
    pub occurred_at: &'a str,
    /// RFC 3339.
    pub recorded_at: &'a str,
    /// Salt of the body; gone with it.
    pub salt: Option<Hex<[u8; 16]>>,
    /// What happened.
    #[serde(borrow)]
    pub body: Option<&'a RawValue>,
    /// Salt of the personal part; gone with it.
    pub personal_salt: Option<Hex<[u8; 16]>>,
    /// Whom it concerned.
    #[serde(borrow)]
    pub personal: Option<&'a RawValue>,
    /// What stays of the personal part.
    pub personal_hash: Hex<[u8; 32]>,
    /// What the event commits to.
    pub entry: Hex<[u8; 32]>,
    /// The erasure that took what is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erasure: Option<&'a str>,
}

/// The last line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Footer {
    /// How many events are here.
    pub events: u64,
    /// The note of a checkpoint that covers them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// That the checkpoint continues the tree of the last event here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consistency: Vec<String>,
}

/// Why an export is not believed, or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file could not be read: nothing is known about the log.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// Another file, one that was cut off, or one of a newer program: nothing is known about the log.
    #[error("line {line}: {why}")]
    Form {
        /// Number of the line, from 1.
        line: u64,
        /// What it should be.
        why: String,
    },
    /// It is an export, and of another log.
    #[error("it is of the log {found:?}, not of {asked:?}")]
    AnotherLog {
        /// As it says itself.
        found: String,
        /// As the checkpoint says.
        asked: String,
    },
    /// Something in it was changed.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// Its own checkpoint is not the log's.
    #[error("the checkpoint at its end: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// Its own checkpoint is of other events.
    #[error("the checkpoint at its end does not cover the events in it")]
    NotCovered,
}

impl ExportError {
    /// Says that something was found to be wrong, and not merely that nothing could be found out.
    pub fn is_a_finding(&self) -> bool {
        match self {
            Self::Unreadable(_) | Self::Form { .. } => false,
            Self::Wrong(wrong) => wrong.is_a_finding(),
            Self::AnotherLog { .. } | Self::Checkpoint(_) | Self::NotCovered => true,
        }
    }
}

impl<'a> Line<'a> {
    /// The event as a verification takes it. `None`: a part without its salt, or a salt without its part.
    pub fn row(&'a self) -> Option<Row<'a>> {
        Some(Row {
            position: self.position,
            id: self.id,
            format_version: self.format_version,
            instance: self.instance,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            body: salted(self.salt.as_ref(), self.body)?,
            personal: salted(self.personal_salt.as_ref(), self.personal)?,
            personal_hash: PersonalHash(self.personal_hash.0),
            entry: Entry(self.entry.0),
            erasure: self.erasure,
        })
    }
}

#[expect(
    clippy::option_option,
    reason = "the outer one says whether both agree, the inner whether they are there"
)]
fn salted<'a>(salt: Option<&Hex<[u8; 16]>>, text: Option<&'a RawValue>) -> Option<Option<Salted<'a>>> {
    match (salt, text) {
        (Some(salt), Some(text)) => Some(Some(Salted { salt: salt.0, text: text.get() })),
        (None, None) => Some(None),
        _ => None,
    }
}

/// What an export was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Which log it says it is of; a checkpoint has confirmed it if there is one.
    pub origin: String,
    /// Position of its first event.
    pub first: u64,
    /// What was verified.
    pub verified: Verified,
    /// The checkpoint at its end that was signed by a known key and covers all of it.
    pub checkpoint: Option<Checkpoint>,
}

/// Verifies an export against `checkpoints` that were kept elsewhere, and against the one at its own end if
/// one of the keys in `known` has signed it. In constant memory.
///
/// Without `known` nothing is said about the checkpoint at its end. An export that begins later than the
/// log is bound by checkpoints of larger size alone.
///
/// # Errors
///
/// [`ExportError`].
pub fn verify_export(
    input: impl Read,
    checkpoints: &[Checkpoint],
    known: &[VerifierKey],
) -> Result<Exported, ExportError> {
    let mut lines = Lines { input: std::io::BufReader::new(input), line: String::new(), number: 0 };
    let header = lines.next()?.ok_or_else(|| not_one(1, "it is empty"))?;
    let header: Header<'_> = read(header, 1, "the first line of an export")?;
    if header.audit_export != EXPORT_VERSION {
        return Err(not_one(1, "of a newer program: verify with that"));
    }
    let edge = Edge::from_bytes(&header.edge.0).map_err(|why| not_one(1, &why.to_string()))?;
    if edge.size() != header.first {
        return Err(not_one(1, "edge and first say different things"));
    }
    let (origin, first) = (header.origin.into_owned(), header.first);
    let mut verification = Verification::since(edge, None)?;
    for checkpoint in checkpoints {
        same_log(&origin, checkpoint)?;
        verification.expect(checkpoint)?;
    }
    let footer = take_events(&mut lines, &mut verification)?;
    let verified = verification.finish()?;
    if verified.edge.size() - first != footer.events {
        return Err(not_one(lines.number, "it counts another number of events than there are"));
    }
    let checkpoint = match &footer.checkpoint {
        Some(note) if !known.is_empty() => Some(covered(&verified, note, &footer.consistency, known)?),
        _ => None,
    };
    if let Some(checkpoint) = &checkpoint {
        same_log(&origin, checkpoint)?;
    }
    Ok(Exported { origin, first, verified, checkpoint })
}

/// Takes events up to the last line, which it returns.
fn take_events<R: Read>(
    lines: &mut Lines<R>,
    verification: &mut Verification,
) -> Result<Footer, ExportError> {
    loop {
        let number = lines.number + 1;
        let cut = || not_one(number, "it is cut off: the last line is missing");
        let text = lines.next()?.ok_or_else(cut)?;
        if text.starts_with(r#"{"events":"#) {
            let footer = read(text, number, "the last line of an export")?;
            return if lines.next()?.is_none() {
                Ok(footer)
            } else {
                Err(not_one(number + 1, "there is something behind the last line"))
            };
        }
        let line: Line<'_> = read(text, number, "an event")?;
        let row = line.row();
        verification.take(&row.ok_or_else(|| not_one(number, "a part without its salt"))?)?;
    }
}

fn same_log(origin: &str, checkpoint: &Checkpoint) -> Result<(), ExportError> {
    if checkpoint.origin() == origin {
        return Ok(());
    }
    Err(ExportError::AnotherLog { found: origin.to_owned(), asked: checkpoint.origin().to_owned() })
}

/// Checks that the checkpoint at the end covers what was verified.
fn covered(
    verified: &Verified,
    note: &str,
    proof: &[String],
    known: &[VerifierKey],
) -> Result<Checkpoint, ExportError> {
    let checkpoint = Checkpoint::open(note.as_bytes(), known)?;
    let proof: Option<Vec<_>> = proof.iter().map(|line| Hash::from_base64(line)).collect();
    let (old, new) = ((verified.edge.size(), &verified.edge.root()), (checkpoint.size(), &checkpoint.root()));
    verify_consistency(old, new, &proof.ok_or(ExportError::NotCovered)?)
        .map_err(|_| ExportError::NotCovered)?;
    Ok(checkpoint)
}

/// The lines of a file, each of bounded length.
struct Lines<R> {
    input: std::io::BufReader<R>,
    line: String,
    number: u64,
}

impl<R: Read> Lines<R> {
    /// The next line without its newline; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<&str>, ExportError> {
        self.line.clear();
        self.number += 1;
        let limit = u64::try_from(MAX_LINE).expect("it fits");
        let read = self.input.by_ref().take(limit).read_line(&mut self.line);
        match read {
            Err(why) if why.kind() == std::io::ErrorKind::InvalidData => {
                Err(not_one(self.number, "it is not UTF-8"))
            }
            Err(why) => Err(why.into()),
            Ok(0) => Ok(None),
            Ok(_) => match self.line.strip_suffix('\n') {
                Some(line) => Ok(Some(line)),
                None if self.line.len() >= MAX_LINE => Err(not_one(self.number, "longer than 4 MiB")),
                None => Err(not_one(self.number, "it is cut off: a line does not end")),
            },
        }
    }
}

fn not_one(line: u64, why: &str) -> ExportError {
    ExportError::Form { line, why: why.to_owned() }
}

fn read<'a, T: Deserialize<'a>>(text: &'a str, line: u64, what: &str) -> Result<T, ExportError> {
    serde_json::from_str(text).map_err(|why| ExportError::Form { line, why: format!("not {what}: {why}") })
}
