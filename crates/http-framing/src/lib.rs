//! Where HTTP/1.1 requests begin and end on a connection (RFC 9112), read in one way or refused.
//!
//! Two programs in a row that disagree about the end of a request let a client slip a second one past
//! the first of them. [`Framing`] follows a connection's bytes request by request and refuses, with the
//! first [`Fault`], whatever two parsers are known to read differently, also where RFC 9112 leaves a
//! choice. What it lets pass, another parser behind it may then read as it likes: there is one reading.
//!
//! Pure on purpose: no clock, no sockets. Nothing is allocated, and bodies are not looked into.

mod authority;
mod chunked;
mod fault;
mod field;
mod framing;
mod head;

pub use authority::is_authority;
pub use fault::Fault;
pub use field::may_be_trailer;
pub use framing::{Framing, Passed};
pub use head::{LONGEST_LINE, MOST_FIELDS, MOST_HEAD, request_line};
