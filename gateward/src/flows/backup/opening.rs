//! Opening a backup: with a key out of a file, or by whoever keeps it.

use std::io::{self, Read, Write};

use backup_manifest::{Compression, Measure, RecipientKey};
use openpgp::Fingerprint;

use super::measured::Measured;

/// Something that opens what was sealed.
pub trait Opening: Send + Sync {
    /// Does now what [`Opening::open`] may lack the rights for later.
    ///
    /// # Errors
    ///
    /// [`Error::Unable`].
    fn prepare(&self) -> Result<(), Error> {
        Ok(())
    }

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
    #[error("{tried}{}", .needs.join(" or "))]
    WrongKey {
        /// Who was asked.
        tried: Tried,
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

/// Who was asked for a key, and has it not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// One key, out of a file.
    Key,
    /// GnuPG, which may have many.
    Gnupg,
}

impl std::fmt::Display for Tried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key => "this key does not open it; it needs ",
            Self::Gnupg => "GnuPG here has no secret key that opens it; it needs ",
        })
    }
}

impl Error {
    /// Names the keys that are needed as people know them: by the fingerprint of the whole key, which `recipients` has.
    #[must_use]
    pub fn known_by(self, recipients: &[RecipientKey]) -> Self {
        match self {
            Self::WrongKey { tried, needs } => {
                let needs = needs.into_iter().map(|id| in_full(id, recipients)).collect();
                Self::WrongKey { tried, needs }
            }
            other => other,
        }
    }
}

/// `id` is the end of a fingerprint of version 4, or the whole one (RFC 9580 section 5.1).
fn in_full(id: String, recipients: &[RecipientKey]) -> String {
    let opens = |key: &&RecipientKey| id.len() >= 16 && key.opens_with.to_uppercase().ends_with(&id);
    match recipients.iter().find(opens) {
        Some(key) if key.fingerprint == key.opens_with => key.fingerprint.to_uppercase(),
        Some(key) => format!("{} (subkey {id})", key.fingerprint.to_uppercase()),
        None => id,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_is_needed_is_named_by_the_fingerprint_that_people_know() {
        let (whole, subkey) = ("a1".repeat(20), "b2".repeat(20));
        let key =
            |opens_with: &str| RecipientKey { fingerprint: whole.clone(), opens_with: opens_with.into() };
        let said = |tried, needs: &str, key: RecipientKey| {
            Error::WrongKey { tried, needs: vec![needs.into(), "C3C3C3C3C3C3C3C3".into()] }
                .known_by(&[key])
                .to_string()
        };
        assert_eq!(
            said(Tried::Key, "B2B2B2B2B2B2B2B2", key(&subkey)),
            format!(
                "this key does not open it; it needs {} (subkey B2B2B2B2B2B2B2B2) or C3C3C3C3C3C3C3C3",
                whole.to_uppercase()
            )
        );
        assert_eq!(
            said(Tried::Gnupg, "A1A1A1A1A1A1A1A1", key(&whole)),
            format!(
                "GnuPG here has no secret key that opens it; it needs {} or C3C3C3C3C3C3C3C3",
                whole.to_uppercase()
            )
        );
    }
}
