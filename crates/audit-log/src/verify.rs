//! Verifying a log: its events, one after the other, against what is known of it.

use std::collections::BTreeMap;
use std::fmt;

use crate::checkpoint::Checkpoint;
use crate::edge::{Edge, Node};
use crate::entry::{Entry, Event, PersonalHash, SALT_LENGTH};
use crate::gaps::{Gaps, TooMany};
use crate::hash::Hash;

/// An event as a store or an export has it.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its place in the log, from 0.
    pub position: u64,
    /// The event's id.
    pub id: &'a str,
    /// Which definition of an entry it was made by.
    pub format_version: u32,
    /// The run of the program that wrote it.
    pub instance: &'a str,
    /// When it happened.
    pub occurred_at: &'a str,
    /// When it was written.
    pub recorded_at: &'a str,
    /// Salt and body; `None` once the whole event is erased.
    pub body: Option<Salted<'a>>,
    /// Salt and personal part; `None` once that is erased.
    pub personal: Option<Salted<'a>>,
    /// What stays of the personal part.
    pub personal_hash: PersonalHash,
    /// What the event commits to.
    pub entry: Entry,
    /// The erasure that took what is missing, by its id.
    pub erasure: Option<&'a str>,
}

/// A canonical JSON text with the salt that keeps it from being guessed.
#[derive(Debug, Clone, Copy)]
pub struct Salted<'a> {
    /// Random bytes.
    pub salt: [u8; SALT_LENGTH],
    /// The text.
    pub text: &'a str,
}

/// The first thing in a log that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Wrong {
    /// Position of the first event that may be wrong.
    pub first: u64,
    /// Position of the last one; the same where it is known which.
    pub last: u64,
    /// The event's id, where it is known which and it is there.
    pub id: Option<String>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with an event or with a stretch of the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Events were taken out.
    #[error("missing")]
    Missing,
    /// An event stands where another belongs: put in, repeated, or out of order.
    #[error("out of its place: an event stands here that says position {0}")]
    OutOfPlace(u64),
    /// It was changed, or written by a program that is not ours.
    #[error("recorded before its predecessor")]
    TimeRunsBack,
    /// A newer program wrote it: verify with that.
    #[error("of format {0}, which this program does not know")]
    Format(u32),
    /// It was changed.
    #[error("changed: its parts do not make its entry")]
    Entry,
    /// It was changed.
    #[error("changed: its personal part is not what was recorded")]
    Personal,
    /// A part is gone that nothing says may be gone.
    #[error("a part of it is missing, and no erasure is recorded for it")]
    PartMissing,
    /// Not a fault yet: so many holes are remembered only until the events come that explain them.
    #[error("more has been taken out than this program can remember, and no erasure was recorded for it yet")]
    TooManyGaps,
    /// The event and all that it says of itself were changed together, but not what was kept beside it.
    #[error("changed: the tree that was kept has other events here")]
    Tree,
    /// The log was rewritten.
    #[error("changed: the checkpoint of {0} events has other events")]
    Checkpoint(u64),
    /// The newest events were taken out, or an older state of the store was put back.
    #[error("missing: there is a checkpoint of {0} events")]
    Truncated(u64),
    /// The log signed two histories.
    #[error("two checkpoints of {0} events say different things")]
    Forked(u64),
    /// Not a fault of the log: the checkpoint says nothing about what is verified.
    #[error("the checkpoint of {0} events is older than where the verification begins")]
    TooOld(u64),
}

/// How long the id of an erasure is at most: a UUID.
const LONGEST_ID: usize = 36;

impl Wrong {
    /// Says that something was found to be wrong, and not merely that nothing could be found out.
    pub fn is_a_finding(&self) -> bool {
        !matches!(self.fault, Fault::TooManyGaps | Fault::TooOld(_))
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, id, fault } = self;
        match id {
            Some(id) => write!(f, "event {first} ({}): {fault}", id.escape_debug()),
            None if first == last => write!(f, "event {first}: {fault}"),
            None => write!(f, "events {first} to {last}: {fault}"),
        }
    }
}

