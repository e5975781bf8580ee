//! Where the bytes of a backup come from.

use std::io::{self, Write};

use backup_manifest::Part;

/// Something that can be written out whole.
pub trait Source: Send {
    /// Writes all of it to `out`, once, and says what went in.
    ///
    /// # Errors
    ///
    /// [`Error`]: then nothing of what was written is any good.
    fn pour(&mut self, out: &mut dyn Write) -> Result<Vec<Part>, Error>;

    /// How long it will be, in bytes, where that can be guessed: for the estimate on a terminal alone.
    fn likely_bytes(&self) -> Option<u64>;
}

/// Why a source gave no whole stream.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Whoever takes the stream stopped; they say why.
    #[error("nobody takes the stream any more: {0}")]
    Output(io::Error),
    /// The operator's: a program that is needed cannot be started, or cannot reach what it reads.
    #[error("{what}: {why}")]
    Failed {
        /// What was tried: `pg_dump of ckan_default`.
        what: String,
        /// The last words of the program, or of the system.
        why: String,
    },
    /// It may pass: a file went on changing, however often it was read.
    #[error("{0} changes while it is read: leave it out with `exclude`, or let nobody write meanwhile")]
    Changing(String),
}
