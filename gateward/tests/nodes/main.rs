//! Machines at the door: who is let in by a certificate, who is not, and what is recorded of each.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod attacks;
mod authority;
mod commands;
mod connection;
mod door;
mod handshakes;
mod hosts;
mod http2;
mod interference;
mod people;
mod renewal;
mod revocation;
mod scan;

#[path = "../postgres/cluster.rs"]
mod cluster;
#[path = "../clients/gnupg.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod gnupg;
#[path = "../clients/installation.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod installation;
#[path = "../clients/server.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod server;
#[path = "../clients/statement.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod statement;
#[path = "../postgres/store_under_test.rs"]
mod store_under_test;
#[path = "../clients/tools.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod tools;
