//! Opening a backup: with a key out of a file, or by whoever keeps it.

use std::io::{self, Read, Write};

use backup_manifest::{Compression, Measure};
use openpgp::Fingerprint;

use super::measured::Measured;

/// Something that opens what was sealed.
pub trait Opening: Send + Sync {
    /// Opens `sealed`, writes what is inside to `out`, and names the key or subkey that did it.
    ///
    /// **Output comes before the proof**: only `Ok` says that what was written is what was sealed, and all of
    /// it. At most `most` bytes are written, since a few can stand for as many as they like.
    ///
    /// # Errors
    ///
    /// [`Error`]: what was written until then is to be thrown away. With [`Error::WrongKey`] that is nothing.
    fn open(
        &self,
        sealed: &mut (dyn Read + Send),
        out: &mut dyn Write,
        most: u64,
    ) -> Result<Fingerprint, Error>;
}

/// Why nothing was opened, or not all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // Whoever has the key can act.
    /// It is sealed to other keys.
    #[error("this key does not open it; it needs {}", .needs.join(" or "))]
    WrongKey {
        /// The ids or fingerprints, mostly of subkeys: any one of these opens it.
        needs: Vec<String>,
    },
    /// A passphrase was not given, a program is missing, a card is not in its reader.
    #[error("{what}: {why}")]
    Unable {
        /// What was tried.
        what: String,
        /// The last words of the program, or of the system.
        why: String,
    },

    // Whoever has the file can act: get another copy.
    /// Cut off, changed, or no sealed message at all.
    #[error("{0}")]
    Damaged(String),
    /// More comes out than was to be expected.
    #[error("it holds more than {0} bytes")]
    TooLong(u64),

    // The operator can act.
    /// The file cannot be read.
    #[error("reading what is sealed: {0}")]
    Input(#[source] io::Error),
    /// There is no room for it, or nobody takes it any more.
    #[error("writing what was opened: {0}")]
    Output(#[source] io::Error),
}

/// A backup that was opened whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The key or subkey that opened it.
    pub key: Fingerprint,
    /// The file, as it was read.
    pub file: Measure,
    /// What came out of it, decompressed.
    pub stream: Measure,
}

/// Opens a backup, decompresses it, measures what goes in and what comes out.
///
/// Both measures are to be compared with the manifest's. `stream_bytes` is how long what comes out should be;
/// much more is not written.
///
/// # Errors
///
/// As with [`Opening::open`]. What cannot be decompressed is [`Error::Damaged`].
pub fn open_whole(
    opening: &dyn Opening,
    sealed: &mut (dyn Read + Send),
    compression: Compression,
    stream_bytes: u64,
    out: &mut dyn Write,
) -> Result<Opened, Error> {
    let mut file = Measured::new(sealed);
    let mut stream = Measured::new(Bounded { out, left: stream_bytes, refused: None });
    let opened = match compression {
        Compression::None => opening.open(&mut file, &mut stream, stream_bytes),
        Compression::Zstd => decompress(opening, &mut file, &mut stream),
    };
    let (bounded, stream) = stream.finish();
    // What the last writer refused is the cause of whatever else went wrong.
    match bounded.refused {
        Some(Refused::TooLong) => return Err(Error::TooLong(stream_bytes)),
        Some(Refused::Output(error)) => return Err(Error::Output(error)),
        None => {}
    }
    let key = opened?;
    let (_, file) = file.finish();
    Ok(Opened { key, file, stream })
}

fn decompress(
    opening: &dyn Opening,
    file: &mut (dyn Read + Send),
    out: &mut dyn Write,
) -> Result<Fingerprint, Error> {
    let unable = |error: io::Error| Error::Unable { what: "decompressing".into(), why: error.to_string() };
    let mut decoder = zstd::stream::write::Decoder::new(out).map_err(unable)?;
    // What is compressed is bounded by what may come out of it.
    let key = opening.open(file, &mut decoder, u64::MAX).map_err(|error| match error {
        Error::Output(error) => Error::Damaged(format!("it cannot be decompressed: {error}")),
        other => other,
    })?;
    decoder.flush().map_err(|error| Error::Damaged(format!("it cannot be decompressed: {error}")))?;
    Ok(key)
}

/// Takes so many bytes and no more, and remembers why it took none.
struct Bounded<'a> {
    out: &'a mut dyn Write,
    left: u64,
    refused: Option<Refused>,
}

enum Refused {
    TooLong,
    Output(io::Error),
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            self.refused = Some(Refused::TooLong);
            return Err(io::Error::other("longer than it should be"));
        }
        let written = self.out.write(bytes).map_err(|error| self.refuse(error))?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().map_err(|error| self.refuse(error))
    }
}

impl Bounded<'_> {
    /// An interrupted write is tried again by whoever writes.
    fn refuse(&mut self, error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::Interrupted {
            return error;
        }
        let told = io::Error::new(error.kind(), error.to_string());
        self.refused = Some(Refused::Output(error));
        told
    }
}
