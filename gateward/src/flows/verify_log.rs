//! Verifies the log in the store: every event, the tree that is stored, every checkpoint that was ever signed,
//! checkpoints that somebody kept elsewhere, and what searches look at.
//!
//! What the store says of itself proves little: whoever owns it can rewrite all of it. A checkpoint kept where they
//! cannot is what they cannot get around.

mod searched;

use std::collections::HashMap;

use audit_log::{
    Checkpoint, CheckpointError, Edge, Hash, NotACheckpoint, Plan, Verification, Verified, Wrong,
};
use signed_note::NotAName;

use self::searched::Copies;
pub use self::searched::Differs;
use super::anchor;
use super::keyring::Keyring;
use crate::store::checkpoint::{self, StoredCheckpoint};
use crate::store::evidence;
use crate::store::log::{self, Log};
use crate::store::{self, Reader, tree};

/// What was found to be wrong, or why nothing could be found out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The first thing that is wrong with the events.
    #[error(transparent)]
    Wrong(#[from] Wrong),
    /// A checkpoint in the store is none of ours, or was changed.
    #[error("the checkpoint of {size} events in the store: {why}")]
    StoredCheckpoint {
        /// How many events it is said to cover.
        size: i64,
        /// What is wrong.
        why: String,
    },
    /// A checkpoint that was kept is of a log that this store never had: another store's, or a store that was exchanged.
    #[error(
        "the log in the store is {found}, and the checkpoint that was kept is of {kept}: another store, or one that was exchanged"
    )]
    AnotherLog {
        /// The log that is written.
        found: String,
        /// The log that was kept.
        kept: String,
    },
    /// The store lost events, and the log was begun anew: they are gone.
    #[error(
        "{kept} had {size} events when the checkpoint was signed that was kept; {origin} went on from {took_over} of them: \
         the others are lost"
    )]
    Forked {
        /// The log that was kept.
        kept: String,
        /// How many events it had.
        size: u64,
        /// The log that went on.
        origin: String,
        /// With how many of them.
        took_over: i64,
    },
    /// The events are whole, and the tree or the head in the store is not theirs.
    #[error("{0}")]
    Tree(&'static str),
    /// The events are what they were, and what searches look at is not made from them.
    #[error(
        "event {position} ({id}): {differs}: the event is as it was, and searches do not see it so; docs/audit.md has how \
         `search` is made anew"
    )]
    Searched {
        /// The first such event's place.
        position: u64,
        /// Its id.
        id: String,
        /// How.
        differs: Differs,
    },
    /// The events are what they were, and searches look at one more.
    #[error(
        "`search` has a row {0}, and the log no such event: searches by time may miss others; docs/audit.md has how `search` \
         is made anew"
    )]
    SearchedWithoutEvent(i64),
    /// A row of an event stands where none was recorded: in no tree, and shown by searches all the same.
    #[error(
        "event {0} stands where the log has none: somebody put it in behind the log's end, or before its beginning"
    )]
    BeyondTheHead(i64),
    /// A row says that a log goes on from another one, and no event does.
    #[error(
        "`log` has a row {0}, and no event says that this log goes on from another one: somebody put it in"
    )]
    LogUnsaid(String),
    /// Nothing is known: the operator's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Nothing is known: the operator's, as above.
    #[error("the keyring has no key for the log's checkpoints: `gateward key log` adds it")]
    NoKey,
}

impl Error {
    /// Says that something was found to be wrong, and not merely that nothing could be found out.
    pub fn is_a_finding(&self) -> bool {
        match self {
            Self::Wrong(wrong) => wrong.is_a_finding(),
            Self::StoredCheckpoint { .. }
            | Self::AnotherLog { .. }
            | Self::Forked { .. }
            | Self::Tree(_)
            | Self::Searched { .. }
            | Self::SearchedWithoutEvent(_)
            | Self::BeyondTheHead(_)
            | Self::LogUnsaid(_)
            | Self::Store(store::Error::Damaged { .. }) => true,
            Self::Store(_) | Self::NoKey => false,
        }
    }
}

