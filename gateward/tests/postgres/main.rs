//! Gateward on real PostgreSQL servers; what these servers promise the tests is held by `fixtures`.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program or
//! a right is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod download;
mod installation;
mod load;
mod pair;
mod patroni;

mod copy;
mod feeding;
mod fixtures;
mod guide;
mod plans;
mod replica_trouble;
mod replicas;
mod revocations;
mod server_trouble;
mod standby;
mod store;
mod under_load;
mod unknown;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
