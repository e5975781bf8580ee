//! The door before a real data server, with real seismology clients at it.
//!
//! Every test has an installation, a server and an upstream of its own, on free ports of the
//! loopback device; the archive is made once. They run where the feature `real-tools` asks for them,
//! and fail, never skip, when a program or a Python package is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod archive;
mod conduct;
mod data_centre;
mod door;
mod fetch;
mod obspy;
mod routing_stand_in;
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

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
