//! Gateward as the world sees it: the program itself, tokens that GnuPG signed, and curl, wget and
//! Python at the door.
//!
//! Every test has an installation and a server of its own, on free ports of the loopback device.
//! They run where the feature `real-tools` asks for them, and fail, never skip, when a tool is
//! missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod behind_proxies;
mod demo;
mod digest;
mod endings;
mod exchange;
mod fetch;
mod grants;
mod init;
mod limits;
mod operators;
mod production;
mod proxy_protocol;
mod readiness;
mod refusals;
mod requests;
#[expect(dead_code, reason = "some spellings are tested there alone")]
#[path = "../../../crates/signed-token/tests/spelling/mod.rs"]
mod spelling;
mod tls;
mod why;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
