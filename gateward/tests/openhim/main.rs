//! Gateward beside OpenHIM's own code: its router before the door, its API for mediators, and the client that its
//! mediators use.
//!
//! Every test has an installation, a server and an OpenHIM of its own, on free ports of the loopback device;
//! `openhim.js` says what of OpenHIM that is. They run where the feature `real-tools` asks for them, and fail,
//! never skip, when a program or a package of npm is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod echo;
mod guide;
mod him;
mod mediator;
mod passing;

#[path = "../postgres/cluster.rs"]
mod cluster;
#[path = "../clients/gnupg.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod gnupg;
#[path = "../postgres/guide_reader.rs"]
mod guide_reader;
#[path = "../clients/installation.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod installation;
#[path = "../clients/server.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod server;
#[path = "../clients/statement.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod statement;
#[path = "../postgres/store_under_test.rs"]
mod store_under_test;
#[path = "../clients/tools.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod tools;
