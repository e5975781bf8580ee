//! PostgreSQL servers for tests, and what they promise the tests that stand on them.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program or
//! a right is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod cluster;
mod disk;
mod pair;
mod patroni;
mod tcp_proxy;

mod disks;
mod failover;
mod failover_by_patroni;
mod networks;
mod servers;
mod store;
mod unknown;
