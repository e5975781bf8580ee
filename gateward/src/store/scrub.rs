//! Takes out of a SQLite file what lies there beside the rows: in the write-ahead log, and in parts of pages
//! that nothing uses.
//!
//! What is deleted is overwritten (`secure_delete`), but a page that was split may keep a copy of what moved,
//! and pages that a program freed before that was so keep theirs. Both go when the file is written anew.

use std::path::Path;
use std::time::{Duration, Instant};

use memchr::memmem;

use super::Error;
use super::sqlite::{self, Broken, Pages, vacuum};

/// What is left in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scrubbed {
    /// None of the names, as far as they were asked for, and an empty write-ahead log.
    Clean,
    /// The write-ahead log could not be emptied.
    WalInUse,
    /// A name stands in a row of another table.
    StillNamed,
    /// Somebody else's files.
    NotOurs,
}

impl Scrubbed {
    /// In a word, for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::WalInUse => "wal-in-use",
            Self::StillNamed => "still-named",
            Self::NotOurs => "not-ours",
        }
    }
}

/// How long readers are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long lies between two attempts.
const AGAIN: Duration = Duration::from_millis(100);

/// Empties the write-ahead log of the file at `path`; if one of `names` still stands in the file then, or if it is to
/// be written `anew` in any case, because a name can stand there in other letters and codings, writes it anew, while nobody
/// else can write (a second for some hundred megabytes).
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn scrub(path: &Path, names: &[&str], anew: bool) -> Result<Scrubbed, Error> {
    if !empty_wal(path)? {
        return Ok(Scrubbed::WalInUse);
    }
    if !anew && !any_stands_in(path, names)? {
        return Ok(Scrubbed::Clean);
    }
    vacuum(path)?;
    if !empty_wal(path)? {
        return Ok(Scrubbed::WalInUse);
    }
    Ok(if any_stands_in(path, names)? { Scrubbed::StillNamed } else { Scrubbed::Clean })
}

fn empty_wal(path: &Path) -> Result<bool, Error> {
    let until = Instant::now() + PATIENCE;
    loop {
        if sqlite::empty_wal(path)? {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        std::thread::sleep(AGAIN);
    }
}

/// Whether one of `names` stands in the file, byte by byte. SQLite reads it: to close the file ourselves would let
/// go of every lock that SQLite holds on it in this process (POSIX advisory locks).
fn any_stands_in(path: &Path, names: &[&str]) -> Result<bool, Error> {
    let finders: Vec<_> = names.iter().map(|name| memmem::Finder::new(name.as_bytes())).collect();
    if finders.is_empty() {
        return Ok(false);
    }
    let is_there = |page: &[u8]| finders.iter().any(|finder| finder.find(page).is_some());
    let looked = Pages::begin(path)?.each(|page| if is_there(page) { Err(Found) } else { Ok(()) });
    match looked {
        Ok(()) => Ok(false),
        Err(Broken::Taker(Found)) => Ok(true),
        Err(Broken::Read(error)) => Err(error),
    }
}

/// A name stands there.
struct Found;
