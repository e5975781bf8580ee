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

#[path = "../fdsn/apache.rs"]
#[allow(dead_code, reason = "shared with the tests of FDSN services, which use all of it")]
mod apache;
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
#[path = "../postgres/tcp_proxy.rs"]
mod tcp_proxy;
#[path = "../clients/tools.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod tools;
