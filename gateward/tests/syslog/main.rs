//! Audit messages: what is received by syslog, and what is sent on, with rsyslog and FHIR servers at the other end.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

#[path = "../nodes/authority.rs"]
#[allow(dead_code, reason = "shared with the tests of nodes")]
mod authority;
mod events;
mod feeding;
mod fhir;
mod line;
mod raw;
mod receiving;
mod rsyslog;
mod site;
#[path = "../fhir/upstream.rs"]
mod upstream;
#[path = "../audit/validators.rs"]
#[allow(dead_code, reason = "shared with the tests of the log")]
mod validators;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
