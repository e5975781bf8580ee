//! OpenHIM: we are one of its mediators, and answer it as mediators do.
//!
//! What it says of its clients, `flows::openhim` reads. Nothing here is configured from there: it is told
//! what we are, and that we live.

mod answer;
mod api;
mod heartbeat;

pub use answer::Mediator;
pub use api::{Api, Error, Known};
pub use heartbeat::keep;
