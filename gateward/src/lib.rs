//! Gateward stands at the door of restricted data: it lets the right people and machines in, for
//! as long as they should be in, and can prove afterwards who came and what they did.
//!
//! Floors, top to bottom; imports run downwards only, and a test keeps it so:
//!
//! | floor | module | what it does |
//! |---|---|---|
//! | 4 | `cli` | one file a subcommand: translates, decides nothing |
//! | 3 | `server` | listeners, TLS, HTTP: translates, decides nothing |
//! | 2 | `flows` | one file, one transaction that a user would name: decides |
//! | 1 | `store` | SQL and nothing else |
//! | 0 | `base` | types that cannot hold a wrong value |
//!
//! `config` (one typed file, read once) uses `base` and is used by `cli` and `server`. The crates
//! under `crates/` are pure and know nothing of the app.

pub mod base;
pub mod cli;
pub mod config;
pub mod flows;
pub mod server;
pub mod store;
