//! Audit messages by syslog: what is received, and what is sent on, with rsyslog at the other end.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

#[path = "../nodes/authority.rs"]
#[allow(dead_code, reason = "shared with the tests of nodes")]
mod authority;
mod feeding;
mod line;
mod receiving;
mod rsyslog;
mod site;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
