//! Backups and the world: programs and folders that they come from, places that they go to, what is kept of
//! each job between its runs.

pub mod folder;
pub mod opening;
pub mod source;
pub mod spool;
pub mod state;
