//! A stream in an archive, whose length nobody knows before its end.
//!
//! A file in an archive says its length first, and no plaintext may wait on a disk until that is known. So the
//! stream becomes several files, each of at most [`PIECE`] bytes: `NAME.000000`, `NAME.000001` and on, which one
//! after the other are the stream again.

use std::fmt;
use std::io::{self, Write};

use backup_manifest::Part;

use super::archive::{Entries, Member};
use crate::flows::backup::source::{Error, Source};

/// How long one piece is; as much is held in memory.
const PIECE: usize = 8 * 1024 * 1024;

/// A source as a member of an archive.
pub struct Pieces {
    name: String,
    source: Box<dyn Source>,
}

impl Pieces {
    /// Prepares `source` to be put under `name`.
    pub fn new(name: String, source: Box<dyn Source>) -> Self {
        Self { name, source }
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Member for Pieces {
    fn put(&mut self, into: &mut Entries<'_>) -> Result<Vec<Part>, Error> {
        let mut cutter = Cutter { name: &self.name, number: 0, piece: Vec::with_capacity(PIECE), into };
        let parts = self.source.pour(&mut cutter)?;
        cutter.end().map_err(Error::Output)?;
        Ok(parts.into_iter().map(|part| lying_at(part, &self.name)).collect())
    }

    fn likely_bytes(&self) -> Option<u64> {
        self.source.likely_bytes()
    }
}

/// A short source as one file of an archive.
pub struct Short {
    name: &'static str,
    source: Box<dyn Source>,
}

impl Short {
    /// Prepares `source` to be put under `name`.
    pub fn new(name: &'static str, source: Box<dyn Source>) -> Self {
        Self { name, source }
    }
}

impl fmt::Debug for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Short").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Member for Short {
    fn put(&mut self, into: &mut Entries<'_>) -> Result<Vec<Part>, Error> {
        let mut content = Bounded(Vec::new());
        let parts = self.source.pour(&mut content).map_err(|error| match error {
            Error::Output(error) => Error::Failed { what: self.name.into(), why: error.to_string() },
            other => other,
        })?;
        into.own(self.name, &content.0)?;
        Ok(parts.into_iter().map(|part| lying_at(part, self.name)).collect())
    }

    fn likely_bytes(&self) -> Option<u64> {
        self.source.likely_bytes()
    }
}

/// Says where in the archive a part lies.
fn lying_at(mut part: Part, name: &str) -> Part {
    match &mut part {
        Part::Database(dump) => dump.entry = Some(name.to_owned()),
        Part::Globals { entry, .. } => *entry = Some(name.to_owned()),
        Part::Files { .. } | Part::Command { .. } | Part::Sqlite { .. } => {}
    }
    part
}

struct Cutter<'a, 'b> {
    name: &'a str,
    number: u32,
    piece: Vec<u8>,
    into: &'a mut Entries<'b>,
}

impl Cutter<'_, '_> {
    fn cut(&mut self) -> io::Result<()> {
        let name = format!("{}.{:06}", self.name, self.number);
        self.number += 1;
        let written = self.into.own(&name, &self.piece);
        self.piece.clear();
        written.map_err(|error| match error {
            Error::Output(error) => error,
            other => io::Error::other(other),
        })
    }

    fn end(mut self) -> io::Result<()> {
        // Also of an empty stream there is a piece.
        if self.number == 0 || !self.piece.is_empty() { self.cut() } else { Ok(()) }
    }
}

impl Write for Cutter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.cut()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Holds what is short, and no more.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > PIECE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 8 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::server::backup::source::Archive;

    /// Pours so many bytes, in odd pieces.
    struct Bytes(usize);

    impl Source for Bytes {
        fn pour(&mut self, out: &mut dyn Write) -> Result<Vec<Part>, Error> {
            let bytes: Vec<u8> = (0..=250).cycle().take(self.0).collect();
            bytes.chunks(100_003).try_for_each(|piece| out.write_all(piece)).map_err(Error::Output)?;
            Ok(vec![Part::Globals { entry: None, server_version: "15".into() }])
        }

        fn likely_bytes(&self) -> Option<u64> {
            Some(self.0 as u64)
        }
    }

    #[test]
    fn pieces_one_after_the_other_are_the_stream_again() {
        for (bytes, pieces) in
            [(0, 1), (1, 1), (PIECE - 1, 1), (PIECE, 1), (PIECE + 1, 2), (3 * PIECE + 7, 4)]
        {
            let member = Pieces::new("database/x.pgc".into(), Box::new(Bytes(bytes)));
            let mut out = Vec::new();
            let parts =
                Archive::new(vec![Box::new(member)], jiff::Timestamp::UNIX_EPOCH).pour(&mut out).unwrap();
            assert!(
                matches!(&parts[..], [Part::Globals { entry: Some(name), .. }] if name == "database/x.pgc")
            );

            let mut again = Vec::new();
            let mut names = Vec::new();
            for entry in tar::Archive::new(&out[..]).entries().unwrap() {
                let mut entry = entry.unwrap();
                names.push(entry.path().unwrap().display().to_string());
                entry.read_to_end(&mut again).unwrap();
            }
            let numbered: Vec<_> = (0..pieces).map(|number| format!("database/x.pgc.{number:06}")).collect();
            assert_eq!(names, numbered);
            assert!(again.len() == bytes && again.iter().copied().eq((0..=250).cycle().take(bytes)));
        }
    }
}