/// What was verified.
#[derive(Debug)]
pub struct Found {
    /// Position of the first event that was looked at.
    pub first: u64,
    /// The events.
    pub verified: Verified,
    /// How many checkpoints in the store were held against them.
    pub checkpoints: u64,
}

/// Verifies the log from its beginning, or from `since` on, against `kept` and all that the store says of itself.
///
/// In memory that does not grow with the log; what is recorded meanwhile is left for the next time, unless it says
/// what was erased meanwhile.
///
/// # Errors
///
/// [`Error`]; [`Error::is_a_finding`] tells whether the log is wrong.
pub async fn verify_log(
    reader: &Reader,
    keyring: &Keyring,
    since: Option<&Checkpoint>,
    kept: &[Checkpoint],
    mut progress: impl FnMut(u64, u64),
) -> Result<Found, Error> {
    let logs = log::all(reader).await?;
    if let Some(origin) = anchor::unsaid(reader, &logs).await? {
        return Err(Error::LogUnsaid(origin));
    }
    for checkpoint in kept.iter().chain(since) {
        check_origin(&logs, checkpoint)?;
    }
    let mut end = tree::edge(reader).await?;
    let asked = end.size();
    let first = since.map_or(0, Checkpoint::size);
    let mut verification = begin(reader, since, &end).await?;
    for checkpoint in kept {
        verification.expect(checkpoint)?;
    }
    let mut signed =
        Signed { keyring, after: i64::try_from(first).unwrap_or(i64::MAX), count: 0, waiting: Vec::new() };
    let mut copies = Copies::default();
    take_events(reader, (&mut verification, &mut signed, &mut copies), end.size(), &mut progress).await?;
    if verification.waits() {
        // What was erased meanwhile says so behind where the log ended.
        end = tree::edge(reader).await?;
        take_events(reader, (&mut verification, &mut signed, &mut copies), end.size(), &mut progress).await?;
    }
    // What the store's own checkpoints and head say beyond the last event.
    signed.expect(reader, &mut verification, u64::MAX >> 1).await?;
    if verification.size() < end.size() {
        let says =
            Checkpoint::of("head", &end).map_err(|_: NotACheckpoint| Error::Tree("the log has no head"))?;
        verification.expect(&says)?;
    }
    let verified = verification.finish()?;
    if verified.edge != end {
        return Err(Error::Tree("the events are not those that the head of the log was made from"));
    }
    // What went after it was looked for once more is left for the next time, with what says so.
    if verified.unannounced.is_some_and(|(gap, _)| gap < asked) {
        verified.all_announced()?;
    }
    if let Some(position) = evidence::beyond_the_head(reader).await? {
        return Err(Error::BeyondTheHead(position));
    }
    copies.finish(reader, end.size()).await?;
    Ok(Found { first, verified, checkpoints: signed.count })
}

