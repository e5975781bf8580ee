//! One access token to be made: for whom, with which key, in which form.

use std::path::Path;

use anyhow::Context as _;
use openpgp::Recipient;

use crate::base::access_token::{Form, Language};
use crate::base::ckan::CkanUser;
use crate::flows::access_token::{Opaque, Person, Replaces};

/// One access token to be made.
#[derive(Debug)]
pub(super) struct Wish {
    pub user: CkanUser,
    pub person: Person,
    /// Make the CKAN user if there is none.
    pub create_user: bool,
    /// A key that somebody gave us.
    pub key: Option<::access_token::ApiKey>,
    pub wrapping: Wrapping,
    /// A key of our own goes into the file instead of CKAN's.
    pub opaque: Option<Opaque>,
    pub replaces: Option<Replaces>,
}

/// How a file travels.
#[derive(Debug, Clone)]
pub(super) enum Wrapping {
    /// In a zip by AES-256.
    Zip,
    /// In an OpenPGP message to this key.
    Pgp(Vec<u8>),
    /// As it is.
    Nothing,
}

impl Wrapping {
    /// Reads the key of whom it is for.
    pub fn pgp(path: &Path) -> anyhow::Result<Self> {
        let key = std::fs::read(path).with_context(|| path.display().to_string())?;
        recipient(&key).with_context(|| path.display().to_string())?;
        Ok(Self::Pgp(key))
    }

    pub fn form(&self) -> Form {
        match self {
            Self::Zip => Form::Zip,
            Self::Pgp(_) => Form::Pgp,
            Self::Nothing => Form::Inner,
        }
    }

    /// What the file's name ends in.
    pub fn extension(&self) -> &'static str {
        match self.form() {
            Form::Zip => "dcor-access.zip",
            Form::Pgp => "dcor-access.gpg",
            Form::Inner => "dcor-access",
        }
    }
}

/// A key that something is encrypted to. Its fingerprint is the file's own: who made the file vouches.
pub(super) fn recipient(key: &[u8]) -> anyhow::Result<Recipient> {
    let certificate = openpgp::Certificate::parse(key)?;
    let fingerprint = certificate.fingerprint();
    Ok(Recipient::pin(certificate, &fingerprint)?)
}

/// The person of a wish.
pub(super) fn person(name: Option<String>, mail: Option<String>, language: Language) -> Person {
    Person { full_name: name, mail, language }
}
