//! The form that everything beside a backup has: JSON that says what it is, in a signed note.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use signed_note::{NotAText, OpenError, Signer, VerifierKey};

/// Why what lies beside a backup is not believed.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is no signed note, or none of a key that counts. Get another copy, or the key of the machine that
    /// made it.
    #[error(transparent)]
    Note(#[from] OpenError),
    /// Rightly signed, and something else than was looked for, or newer than this program.
    #[error("it says that it is {found:?}, not {expected:?}")]
    Format {
        /// What it should be.
        expected: &'static str,
        /// What it says: nothing where it says nothing.
        found: String,
    },
    /// Rightly signed, and written by a broken program.
    #[error("it is signed and cannot be understood: {0}")]
    Content(String),
}

/// More is to be said than a signed note can hold. The operator's: some million tables in one backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what is to be said of the backup takes more than {} bytes", signed_note::MAX_BYTES)]
pub struct TooLong;

/// Something that lies beside a backup.
pub(crate) trait Form: Serialize + DeserializeOwned {
    /// The value of the first field, `format`.
    const FORMAT: &'static str;

    /// Says what types cannot.
    fn check(&self) -> Result<(), &'static str>;
}

#[derive(Serialize)]
struct Written<'a, T> {
    format: &'static str,
    #[serde(flatten)]
    content: &'a T,
}

#[derive(Deserialize)]
struct Format {
    #[serde(default)]
    format: String,
}

pub(crate) fn sign<T: Form>(content: &T, signer: &Signer) -> Result<String, TooLong> {
    let written = Written { format: T::FORMAT, content };
    let text = serde_json::to_string_pretty(&written).expect("its maps have texts as keys");
    signer.sign(&(text + "\n")).map_err(|why| match why {
        // JSON escapes control characters, and the newline is there.
        NotAText::TooLarge | NotAText::Control | NotAText::Newline => TooLong,
    })
}

pub(crate) fn read<T: Form>(note: &[u8], known: &[VerifierKey]) -> Result<T, ManifestError> {
    // Not a byte of it is parsed before a signature was found right.
    let text = signed_note::open(note, known)?.text;
    let not_understood = |error: serde_json::Error| ManifestError::Content(error.to_string());
    let Format { format } = serde_json::from_str(text).map_err(not_understood)?;
    if format != T::FORMAT {
        return Err(ManifestError::Format { expected: T::FORMAT, found: format });
    }
    let content: T = serde_json::from_str(text).map_err(not_understood)?;
    content.check().map_err(|why| ManifestError::Content(why.to_owned()))?;
    Ok(content)
}
