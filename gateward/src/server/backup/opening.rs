//! What opens backups: a secret key in a file, and GnuPG's agent.

mod agent;
mod key_file;

pub use agent::Agent;
pub use key_file::{KeyFile, KeyFileError};
