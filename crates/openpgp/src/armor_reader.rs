//! Text as the bytes that it stands for (RFC 9580 section 6), as a stream.
//!
//! Stricter than what reads small blocks: a checksum that is there has to be right, and nothing but
//! blank lines may follow, because here the question is whether a file is as it was written.

use std::io::{self, BufRead, Read};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    armor::{BYTE_ORDER_MARK, without_trailing_blanks},
    armor_writer::{CRC24_START, crc24},
    flaw::Flaw,
    packet_reader::{Positioned, read_buffered},
};

/// Decodes line by line.
pub(crate) struct ArmorReader<S> {
    source: S,
    line: Vec<u8>,
    /// Where the line begins.
    line_at: u64,
    /// Not yet four characters.
    pending: Vec<u8>,
    bytes: Vec<u8>,
    given: usize,
    checksum: u32,
    part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Body,
    /// Base64 that was filled up ends the body.
    Padded,
    Checksum,
    End,
}

/// Twelve times what the format allows.
const LONGEST_LINE: usize = 1024;

/// How far into a file the armor may begin.
const MOST_BEFORE: u64 = 64 * 1024;

impl<S: Positioned> ArmorReader<S> {
    /// Reads up to the armor's body; text before it is read over, as mail has it.
    pub(crate) fn begin(source: S) -> io::Result<Self> {
        let mut this = Self {
            source,
            line: Vec::new(),
            line_at: 0,
            pending: Vec::new(),
            bytes: Vec::new(),
            given: 0,
            checksum: CRC24_START,
            part: Part::Body,
        };
        this.find_beginning()?;
        while !this.next_line()?.is_empty() {
            let line = without_trailing_blanks(&this.line);
            if !line.ends_with(b":") && !line.windows(2).any(|pair| pair == b": ") {
                return Err(this.malformed("armor without a blank line before its body"));
            }
        }
        Ok(this)
    }

    fn find_beginning(&mut self) -> io::Result<()> {
        loop {
            if self.source.position() > MOST_BEFORE || self.source.fill_buf()?.is_empty() {
                return Err(Flaw::NotOpenPgp.into());
            }
            self.take_line()?;
            let line = self.line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.line);
            match without_trailing_blanks(line) {
                b"-----BEGIN PGP MESSAGE-----" => return Ok(()),
                line if line.starts_with(b"-----BEGIN PGP ") => return Err(Flaw::NotSealed.into()),
                _ => {}
            }
        }
    }

    /// A line of the armor, which has to go on.
    fn next_line(&mut self) -> io::Result<&[u8]> {
        self.take_line()?;
        if self.line.last() != Some(&b'\n') && self.source.fill_buf()?.is_empty() {
            // The last line of all may lack its end.
            if !self.line.starts_with(END) {
                return Err(Flaw::CutOff { at: self.source.position() }.into());
            }
        } else if self.line.last() != Some(&b'\n') {
            return Err(self.malformed("a line that is too long for armor"));
        }
        Ok(without_trailing_blanks(&self.line))
    }

    /// Up to and with its end, or as much of it as a line may have.
    fn take_line(&mut self) -> io::Result<()> {
        self.line.clear();
        self.line_at = self.source.position();
        while self.line.len() < LONGEST_LINE && self.line.last() != Some(&b'\n') {
            let ready = self.source.fill_buf()?;
            let ready = &ready[..ready.len().min(LONGEST_LINE - self.line.len())];
            let length = ready.iter().position(|byte| *byte == b'\n').map_or(ready.len(), |at| at + 1);
            if length == 0 {
                break;
            }
            self.line.extend_from_slice(&ready[..length]);
            self.source.consume(length);
        }
        Ok(())
    }

    fn decode_line(&mut self) -> io::Result<()> {
        self.next_line()?;
        let line = without_trailing_blanks(&self.line);
        if line == END {
            if !self.pending.is_empty() {
                return Err(self.malformed("armor is not base64"));
            }
            self.part = Part::End;
            return self.expect_nothing_more();
        }
        match self.part {
            Part::Body | Part::Padded if line.len() == 5 && line.starts_with(b"=") => {
                let expected = STANDARD.encode(&self.checksum.to_be_bytes()[1..]);
                if &line[1..] != expected.as_bytes() {
                    return Err(self.malformed("the armor's checksum is of another content"));
                }
                self.part = Part::Checksum;
                Ok(())
            }
            Part::Body => self.decode_body(),
            Part::Padded | Part::Checksum | Part::End if line.is_empty() => Ok(()),
            Part::Padded | Part::Checksum | Part::End => Err(self.malformed("text behind the armor's body")),
        }
    }

    fn decode_body(&mut self) -> io::Result<()> {
        self.pending.extend_from_slice(without_trailing_blanks(&self.line));
        let whole = self.pending.len() / 4 * 4;
        self.bytes.clear();
        self.given = 0;
        if STANDARD.decode_vec(&self.pending[..whole], &mut self.bytes).is_err() {
            return Err(self.malformed("armor is not base64"));
        }
        if self.pending[..whole].ends_with(b"=") {
            self.part = Part::Padded;
        }
        self.pending.drain(..whole);
        self.checksum = crc24(self.checksum, &self.bytes);
        Ok(())
    }

    fn expect_nothing_more(&mut self) -> io::Result<()> {
        while !self.source.fill_buf()?.is_empty() {
            self.take_line()?;
            if !without_trailing_blanks(&self.line).is_empty() {
                return Err(Flaw::Trailing { at: self.line_at }.into());
            }
        }
        Ok(())
    }

    fn malformed(&self, what: &'static str) -> io::Error {
        Flaw::Malformed { at: self.line_at, what }.into()
    }
}

const END: &[u8] = b"-----END PGP MESSAGE-----";

impl<S: Positioned> Positioned for ArmorReader<S> {
    fn position(&self) -> u64 {
        if self.part == Part::End { self.source.position() } else { self.line_at }
    }
}

impl<S: Positioned> BufRead for ArmorReader<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.given == self.bytes.len() && self.part != Part::End {
            self.decode_line()?;
        }
        Ok(&self.bytes[self.given..])
    }

    fn consume(&mut self, amount: usize) {
        self.given += amount;
    }
}

impl<S: Positioned> Read for ArmorReader<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}
