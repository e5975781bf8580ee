//! Backups and the world: programs and folders that they come from, places that they go to, what is kept of
//! each job between its runs.

pub mod alarm;
pub mod check;
mod child;
pub mod drill;
pub mod folder;
pub mod interrupt;
pub mod job;
pub mod opening;
pub mod places;
pub mod programs;
mod readme;
pub mod ready;
pub mod recipients;
pub mod recording;
pub mod restore;
pub mod s3;
pub mod source;
pub mod spool;
pub mod state;
