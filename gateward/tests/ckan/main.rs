//! Access tokens against a real CKAN on a real PostgreSQL.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program is
//! missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod asking;
mod prepared;
mod site;

mod backup;
mod bare;
mod certificates;
mod commands;
mod guide;
mod opaque;
mod strange_command;
mod strange_server;
mod tls_stand_in;
mod trouble;
mod ways;

#[path = "../postgres/cluster.rs"]
mod cluster;
#[path = "../postgres/disk.rs"]
mod disk;
#[path = "../postgres/guide_reader.rs"]
mod guide_reader;
#[path = "../fdsn/stand_in.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod stand_in;
#[path = "../postgres/store_under_test.rs"]
mod store_under_test;
#[path = "../clients/tools.rs"]
#[allow(dead_code, reason = "shared with the tests of clients, which use all of it")]
mod tools;
