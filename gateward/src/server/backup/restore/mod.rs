//! What comes out of a backup: into a database, into a folder.

mod archive;
mod client;
mod database;
mod entry_path;
mod landing;
mod sealed;
mod tree;

pub use database::{Database, Manner};
pub use landing::Landing;
pub use sealed::Sealed;
