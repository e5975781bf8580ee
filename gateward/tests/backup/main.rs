//! Backups with the programs that they are made and restored with: PostgreSQL's, GnuPG, sq, tar, moto.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program or a right is
//! missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod bad_network;
mod clock;
mod drill;
mod guide;
mod installation;
mod keys;
mod killed;
mod making;
mod object_store;
mod onlooker;
mod recipients;
mod recording;
mod restore;
mod retention;
mod s3;
mod secrets;
mod shared_keys;
mod site;
mod sources;
mod standing;
mod trouble;
mod verify;
mod workplace;

#[expect(dead_code, reason = "shared: what is about other commands is not needed here")]
#[path = "../cli/support.rs"]
mod support;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
