//! What an auditor alone reads: the parameters of requests, sealed to the auditor's OpenPGP key.
//!
//! Nobody here can open what was sealed: neither whoever has the store nor whoever has the keyring.

use jiff::Timestamp;
use openpgp::{
    Certificate, CertificateError, Fingerprint, Recipient, RecipientError, RecipientStatus, SealError,
    SealOptions, seal_to,
};

use super::words::{Happened, Personal};
use crate::base::random::Random;

/// The key of an auditor, as it is good at one moment.
#[derive(Debug, Clone)]
pub struct Seal {
    auditor: Recipient,
    since: Timestamp,
}

/// Why nothing can be sealed to a key. The operator acts, with the key's owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotASeal {
    /// The file holds something else.
    #[error("{0}; export it again: gpg --armor --export FINGERPRINT")]
    File(#[from] CertificateError),
    /// Another key, or one that this program does not trust.
    #[error("{0}; correct fingerprint, or get another key from the auditor")]
    Key(#[from] RecipientError),
    /// Its owner can prolong it.
    #[error("the key expired at {0:.0}: have the auditor prolong it and export it again, or name another")]
    Expired(Timestamp),
    /// Its owner took it back.
    #[error("the auditor revoked the key: name another")]
    Revoked,
    /// It has no good subkey for encryption now.
    #[error("the key cannot encrypt now: have the auditor add a subkey for encryption and export it again")]
    CannotEncrypt,
}

impl Seal {
    /// Takes the key of `fingerprint` out of its file.
    ///
    /// # Errors
    ///
    /// [`NotASeal::File`], [`NotASeal::Key`].
    pub fn read(file: &[u8], fingerprint: &Fingerprint) -> Result<Recipient, NotASeal> {
        Ok(Recipient::pin(Certificate::parse(file)?, fingerprint)?)
    }

    /// Seals to `auditor`, as the key was good at `since`.
    ///
    /// One that runs out later is used on: nothing is shut because of it, and its owner still opens what was
    /// sealed. Whoever starts the program then is told by [`check`](Self::check).
    pub fn new(auditor: Recipient, since: Timestamp) -> Self {
        Self { auditor, since }
    }

    /// Looks whether anything can be sealed to the key.
    ///
    /// # Errors
    ///
    /// [`NotASeal`]: nothing can.
    pub fn check(&self) -> Result<(), NotASeal> {
        match self.auditor.status(self.since) {
            RecipientStatus::Usable { .. } => Ok(()),
            RecipientStatus::Expired(at) => Err(NotASeal::Expired(at)),
            RecipientStatus::Revoked => Err(NotASeal::Revoked),
            RecipientStatus::CannotEncrypt => Err(NotASeal::CannotEncrypt),
        }
    }

    /// The same, but for a target with parameters: that is sealed.
    ///
    /// # Errors
    ///
    /// [`SealError`]: the key is not good ([`check`](Self::check)).
    pub(super) fn apply(&self, happened: &Happened, random: &Random) -> Result<Happened, SealError> {
        let Personal { target, .. } = &happened.personal;
        let Some(target) = target.as_deref().filter(|target| target.contains('?')) else {
            return Ok(happened.clone());
        };
        let personal = Personal {
            target: Some(self.seal(target, random)?),
            sealed_to: Some(self.auditor.fingerprint()),
            ..happened.personal.clone()
        };
        Ok(Happened { personal, ..happened.clone() })
    }

    fn seal(&self, text: &str, random: &Random) -> Result<String, SealError> {
        let mut sealed = Vec::new();
        let options = SealOptions { armor: true, file_name: None };
        let auditor = std::slice::from_ref(&self.auditor);
        seal_to(text.as_bytes(), &mut sealed, auditor, self.since, random.bytes(), &options)?;
        Ok(String::from_utf8(sealed).expect("armor is ASCII"))
    }
}

#[cfg(test)]
mod tests {
    use openpgp::{OpeningKey, open_to};

    use super::super::{LogReading, What};
    use super::*;

    // GnuPG 2.2 made them.
    const PUBLIC: &[u8] = include_bytes!("../../../tests/shared/auditor/public.asc");
    const SECRET: &[u8] = include_bytes!("../../../tests/shared/auditor/secret.asc");
    const FINGERPRINT: &str = "389F9E173BD7A072079E4F6E4AF077B5A8A910EA";

    fn random() -> Random {
        Random::new(|bytes| bytes.fill(7))
    }

    fn seal_at(now: &str) -> Seal {
        Seal::new(Seal::read(PUBLIC, &FINGERPRINT.parse().unwrap()).unwrap(), now.parse().unwrap())
    }

    fn asked(target: &str) -> Happened {
        let personal = Personal { target: Some(target.into()), ..Personal::default() };
        Happened { personal, ..Happened::done(What::LogRead { how: LogReading::Search, events: 0 }) }
    }

    #[test]
    fn parameters_are_sealed_and_the_auditor_reads_them() {
        let happened = asked("/Patient?family=Doe&birthdate=1970-01-01");
        let sealed = seal_at("2026-11-22T00:00:00Z").apply(&happened, &random()).unwrap();
        assert_eq!(sealed.personal.sealed_to.unwrap().to_string(), FINGERPRINT);
        let text = sealed.personal.target.unwrap();
        assert!(text.starts_with("-----BEGIN PGP MESSAGE-----\n") && !text.contains("Doe"), "{text}");
        let mut opened = Vec::new();
        let key = OpeningKey::parse(SECRET, None).unwrap();
        open_to(text.as_bytes(), &mut opened, &key, 1000).unwrap();
        assert_eq!(opened, happened.personal.target.unwrap().as_bytes());
    }

    #[test]
    fn what_has_no_parameters_stays_as_it_is() {
        let seal = seal_at("2026-11-22T00:00:00Z");
        for happened in [asked("/Patient/7"), Happened { personal: Personal::default(), ..asked("") }] {
            let sealed = seal.apply(&happened, &random()).unwrap();
            assert_eq!(sealed.personal.target, happened.personal.target);
            assert_eq!(sealed.personal.sealed_to, None);
        }
    }

    #[test]
    fn a_key_that_is_not_good_yet_or_another_one_is_refused() {
        let early = seal_at("2001-01-01T00:00:00Z");
        assert!(early.check().is_err());
        assert!(early.apply(&asked("/a?b"), &random()).is_err(), "nothing is written in clear instead");
        assert!(seal_at("2026-11-22T00:00:00Z").check().is_ok());
        let other = "4C1E7A90D35B62F81A7790E48FD98B2183B2C228".parse().unwrap();
        let refused = Seal::read(PUBLIC, &other).unwrap_err();
        assert!(matches!(refused, NotASeal::Key(RecipientError::WrongKey { .. })), "{refused}");
        let refused = Seal::read(b"no key", &other).unwrap_err();
        assert!(matches!(refused, NotASeal::File(_)), "{refused}");
    }
}
