//! What goes wrong outside gateward, done to the real program: locks held, processes killed, disks
//! full, clocks stepped, files missing, clients hostile.
//!
//! Each test makes an installation of its own in a folder of its own, starts the program on ports
//! of its own, and ends it by its process id. They run where the feature `real-tools` asks for
//! them, and fail, never skip, where a program or a right is missing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod clock;
mod hostile;
mod kill;
mod lock;
mod missing;
mod on_sqlite;
mod revocation;
mod running;
#[path = "../../../crates/signed-token/tests/spelling/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of signed tokens, which use all of it")]
mod spelling;
mod upstream;

#[path = "../shared/mod.rs"]
mod shared;
use shared::*;
