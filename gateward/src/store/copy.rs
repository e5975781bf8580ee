//! Carries a whole store to another: every row, with the positions and entries that events have.
//!
//! Nobody writes meanwhile: both sides are held as a writer holds them, from beginning to end. On
//! the way each event's entry is made anew and compared, the tree is grown from the entries, and every
//! checkpoint is held against it. All of it is one transaction of the other store, which is empty until
//! it commits.

use std::collections::VecDeque;

use audit_log::{Event, PersonalHash, SALT_LENGTH};
use jiff::Timestamp;

use super::event::{NewEvent, Row};
use super::held::Held;
use super::sql::Value;
use super::tables::{CHECKPOINT, EVENT, OTHERS, PAGE, Page, Table};
use super::tree::Growing;
use super::writer::{ClockBehindLog, Head};
use crate::base::store_address::StoreAddress;
use crate::base::time::{Clock, stored};

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One of the two cannot be opened, read or written; it may pass.
    #[error(transparent)]
    Store(#[from] super::Error),
    /// A server may still write: the operator stops it, or waits until one that crashed is believed gone.
    #[error("a server runs on {store}, or crashed just now (its lease ends at {until}): stop every server")]
    Leased {
        /// Which store.
        store: String,
        /// The lease's end.
        until: String,
    },
    /// The operator names another.
    #[error("{0} is not empty: what it holds would be mixed with what comes; name an empty store")]
    NotEmpty(String),
    /// Somebody changed the log: the operator restores a backup, or finds out.
    #[error("the event at position {position} of {store} is damaged: {why}")]
    Damaged {
        /// Which store.
        store: String,
        /// The first event that is not as it was written.
        position: i64,
        /// What does not fit.
        why: &'static str,
    },
    /// The operator's: a clock.
    #[error("{store}: {behind}")]
    Clock {
        /// The store that it is the clock of.
        store: String,
        /// What is wrong with it.
        behind: String,
    },
    /// The end of the commit is unknown: the operator looks.
    #[error(
        "it is not known whether {store} has taken everything or nothing ({reason}): `gateward store status` says"
    )]
    Unknown {
        /// The store that was written.
        store: String,
        /// What the server said, or did not.
        reason: String,
    },
}

/// What is copied, and by when.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// How many events there are.
    pub events: u64,
    /// The time by the clock of the store that they come to.
    pub now: Timestamp,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// How many events are copied.
    pub events: u64,
    /// Of how many.
    pub of: u64,
}

/// Copies everything from `from` to `to`, whose tables are made unless they are there, and appends
/// `last` to it.
///
/// A crash at any time leaves `to` empty, or with everything: it is one transaction. `from` is not
/// changed.
///
/// # Errors
///
/// [`Error`]; but for [`Error::Unknown`], `to` is empty.
pub async fn copy(
    from: &StoreAddress,
    to: &StoreAddress,
    clock: &Clock,
    last: impl FnOnce(Extent) -> NewEvent,
    mut progress: impl FnMut(Progress),
) -> Result<Extent, Error> {
    let mut source = Held::take(from, clock).await?;
    if let Some(until) = source.lease().await? {
        return Err(Error::Leased { store: from.to_string(), until });
    }
    let head = source.head()?;
    super::make(to).await?;
    let mut target = Held::take(to, clock).await?;
    if !is_empty(&mut target).await? {
        return Err(Error::NotEmpty(to.to_string()));
    }
    let now = target.now().await?;
    let behind = |behind: ClockBehindLog| Error::Clock { store: to.to_string(), behind: behind.to_string() };
    let recorded_at = stored(head.next_time(now).map_err(behind)?);
    let extent = Extent { events: head.next_position.unsigned_abs(), now };

    let mut log = Log::of(from);
    let mut pages = Pages::of(&EVENT);
    let mut signed = Pages::of(&CHECKPOINT);
    while let Some(page) = pages.next(&mut source).await? {
        while !log.has_checkpoints_for(&page)
            && let Some(more) = signed.next(&mut source).await?
        {
            log.expect(&more)?;
        }
        log.follow(&page)?;
        target.insert(&EVENT, &page).await?;
        target.grow(&mut log.tree).await?;
        progress(Progress { events: log.next.unsigned_abs(), of: extent.events });
    }
    log.ends_at(head, &source.tree()?)?;
    for table in OTHERS {
        if table.has_first_row {
            target.clear(table).await?;
        }
        let mut pages = Pages::of(table);
        while let Some(page) = pages.next(&mut source).await? {
            target.insert(table, &page).await?;
        }
    }
    target.append(&Row::new(head.next_position, &recorded_at, &last(extent)), &mut log.tree).await?;
    // A crash before this leaves an empty store, after it one that has everything and says so.
    let unknown = |reason| Error::Unknown { store: to.to_string(), reason };
    target.commit().await.map_err(unknown)?;
    Ok(extent)
}

