//! People with an account, and the programs that they come with: curl, Python, files of Apache's `htdigest`,
//! issuers of OpenID Connect, Chromium.
//!
//! Every test has an installation and a server of its own, on free ports of the loopback device.
//! They run where the feature `real-tools` asks for them, and fail, never skip, when a tool is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod browser;
mod console;
mod digest;
mod import;
mod oidc;
mod passwords;
mod people;
mod roles;
mod tools_of_npm;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
