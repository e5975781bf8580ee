//! What a request to an FDSN web service means, what of it is restricted, and what of it a caller may have.
//!
//! Pure on purpose: no clock, no disk, no network.

mod code;
mod inventory;
mod span;
mod spans;
mod time;

pub use code::{Codes, CodesRef};
pub use inventory::{Epoch, Inventory};
pub use span::Span;
pub use time::{NotATime, Time};
