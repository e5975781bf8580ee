//! Gateward on real PostgreSQL servers; what these servers promise the tests is held by `fixtures`.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program or
//! a right is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

#[path = "../faults/client.rs"]
#[allow(dead_code, reason = "shared with the tests of faults, which use all of it")]
mod client;
mod cluster;
mod disk;
mod download;
#[path = "../faults/faketime.rs"]
mod faketime;
mod guide_reader;
mod installation;
mod load;
#[path = "../faults/log.rs"]
mod log;
mod pair;
mod patroni;
#[path = "../faults/program.rs"]
mod program;
mod store_under_test;
mod tcp_proxy;

mod copy;
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
