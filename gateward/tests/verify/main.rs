//! `/verify` behind real proxies, which are configured as docs/forward-auth.md prints it.
//!
//! Every test has an installation, a server, a proxy and an application of its own, on free ports of the
//! loopback device. They run where the feature `real-tools` asks for them, and fail, never skip, when a program
//! is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod application;
mod certificates;
mod guide;
mod machines;
mod people;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
