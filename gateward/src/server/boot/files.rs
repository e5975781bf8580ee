//! Reads the files with keys: our own, and those of the issuers that we believe.

use std::path::Path;

use openpgp::{Allowances, Certificate, Recipient, TrustedKey, TrustedKeys};

use super::Error;
use crate::base::secret::{Secret, is_open_to_everybody};
use crate::config::{Config, Mode};
use crate::flows::keyring::Keyring;
use crate::flows::record::{NotASeal, Seal};
use crate::server::tls::NON_PRODUCTION;

/// Reads a file of a moderate size.
///
/// # Errors
///
/// [`Error::File`].
pub fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File { what, path: path.to_owned(), source })
}

/// Reads the keyring; refuses one that everybody can read.
///
/// # Errors
///
/// [`Error::File`], [`Error::Keyring`], [`Error::Exposed`].
pub fn keyring(path: &Path) -> Result<Keyring, Error> {
    Keyring::parse(&keyring_text(path)?).map_err(|source| Error::Keyring { path: path.to_owned(), source })
}

/// Reads the text of the keyring; refuses one that everybody can read.
///
/// # Errors
///
/// [`Error::File`], [`Error::Exposed`].
pub fn keyring_text(path: &Path) -> Result<Secret, Error> {
    secret_text("keyring", path)
}

/// Reads a text that must not be seen; refuses one that everybody can read.
///
/// # Errors
///
/// [`Error::File`], [`Error::Exposed`].
pub fn secret_text(what: &'static str, path: &Path) -> Result<Secret, Error> {
    let text = read(what, path)?;
    let file = |source| Error::File { what, path: path.to_owned(), source };
    if is_open_to_everybody(&std::fs::metadata(path).map_err(file)?) {
        return Err(Error::Exposed(path.to_owned()));
    }
    let text = String::from_utf8(text).map_err(|_| file(std::io::Error::other("it is not text")))?;
    Ok(Secret::new(text))
}

/// Reads and pins the issuers of the configuration.
///
/// # Errors
///
/// [`Error::File`], [`Error::Issuer`].
pub fn issuers(config: &Config) -> Result<TrustedKeys, Error> {
    let mut trusted = TrustedKeys::new();
    for issuer in &config.issuer {
        let wrong = |reason: String| Error::Issuer { path: issuer.key.clone(), reason };
        let certificate =
            Certificate::parse(&read("issuer", &issuer.key)?).map_err(|error| wrong(error.to_string()))?;
        let throw_away = certificate.user_ids().iter().any(|user| user.contains(NON_PRODUCTION));
        if config.mode == Mode::Production && throw_away {
            return Err(wrong("a throw-away key: mode = \"production\" takes none".into()));
        }
        let allow = Allowances { sha1: issuer.allow_sha1, short: config.mode != Mode::Production };
        let key = TrustedKey::pin(certificate, &issuer.fingerprint.0, allow).map_err(|error| {
            let remedy = match error {
                openpgp::PinError::WrongKey { .. } => "; correct fingerprint, or get the right key",
                openpgp::PinError::Sha1 => "; allow_sha1 = true allows it, for this issuer alone",
                openpgp::PinError::Short(_) => "; mode = \"development\" allows it",
                openpgp::PinError::NoSelfSignature | openpgp::PinError::CannotSign => {
                    "; get the key from its owner again"
                }
            };
            wrong(format!("{error}{remedy}"))
        })?;
        if trusted.insert(key).is_some() {
            return Err(wrong("the same key stands twice in the configuration".into()));
        }
    }
    Ok(trusted)
}

/// Reads the key that the parameters of requests are sealed to, where the configuration names one.
///
/// # Errors
///
/// [`Error::File`], [`Error::Seal`].
pub fn auditor(config: &Config) -> Result<Option<Recipient>, Error> {
    let Some(auditor) = &config.audit.seal else { return Ok(None) };
    let file = read("[audit] seal", &auditor.key)?;
    Seal::read(&file, &auditor.fingerprint.0).map(Some).map_err(|why| unsealed(config, why))
}

/// Says that nothing can be sealed to the key that `config` names.
pub(super) fn unsealed(config: &Config, why: NotASeal) -> Error {
    let path = config.audit.seal.as_ref().map(|auditor| auditor.key.clone()).unwrap_or_default();
    Error::Seal { path, why }
}
