//! What we say of events, held against other people's readers: FHIR's, DICOM's, syslog's.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, when a program or a package
//! is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod kinds;
mod ours;
mod validators;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
