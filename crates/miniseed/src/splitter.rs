//! A stream in pieces of any size, record by record.

use crate::reader::Reader;
use crate::{Error, Header, NotARecord};
use bytes::Bytes;
use run::Run;

mod run;

/// What becomes of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its bytes go on.
    Pass,
    /// Its bytes are dropped, and the stream goes on behind them.
    LeaveOut,
    /// Its bytes are dropped, and everything behind them.
    Cut,
}

/// Whether anything more can come of a stream.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// It can.
    GoesOn,
    /// It was cut: all further bytes are dropped unseen.
    IsCut,
}

/// Splits one stream into records and passes some of them on.
///
/// A record's fate is asked for as soon as its header is whole; the rest of it goes the same way
/// as it comes. So nothing is held but an unfinished header (mostly 64 bytes, at most 65 547), and
/// nothing is copied but that: what passes are slices of the pieces pushed.
///
/// A stream that ends inside a record has then passed on a part of it: the answer that it goes out
/// in must not end as if it were whole.
#[derive(Debug, Default)]
pub struct Splitter {
    at: Position,
    /// Beginning of a header whose end has not come yet.
    head: Vec<u8>,
    reader: Reader,
    /// Offset in the stream of the record that is being read.
    record: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum Position {
    /// Where a record begins, or in its header.
    #[default]
    Head,
    /// In a record of this length.
    Body { length: u64, left: u64, passes: bool },
    /// Behind a cut.
    Cut,
    /// Where nothing could be understood.
    Broken(Error),
}

impl Splitter {
    /// Takes the next `piece` of the stream, and appends what of it may go on to `passed`.
    ///
    /// `fate` is asked once for each record, in order. Records that pass and lie side by side in a
    /// piece make one slice of it.
    ///
    /// # Errors
    ///
    /// [`Error::NotARecord`], the sender's to mend. The records before it are in `passed`; every
    /// further call gives the same error.
    pub fn push(
        &mut self,
        piece: &Bytes,
        passed: &mut Vec<Bytes>,
        fate: impl FnMut(&Header) -> Fate,
    ) -> Result<Stream, Error> {
        let mut run = Run::new(piece, passed);
        let split = self.split(&mut run, fate);
        run.end();
        if let Err(error) = split {
            self.at = Position::Broken(error);
        }
        split
    }

    fn split(&mut self, run: &mut Run<'_>, mut fate: impl FnMut(&Header) -> Fate) -> Result<Stream, Error> {
        loop {
            match self.at {
                Position::Cut => return Ok(Stream::IsCut),
                Position::Broken(error) => return Err(error),
                Position::Body { length, left: 0, .. } => {
                    self.at = Position::Head;
                    self.record += length;
                }
                _ if run.rest().is_empty() => return Ok(Stream::GoesOn),
                Position::Body { length, left, passes } => {
                    let taken = run.take(left, passes);
                    self.at = Position::Body { length, left: left - taken, passes };
                }
                Position::Head => {
                    let broken = |why| Error::NotARecord { at: self.record, why };
                    if read_head(&mut self.reader, &mut self.head, run).map_err(broken)? {
                        let header = self.reader.header();
                        self.at = self.enter(header.length, fate(header), run);
                    }
                }
            }
        }
    }

    /// Goes into a record of `length`, some of which may have been taken out of `run` already.
    fn enter(&mut self, length: u32, fate: Fate, run: &mut Run<'_>) -> Position {
        let passes = match fate {
            Fate::Pass => true,
            Fate::LeaveOut => false,
            Fate::Cut => return Position::Cut,
        };
        if passes {
            run.insert(&self.head);
        }
        let length = u64::from(length);
        // No header is longer than its record, or it would not have been read.
        let left = length.saturating_sub(self.head.len() as u64);
        self.head.clear();
        Position::Body { length, left, passes }
    }

    /// Ends the stream.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] if it ended inside a record; whatever [`Splitter::push`] failed with.
    /// Nothing is known of the end of a stream that was cut, so that is none.
    pub fn finish(self) -> Result<(), Error> {
        let truncated = |have| Err(Error::Truncated { at: self.record, have });
        match self.at {
            Position::Head if !self.head.is_empty() => truncated(self.head.len() as u64),
            Position::Body { length, left: left @ 1.., .. } => truncated(length - left),
            Position::Broken(error) => Err(error),
            Position::Head | Position::Body { .. } | Position::Cut => Ok(()),
        }
    }
}

/// Reads the header that begins with `head` and goes on in `run`; `false` if its end is not there.
/// Takes nothing out of `run` if it lies in there entirely; else takes as much into `head` as is
/// needed, or is there.
fn read_head(reader: &mut Reader, head: &mut Vec<u8>, run: &mut Run<'_>) -> Result<bool, NotARecord> {
    loop {
        let Some(needs) = reader.read(if head.is_empty() { run.rest() } else { head })? else {
            return Ok(true);
        };
        if run.rest().is_empty() {
            return Ok(false);
        }
        let missing = needs.saturating_sub(head.len()).min(run.rest().len());
        head.extend_from_slice(&run.rest()[..missing]);
        run.take(missing as u64, false);
    }
}
