//! The drop-in for RESIF's `eidaws-auth`, on real PostgreSQL servers with RESIF's tables.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program or a
//! right is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod databases;

mod placing;
mod privileges_needed;
mod zones;

#[path = "../postgres/cluster.rs"]
mod cluster;
