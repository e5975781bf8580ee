//! The bytes of a message out of a file, whether it is text or not.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use crate::{
    armor::BYTE_ORDER_MARK,
    armor_reader::ArmorReader,
    flaw::Flaw,
    packet_reader::{Counted, Positioned, read_buffered},
};

/// A message as bytes; its position is that in the file.
pub(crate) enum MessageInput<R: Read> {
    Binary(Counted<Source<R>>),
    Armored(ArmorReader<Counted<Source<R>>>),
}

/// What a file is read in.
const BUFFER: usize = 64 * 1024;

impl<R: Read> MessageInput<R> {
    /// Looks at the first bytes only.
    pub(crate) fn new(input: R) -> io::Result<Self> {
        let mut source = Counted::new(Source(BufReader::with_capacity(BUFFER, input)));
        let first = source.fill_buf()?;
        // The first bit of every packet is set (RFC 9580 section 4.2), of every letter not.
        match first.first() {
            None => Err(Flaw::NotOpenPgp.into()),
            Some(byte) if byte & 0x80 != 0 && !first.starts_with(BYTE_ORDER_MARK) => Ok(Self::Binary(source)),
            Some(_) => Ok(Self::Armored(ArmorReader::begin(source)?)),
        }
    }

    pub(crate) fn is_armored(&self) -> bool {
        matches!(self, Self::Armored(_))
    }
}

impl<R: Read> Positioned for MessageInput<R> {
    fn position(&self) -> u64 {
        match self {
            Self::Binary(source) => source.position(),
            Self::Armored(armor) => armor.position(),
        }
    }
}

impl<R: Read> BufRead for MessageInput<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Binary(source) => source.fill_buf(),
            Self::Armored(armor) => armor.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::Binary(source) => source.consume(amount),
            Self::Armored(armor) => armor.consume(amount),
        }
    }
}

impl<R: Read> Read for MessageInput<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}

/// What the caller gave, with its errors marked as the caller's.
pub(crate) struct Source<R>(BufReader<R>);

impl<R: Read> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        loop {
            match self.0.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Flaw::Input(error).into()),
            }
        }
        Ok(self.0.buffer())
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}
