//! What is inside a sealed message: one literal packet, perhaps compressed, perhaps signed.

use std::io::{self, BufRead, Read, Write};

use pgp::{packet::Decompressor, types::Tag};

use crate::{
    open::OpenError,
    packet_reader::{Counted, Packet, Positioned},
};

/// Where the content goes, up to so many bytes.
pub(crate) struct Sink<W> {
    output: W,
    written: u64,
    most: u64,
}

impl<W: Write> Sink<W> {
    pub(crate) fn new(output: W, most: u64) -> Self {
        Self { output, written: 0, most }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), OpenError> {
        let written = self.written.saturating_add(bytes.len() as u64);
        if written > self.most {
            return Err(OpenError::TooLong(self.most));
        }
        self.written = written;
        self.output.write_all(bytes).map_err(OpenError::Output)
    }

    pub(crate) fn finish(mut self) -> Result<u64, OpenError> {
        self.output.flush().map_err(OpenError::Output)?;
        Ok(self.written)
    }
}

/// Programs make one; more is how a few bytes are made to take for ever.
const MOST_LAYERS: u32 = 2;

/// Writes the one literal packet among those that `source` gives, to its end.
pub(crate) fn read_packets(
    source: &mut dyn Positioned,
    sink: &mut Sink<impl Write>,
) -> Result<(), OpenError> {
    read_layer(source, sink, MOST_LAYERS)
}

fn read_layer(
    source: &mut dyn Positioned,
    sink: &mut Sink<impl Write>,
    layers: u32,
) -> Result<(), OpenError> {
    let mut found = false;
    while !source.fill_buf().map_err(broken)?.is_empty() {
        let mut packet = Packet::next(&mut *source).map_err(broken)?;
        match Tag::from(packet.tag) {
            Tag::LiteralData if !found => {
                read_literal(&mut packet, sink)?;
                found = true;
            }
            Tag::CompressedData if !found && layers > 0 => {
                read_compressed(&mut packet, sink, layers - 1)?;
                found = true;
            }
            // The first two are to be ignored wherever they stand; nobody asked who signed.
            Tag::Marker | Tag::Padding | Tag::OnePassSignature | Tag::Signature => {
                packet.skip().map_err(broken)?;
            }
            _ => return Err(OpenError::Content("packets that do not belong there")),
        }
    }
    if found { Ok(()) } else { Err(OpenError::Content("there is nothing in it")) }
}

/// RFC 9580 section 5.9: a letter, a name, a date, and the rest is the content.
fn read_literal(packet: &mut impl BufRead, sink: &mut Sink<impl Write>) -> Result<(), OpenError> {
    let [_format, name_length] = take(packet)?;
    let header = u64::from(name_length) + 4;
    let skipped = io::copy(&mut packet.take(header), &mut io::sink()).map_err(broken)?;
    if skipped < header {
        return Err(OpenError::Content("a packet that is too short"));
    }
    loop {
        let bytes = packet.fill_buf().map_err(broken)?;
        let length = bytes.len();
        if length == 0 {
            return Ok(());
        }
        sink.write(bytes)?;
        packet.consume(length);
    }
}

/// RFC 9580 section 5.6.
fn read_compressed(
    packet: &mut Packet<impl Positioned>,
    sink: &mut Sink<impl Write>,
    layers: u32,
) -> Result<(), OpenError> {
    let [algorithm] = take(packet)?;
    let decompressor = Decompressor::from_algorithm(algorithm.into(), &mut *packet).map_err(|_| {
        OpenError::Unsupported("it is compressed in a way that is unknown here, such as bzip2")
    })?;
    read_layer(&mut Counted::new(decompressor), sink, layers)?;
    // Sequoia hides a message's length by noise behind what is compressed.
    packet.skip().map_err(broken)?;
    Ok(())
}

fn take<const N: usize>(packet: &mut impl Read) -> Result<[u8; N], OpenError> {
    let mut taken = [0; N];
    packet.read_exact(&mut taken).map_err(broken)?;
    Ok(taken)
}

fn broken(_: io::Error) -> OpenError {
    OpenError::Content("packets or compression that are broken")
}
