//! The door before a real data server, with real seismology clients at it.
//!
//! Every test has an installation, a server and an upstream of its own, on free ports of the
//! loopback device; the archive is made once. They run where the feature `real-tools` asks for them,
//! and fail, never skip, when a program or a Python package is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod apache;
mod archive;
mod conduct;
mod data_centre;
mod door;
mod fetch;
mod obspy;
mod routing_stand_in;
mod stand_in;
mod station;
mod upstream;

mod availability;
mod bad_upstream;
mod bare;
mod clients;
mod credential;
mod digest_upstream;
mod digest_upstream_records;
mod documents;
mod eida_guide;
mod forwarded;
mod metadata;
mod metadata_inventory;
mod metadata_paths;
mod restrictions;
mod stand_ins;

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
#[path = "../clients/proxies.rs"]
#[allow(dead_code, reason = "shared with the tests of other services, which use all of it")]
mod proxies;
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
