//! Machines at the door: who is let in by a certificate, who is not, and what is recorded of each.
//!
//! They run where the feature `real-tools` asks for them, and fail, never skip, where a program is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod attacks;
mod authority;
mod commands;
mod connection;
mod door;
mod handshakes;
mod hosts;
mod http2;
mod interference;
mod log_of_machines;
mod people;
mod renewal;
mod revocation;
mod scan;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
