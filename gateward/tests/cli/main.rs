//! What commands say, and what their exit status means. Needs nothing but cargo, on SQLite.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod check_backups;
mod configuration;
mod exit_status;
mod help;
mod init;
mod init_backup;
mod init_dcor;
mod init_fhir;
mod on_sqlite;
mod output;
mod show;
mod support;
mod users;
mod words;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
