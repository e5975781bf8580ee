//! Proxying: what stands between a client and an upstream, byte by byte and with real programs at both
//! ends.
//!
//! Every test has an installation, a server and upstreams of its own, on free ports of the loopback
//! device. They run where the feature `real-tools` asks for them, and fail, never skip, where a program
//! is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod http2;
mod services;
mod smuggling;
mod things;
mod upstreams;
mod websockets;

#[path = "../shared/mod.rs"]
mod shared;
use shared::upstream_stand_in as stand_in;
use shared::*;
