//! Backups with the programs that they are made and restored with: PostgreSQL's, GnuPG, tar.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program or a right is
//! missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod sources;

#[path = "../postgres/cluster.rs"]
mod cluster;
