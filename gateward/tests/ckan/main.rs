//! Access tokens against a real CKAN on a real PostgreSQL.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program is
//! missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod site;

mod bare;

#[path = "../postgres/cluster.rs"]
mod cluster;
