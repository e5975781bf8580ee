//! What a request to an FDSN web service means, what of it is restricted, and what of it a caller may have.
//!
//! A [`Request`] is read completely, [`permit`] takes out of it what a caller may not have, [`write`](mod@write)
//! makes the only text that an upstream sees, and a [`Judge`] compares what comes back with what was
//! permitted. *Forbidden* has one definition, in [`Rules`]; a naive model in the tests has another one,
//! and the two must agree.
//!
//! Pure on purpose: no clock, no disk, no network. Inventories come as [`stationxml`] or as [`Epoch`]s.
//!
//! # What this does not prove
//!
//! That an answer holds no more than was asked for: dataselect's records can be judged, but metadata and
//! availability are as good as the upstream. An `extent` may reach beyond the interval that was asked for.
//!
//! ```
//! use fdsn::{Inventory, Pattern, Request, Restriction, Rights, Rules, Service, Unlisted, Wildcards, permit, write};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let inventory = Inventory::new([fdsn::Epoch {
//! #     codes: fdsn::CodesRef { network: "GE", station: "APE", location: "", channel: "BHZ" }.normalised(),
//! #     span: fdsn::Span::ALWAYS,
//! #     restricted: false,
//! # }]);
//! let restricted = Restriction { station: Pattern::code("X*")?, ..Restriction::of(Pattern::code("GE")?) };
//! let rules = Rules {
//!     inventory: Some(inventory.into()),
//!     restrictions: [restricted].into(),
//!     unlisted: Unlisted::Refuse,
//! };
//!
//! let request = Request::from_query(Service::Dataselect, "net=ge&cha=BH?&start=2015-01-01&end=2015-01-02")?;
//! let permitted = permit(&request.lines, &rules, &Rights::Nothing, Wildcards::Stay)?;
//!
//! assert_eq!(
//!     write::post(&request.options, permitted.lines()),
//!     "GE APE * BH? 2015-01-01T00:00:00 2015-01-02T00:00:00\n"
//! );
//! # Ok(())
//! # }
//! ```

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
pub use request::{MAX_BODY, MAX_CODES, MAX_LINES, MAX_QUERY, NotUnderstood, Options, Request};
pub use restriction::Restriction;
pub use rights::{Granted, Rights};
pub use rules::{Reason, Rules, Unlisted};
pub use service::Service;
pub use span::Span;
pub use time::{NotATime, Time};
