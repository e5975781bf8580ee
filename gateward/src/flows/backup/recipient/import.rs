//! A key that somebody wants backups sealed to, before it is one.

use jiff::Timestamp;
use openpgp::{
    Certificate, CertificateError, Fingerprint, LibraryError, Recipient, RecipientError, RecipientStatus,
};

use super::Recipients;

/// A public key that was read and not yet believed.
#[derive(Debug, Clone)]
pub struct Offered(Certificate);

/// Why a key was not imported. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The operator's, and urgent: whoever has it reads all backups.
    #[error(
        "this is a secret key, which must not lie on a machine that makes backups: nothing of it was kept. Export \
         the public key where the secret one is, `gpg --armor --export FINGERPRINT`, and delete this file here"
    )]
    SecretKey,
    /// The operator's: each key is looked at by itself.
    #[error("this holds more than one key: export them one by one, `gpg --armor --export FINGERPRINT`")]
    SeveralKeys,
    /// The operator's.
    #[error(transparent)]
    NotAKey(CertificateError),
    /// Somebody else's key, or a weak one.
    #[error(transparent)]
    Weak(#[from] RecipientError),
    /// It is of no use as it is; its owner can mend that.
    #[error("the key {0} is not good for backups: {1}")]
    Unusable(Fingerprint, RecipientStatus),
    /// An old copy would let the key in again that its owner took back.
    #[error("the copy of {0} that was imported before says that its owner revoked it: that stays so")]
    RevokedBefore(Fingerprint),
    /// The library refused.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

impl From<CertificateError> for ImportError {
    fn from(error: CertificateError) -> Self {
        match error {
            CertificateError::SecretKey => Self::SecretKey,
            CertificateError::SeveralKeys => Self::SeveralKeys,
            CertificateError::NotAKey(_) | CertificateError::Version => Self::NotAKey(error),
        }
    }
}

impl Offered {
    /// Reads a file with one public key and nothing else, armored or not.
    ///
    /// # Errors
    ///
    /// [`ImportError::SecretKey`], [`ImportError::SeveralKeys`], [`ImportError::NotAKey`].
    pub fn read(file: &[u8]) -> Result<Self, ImportError> {
        Ok(Self(Certificate::parse(file)?))
    }

    /// What a person compares with what the key's owner told them.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }

    /// Names and addresses as the file has them. Nobody vouches for them.
    pub fn user_ids(&self) -> &[String] {
        self.0.user_ids()
    }

    /// Takes the key as the one that `fingerprint` names, and says what to keep: an armored public key.
    ///
    /// A revoked or expired copy takes the place of one that was imported before: then nothing is sealed to it
    /// any more.
    ///
    /// # Errors
    ///
    /// All but those of [`Offered::read`].
    pub fn accept(
        self,
        fingerprint: &Fingerprint,
        recipients: &Recipients,
        now: Timestamp,
    ) -> Result<(Recipient, String), ImportError> {
        let recipient = Recipient::pin(self.0, fingerprint)?;
        let status = recipient.status(now);
        let is_usable = matches!(status, RecipientStatus::Usable { .. });
        if !is_usable && !recipients.has(fingerprint) {
            return Err(ImportError::Unusable(*fingerprint, status));
        }
        let before = recipients.0.get(fingerprint).and_then(|kept| kept.as_ref().ok());
        let was_revoked = before.is_some_and(|kept| kept.status(now) == RecipientStatus::Revoked);
        if was_revoked && status != RecipientStatus::Revoked {
            return Err(ImportError::RevokedBefore(*fingerprint));
        }
        let armored = recipient.certificate().armored()?;
        // What will be read has to be what was looked at.
        let kept = Recipient::pin(Certificate::parse(armored.as_bytes())?, fingerprint)?;
        Ok((kept, armored))
    }
}
