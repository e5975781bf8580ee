//! Syslog messages written and read (RFC 5424), and where each of them ends on a connection (RFC 5425).
//!
//! [`Message`] is one message: header, structured data, and a text of any bytes, all eight bits of each kept.
//! [`Frames`] takes messages out of a stream that counts octets; [`frame`] puts them in. A datagram
//! (RFC 5426) needs no framing: it is one message. What is no RFC 5424 message, as older senders write them
//! (RFC 3164), is not read, and [`Unread`] says where it stops being one: whoever receives it keeps its bytes.
//!
//! Pure on purpose: no clock, no sockets. A message proves nothing about its sender.

mod framing;
mod message;
mod priority;
mod read;
mod structured;
mod write;

pub use framing::{Frames, LONGEST, Misframed, frame};
pub use message::{Message, Part};
pub use priority::Priority;
pub use read::Unread;
pub use structured::{Element, Parameter};
