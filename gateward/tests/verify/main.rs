//! `/verify` behind real proxies, which are configured as docs/forward-auth.md prints it.
//!
//! Every test has an installation, a server, a proxy and an application of its own, on free ports of the
//! loopback device. They run where the feature `real-tools` asks for them, and fail, never skip, when a program
//! is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod application;
mod certificates;
mod guide;
mod machines;
mod people;

#[path = "../postgres/cluster.rs"]
mod cluster;
#[path = "../clients/gnupg.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod gnupg;
#[path = "../postgres/guide_reader.rs"]
mod guide_reader;
#[path = "../clients/installation.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod installation;
#[path = "../clients/proxies.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod proxies;
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
