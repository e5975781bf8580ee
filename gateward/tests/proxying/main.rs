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

#[path = "../faults/client.rs"]
#[allow(dead_code, reason = "shared with the tests of faults, which use all of it")]
mod client;
#[path = "../postgres/cluster.rs"]
mod cluster;
#[path = "../faults/log.rs"]
mod log;
#[path = "../faults/program.rs"]
mod program;
#[path = "../faults/upstream/stand_in.rs"]
#[allow(dead_code, reason = "shared with the tests of faults, which use all of it")]
mod stand_in;
#[path = "../postgres/store_under_test.rs"]
mod store_under_test;
#[path = "../faults/support.rs"]
#[allow(dead_code, reason = "shared with the tests of faults, which use all of it")]
mod support;
