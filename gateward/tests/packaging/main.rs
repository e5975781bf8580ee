//! What packaging/ makes, installed on a machine made up for it. Nothing here touches the system
//! that the tests run on; systemd itself does not run, what it would do is stood in for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod backup;
mod installation;
mod machine;
mod package;
mod serving;
mod tarball;
mod tools;
mod unit;
