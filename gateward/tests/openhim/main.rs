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

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
