//! Access tokens: `.dcor-access` files, from the order to the end of the key in them.
//!
//! The order of things is the same everywhere: first it is recorded that a key may come to be, then
//! CKAN is asked, then the file lies whole, then its passphrase is told, then it is recorded as issued:
//! what is issued can be opened. Whatever stops in between is ended by the sweep, here and in CKAN. An end,
//! too, is decided and recorded first, and stays `ending` until CKAN has said that the key is gone.

pub mod ckan;
mod create;
mod end;
pub mod letter;
mod opaque;
mod open;
mod person;

use std::path::{Path, PathBuf};

use ::access_token::Passphrase;
use jiff::Timestamp;
use openpgp::Recipient;

pub use self::create::{KeyFrom, Made, NotMade, Order, Packing, Replaces, create};
pub use self::end::{Left, Swept, other_keys, revoke, sweep};
pub(in crate::flows) use self::opaque::open_sealed;
pub use self::opaque::{Opaque, activate};
pub use self::open::record_opening;
pub use self::person::{Person, person};
use crate::base::access_token::Form;
use crate::base::ckan::CkanUser;
use crate::base::id::AccessTokenId;
use crate::store::{self, CommitError};

/// Where files are laid and taken away: the disk, as `server` knows it.
pub trait Files {
    /// Fills the file that was reserved at `path`: whole and durable, or as it was.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn fill(&self, path: &Path, content: &[u8]) -> std::io::Result<()>;

    /// Takes the file at `path` away, and what lies beside it for the same person; that nothing is there is
    /// no error.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn remove(&self, path: &Path) -> std::io::Result<()>;
}

/// Files, and somebody who passes on what opens one.
pub trait Delivery: Files {
    /// Tells the passphrase. A crash after this leaves somebody who knows what opens nothing any more.
    ///
    /// # Errors
    ///
    /// Why nobody could be told: then there is no access token.
    fn tell(&self, passphrase: &Passphrase) -> std::io::Result<()>;
}

/// What is around the inner file on its way.
#[derive(Debug)]
pub enum Envelope {
    /// A zip by AES-256, by the same passphrase, with texts for its reader: name and text of each.
    Zip(Vec<(String, String)>),
    /// An OpenPGP message to this key.
    Pgp {
        /// Whose key.
        recipient: Recipient,
        /// The key as it was given, to be used again.
        key: Vec<u8>,
    },
    /// Nothing: whoever gets the file can read it, passphrase or not.
    Nothing,
}

impl Envelope {
    fn recipient(&self) -> Option<&Recipient> {
        match self {
            Self::Pgp { recipient, .. } => Some(recipient),
            Self::Zip(_) | Self::Nothing => None,
        }
    }

    fn form(&self) -> Form {
        match self {
            Self::Zip(_) => Form::Zip,
            Self::Pgp { .. } => Form::Pgp,
            Self::Nothing => Form::Inner,
        }
    }
}

/// Why there is no access token, or why it does not end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's: CKAN's answer.
    #[error(transparent)]
    Ckan(#[from] ckan::Error),
    /// The operator's: CKAN gave what is no key.
    #[error("what CKAN gave is no API key: {0}")]
    NotAKey(#[from] ::access_token::NotAnApiKey),
    /// The operator's: a key that was given is not this user's.
    #[error("{place} does not list this key for {user}: give a key of theirs, or it could not be revoked")]
    NotTheirKey {
        /// Whose it was to be.
        user: CkanUser,
        /// Where it is not listed.
        place: String,
    },
    /// It may pass: whether there is a key is not known yet.
    #[error(
        "{0} was asked for a key, and it is not known yet whether it made one: `gateward cleanup` looks again"
    )]
    NotSure(String),
    /// The operator's: the certificate is not the host's.
    #[error("the certificate does not fit: {0}")]
    Host(#[from] ::access_token::HostError),
    /// The operator's: the certificate has ended, or ends too soon.
    #[error("the certificate ended at {0:.0}: put the one in that the host shows")]
    CertificateEnded(Timestamp),
    /// The operator's: a letter of their own is too long, or named as no file can be.
    #[error("the zip around it cannot be made: {0}")]
    Envelope(#[from] ::access_token::NotAFileName),
    /// The user's: their OpenPGP key.
    #[error("nothing can be encrypted to this OpenPGP key: {0}")]
    Sealing(#[from] openpgp::SealError),
    /// The operator's: the file cannot be written; nothing is left of it.
    #[error("writing {path}: {source}", path = .path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The operator's: their terminal is gone, or the passphrase cannot be written.
    #[error("nobody could be told the passphrase: {0}")]
    NotTold(std::io::Error),
    /// The operator's: there is none of this id.
    #[error("there is no access token {0}: `gateward access-token list --all` shows those there are")]
    NoSuch(AccessTokenId),
    /// The operator's: it cannot be done with one in this state.
    #[error("access token {id} is {state}: {remedy}")]
    Unfit {
        /// Which.
        id: AccessTokenId,
        /// How it stands.
        state: crate::base::access_token::State,
        /// What to do.
        remedy: &'static str,
    },
    /// The operator's: there is nothing to activate.
    #[error("access token {id} {why}")]
    NothingToActivate {
        /// Which.
        id: AccessTokenId,
        /// Why.
        why: &'static str,
    },
    /// The operator's: no CKAN is named, or another than the one that the key was made in.
    #[error("its key was made in {made_in}, and {known}: name that one in [ckan]")]
    OtherCkan {
        /// Where the key was made.
        made_in: String,
        /// Which CKAN is known.
        known: String,
    },
    /// The operator's: a key of the keyring is missing.
    #[error(transparent)]
    Sealed(#[from] super::keyring::CannotOpen),
    /// The operator's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Error {
    /// The reason in one word, for the part of the log that nobody can erase: texts can name people.
    fn reason(&self) -> &'static str {
        match self {
            Self::Ckan(error) => error.reason(),
            Self::NotAKey(_) => "not-a-key",
            Self::NotTheirKey { .. } => "not-their-key",
            Self::NotSure(_) => "not-sure",
            Self::Host(_) | Self::CertificateEnded(_) => "certificate",
            Self::Envelope(_) | Self::Sealing(_) => "envelope",
            Self::File { .. } => "file",
            Self::NotTold(_) => "not-told",
            Self::NoSuch(_) | Self::Unfit { .. } | Self::NothingToActivate { .. } => "state",
            Self::OtherCkan { .. } => "other-ckan",
            Self::Sealed(_) => "sealed",
            Self::Store(_) | Self::Commit(_) => "store",
        }
    }
}
