//! What is backed up: databases, folders, commands, gateward's own; and several of them in one archive.
//!
//! Nothing of it is written to a disk here: each source reads what is there and writes on to whoever takes it.
//! They wait for programs and servers on the thread that calls, which must be none of an asynchronous runtime's.

mod archive;
mod ckan_ini;
mod command;
mod folder;
mod globals;
mod own;
mod pattern;
mod pg_dump;
mod pieces;
mod plan;
mod weight;

pub use archive::{Archive, Member};
pub use command::Command;
pub use folder::Folder;
pub use globals::Globals;
pub use own::{OwnFile, OwnStore};
pub use pg_dump::PgDump;
pub use pieces::{Pieces, Short};
pub use plan::{Own, Planned, Surroundings, source_of};
