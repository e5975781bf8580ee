//! What can be wrong with a backup.

use backup_manifest::{ManifestError, RecipientKey};
use openpgp::{NamedKey, Opener};

use crate::base::backup::FileName;

/// One thing that is wrong. Another copy of the backup may be good.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// Nobody vouches for it: somebody took the manifest away, or it is not one of ours.
    #[error("there is no manifest beside it")]
    NoManifest,
    /// The manifest was changed, or somebody else made it.
    #[error("its manifest: {0}")]
    Signature(ManifestError),
    /// The manifest is good, and another backup's.
    #[error("the manifest beside it is that of {of:?}: somebody exchanged them")]
    SwappedManifest {
        /// The backup that it is about.
        of: String,
    },
    /// The file is good, and another backup.
    #[error("under this name lies {with}: somebody exchanged them")]
    SwappedFile {
        /// The backup that it is.
        with: FileName,
    },
    /// It was cut, or something was appended.
    #[error("it has {is} bytes, and had {should_be} when it was made")]
    Size {
        /// What it has.
        is: u64,
        /// What the manifest says.
        should_be: u64,
    },
    /// At least one byte was changed.
    #[error("its SHA-256 is not the one that it was made with")]
    Hash,
    /// It is no whole sealed message.
    #[error("{0}")]
    Structure(String),
    /// It is sealed to other keys than the manifest says.
    #[error("it is sealed to {is}, and its manifest says {should_be}")]
    Recipients {
        /// The keys in the file.
        is: String,
        /// The keys in the manifest.
        should_be: String,
    },
    /// What is inside is not what was sealed.
    #[error("{0}")]
    Stream(String),
}

impl Wrong {
    /// What it is about, in one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoManifest => "manifest",
            Self::Signature(_) => "signature",
            Self::SwappedManifest { .. } | Self::SwappedFile { .. } => "swapped",
            Self::Size { .. } => "size",
            Self::Hash => "hash",
            Self::Structure(_) => "structure",
            Self::Recipients { .. } => "recipients",
            Self::Stream(_) => "stream",
        }
    }
}

/// Compares whom a file is sealed to with whom its manifest names; the order does not matter.
pub(super) fn recipients(openers: &[Opener], named: &[RecipientKey]) -> Option<Wrong> {
    let mut left: Vec<&RecipientKey> = named.iter().collect();
    let mut are_the_same = openers.len() == named.len();
    for opener in openers {
        match left.iter().position(|key| is(opener, &key.opens_with)) {
            Some(at) => drop(left.swap_remove(at)),
            None => are_the_same = false,
        }
    }
    let list = |keys: Vec<String>| if keys.is_empty() { "nobody".into() } else { keys.join(", ") };
    (!are_the_same).then(|| Wrong::Recipients {
        is: list(openers.iter().map(in_words).collect()),
        should_be: list(named.iter().map(|key| key.opens_with.to_uppercase()).collect()),
    })
}

/// Whether an opener is the key of this fingerprint; a key id may also be another's that somebody made.
fn is(opener: &Opener, fingerprint: &str) -> bool {
    let fingerprint = fingerprint.to_uppercase();
    match opener {
        Opener::Key(NamedKey::Fingerprint(key)) => key.to_string() == fingerprint,
        // RFC 9580 section 5.5.4: the end of a fingerprint of version 4, which has 40 digits.
        Opener::Key(named @ NamedKey::KeyId(_)) if fingerprint.len() == 40 => {
            fingerprint.ends_with(&named.to_string())
        }
        Opener::Key(NamedKey::KeyId(_) | NamedKey::Hidden) | Opener::Passphrase(_) | Opener::Unknown => false,
    }
}

fn in_words(opener: &Opener) -> String {
    match opener {
        Opener::Key(key) => key.to_string(),
        Opener::Passphrase(_) => "whoever knows a passphrase".into(),
        Opener::Unknown => "a key of an unknown kind".into(),
    }
}
