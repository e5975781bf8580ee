//! What a place outside has seen of the log, and what follows when the store has fallen behind it.
//!
//! A store that was restored from a backup has lost what came after; whoever kept a later checkpoint would find two
//! histories under one name. So such a store serves nothing until somebody begins a new log, which says what was lost.

use audit_log::{Checkpoint, Edge, Hash, Plan, VerifierKey};
use jiff::Timestamp;
use serde_json::{Value, json};
use syslog::{Message, Priority};

use super::audit::Observer;
use super::checkpoint::{self, fresh_origin};
use super::door::Door;
use super::keyring::Keyring;
use super::record::{Happened, What};
use crate::store::checkpoint::StoredCheckpoint;
use crate::store::log::{self, Begin, Log, OldHead};
use crate::store::{self, Change, CommitError, Failed, Reader, event, tree};

/// Why the store is not what a place outside has seen; the operator restores a newer backup, or begins a new log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Behind {
    /// It has fewer events.
    #[error("{origin} had {size} events, and the store has {has}")]
    Fewer {
        /// Which log.
        origin: String,
        /// How many it had.
        size: u64,
        /// How many are left.
        has: u64,
    },
    /// It has as many, and others.
    #[error("{origin} had other events when it had {size}")]
    Others {
        /// Which log.
        origin: String,
        /// How many it had.
        size: u64,
    },
    /// Another log goes on from that one, and what it says was lost is not this.
    #[error("{origin} had {size} events, and the log that goes on from it names {named}, or others")]
    NotNamed {
        /// Which log.
        origin: String,
        /// How many it had.
        size: u64,
        /// How many the newer log says that it had.
        named: u64,
    },
    /// A log that goes on from another is said by no event: its row was put in past this program.
    #[error("{origin} had {size} events, and no event says that {log} goes on from it")]
    Unsaid {
        /// Which log.
        origin: String,
        /// How many it had.
        size: u64,
        /// The log of the row.
        log: String,
    },
    /// It knows nothing of that log, which was begun later.
    #[error("the store knows nothing of {origin}, which had {size} events")]
    Unknown {
        /// Which log.
        origin: String,
        /// How many it had.
        size: u64,
    },
}

/// Writes a checkpoint as a message of syslog (RFC 5424): JSON, because receivers write one line a message, and a note has more.
pub fn message(signed: &StoredCheckpoint, observer: &Observer) -> Vec<u8> {
    let message = Message {
        timestamp: Some(signed.signed_at),
        hostname: Some(observer.name().into()),
        app_name: Some("gateward".into()),
        kind: Some("CHECKPOINT".into()),
        ..Message::new(Priority::AUDIT, json!({ "checkpoint": signed.note }).to_string().into_bytes())
    };
    message.to_bytes()
}

/// Finds the newest checkpoints that our key signed in `text`, which holds notes with an empty line between any two: of
/// each log those that cover most, in whatever order several servers wrote them.
///
/// Of one log there are several only where it had two histories. What was written half, or by somebody else, is passed over.
pub fn newest(text: &str, keyring: &Keyring) -> Vec<Checkpoint> {
    newest_by(text, |origin| Some(keyring.log_signer(origin).ok()??.verifier_key().clone()))
}

/// The same, of the logs whose keys `key_of` has.
pub fn newest_by(text: &str, key_of: impl Fn(&str) -> Option<VerifierKey>) -> Vec<Checkpoint> {
    let parts: Vec<&str> = text.split("\n\n").map(|part| part.trim_start_matches('\n')).collect();
    let mut newest: Vec<Checkpoint> = Vec::new();
    for pair in parts.windows(2) {
        let Some(read) = ours(pair[0], pair[1], &key_of) else { continue };
        if newest.iter().any(|other| other.origin() == read.origin() && other.size() > read.size()) {
            continue;
        }
        newest
            .retain(|other| other.origin() != read.origin() || other.size() == read.size() && *other != read);
        newest.push(read);
    }
    newest
}

fn ours(body: &str, signatures: &str, key_of: impl Fn(&str) -> Option<VerifierKey>) -> Option<Checkpoint> {
    let known = [key_of(body.lines().next()?)?];
    let note = format!("{body}\n\n{}\n", signatures.trim_end_matches('\n'));
    Checkpoint::open(note.as_bytes(), &known).ok()
}

