//! Restores one backup: opens it, deals out what is inside, and compares what came out with what went in.
//!
//! The end of the stream is given on only once all of it is proven: the seal is whole, and file and stream are
//! those of the manifest. Whoever takes it keeps nothing that can be taken back until then.

pub mod plan;

use std::collections::BTreeMap;
use std::io::Read;

use backup_manifest::{Dump, Manifest, Measure, Part};
use openpgp::Fingerprint;

use super::measured::Measured;
use super::opening::{self, Opened, Opening, open_whole};
use super::pipe::pipe;

/// Where what is in a backup goes.
pub trait Destination {
    /// Takes the stream to its end. What can be taken back stays only if the end is reached.
    ///
    /// # Errors
    ///
    /// [`Untaken`].
    fn take(&mut self, stream: &mut dyn Read) -> Result<Taken, Untaken>;

    /// Looks what is there after something went wrong: a sentence for each place.
    fn look(&mut self) -> Vec<String>;

    /// Whether somebody wants us to stop: what goes wrong from then on says nothing about the backup.
    fn is_stopped(&self) -> bool;
}

/// What came out, to be compared; parts by their place in the manifest.
#[derive(Debug, Default)]
pub struct Taken {
    /// How many regular files lie in a folder, and how long they are.
    pub files: BTreeMap<usize, (u64, u64)>,
    /// The rows of a database's tables.
    pub rows: BTreeMap<usize, BTreeMap<String, u64>>,
    /// What else is not as it should be, in words.
    pub wrong: Vec<String>,
    /// What somebody should know, and is not wrong.
    pub notes: Vec<String>,
}

/// Why a stream was not taken to its end.
#[derive(Debug, thiserror::Error)]
pub enum Untaken {
    /// It broke off; whoever opens it says why.
    #[error("{0}")]
    Stream(std::io::Error),
    /// Whoever made it: it is not what the manifest says.
    #[error("{0}")]
    Content(String),
    /// The operator's: a server, a program, a disk.
    #[error("{0}")]
    Place(String),
}

/// A backup that is there again.
#[derive(Debug)]
pub struct Restored {
    /// The key or subkey that opened it.
    pub key: Fingerprint,
    /// What is not as it was, in words.
    pub wrong: Vec<String>,
    /// What somebody should know besides.
    pub notes: Vec<String>,
    /// How many rows, in all tables, were compared.
    pub rows_compared: u64,
}

/// Why it is not, and what is there instead.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Error {
    /// Why.
    pub why: Why,
    /// What is in each place now.
    pub left: Vec<String>,
}

/// Why a backup was not restored.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// Whoever has the key, or the file.
    #[error(transparent)]
    Opening(#[from] opening::Error),
    /// Get another copy: nobody vouches for this one.
    #[error("the {what} is not the one that its manifest describes: {found}, not {expected}")]
    Other {
        /// `file`, or `content`.
        what: &'static str,
        /// What it is.
        found: Shown,
        /// What it should be.
        expected: Shown,
    },
    /// Whoever made it, or the operator of where it goes.
    #[error(transparent)]
    Untaken(#[from] Untaken),
    /// Nobody: somebody wanted it so.
    #[error("it was stopped")]
    Stopped,
}

impl Why {
    /// Whether it is the backup, of which another copy might help; else it is the key, or where it goes.
    pub fn is_about_the_backup(&self) -> bool {
        match self {
            Self::Other { .. }
            | Self::Untaken(Untaken::Content(_) | Untaken::Stream(_))
            | Self::Opening(opening::Error::Damaged(_) | opening::Error::TooLong(_)) => true,
            Self::Opening(
                opening::Error::WrongKey { .. }
                | opening::Error::Unable { .. }
                | opening::Error::Input(_)
                | opening::Error::Output(_),
            )
            | Self::Untaken(Untaken::Place(_))
            | Self::Stopped => false,
        }
    }
}

/// A measure for people.
#[derive(Debug)]
pub struct Shown(Measure);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes with SHA-256 {}", self.0.bytes, self.0.sha256)
    }
}

