//! Floor 3: listeners, TLS, HTTP: translates between the wire and flows, decides nothing.

mod admin;
mod answer;
mod body;
pub mod boot;
mod cutter;
mod folder;
pub mod housekeeping;
mod listener;
mod places;
mod public;
mod pump;
mod run;
pub mod system;
pub mod tls;
mod watch;

pub use run::{Bound, Error, Running, Stop, start};