/// Takes the events up to before `end`, beside the tree and the checkpoints that are stored.
async fn take_events(
    reader: &Reader,
    (verification, signed, copies): (&mut Verification, &mut Signed<'_>, &mut Copies),
    end: u64,
    progress: &mut impl FnMut(u64, u64),
) -> Result<(), Error> {
    loop {
        let next = verification.size();
        let page = evidence::page(reader, next, end).await?;
        if page.is_empty() {
            return Ok(());
        }
        let until = page.last().map_or(next, |last| last.position + 1).min(next + evidence::PAGE);
        signed.expect(reader, verification, until).await?;
        let nodes = nodes(reader, next, until).await?;
        for evidence in &page {
            verification.take_beside(&evidence.row(), |node| match nodes.get(&node.level) {
                Some(nodes) => nodes.get(&node.index) == Some(&node.hash),
                None => true,
            })?;
            copies.compare(evidence);
        }
        progress(verification.size(), end);
    }
}

/// Begins at the first event, or behind what `since` covers.
async fn begin(reader: &Reader, since: Option<&Checkpoint>, end: &Edge) -> Result<Verification, Error> {
    let Some(since) = since else { return Ok(Verification::new()) };
    let mut before = Verification::new();
    let plan = Plan::edge(since.size()).ok().filter(|_| since.size() <= end.size());
    let Some(plan) = plan else {
        // There are fewer events than it covers: said as of any other checkpoint.
        before.expect(since)?;
        return Ok(before);
    };
    let peaks = tree::proof(reader, &plan, since.size()).await?;
    let edge = Edge::new(since.size(), peaks).expect("the plan has the peaks of this size");
    Ok(Verification::since(edge, Some(since))?)
}

/// Finds out whether a checkpoint that was kept is of this store's log, now or earlier.
fn check_origin(logs: &[Log], kept: &Checkpoint) -> Result<(), Error> {
    let another = || Error::AnotherLog {
        found: logs.last().map_or_else(|| "none yet".into(), |log| log.origin.clone()),
        kept: kept.origin().to_owned(),
    };
    if logs.last().is_some_and(|log| log.origin == kept.origin()) {
        return Ok(());
    }
    let next = logs.iter().find(|log| log.old.as_ref().is_some_and(|old| old.origin == kept.origin()));
    let next = next.ok_or_else(another)?;
    if kept.size() <= next.took_over.unsigned_abs() {
        return Ok(());
    }
    Err(Error::Forked {
        kept: kept.origin().to_owned(),
        size: kept.size(),
        origin: next.origin.clone(),
        took_over: next.took_over,
    })
}

/// Whether `kept` is of a log of which the one that goes on says that this much was lost: there is nothing left to hold it
/// against. One checkpoint of the log that is written now is demanded besides.
pub fn is_named_as_lost(logs: &[Log], kept: &Checkpoint) -> bool {
    logs.iter().any(|log| {
        log.old.as_ref().is_some_and(|old| {
            let (size, named) = (kept.size(), old.size.unsigned_abs());
            old.origin == kept.origin()
                && size > log.took_over.unsigned_abs()
                && (size < named || (size, kept.root()) == (named, old.root))
        })
    })
}

/// The stored nodes among the leaves from `first` to before `end`, by level of the binary tree.
async fn nodes(reader: &Reader, first: u64, end: u64) -> Result<HashMap<u8, HashMap<u64, Hash>>, Error> {
    let mut nodes = HashMap::new();
    for level in 1..=7_u8 {
        let found = tree::nodes(reader, level, first, end).await?;
        // Where none can be complete, none is asked for.
        if end >> (8 * u32::from(level)) > first >> (8 * u32::from(level)) || !found.is_empty() {
            nodes.insert(8 * level, found);
        }
    }
    Ok(nodes)
}

/// The checkpoints in the store, each looked at before it is believed.
struct Signed<'a> {
    keyring: &'a Keyring,
    after: i64,
    count: u64,
    /// Read, and of more events than were asked about.
    waiting: Vec<StoredCheckpoint>,
}

impl Signed<'_> {
    /// Has `verification` expect the checkpoints of up to `until` events.
    async fn expect(
        &mut self,
        reader: &Reader,
        verification: &mut Verification,
        until: u64,
    ) -> Result<(), Error> {
        loop {
            if self.waiting.is_empty() {
                self.waiting = checkpoint::above(reader, self.after).await?;
                self.waiting.reverse();
            }
            let Some(next) = self.waiting.pop_if(|next| next.size.unsigned_abs() <= until) else {
                return Ok(());
            };
            self.after = next.size;
            verification.expect(&open(self.keyring, &next)?)?;
            self.count += 1;
        }
    }
}

/// Opens a checkpoint of the store: the note has to be ours, and to say what its row says.
fn open(keyring: &Keyring, stored: &StoredCheckpoint) -> Result<Checkpoint, Error> {
    let wrong = |why: String| Error::StoredCheckpoint { size: stored.size, why };
    let signer = keyring.log_signer(&stored.origin).map_err(|error: NotAName| wrong(error.to_string()))?;
    let known = [signer.ok_or(Error::NoKey)?.verifier_key().clone()];
    let opened = Checkpoint::open(stored.note.as_bytes(), &known);
    let opened = opened.map_err(|error: CheckpointError| wrong(error.to_string()))?;
    let same = opened.origin() == stored.origin
        && opened.size() == stored.size.unsigned_abs()
        && opened.root() == stored.root;
    if same { Ok(opened) } else { Err(wrong("its row says something else than its note".into())) }
}
