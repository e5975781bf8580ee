//! The door before a FHIR server, with curl and Python at it.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, when a program or a package
//! is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod door;
mod upstream;

mod bundles;
mod changes;
mod disclosure;
mod nodes;
mod report;
mod requests;
mod sealed;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
