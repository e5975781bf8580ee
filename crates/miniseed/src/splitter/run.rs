//! Reading one piece of a stream from front to back, and passing on parts of it.

use bytes::Bytes;

/// A place in a piece, and the bytes before it that pass together.
pub(super) struct Run<'a> {
    piece: &'a Bytes,
    passed: &'a mut Vec<Bytes>,
    /// Where the bytes begin that pass and are not in `passed` yet.
    from: usize,
    at: usize,
}

impl<'a> Run<'a> {
    pub(super) fn new(piece: &'a Bytes, passed: &'a mut Vec<Bytes>) -> Self {
        Self { piece, passed, from: 0, at: 0 }
    }

    /// What has not been taken.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.piece.get(self.at..).unwrap_or_default()
    }

    /// Takes `wanted` bytes, or as many as there are, and says how many.
    pub(super) fn take(&mut self, wanted: u64, passes: bool) -> u64 {
        let there = self.rest().len();
        let taken = usize::try_from(wanted).map_or(there, |wanted| wanted.min(there));
        if passes {
            self.at += taken;
        } else {
            self.end();
            self.at += taken;
            self.from = self.at;
        }
        taken as u64
    }

    /// Passes bytes on that are not from this piece.
    pub(super) fn insert(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.end();
            self.passed.push(Bytes::copy_from_slice(bytes));
        }
    }

    /// Passes on what has been taken to pass.
    pub(super) fn end(&mut self) {
        if self.from < self.at {
            self.passed.push(self.piece.slice(self.from..self.at));
            self.from = self.at;
        }
    }
}
