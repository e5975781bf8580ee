//! What carries a stream from the thread that makes it to the thread that seals it.
//!
//! The end has to be said: a stream that just stops, because whoever made it failed, is an error to whoever
//! reads it and never looks whole.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The end that is written to.
#[derive(Debug)]
pub(super) struct Inlet {
    pieces: SyncSender<Vec<u8>>,
    filling: Vec<u8>,
}

/// The end that is read from.
#[derive(Debug)]
pub(super) struct Outlet {
    pieces: Receiver<Vec<u8>>,
    current: Vec<u8>,
    read: usize,
    has_ended: bool,
}

/// How long a piece is, in bytes.
const PIECE: usize = 256 * 1024;

/// How many pieces wait at most.
const WAITING: usize = 8;

/// Makes both ends; at most some two million bytes are between them.
pub(super) fn pipe() -> (Inlet, Outlet) {
    let (sender, receiver) = sync_channel(WAITING);
    let outlet = Outlet { pieces: receiver, current: Vec::new(), read: 0, has_ended: false };
    (Inlet { pieces: sender, filling: Vec::with_capacity(PIECE) }, outlet)
}

fn nobody_reads() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes it any more")
}

impl Inlet {
    fn send(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.filling, Vec::with_capacity(PIECE));
        self.pieces.send(piece).map_err(|_| nobody_reads())
    }

    /// Says that this was all.
    pub(super) fn end(mut self) -> io::Result<()> {
        if !self.filling.is_empty() {
            self.send()?;
        }
        // No other piece is empty.
        self.pieces.send(Vec::new()).map_err(|_| nobody_reads())
    }
}

impl Write for Inlet {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let taken = buffer.len().min(PIECE - self.filling.len());
        self.filling.extend_from_slice(&buffer[..taken]);
        if self.filling.len() == PIECE {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Outlet {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.current.len() && !self.has_ended {
            let ended_early = |_| io::Error::new(io::ErrorKind::UnexpectedEof, "the source gave up");
            self.current = self.pieces.recv().map_err(ended_early)?;
            self.read = 0;
            self.has_ended = self.current.is_empty();
        }
        let left = &self.current[self.read..];
        let taken = left.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&left[..taken]);
        self.read += taken;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_and_ends_where_it_was_said_to_end() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE] {
            let sent: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[0]).collect();
            let (mut inlet, mut outlet) = pipe();
            let mut came = Vec::new();
            std::thread::scope(|scope| {
                scope.spawn(|| inlet.write_all(&sent).and_then(|()| inlet.end()).unwrap());
                outlet.read_to_end(&mut came).unwrap();
            });
            assert!(came == sent, "{length}");
        }
    }

    #[test]
    fn a_stream_whose_maker_gave_up_never_looks_whole() {
        let (mut inlet, mut outlet) = pipe();
        inlet.write_all(&vec![7; PIECE]).unwrap();
        drop(inlet);
        assert_eq!(outlet.read_to_end(&mut Vec::new()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn whoever_writes_learns_that_nobody_reads() {
        let (mut inlet, outlet) = pipe();
        drop(outlet);
        assert_eq!(inlet.write_all(&vec![7; PIECE]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
