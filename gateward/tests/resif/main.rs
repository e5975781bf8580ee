//! The drop-in for RESIF's `eidaws-auth`, on real PostgreSQL servers with RESIF's tables.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program or a
//! right is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod databases;

mod consumers;
mod drop_in;
mod guide;
mod importing;
mod kills;
mod load;
mod placing;
mod privileges_needed;
mod style;
mod sweeping;
mod zones;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
