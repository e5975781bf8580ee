//! Backups with the programs that they are made and restored with: PostgreSQL's, GnuPG, tar,
//! moto.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program or a right is
//! missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod installation;
mod keys;
mod recipients;
mod bad_network;
mod object_store;
mod s3;
mod drill;
mod restore;
mod sources;
#[expect(dead_code, reason = "shared: what is about other commands is not needed here")]
#[path = "../cli/support.rs"]
mod support;
mod verify;

#[path = "../postgres/cluster.rs"]
mod cluster;
#[path = "../postgres/store_under_test.rs"]
mod store_under_test;
mod restore;
mod workplace;


#[path = "../postgres/disk.rs"]
mod disk;
