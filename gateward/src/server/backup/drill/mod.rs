//! A place for one drill: a folder that goes away with it, and a PostgreSQL server that lives there.
//!
//! Root lays down its rights for the time of a drill: what comes out of a backup, and whoever the folder belongs to,
//! gets nothing that is root's.

mod cluster;
mod inhabitants;
mod lowered;
mod room;

pub use cluster::Cluster;
pub use room::{Holder, Room};

use std::io;
use std::path::PathBuf;

/// Why a drill cannot be held here: the operator's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A folder cannot be made, or not taken away.
    #[error("{path}: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A path that a socket cannot have.
    #[error("{0} is too long for a socket, or has a comma: name another folder with --in")]
    Path(PathBuf),
    /// Nobody to become.
    #[error(
        "a drill is not held as root, nor does PostgreSQL's server run so, and there is no user postgres: run this as the user who owns \
         the backups, for instance by `setpriv --reuid=USER --regid=GROUP --init-groups`"
    )]
    Root,
    /// The server could not reach its own files.
    #[error(
        "{user}, as whom PostgreSQL's server runs, cannot come into {path}: name a folder with --in where they can, or \
         run this as the user who owns the backups"
    )]
    Closed {
        /// The user.
        user: String,
        /// The folder.
        path: PathBuf,
    },
    /// The server is missing.
    #[error("no PostgreSQL server is installed, or only older ones than {0}: Debian's `postgresql` has it")]
    NotInstalled(u32),
    /// The server does not come up.
    #[error("{what}: {why}")]
    Server {
        /// Which step.
        what: &'static str,
        /// Its last words.
        why: String,
    },
    /// We were told to stop.
    #[error("it was stopped")]
    Stopped,
}