/// Whether nobody has begun to use a store.
async fn is_empty(held: &mut Held) -> Result<bool, super::Error> {
    for table in OTHERS.iter().chain([&EVENT]).filter(|table| !table.has_first_row) {
        if held.page(table, None).await?.rows > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The rows of one table, page by page.
struct Pages {
    table: &'static Table,
    after: Option<Key>,
    is_over: bool,
}

/// The primary key of the last row of a page.
enum Key {
    Integer(i64),
    Text(String),
}

impl Pages {
    fn of(table: &'static Table) -> Self {
        Self { table, after: None, is_over: false }
    }

    /// Returns the next rows; `None` when there are no more.
    async fn next(&mut self, held: &mut Held) -> Result<Option<Page>, super::Error> {
        if self.is_over {
            return Ok(None);
        }
        let after = self.after.as_ref().map(|key| match key {
            Key::Integer(number) => Value::Integer(*number),
            Key::Text(text) => Value::Text(text.into()),
        });
        let page = held.page(self.table, after).await?;
        self.is_over = page.rows < PAGE;
        let Some(last) = page.rows.checked_sub(1) else { return Ok(None) };
        let key = page.integer(0, last).map(Key::Integer);
        self.after = key.or_else(|| page.text(0, last).map(|text| Key::Text(text.to_owned())));
        Ok(Some(page))
    }
}

/// Follows the log, and says where it is not as it was written.
struct Log<'a> {
    store: &'a StoreAddress,
    next: i64,
    recorded_at: String,
    tree: Growing,
    /// The checkpoints that come, smallest first.
    signed: VecDeque<(i64, [u8; 32])>,
}

impl<'a> Log<'a> {
    fn of(store: &'a StoreAddress) -> Self {
        let (next, tree) = (Head::EMPTY.next_position, Growing::empty());
        Self { store, next, recorded_at: String::new(), tree, signed: VecDeque::new() }
    }

    /// Whether all checkpoints are known that the events of `page` lead to.
    fn has_checkpoints_for(&self, page: &Page) -> bool {
        let end = self.next + i64::try_from(page.rows).unwrap_or(i64::MAX);
        self.signed.back().is_some_and(|(size, _)| *size > end)
    }

    /// Takes in checkpoints that come.
    fn expect(&mut self, page: &Page) -> Result<(), Error> {
        for row in 0..page.rows {
            let column = |name| CHECKPOINT.column(name);
            let size = column("size").and_then(|column| page.integer(column, row));
            let root = column("root").and_then(|column| page.bytes(column, row)?.try_into().ok());
            let (size, root) =
                size.zip(root).ok_or_else(|| self.damaged("a checkpoint has no size or no root"))?;
            self.signed.push_back((size, root));
        }
        Ok(())
    }

    fn damaged(&self, why: &'static str) -> Error {
        Error::Damaged { store: self.store.to_string(), position: self.next, why }
    }

    /// Checks the events of `page`, which come next.
    fn follow(&mut self, page: &Page) -> Result<(), Error> {
        for row in 0..page.rows {
            let position = page.integer(0, row);
            if position != Some(self.next) {
                return Err(self.damaged("it is not there"));
            }
            let event =
                CopiedEvent::of(page, row).ok_or_else(|| self.damaged("a part of it is not there"))?;
            if event.event.recorded_at < self.recorded_at.as_str() {
                return Err(self.damaged("it was recorded before its predecessor"));
            }
            if !event.is_as_written() {
                return Err(self.damaged("it is not what its entry was made from"));
            }
            event.event.recorded_at.clone_into(&mut self.recorded_at);
            let entry = event.entry.try_into().map_err(|_| self.damaged("its entry has not 32 bytes"))?;
            self.tree.append(entry);
            if let Some((size, root)) = self.signed.front()
                && *size == self.next + 1
            {
                if *root != self.tree.root().0 {
                    return Err(self.damaged("with it, the log is not what a checkpoint says that it was"));
                }
                self.signed.pop_front();
            }
            self.next += 1;
        }
        Ok(())
    }

    /// Checks that the log ends where its store says.
    fn ends_at(&self, head: Head, tree: &Growing) -> Result<(), Error> {
        let newest = if self.next == 0 { "" } else { &stored(head.recorded_at) };
        if self.next != head.next_position || self.recorded_at != newest {
            return Err(self.damaged("the log does not end where its head says"));
        }
        if self.tree.root() != tree.root() {
            return Err(self.damaged("the tree that is stored is not the tree of these events"));
        }
        if !self.signed.is_empty() {
            return Err(self.damaged("the log is shorter than a checkpoint says that it was"));
        }
        Ok(())
    }
}

/// An event as it stands in a page.
struct CopiedEvent<'a> {
    event: Event<'a>,
    /// `None` once the whole event was erased: nothing is left to make its entry from.
    salt: Option<&'a [u8; SALT_LENGTH]>,
    personal: Option<(&'a [u8; SALT_LENGTH], &'a str)>,
    personal_hash: PersonalHash,
    entry: &'a [u8],
}

impl<'a> CopiedEvent<'a> {
    /// Takes it out of the columns of [`EVENT`]; `None` if one of them holds what it never does.
    fn of(page: &'a Page, row: usize) -> Option<Self> {
        let text = |name| page.text(EVENT.column(name)?, row);
        let bytes = |name| page.bytes(EVENT.column(name)?, row);
        let personal = match (bytes("personal_salt"), text("personal")) {
            (Some(salt), Some(personal)) => Some((salt.try_into().ok()?, personal)),
            (None, None) => None,
            _ => return None,
        };
        let (body, salt) = match (text("body"), bytes("salt"), personal) {
            (Some(body), Some(salt), _) => (body, Some(salt.try_into().ok()?)),
            (None, None, None) => ("", None),
            _ => return None,
        };
        Some(Self {
            event: Event {
                id: text("id")?,
                format_version: page.integer(EVENT.column("format_version")?, row)?.try_into().ok()?,
                instance: text("instance")?,
                occurred_at: text("occurred_at")?,
                recorded_at: text("recorded_at")?,
                body,
            },
            salt,
            personal,
            personal_hash: PersonalHash(bytes("personal_hash")?.try_into().ok()?),
            entry: bytes("entry")?,
        })
    }

    fn is_as_written(&self) -> bool {
        let personal_holds = self
            .personal
            .is_none_or(|(salt, personal)| PersonalHash::of(salt, personal) == self.personal_hash);
        personal_holds
            && self.salt.is_none_or(|salt| self.event.entry(salt, self.personal_hash).0 == self.entry)
    }
}
