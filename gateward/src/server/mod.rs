//! Floor 3: listeners, TLS, HTTP: translates between the wire and flows, decides nothing.

mod accept;
mod admin;
mod answer;
mod body;
pub mod boot;
mod carry;
pub mod ckan;
mod connection;
mod cutter;
mod elsewhere;
mod exchange;
mod folder;
mod found;
mod gate;
pub mod housekeeping;
mod htdigest;
mod inventory;
mod listener;
mod outwards;
mod peer;
mod places;
mod proxy_protocol;
mod public;
mod pump;
mod request_body;
mod resif_style;
mod run;
pub mod services;
mod socket;
pub mod system;
pub mod tls;
mod upstream;
mod watch;

pub use gate::Gate;
pub use run::{Bound, Error, Running, Stop, start};