/// What a verification found right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The tree over all events; its root is what a checkpoint of this size has to say.
    pub edge: Edge,
    /// Size of the largest checkpoint that was compared: nothing after it is bound by anything.
    pub confirmed: Option<u64>,
    /// How many events have lost their personal part alone.
    pub without_personal: u64,
    /// How many have lost everything but times and hashes: that they were there is all that is proven.
    pub erased: u64,
    /// The first stretch of events that lost something, and of which no event seen says so. A log that was read to
    /// its newest event has none: see [`Verified::all_announced`].
    pub unannounced: Option<(u64, u64)>,
}

impl Verified {
    /// Demands that an event says of each part that is missing which erasure took it. What was read has to go to the
    /// newest event: an erasure is recorded behind what it took.
    ///
    /// # Errors
    ///
    /// [`Fault::PartMissing`].
    pub fn all_announced(&self) -> Result<(), Wrong> {
        let Some((first, last)) = self.unannounced else { return Ok(()) };
        Err(Wrong { first, last, id: None, fault: Fault::PartMissing })
    }
}

/// A verification that goes on: takes events in their order, in memory that does not grow with their number.
///
/// The events alone prove little: whoever can write the store can write it all anew, entries, tree and,
/// with the log's key, checkpoints too. [`Verification::expect`] a checkpoint that was kept elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    edge: Edge,
    began: u64,
    recorded_at: String,
    expected: BTreeMap<u64, Hash>,
    confirmed: Option<u64>,
    without_personal: u64,
    erased: u64,
    gaps: Gaps,
}

impl Verification {
    /// Begins with the first event of a log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins behind the events that `edge` covers. What it says is proven only once a later checkpoint
    /// is reached, or if `checkpoint` is of its size.
    ///
    /// # Errors
    ///
    /// [`Fault::Checkpoint`]: `checkpoint` is of its size and has another root.
    pub fn since(edge: Edge, checkpoint: Option<&Checkpoint>) -> Result<Self, Wrong> {
        let mut verification = Self { began: edge.size(), edge, ..Self::default() };
        if let Some(checkpoint) = checkpoint {
            verification.expect(checkpoint)?;
        }
        Ok(verification)
    }

    /// Whether something is missing of which no event has said so yet.
    pub fn waits(&self) -> bool {
        self.gaps.first().is_some()
    }

    /// How many events of the log are verified.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// Demands that the log has what `checkpoint` says, now or when it is that long. Call it before the
    /// events are taken that it covers, as often as there are checkpoints.
    ///
    /// # Errors
    ///
    /// [`Fault::Checkpoint`] at once, [`Fault::Forked`], [`Fault::TooOld`].
    pub fn expect(&mut self, checkpoint: &Checkpoint) -> Result<(), Wrong> {
        let (size, root) = (checkpoint.size(), checkpoint.root());
        if size < self.edge.size() {
            return Err(self.stretch(size, Fault::TooOld(size)));
        }
        if *self.expected.entry(size).or_insert(root) != root {
            return Err(self.stretch(size, Fault::Forked(size)));
        }
        self.compare()
    }

    /// Takes the next event.
    ///
    /// # Errors
    ///
    /// [`Wrong`]: the first one. Nothing after it means anything.
    pub fn take(&mut self, row: &Row<'_>) -> Result<(), Wrong> {
        self.take_beside(row, |_| true)
    }

    /// Takes the next event, and asks of each node of the tree that it completes, leaf first, whether what
    /// was `kept` of the tree agrees; `true` where nothing was.
    ///
    /// # Errors
    ///
    /// [`Wrong`], with [`Fault::Tree`] for a node that differs: as few events as it covers.
    pub fn take_beside(&mut self, row: &Row<'_>, mut kept: impl FnMut(&Node) -> bool) -> Result<(), Wrong> {
        self.check(row).map_err(|fault| self.wrong(row, fault))?;
        let mut differs = None;
        self.edge.append(Hash::of_leaf(&row.entry), |node| {
            if differs.is_none() && !kept(&node) {
                differs = Some(node);
            }
        });
        if let Some(node) = differs {
            let first = node.index << node.level;
            let last = self.edge.size() - 1;
            let id = (first == last).then(|| row.id.to_owned());
            return Err(Wrong { first, last, id, fault: Fault::Tree });
        }
        row.recorded_at.clone_into(&mut self.recorded_at);
        self.note_erasures(row).map_err(|TooMany| Wrong {
            first: row.position,
            last: row.position,
            id: None,
            fault: Fault::TooManyGaps,
        })?;
        self.compare()
    }

