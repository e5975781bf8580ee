//! What is wrong with a sealed message as anybody sees it, without a key.

use std::io;

/// Why a sealed message is not whole. Positions count bytes from the file's beginning; in armor they
/// are those of the line.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    // Whoever has the file can act: get another copy.
    /// Another kind of file.
    #[error("this is not an OpenPGP message")]
    NotOpenPgp,
    /// A key, a signature, a signed text, or a message that everybody can read.
    #[error("this is OpenPGP, and not encrypted")]
    NotSealed,
    /// It ends too early: at this byte, which is its length.
    #[error("cut off: it ends at byte {at} and is not complete")]
    CutOff {
        /// How long it is.
        at: u64,
    },
    /// Damaged, or made by a broken program.
    #[error("damaged at byte {at}: {what}")]
    Malformed {
        /// Where it was noticed; what is wrong may lie before.
        at: u64,
        /// In a few words.
        what: &'static str,
    },
    /// Two files in one, or something was appended.
    #[error("something follows the end of the message, at byte {at}")]
    Trailing {
        /// Where it begins.
        at: u64,
    },

    // The operator can act.
    /// The file cannot be read.
    #[error("reading the message: {0}")]
    Input(#[source] io::Error),
}

impl Flaw {
    /// Whatever is wrong with the first bytes of a file: that it is of another kind says more.
    pub(crate) fn at_the_start(self) -> Self {
        match self {
            Self::Malformed { .. } => Self::NotOpenPgp,
            other => other,
        }
    }
}

/// On its way through readers that know only `io::Error`.
impl From<Flaw> for io::Error {
    fn from(flaw: Flaw) -> Self {
        Self::other(flaw)
    }
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Input)
    }
}
