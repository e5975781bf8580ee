//! Why a file could not be read as an access token.

use crate::api_key::NotAnApiKey;
use crate::certificate::NotACertificate;

/// Why a file could not be read, and what to do about it.
///
/// Names of entries in here come from the file: escaped, since whoever made it chose them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The wrong file, or one that has to be unwrapped first.
    #[error("this is no access token: {0}")]
    NotAnAccessToken(&'static str),
    /// Cut short or changed on its way: it has to be sent again.
    #[error("the file is damaged ({0}); ask for it again")]
    Damaged(&'static str),
    /// Built so that two programs read two things in it. No usual program does that: whoever got it should
    /// ask its sender over another channel.
    #[error("the file can be read in two ways ({0}); do not use it, and ask its sender whether it is theirs")]
    Ambiguous(&'static str),
    /// Another number of files, other names, or other kinds of file than an access token has.
    #[error("{0}; ask for a file with api_key.txt and server.cert at its root and nothing else")]
    Entries(String),
    /// Encrypted or compressed as no program that reads access tokens can undo.
    #[error("{0}; ask for a file made with ZipCrypto or AES, stored or deflated")]
    Unsupported(String),
    /// ZipCrypto cannot tell the two apart, and AES hardly.
    #[error(
        "the passphrase does not open {0}, or the file is damaged: look at the passphrase, then ask for the file again"
    )]
    Passphrase(String),
    /// More than an access token can need, or than it said it had.
    #[error("{what} is larger than {limit} bytes, which no access token needs")]
    TooLarge { what: &'static str, limit: usize },
    #[error("in api_key.txt: {0}")]
    ApiKey(#[from] NotAnApiKey),
    #[error("in server.cert: {0}")]
    Certificate(#[from] NotACertificate),
}
