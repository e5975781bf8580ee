//! Packets of a length that nobody knows yet (RFC 9580 section 4.2.1.4), as a stream.

use std::{
    io::{self, Read},
    ops::Range,
};

/// One packet around everything that `body` gives, header included.
///
/// The body goes out in pieces of [`PIECE`] bytes as it comes; one that fits into a single piece
/// makes a packet of definite length, as small messages have it everywhere.
#[derive(Debug)]
pub(crate) struct PacketStream<R> {
    body: R,
    /// Room for a header, then for a piece.
    buffer: Vec<u8>,
    /// Where in the buffer lies what is encoded and not yet given out.
    ready: Range<usize>,
    /// The packet's type, until it has gone out.
    tag: Option<u8>,
    ended: bool,
}

/// A power of two; the first piece must have at least 512 bytes.
pub(crate) const PIECE: usize = 1 << PIECE_POWER;
const PIECE_POWER: u8 = 16;

/// The longest: a tag and a length in five bytes.
const HEADER: usize = 6;

impl<R: Read> PacketStream<R> {
    /// `tag` is the packet's type, under 64.
    pub(crate) fn new(tag: u8, body: R) -> Self {
        Self { body, buffer: vec![0; HEADER + PIECE], ready: 0..0, tag: Some(tag), ended: false }
    }

    fn next_piece(&mut self) -> io::Result<()> {
        let length = read_full(&mut self.body, &mut self.buffer[HEADER..])?;
        self.ended = length < PIECE;
        let header = piece_header(self.tag.take(), length);
        let start = HEADER - header.len();
        self.buffer[start..HEADER].copy_from_slice(&header);
        self.ready = start..HEADER + length;
        Ok(())
    }
}

impl<R: Read> Read for PacketStream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ready.is_empty() {
            if self.ended {
                return Ok(0);
            }
            self.next_piece()?;
        }
        let length = buffer.len().min(self.ready.len());
        buffer[..length].copy_from_slice(&self.buffer[self.ready.start..][..length]);
        self.ready.start += length;
        Ok(length)
    }
}

/// What stands before a piece of a body: `tag` before the first one only. A piece shorter than
/// [`PIECE`] is the last.
pub(crate) fn piece_header(tag: Option<u8>, length: usize) -> Vec<u8> {
    let mut header: Vec<u8> = tag.iter().map(|tag| 0xc0 | tag).collect();
    if length < PIECE {
        header.extend(definite_length(length));
    } else {
        header.push(224 + PIECE_POWER);
    }
    header
}

/// Fewer bytes than `buffer` has only at the end.
pub(crate) fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match input.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// RFC 9580 sections 4.2.1.1 to 4.2.1.3.
fn definite_length(length: usize) -> Vec<u8> {
    let length = u32::try_from(length).expect("a piece is shorter than 4 GiB");
    match length {
        0..192 => vec![length.to_be_bytes()[3]],
        192..8384 => {
            let [.., high, low] = (length - 192).to_be_bytes();
            vec![192 + high, low]
        }
        _ => [&[255], length.to_be_bytes().as_slice()].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        PacketStream::new(11, body).read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn a_small_body_makes_a_packet_of_definite_length() {
        assert_eq!(packet(b""), [0xcb, 0]);
        assert_eq!(packet(b"ab"), [0xcb, 2, b'a', b'b']);
        assert_eq!(packet(&[0; 192])[..3], [0xcb, 192, 0]);
        assert_eq!(packet(&[0; 8383])[..3], [0xcb, 223, 255]);
        assert_eq!(packet(&[0; 8384])[..6], [0xcb, 255, 0, 0, 0x20, 0xc0]);
    }

    #[test]
    fn a_body_of_exactly_one_piece_ends_with_an_empty_one() {
        let packet = packet(&vec![7; PIECE]);
        assert_eq!(packet[..3], [0xcb, 240, 7]);
        assert_eq!(packet[PIECE + 2..], [0]);
    }

    #[test]
    fn a_long_body_goes_out_in_pieces() {
        let packet = packet(&vec![7; 2 * PIECE + 1]);
        assert_eq!(packet[PIECE + 2..PIECE + 4], [240, 7]);
        assert_eq!(packet[2 * PIECE + 3..], [1, 7]);
    }

    /// Gives one byte at a time, and is interrupted before each.
    struct Hesitant<'a>(&'a [u8], bool);

    impl Read for Hesitant<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.0.read(&mut buffer[..1])
        }
    }

    #[test]
    fn short_and_interrupted_reads_change_nothing() {
        let body = vec![3; PIECE + 5];
        let mut out = Vec::new();
        PacketStream::new(11, Hesitant(&body, false)).read_to_end(&mut out).unwrap();
        assert_eq!(out, packet(&body));
    }
}