/// Finds out whether the store has all that `kept` covers; `None` where it has.
///
/// Of a log that another one of the store goes on from, what was lost has to be named there: a checkpoint of more, or of
/// something else, is not.
///
/// # Errors
///
/// [`store::Error`].
pub async fn behind(reader: &Reader, kept: &Checkpoint) -> Result<Option<Behind>, store::Error> {
    let (origin, size) = (kept.origin().to_owned(), kept.size());
    let logs = log::all(reader).await?;
    if let Some(log) = unsaid(reader, &logs).await? {
        return Ok(Some(Behind::Unsaid { origin, size, log }));
    }
    let goes_on = |log: &&Log| log.old.as_ref().is_some_and(|old| old.origin == origin);
    let taken_over = logs.iter().filter(goes_on).map(|log| log.took_over.unsigned_abs()).min();
    if taken_over.is_some_and(|taken_over| size > taken_over) {
        let named = logs.iter().filter(goes_on).filter_map(|log| log.old.as_ref());
        let named: Vec<(u64, Hash)> = named.map(|old| (old.size.unsigned_abs(), old.root)).collect();
        let most = named.iter().map(|(size, _)| *size).max().unwrap_or(0);
        let is_named = size < most || named.contains(&(size, kept.root()));
        return Ok((!is_named).then_some(Behind::NotNamed { origin, size, named: most }));
    }
    if taken_over.is_none() && logs.iter().all(|log| log.origin != origin) {
        return Ok(Some(Behind::Unknown { origin, size }));
    }
    let has = tree::edge(reader).await?.size();
    if has < size {
        return Ok(Some(Behind::Fewer { origin, size, has }));
    }
    let Ok(plan) = Plan::edge(size) else { return Ok(Some(Behind::Others { origin, size })) };
    let peaks = tree::proof(reader, &plan, size).await?;
    let same = Edge::new(size, peaks).is_ok_and(|edge| edge.root() == kept.root());
    Ok(if same { None } else { Some(Behind::Others { origin, size }) })
}

/// Finds the first of `logs` that goes on from another one, and of which the event behind what it took over does not say
/// so, word for word.
///
/// # Errors
///
/// [`store::Error`].
pub async fn unsaid(reader: &Reader, logs: &[Log]) -> Result<Option<String>, store::Error> {
    for log in logs {
        let Some(old) = &log.old else {
            if log.number == 1 {
                continue;
            }
            return Ok(Some(log.origin.clone()));
        };
        let said = json!({
            "kind": "log_recovered", "origin": log.origin, "took_over": log.took_over,
            "old_origin": old.origin, "old_size": old.size, "old_root": old.root.to_string(),
        });
        let says = |body: &str| {
            let body: Value = serde_json::from_str(body).unwrap_or_default();
            said.as_object().is_some_and(|said| said.iter().all(|(name, value)| body[name] == *value))
        };
        // What the commit of the new log records beside it, a gap for example, can stand before.
        let places: Vec<i64> = (log.took_over..log.took_over.saturating_add(COMMITTED_BESIDE)).collect();
        let events = event::at_positions(reader, &places).await?;
        if !events.iter().any(|event| says(event.body())) {
            return Ok(Some(log.origin.clone()));
        }
    }
    Ok(None)
}

/// How many events stand before that of a new log at the most, in its commit.
const COMMITTED_BESIDE: i64 = 8;

/// Begins a new log, whose first event names what `kept` says of the old one. Entries and positions stay as they are.
///
/// # Errors
///
/// [`Failed`]; a crash leaves the old log, or the new one with its event.
pub async fn recover(door: &Door, kept: &Checkpoint, by: &str, now: Timestamp) -> Result<Log, Failed> {
    loop {
        let number = log::all(&door.store.reader).await?.last().map_or(1, |log| log.number + 1);
        let took_over = checkpoint::size(&tree::edge(&door.store.reader).await?);
        let old = OldHead {
            origin: kept.origin().to_owned(),
            size: i64::try_from(kept.size()).unwrap_or(i64::MAX),
            root: kept.root(),
        };
        let log = Log { number, origin: fresh_origin(door), began_at: now, took_over, old: Some(old) };
        let what = What::LogRecovered {
            origin: log.origin.clone(),
            took_over: took_over.unsigned_abs(),
            old_origin: kept.origin().to_owned(),
            old_size: kept.size(),
            old_root: kept.root().to_string(),
        };
        let happened = Happened { who: Some(by.to_owned()), ..Happened::done(what) };
        let begin = Change::BeginLog(Box::new(Begin { log: log.clone() }));
        match door.recorder.commit(None, vec![begin], &[happened], now).await {
            Ok(()) => return Ok(log),
            // Somebody recorded something in between: how many events it takes over is looked up anew.
            Err(CommitError::Precondition) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
