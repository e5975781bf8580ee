//! Floor 3: listeners, TLS, HTTP: translates between the wire and flows, decides nothing.

mod admin;
mod answer;
mod body;
pub mod boot;
mod connection;
mod cutter;
mod folder;
pub mod housekeeping;
mod listener;
mod peer;
mod places;
mod proxy_protocol;
mod public;
mod pump;
mod run;
mod socket;
pub mod system;
pub mod tls;
mod watch;

pub use boot::Gate;
pub use run::{Bound, Error, Running, Stop, start};
