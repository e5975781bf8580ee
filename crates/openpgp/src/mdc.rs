//! The modification detection code: what is encrypted in version 1 (RFC 9580 section 5.13.1).

use std::io::{self, Cursor, Read};

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

/// A random block, its last two bytes again, the content, and a hash of it all.
pub(crate) struct WithMdc<R> {
    /// What comes before the content, later what comes behind it.
    edge: Cursor<Vec<u8>>,
    content: R,
    /// Until the content has ended.
    hash: Option<Context>,
}

/// A packet of type 19 with 20 bytes, which are the hash.
const MDC_HEADER: [u8; 2] = [0xd3, 0x14];

impl<R: Read> WithMdc<R> {
    /// `random` is new for each message and takes the place of an initialisation vector.
    pub(crate) fn new(random: [u8; 16], content: R) -> Self {
        let prefix = [&random[..], &random[14..]].concat();
        let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(&prefix);
        Self { edge: Cursor::new(prefix), content, hash: Some(hash) }
    }
}

impl<R: Read> Read for WithMdc<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.edge.read(buffer)?;
        if length > 0 || buffer.is_empty() {
            return Ok(length);
        }
        let Some(mut hash) = self.hash.take() else {
            return Ok(0);
        };
        let read = self.content.read(buffer);
        if let Ok(0) = read {
            hash.update(&MDC_HEADER);
            self.edge = Cursor::new([&MDC_HEADER, hash.finish().as_ref()].concat());
            return self.edge.read(buffer);
        }
        if let Ok(length) = read {
            hash.update(&buffer[..length]);
        }
        self.hash = Some(hash);
        read
    }
}
