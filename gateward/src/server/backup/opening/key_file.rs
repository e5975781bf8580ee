//! A secret key in a file, as `gpg --export-secret-keys` and `sq key` write it.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use openpgp::{Fingerprint, Flaw, OpenError, OpeningKey, OpeningKeyError};

use crate::base::secret::Secret;
use crate::flows::backup::opening::{Error, Opening, Tried};

/// Opens with the key out of a file, which has to lie on this machine for as long.
#[derive(Debug)]
pub struct KeyFile(OpeningKey);

/// Why a file opens nothing. All of these are for whoever named it.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The system says why.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It holds no key that opens, or the passphrase is missing or another.
    #[error("{path}: {source}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: OpeningKeyError,
    },
}

impl KeyFileError {
    /// Whether a passphrase would help.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Key { source: OpeningKeyError::Locked, .. })
    }
}

/// A key ring with many keys and photographs; a wrong file is found out without being read whole.
const LARGEST: u64 = 8 << 20;

impl KeyFile {
    /// Reads and unlocks the file; that takes up to a second, since passphrases are stretched.
    ///
    /// # Errors
    ///
    /// [`KeyFileError`]; of a locked key without a passphrase [`KeyFileError::is_locked`] is true.
    pub fn read(path: &Path, passphrase: Option<&Secret>) -> Result<Self, KeyFileError> {
        let unreadable = |source| KeyFileError::File { path: path.to_owned(), source };
        let mut content = zeroize::Zeroizing::new(Vec::new());
        let file = File::open(path).map_err(unreadable)?;
        file.take(LARGEST).read_to_end(&mut content).map_err(unreadable)?;
        OpeningKey::parse(&content, passphrase.map(Secret::expose))
            .map(Self)
            .map_err(|source| KeyFileError::Key { path: path.to_owned(), source })
    }

    /// The keys, mostly subkeys, that open.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.0.fingerprints()
    }
}

impl Opening for KeyFile {
    fn open(
        &self,
        sealed: &mut (dyn Read + Send),
        out: &mut dyn Write,
        most: u64,
    ) -> Result<Fingerprint, Error> {
        match openpgp::open_to(sealed, out, &self.0, most) {
            Ok(opened) => Ok(opened.key),
            Err(error) => Err(in_our_words(error)),
        }
    }
}

fn in_our_words(error: OpenError) -> Error {
    match error {
        OpenError::WrongKey { needs } => {
            Error::WrongKey { tried: Tried::Key, needs: needs.iter().map(ToString::to_string).collect() }
        }
        OpenError::Flaw(Flaw::Input(source)) => Error::Input(source),
        OpenError::Unsupported(_) => Error::Unable { what: "opening".into(), why: error.to_string() },
        OpenError::Flaw(_)
        | OpenError::NeedsPassphrase
        | OpenError::SessionKey(_)
        | OpenError::Damaged
        | OpenError::Content(_) => Error::Damaged(error.to_string()),
        OpenError::TooLong(most) => Error::TooLong(most),
        OpenError::Output(source) => Error::Output(source),
    }
}
