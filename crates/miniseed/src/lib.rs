//! miniSEED 2.4 and 3.0 as it streams: whose data each record holds, and from when to when.
//!
//! Only headers are read; samples stay as they are. A [`Splitter`] takes a stream in pieces of any
//! size, asks about every record by its [`Header`], and gives back the bytes of those that may
//! pass, as slices of what came in. What is no record is an error, never skipped: behind it nobody
//! knows where the next record begins.
//!
//! Pure on purpose: no clock, no disk, no network.
//!
//! ```
//! use bytes::Bytes;
//! use miniseed::{Fate, Splitter};
//! # fn stream() -> Vec<Bytes> { vec![] }
//! # fn main() -> Result<(), miniseed::Error> {
//! let mut splitter = Splitter::default();
//! let mut passed = Vec::new();
//! for piece in stream() {
//!     let fate = |header: &miniseed::Header| match header.network.as_str() {
//!         "GE" => Fate::Pass,
//!         _ => Fate::LeaveOut,
//!     };
//!     splitter.push(&piece, &mut passed, fate)?;
//! }
//! splitter.finish()?;
//! # Ok(())
//! # }
//! ```

mod code;
mod error;
mod header;
mod reader;
mod splitter;
mod time;
mod v2;
mod v3;

pub use code::Code;
pub use error::{Error, NotARecord};
pub use header::{Header, Read, Version};
pub use splitter::{Fate, Splitter, Stream};
pub use v2::MAX_RECORD_EXPONENT;
pub use v3::MAX_RECORD;
