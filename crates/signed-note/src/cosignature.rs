//! Cosignatures (c2sp.org/tlog-cosignature): who saw a log's checkpoint, and when.

use std::fmt;
use std::str::FromStr;

use crate::key::{Algorithm, Key, KeyId, NotAName, NotAVerifierKey, Pair};
use crate::note::{NotAText, OpenError, SIGNATURE, check_text, split};

/// A public key whose cosignatures count, with its name: `NAME+ID+KEY`, of another kind than a
/// [`VerifierKey`](crate::VerifierKey), so that neither stands for the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignerKey(Key);

/// A private key that cosigns, with its name. It must sign nothing else.
pub struct Cosigner(Pair);

/// That a cosigner saw the text, as the latest of its log, at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosignature<'a> {
    /// Whose it is.
    pub key: &'a CosignerKey,
    /// When, in seconds since 1970 (POSIX), by its own clock.
    pub time: u64,
    /// The line under the note, without the newline at its end.
    pub line: &'a str,
}

/// The largest time that a cosignature may have.
const MAX_TIME: u64 = i64::MAX.unsigned_abs();

/// What is signed: `cosignature/v1`, the time, the text.
fn message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

impl CosignerKey {
    /// What signature lines call it.
    pub fn id(&self) -> &KeyId {
        &self.0.id
    }

    /// The key itself (RFC 8032 section 5.1.5).
    pub fn public(&self) -> &[u8; 32] {
        &self.0.public
    }

    /// Reads `timestamp ‖ signature` and says when it was made, if it is over `text`.
    fn time_of(&self, text: &str, signature: &[u8]) -> Option<u64> {
        let (time, signature) = signature.split_first_chunk()?;
        let time = u64::from_be_bytes(*time);
        (time <= MAX_TIME && self.0.accepts(&message(text, time), signature)).then_some(time)
    }
}

impl fmt::Display for CosignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CosignerKey {
    type Err = NotAVerifierKey;

    fn from_str(text: &str) -> Result<Self, NotAVerifierKey> {
        Key::read(text, Algorithm::Cosignature).map(Self)
    }
}

impl Cosigner {
    /// Makes the key that `seed` stands for (RFC 8032 section 5.1.5), under `name`.
    ///
    /// # Errors
    ///
    /// [`NotAName`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NotAName> {
        Pair::from_seed(name, seed, Algorithm::Cosignature).map(Self)
    }

    /// What others need to check its cosignatures.
    pub fn cosigner_key(&self) -> CosignerKey {
        CosignerKey(self.0.key.clone())
    }

    /// Writes the line that goes under the note of `text`, with a newline at its end. `time` is in
    /// seconds since 1970.
    ///
    /// It looks at nothing: whoever calls has checked that the text is what it may say it saw.
    ///
    /// # Errors
    ///
    /// [`NotAText`]: no note has this text.
    pub fn cosign(&self, text: &str, time: u64) -> Result<String, NotAText> {
        check_text(text)?;
        let time = time.min(MAX_TIME);
        let mut signature = time.to_be_bytes().to_vec();
        signature.extend(self.0.sign(&message(text, time)));
        Ok(format!("{SIGNATURE}{} {}\n", self.0.key.id.name, self.0.key.id.blob(&signature)))
    }
}

impl fmt::Debug for Cosigner {
    /// Never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({})", self.0.key)
    }
}

/// Reads the cosignatures under a note that are of the keys in `known`, in the order of their lines.
///
/// Other signatures are passed over, also those of the note's own author: it says nothing about them.
/// Whether a time lies ahead of the reader's clock is the reader's to judge.
///
/// # Errors
///
/// [`OpenError::NotANote`], [`OpenError::TooLarge`]; [`OpenError::BadSignature`] if one of a known key
/// does not fit. None of them is no error.
pub fn cosignatures<'a>(note: &'a [u8], known: &'a [CosignerKey]) -> Result<Vec<Cosignature<'a>>, OpenError> {
    let (text, lines) = split(note)?;
    let mut found = Vec::new();
    for line in lines {
        let mut keys = known.iter().filter(|key| *key.id() == line.by).peekable();
        if keys.peek().is_none() {
            continue;
        }
        let fits = |key| CosignerKey::time_of(key, text, &line.signature).map(|time| (key, time));
        let (key, time) = keys.find_map(fits).ok_or_else(|| OpenError::BadSignature(line.by.clone()))?;
        found.push(Cosignature { key, time, line: line.text });
    }
    Ok(found)
}
