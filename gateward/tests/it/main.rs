//! The whole router on a real store, with a clock that the test moves; and the tests that keep the
//! house as it is.
//!
//! Needs nothing but cargo, unless `GATEWARD_TEST_STORE=postgres`: an installation is made by
//! `gateward demo --once`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it stands")]

mod access_tokens;
mod anchors;
mod api_tokens;
mod architecture;
mod audit_fhir;
mod audit_reading;
mod documents;
mod grants;
mod id_tokens;
mod killed;
mod late_answers;
mod login_page;
mod logins;
mod nodes;
mod opaque_keys;
mod outside;
mod put_back;
mod record;
mod replays;
mod retention;
mod sealed;
mod signed_log;
mod support;
mod tampering;
mod usage;
mod users;
mod verify;
mod witness;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
