//! What a request to an FDSN web service means, what of it is restricted, and what of it a caller may have.
//!
//! Pure on purpose: no clock, no disk, no network.

mod code;
mod glob;
mod inventory;
mod line;
mod pattern;
mod percent;
mod request;
mod service;
mod span;
mod spans;
mod time;
mod value;
pub mod write;

pub use code::{Codes, CodesRef};
pub use inventory::{Epoch, Inventory};
pub use line::Line;
pub use pattern::{NotAPattern, Pattern, Patterns};
pub use request::{MAX_BODY, MAX_LINES, MAX_QUERY, NotUnderstood, Options, Request};
pub use service::Service;
pub use span::Span;
pub use time::{NotATime, Time};
