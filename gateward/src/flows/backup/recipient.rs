//! Whom backups are sealed to: keys that somebody imported, each by its full fingerprint.

mod import;
mod key_id;
mod standing;

use std::collections::BTreeMap;

use jiff::Timestamp;
use openpgp::{Certificate, CertificateError, Fingerprint, Recipient, RecipientError, RecipientStatus};

pub use import::{ImportError, Offered};
pub use key_id::NotOneKey;
pub use standing::{Standing, WARNING};

/// All keys that were imported, as they lie there.
#[derive(Debug, Default)]
pub struct Recipients(BTreeMap<Fingerprint, Result<Recipient, Broken>>);

/// Why the file of a recipient is none any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Somebody wrote over it, or part of it.
    #[error("its file is damaged: {0}")]
    File(#[from] CertificateError),
    /// It is another key, or one that this program no longer trusts.
    #[error(transparent)]
    Key(#[from] RecipientError),
}

/// Why nothing is sealed to a key. The operator acts, with the key's owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A job names it and nobody imported it.
    #[error("it was not imported: `gateward backup recipient import FILE --fingerprint FINGERPRINT`")]
    Missing,
    /// Its file is no key to be sealed to.
    #[error("{0}; import it again")]
    Broken(#[from] Broken),
    /// Its owner can prolong it.
    #[error("it expired at {0:.0}: have its owner prolong it and import it again, or name another")]
    Expired(Timestamp),
    /// Its owner took it back.
    #[error("its owner revoked it: take it out of the job, and name another")]
    Revoked,
    /// It has no good subkey for encryption now.
    #[error(
        "it cannot encrypt now: have its owner add a subkey for encryption and import it again, or name another"
    )]
    CannotEncrypt,
}

/// Some keys of a job cannot be sealed to, so nothing is: who relies on one of them would find it out too late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub Vec<(Fingerprint, Unusable)>);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said: Vec<_> = self.0.iter().map(|(key, why)| format!("recipient {key}: {why}")).collect();
        f.write_str(&said.join("\n"))
    }
}

impl std::error::Error for Refused {}

impl Recipients {
    /// Reads the keys from their files: each has the fingerprint that its file is called by, or is broken.
    pub fn read(files: impl IntoIterator<Item = (Fingerprint, Vec<u8>)>) -> Self {
        let read = |fingerprint, file: &[u8]| Ok(Recipient::pin(Certificate::parse(file)?, &fingerprint)?);
        Self(files.into_iter().map(|(name, file)| (name, read(name, &file))).collect())
    }

    /// Finds all of `named`, each once, in the order of their names.
    ///
    /// # Errors
    ///
    /// [`Refused`] if any of them cannot be sealed to at `now`; it names each that cannot.
    pub fn of(&self, named: &[Fingerprint], now: Timestamp) -> Result<Vec<Recipient>, Refused> {
        let (mut good, mut bad) = (BTreeMap::new(), BTreeMap::new());
        for fingerprint in named {
            match self.usable(fingerprint, now) {
                Ok(recipient) => drop(good.insert(*fingerprint, recipient.clone())),
                Err(why) => drop(bad.insert(*fingerprint, why)),
            }
        }
        if bad.is_empty() {
            Ok(good.into_values().collect())
        } else {
            Err(Refused(bad.into_iter().collect()))
        }
    }

    fn usable(&self, fingerprint: &Fingerprint, now: Timestamp) -> Result<&Recipient, Unusable> {
        let recipient = self.kept(fingerprint)?;
        match recipient.status(now) {
            RecipientStatus::Usable { .. } => Ok(recipient),
            RecipientStatus::Expired(at) => Err(Unusable::Expired(at)),
            RecipientStatus::Revoked => Err(Unusable::Revoked),
            RecipientStatus::CannotEncrypt => Err(Unusable::CannotEncrypt),
        }
    }

    fn kept(&self, fingerprint: &Fingerprint) -> Result<&Recipient, Unusable> {
        let kept = self.0.get(fingerprint).ok_or(Unusable::Missing)?;
        kept.as_ref().map_err(|broken| broken.clone().into())
    }

    /// Whether a key was imported, good or not.
    pub fn has(&self, fingerprint: &Fingerprint) -> bool {
        self.0.contains_key(fingerprint)
    }
}
