//! What a request to an FDSN web service means, what of it is restricted, and what of it a caller may have.
//!
//! Pure on purpose: no clock, no disk, no network.

mod code;
mod glob;
mod inventory;
mod judge;
mod line;
mod narrow;
mod outlook;
mod pattern;
mod percent;
mod permit;
mod request;
mod restriction;
mod rights;
mod rules;
mod service;
mod span;
mod spans;
pub mod stationxml;
mod time;
mod value;
pub mod wadl;
pub mod write;

pub use code::{Codes, CodesRef};
pub use inventory::{Epoch, Inventory};
pub use judge::{Judge, Judgement, Why};
pub use line::Line;
pub use pattern::{NotAPattern, Pattern, Patterns};
pub use permit::{LeftOut, Permitted, TooMany, Wildcards, permit};
pub use request::{MAX_BODY, MAX_LINES, MAX_QUERY, NotUnderstood, Options, Request};
pub use restriction::Restriction;
pub use rights::{Granted, Rights};
pub use rules::{Reason, Rules, Unlisted};
pub use service::Service;
pub use span::Span;
pub use time::{NotATime, Time};
