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

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