/// Reads a file whole, to see that it is the one that `manifest` describes.
///
/// # Errors
///
/// [`Why::Other`]; [`opening::Error::Input`].
pub fn prove_file(manifest: &Manifest, file: impl Read) -> Result<(), Why> {
    let mut file = Measured::new(file);
    std::io::copy(&mut file, &mut std::io::sink()).map_err(opening::Error::Input)?;
    is_described("file", &file.finish().1, &manifest.file)
}

fn is_described(what: &'static str, found: &Measure, expected: &Measure) -> Result<(), Why> {
    if found == expected {
        return Ok(());
    }
    Err(Why::Other { what, found: Shown(found.clone()), expected: Shown(expected.clone()) })
}

/// Opens the file `sealed`, which `manifest` describes, and lets `destination` take what is inside.
///
/// # Errors
///
/// [`Error`], which says what is in the destination now. With a wrong key nothing was touched.
pub fn restore(
    manifest: &Manifest,
    sealed: &mut (dyn Read + Send),
    opening: &dyn Opening,
    destination: &mut dyn Destination,
) -> Result<Restored, Error> {
    let (mut inlet, mut outlet) = pipe();
    let (opened, taken) = std::thread::scope(|scope| {
        let opens = scope.spawn(move || {
            let (compression, length) = (manifest.compression, manifest.stream.bytes);
            let opened = open_whole(opening, sealed, compression, length, &mut inlet)
                .map_err(|why| why.known_by(&manifest.recipients))?;
            is_described("file", &opened.file, &manifest.file)?;
            is_described("content", &opened.stream, &manifest.stream)?;
            inlet.end().map_err(opening::Error::Output)?;
            Ok::<Opened, Why>(opened)
        });
        let taken = destination.take(&mut outlet);
        // Whoever opens need not go on for nobody.
        drop(outlet);
        (opens.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), taken)
    });
    let why = match (opened, taken) {
        (Ok(opened), Ok(taken)) => {
            let restored = compared(manifest, &opened, taken);
            if restored.wrong.is_empty() || !destination.is_stopped() {
                return Ok(restored);
            }
            // Whoever stops us may have stopped a server as well.
            Why::Stopped
        }
        // Whoever stopped first is the cause; the other side only noticed.
        (Ok(_) | Err(Why::Opening(opening::Error::Output(_))), Err(taking)) => taking.into(),
        (Err(opening), _) => opening,
    };
    let untouched = matches!(&why, Why::Opening(opening::Error::WrongKey { .. }));
    // The stream breaks off then, too, as that of a damaged backup does.
    let why = if why.is_about_the_backup() && destination.is_stopped() { Why::Stopped } else { why };
    Err(Error { left: if untouched { Vec::new() } else { destination.look() }, why })
}

/// Holds what came out against the manifest.
fn compared(manifest: &Manifest, opened: &Opened, taken: Taken) -> Restored {
    let Taken { files, rows, mut wrong, notes } = taken;
    let mut rows_compared = 0;
    for (at, part) in manifest.parts.iter().enumerate() {
        match part {
            Part::Files { folder, files: expected, bytes, .. } => {
                if let Some(found) = files.get(&at)
                    && *found != (*expected, *bytes)
                {
                    let (files, length) = found;
                    wrong.push(format!(
                        "{folder}: {files} files with {length} bytes, backed up were {expected} with {bytes}"
                    ));
                }
            }
            Part::Database(Dump { rows: expected, .. }) | Part::Sqlite { rows: expected, .. } => {
                if let Some(found) = rows.get(&at) {
                    rows_compared += expected.values().sum::<u64>();
                    compare_rows(expected, found, &mut wrong);
                }
            }
            Part::Globals { .. } | Part::Command { .. } => {}
        }
    }
    Restored { key: opened.key, wrong, notes, rows_compared }
}

fn compare_rows(expected: &BTreeMap<String, u64>, found: &BTreeMap<String, u64>, wrong: &mut Vec<String>) {
    for (table, expected) in expected {
        match found.get(table) {
            None => wrong.push(format!("the table {table} is missing, with {expected} rows")),
            Some(found) if found != expected => {
                wrong.push(format!("the table {table} has {found} rows, backed up were {expected}"));
            }
            Some(_) => {}
        }
    }
}
