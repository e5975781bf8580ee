//! Backups: made of sources, sealed to recipients, laid into targets, verified, restored, tried out, pruned.
//!
//! What goes out is a stream that nobody on this machine can read back. Everything here works while the store
//! cannot be reached: a record that has to wait lies in the spool.

pub mod drill;
pub mod keep;
pub mod make;
pub mod measured;
pub mod opening;
mod pipe;
pub mod prune;
pub mod recipient;
pub mod restore;
pub mod shelf;
pub mod source;
pub mod target;
pub mod verify;
