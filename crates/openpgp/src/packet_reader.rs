//! Reads packets one after the other, without holding more than the stream beneath does
//! (RFC 9580 section 4.2).

use std::io::{self, BufRead, Read};

use crate::flaw::Flaw;

/// A stream that knows where it stands.
pub(crate) trait Positioned: BufRead {
    /// Bytes from the beginning of what is read.
    fn position(&self) -> u64;
}

/// Counts what is taken from a stream.
pub(crate) struct Counted<R> {
    stream: R,
    taken: u64,
}

impl<R> Counted<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, taken: 0 }
    }
}

impl<R: BufRead> Positioned for Counted<R> {
    fn position(&self) -> u64 {
        self.taken
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.stream.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.taken += amount as u64;
        self.stream.consume(amount);
    }
}

/// For streams whose buffer is all there is to them.
pub(crate) fn read_buffered(stream: &mut impl BufRead, buffer: &mut [u8]) -> io::Result<usize> {
    let ready = stream.fill_buf()?;
    let length = ready.len().min(buffer.len());
    buffer[..length].copy_from_slice(&ready[..length]);
    stream.consume(length);
    Ok(length)
}

/// One packet: its type, and its body as a stream without the lengths in between.
pub(crate) struct Packet<S> {
    pub(crate) tag: u8,
    source: S,
    /// Of the current piece.
    left: u64,
    then: Then,
    pieces: u64,
}

/// What comes behind the current piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    End,
    Piece,
    /// The packet lasts as long as the stream does.
    Unknown,
}

/// What stands before the content is short.
pub(crate) const TOO_LONG: &str = "more before the content than there ever is";

/// The first of several pieces has at least so many bytes (RFC 9580 section 4.2.1.4).
const LEAST_FIRST_PIECE: u64 = 512;

impl<S: Positioned> Packet<S> {
    /// The packet that begins here.
    pub(crate) fn next(mut source: S) -> io::Result<Self> {
        let at = source.position();
        let first = needed(&mut source)?;
        if first & 0x80 == 0 {
            return Err(Flaw::Malformed { at, what: "no packet begins here" }.into());
        }
        let new_form = first & 0x40 != 0;
        let tag = if new_form { first & 0x3f } else { first >> 2 & 0x0f };
        let (left, then) = if new_form { new_length(&mut source)? } else { old_length(&mut source, first)? };
        if then != Then::End && !may_have_pieces(tag) {
            return Err(Flaw::Malformed { at, what: "a packet without a length" }.into());
        }
        if then == Then::Piece && left < LEAST_FIRST_PIECE {
            return Err(Flaw::Malformed { at, what: "a first piece that is too short" }.into());
        }
        Ok(Self { tag, source, left, then, pieces: 1 })
    }

    /// In how many pieces the body came so far.
    pub(crate) fn pieces(&self) -> u64 {
        self.pieces
    }

    /// Whether only the end of the stream ends it.
    pub(crate) fn has_no_length(&self) -> bool {
        self.then == Then::Unknown
    }

    /// The whole body, where it is no longer than `most`.
    pub(crate) fn whole(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        let at = self.source.position();
        let read = self.by_ref().take(most as u64 + 1).read_to_end(&mut body)?;
        if read > most {
            return Err(Flaw::Malformed { at, what: TOO_LONG }.into());
        }
        Ok(body)
    }

    /// Reads over the rest of the body.
    pub(crate) fn skip(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            let length = self.fill_buf()?.len();
            if length == 0 {
                return Ok(skipped);
            }
            self.consume(length);
            skipped += length as u64;
        }
    }

    pub(crate) fn position(&self) -> u64 {
        self.source.position()
    }

    /// What comes behind the packet, once its body was read to the end.
    pub(crate) fn into_source(self) -> S {
        self.source
    }
}

impl<S: Positioned> BufRead for Packet<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.left == 0 && self.then == Then::Piece {
            (self.left, self.then) = new_length(&mut self.source)?;
            self.pieces += 1;
        }
        if self.then == Then::Unknown {
            return self.source.fill_buf();
        }
        if self.left == 0 {
            return Ok(&[]);
        }
        if self.source.fill_buf()?.is_empty() {
            return Err(Flaw::CutOff { at: self.source.position() }.into());
        }
        let ready = self.source.fill_buf()?;
        let length = usize::try_from(self.left).map_or(ready.len(), |left| left.min(ready.len()));
        Ok(&ready[..length])
    }

    fn consume(&mut self, amount: usize) {
        self.source.consume(amount);
        if self.then != Then::Unknown {
            self.left -= amount as u64;
        }
    }
}

impl<S: Positioned> Read for Packet<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}

/// Compressed, encrypted (three forms) and literal data (RFC 9580 section 4.2.1.4).
fn may_have_pieces(tag: u8) -> bool {
    matches!(tag, 8 | 9 | 11 | 18 | 20)
}

/// RFC 9580 section 4.2.1.
fn new_length(source: &mut impl Positioned) -> io::Result<(u64, Then)> {
    let first = needed(source)?;
    Ok(match first {
        0..192 => (u64::from(first), Then::End),
        192..224 => ((u64::from(first) - 192) * 256 + u64::from(needed(source)?) + 192, Then::End),
        224..255 => (1 << (first - 224), Then::Piece),
        255 => (number(source, 4)?, Then::End),
    })
}

/// RFC 9580 section 4.2.2.
fn old_length(source: &mut impl Positioned, first: u8) -> io::Result<(u64, Then)> {
    Ok(match first & 3 {
        3 => (0, Then::Unknown),
        power => (number(source, 1 << power)?, Then::End),
    })
}

fn number(source: &mut impl Positioned, bytes: u32) -> io::Result<u64> {
    (0..bytes).try_fold(0, |number, _| Ok(number << 8 | u64::from(needed(source)?)))
}

fn needed(source: &mut impl Positioned) -> io::Result<u8> {
    let Some(first) = source.fill_buf()?.first().copied() else {
        return Err(Flaw::CutOff { at: source.position() }.into());
    };
    source.consume(1);
    Ok(first)
}

/// `S` by reference is as good as itself.
impl<S: Positioned + ?Sized> Positioned for &mut S {
    fn position(&self) -> u64 {
        (**self).position()
    }
}
