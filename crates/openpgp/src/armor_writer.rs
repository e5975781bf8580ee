//! A binary message as text that survives mail (RFC 9580 section 6), as a stream.

use std::io::{self, Write};

use base64::{Engine, engine::general_purpose::STANDARD};

/// Writes armor around everything written to it. Nothing is complete before [`ArmorWriter::finish`].
#[derive(Debug)]
pub(crate) struct ArmorWriter<W> {
    output: W,
    /// Not yet a full line.
    pending: Vec<u8>,
    checksum: Option<u32>,
}

/// What makes 64 characters.
const LINE_BYTES: usize = 48;

impl<W: Write> ArmorWriter<W> {
    /// Begins a message.
    ///
    /// Old programs refuse armor without a checksum; RFC 9580 section 6.1 forbids one around
    /// version 2 of encrypted data.
    pub(crate) fn begin(mut output: W, with_checksum: bool) -> io::Result<Self> {
        output.write_all(b"-----BEGIN PGP MESSAGE-----\n\n")?;
        let pending = Vec::with_capacity(LINE_BYTES);
        Ok(Self { output, pending, checksum: with_checksum.then_some(CRC24_START) })
    }

    /// Writes what is left and the last lines, and gives the output back.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if !self.pending.is_empty() {
            write_line(&mut self.output, &self.pending)?;
        }
        if let Some(checksum) = self.checksum {
            self.output.write_all(b"=")?;
            write_line(&mut self.output, &checksum.to_be_bytes()[1..])?;
        }
        self.output.write_all(b"-----END PGP MESSAGE-----\n")?;
        Ok(self.output)
    }
}

impl<W: Write> Write for ArmorWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(LINE_BYTES - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        self.checksum = self.checksum.map(|checksum| crc24(checksum, &bytes[..taken]));
        if self.pending.len() == LINE_BYTES {
            write_line(&mut self.output, &self.pending)?;
            self.pending.clear();
        }
        Ok(taken)
    }

    /// Of whole lines; the rest goes out with [`ArmorWriter::finish`].
    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

fn write_line(output: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let mut line = STANDARD.encode(bytes);
    line.push('\n');
    output.write_all(line.as_bytes())
}

pub(crate) const CRC24_START: u32 = 0x00b7_04ce;

/// RFC 9580 section 6.1.1.
pub(crate) fn crc24(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |crc, byte| {
        let [_, high, ..] = crc.to_be_bytes();
        (crc << 8 ^ CRC24_OF_BYTE[usize::from(high ^ byte)]) & 0x00ff_ffff
    })
}

const CRC24_OF_BYTE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte: u32 = 0;
    while byte < 256 {
        let mut crc = byte << 16;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x0080_0000 == 0 { crc << 1 } else { crc << 1 ^ 0x0186_4cfb };
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::armor::{Lines, decode};

    fn armored(bytes: &[u8], with_checksum: bool) -> String {
        let mut writer = ArmorWriter::begin(Vec::new(), with_checksum).unwrap();
        writer.write_all(bytes).unwrap();
        String::from_utf8(writer.finish().unwrap()).unwrap()
    }

    #[test]
    fn armor_of_every_length_reads_back() {
        for length in 0..200_u8 {
            let bytes: Vec<u8> = (0..length).collect();
            let text = armored(&bytes, length % 2 == 0);
            assert!(text.lines().all(|line| line.len() <= 64), "{text}");
            let mut lines = Lines::new(text.as_bytes());
            lines.next();
            assert_eq!(decode(&mut lines, b"-----END PGP MESSAGE-----").unwrap(), bytes);
        }
    }

    #[test]
    fn the_checksum_is_the_one_of_the_standard() {
        // Known answer of CRC-24/OPENPGP.
        assert_eq!(crc24(CRC24_START, b"123456789"), 0x21_cf02);
        assert!(armored(b"123456789", true).contains("\n=Ic8C\n-----END"));
        assert!(!armored(b"123456789", false).contains("\n="));
    }
}
