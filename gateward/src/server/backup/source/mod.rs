//! What is backed up: databases, folders, commands, gateward's own; and several of them in one archive.
//!
//! Nothing of it is written to a disk here: each source reads what is there and writes on to whoever takes it.
//! They wait for programs and servers on the thread that calls, which must be none of an asynchronous runtime's.

mod child;
mod command;
mod globals;
mod pg_dump;
mod programs;

pub use command::Command;
pub use globals::Globals;
pub use pg_dump::PgDump;
pub use programs::Programs;