    /// Says that there are no more events.
    ///
    /// # Errors
    ///
    /// [`Fault::Truncated`]: a checkpoint says that there were more.
    pub fn finish(self) -> Result<Verified, Wrong> {
        if let Some((&size, _)) = self.expected.last_key_value() {
            let (first, last) = (self.edge.size(), size - 1);
            return Err(Wrong { first, last, id: None, fault: Fault::Truncated(size) });
        }
        Ok(Verified {
            edge: self.edge,
            confirmed: self.confirmed,
            without_personal: self.without_personal,
            erased: self.erased,
            unannounced: self.gaps.first(),
        })
    }

    /// Looks at the event alone and beside its predecessor.
    fn check(&self, row: &Row<'_>) -> Result<(), Fault> {
        let expected = self.edge.size();
        if row.position > expected {
            return Err(Fault::Missing);
        }
        if row.position < expected {
            return Err(Fault::OutOfPlace(row.position));
        }
        if row.format_version != crate::FORMAT_VERSION {
            return Err(Fault::Format(row.format_version));
        }
        // Of one length and in UTC: they sort as text.
        if *row.recorded_at < *self.recorded_at {
            return Err(Fault::TimeRunsBack);
        }
        // Where the body is gone nothing binds a personal part: no erasure leaves it.
        let nothing_binds = row.body.is_none() && row.personal.is_some();
        // Kept until what explains it comes: no longer than ids are.
        let is_no_id = row.erasure.is_some_and(|erasure| erasure.len() > LONGEST_ID);
        if nothing_binds
            || is_no_id
            || row.erasure.is_none() && (row.body.is_none() || row.personal.is_none())
        {
            return Err(Fault::PartMissing);
        }
        if let Some(Salted { salt, text }) = row.personal
            && PersonalHash::of(&salt, text) != row.personal_hash
        {
            return Err(Fault::Personal);
        }
        // Of an event that is erased whole the tree alone says that it was there.
        let Some(Salted { salt, text: body }) = row.body else { return Ok(()) };
        let Row { id, format_version, instance, occurred_at, recorded_at, .. } = *row;
        let event = Event { id, format_version, instance, occurred_at, recorded_at, body };
        if event.entry(&salt, row.personal_hash) == row.entry { Ok(()) } else { Err(Fault::Entry) }
    }

    fn wrong(&self, row: &Row<'_>, fault: Fault) -> Wrong {
        let first = self.edge.size();
        match fault {
            Fault::Missing => Wrong { first, last: row.position - 1, id: None, fault },
            fault => Wrong { first, last: first, id: Some(row.id.to_owned()), fault },
        }
    }

    /// A fault of all that no smaller checkpoint has confirmed, up to `size`.
    fn stretch(&self, size: u64, fault: Fault) -> Wrong {
        let last = size.saturating_sub(1);
        let first = self.confirmed.unwrap_or(self.began).min(last);
        Wrong { first, last, id: None, fault }
    }

    fn compare(&mut self) -> Result<(), Wrong> {
        let size = self.edge.size();
        let Some(root) = self.expected.remove(&size) else { return Ok(()) };
        if root != self.edge.root() {
            return Err(self.stretch(size, Fault::Checkpoint(size)));
        }
        self.confirmed = Some(size);
        Ok(())
    }

    fn note_erasures(&mut self, row: &Row<'_>) -> Result<(), TooMany> {
        match (row.body, row.personal) {
            (None, _) => self.erased += 1,
            (Some(_), None) => self.without_personal += 1,
            (Some(_), Some(_)) => {}
        }
        if row.body.is_none() || row.personal.is_none() {
            self.gaps.add(row.position, row.body.is_none(), row.erasure.unwrap_or_default())?;
        }
        if let Some(body) = row.body {
            self.gaps.take_announced(body.text);
        }
        Ok(())
    }
}
