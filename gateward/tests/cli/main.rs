//! What commands say, and what their exit status means. Needs nothing but cargo.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

mod configuration;
mod exit_status;
mod help;
mod init;
mod output;
mod show;
mod store;
mod support;
mod words;
