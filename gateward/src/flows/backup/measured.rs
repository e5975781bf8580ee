//! How long a stream is and what its SHA-256 is, found out while it passes.

use std::io::{self, Read, Write};

use aws_lc_rs::digest::{Context, SHA256};
use backup_manifest::Measure;
use data_encoding::HEXLOWER;

/// A stream that is measured as it is read or written.
pub struct Measured<S> {
    stream: S,
    hash: Context,
    bytes: u64,
}

impl<S> std::fmt::Debug for Measured<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Measured({} bytes)", self.bytes)
    }
}

impl<S> Measured<S> {
    /// Measures from here on.
    pub fn new(stream: S) -> Self {
        Self { stream, hash: Context::new(&SHA256), bytes: 0 }
    }

    /// What has passed.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Says what has passed, and gives the stream back.
    pub fn finish(self) -> (S, Measure) {
        let sha256 = HEXLOWER.encode(self.hash.finish().as_ref());
        (self.stream, Measure { bytes: self.bytes, sha256 })
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<S: Read> Read for Measured<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.pass(&buffer[..read]);
        Ok(read)
    }
}

impl<S: Write> Write for Measured<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.pass(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-4's example, as NIST publishes it.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn what_is_read_is_measured_however_it_comes() {
        let mut stream = Measured::new(b"ab".chain(&b"c"[..]));
        io::copy(&mut stream, &mut io::sink()).unwrap();
        assert_eq!(stream.finish().1, Measure { bytes: 3, sha256: ABC.into() });
    }

    #[test]
    fn only_what_was_taken_is_measured() {
        struct OneByOne(Vec<u8>);
        impl Write for OneByOne {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.extend(bytes.first());
                Ok(bytes.len().min(1))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut stream = Measured::new(OneByOne(Vec::new()));
        stream.write_all(b"abc").unwrap();
        let (OneByOne(taken), measure) = stream.finish();
        assert_eq!((taken.as_slice(), measure.bytes, measure.sha256.as_str()), (&b"abc"[..], 3, ABC));
    }
}
