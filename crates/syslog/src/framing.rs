//! Where messages end on a connection: octets are counted (RFC 5425 section 4.3).

use std::io::Write as _;

use bytes::{Buf as _, Bytes, BytesMut};

/// The longest message that is usually taken, in octets; RFC 5425 asks for 2048, and for 8192 where it can be.
pub const LONGEST: usize = 64 * 1024;

/// Why a stream cannot be read on: where its next message begins, nobody knows any more. Its sender has to mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misframed {
    /// A message without its length: non-transparent framing (RFC 6587 section 3.4.2), which ends messages by a line
    /// feed.
    #[error(
        "a message without its length: set the sender to octet counting (RFC 5425), it separates by lines"
    )]
    NotCounted,
    /// The length begins with something that is no digit, or something else than a space follows it.
    #[error("octet {0:#04x} where a message's length stands")]
    NotALength(u8),
    /// `0` before another digit.
    #[error("a length with leading zeros")]
    LeadingZero,
    /// `0 `
    #[error("a message of no octets")]
    Empty,
    /// More than is taken.
    #[error("a message of more than {most} octets")]
    TooLong {
        /// The most that is taken, in octets.
        most: usize,
    },
    /// The stream ended inside a message or its length.
    #[error("the connection ended inside a message, after {have} octets of it")]
    Truncated {
        /// How much of the frame came, in octets.
        have: usize,
    },
}

/// Takes messages out of a stream that counts octets, in whatever pieces it comes.
///
/// Reads no further than the message it gives: what is put into the buffer stays there until its turn.
#[derive(Debug, Clone)]
pub struct Frames {
    longest: usize,
    /// The length of the message whose turn it is, once it was read.
    length: Option<usize>,
}

impl Frames {
    /// Takes messages of at most `longest` octets.
    pub const fn new(longest: usize) -> Self {
        Self { longest, length: None }
    }

    /// Takes the next message out of `buffer`; `None` until it is there whole.
    ///
    /// Call it again until it says `None`: several messages may have come together.
    ///
    /// # Errors
    ///
    /// [`Misframed`]: everything that follows is lost to us, so the connection has to end.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, Misframed> {
        let length = match self.length {
            Some(length) => length,
            None => match self.length(buffer)? {
                Some((length, octets)) => {
                    buffer.advance(octets);
                    *self.length.insert(length)
                }
                None => return Ok(None),
            },
        };
        if buffer.len() < length {
            return Ok(None);
        }
        self.length = None;
        Ok(Some(buffer.split_to(length).freeze()))
    }

    /// Says whether the stream may end here, with `left` in the buffer: only between two messages.
    ///
    /// # Errors
    ///
    /// [`Misframed::Truncated`]: the sender has to send that message again.
    pub fn finish(&self, left: &BytesMut) -> Result<(), Misframed> {
        if self.length.is_none() && left.is_empty() {
            Ok(())
        } else {
            Err(Misframed::Truncated { have: left.len() })
        }
    }

    /// Reads `MSG-LEN SP`; how long the message is, and how many octets said so.
    fn length(&self, bytes: &[u8]) -> Result<Option<(usize, usize)>, Misframed> {
        let mut length = 0usize;
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'0'..=b'9' if at > 0 && length == 0 => return Err(Misframed::LeadingZero),
                b'0'..=b'9' => {
                    length = length.saturating_mul(10).saturating_add(usize::from(byte - b'0'));
                    if length > self.longest {
                        return Err(Misframed::TooLong { most: self.longest });
                    }
                }
                b' ' if at > 0 && length == 0 => return Err(Misframed::Empty),
                b' ' if at > 0 => return Ok(Some((length, at + 1))),
                b'<' if at == 0 => return Err(Misframed::NotCounted),
                other => return Err(Misframed::NotALength(*other)),
            }
        }
        Ok(None)
    }
}

/// Writes `message` as a frame, `MSG-LEN SP SYSLOG-MSG`, to `out`. An empty message has no frame, and writes nothing.
pub fn frame(message: &[u8], out: &mut Vec<u8>) {
    if message.is_empty() {
        return;
    }
    write!(out, "{} ", message.len()).expect("writing to memory cannot fail");
    out.extend_from_slice(message);
}
