//! Looks whether what is in the store can still be used with these keys and this configuration.

use super::Error;
use crate::config::Config;
use crate::flows::door::Door;
use crate::store::{self, Reader, access_token, opaque_key, temporary_login, user_digest};

/// What a key of the keyring was made for and is still needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Passwords and mail addresses of living logins.
    Logins,
    /// The people of access tokens that have not ended.
    AccessTokens,
    /// Digest verifiers of users.
    Digests,
}

impl Need {
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Logins => "gateward login revoke",
            Self::AccessTokens => "gateward access-token revoke",
            Self::Digests => "gateward user password",
        }
    }
}

impl std::fmt::Display for Need {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Logins => "logins need",
            Self::AccessTokens => "access tokens need",
            Self::Digests => "Digest logins of users need",
        })
    }
}

/// Returns the ids of the keys that are needed, each with what needs it.
///
/// # Errors
///
/// [`store::Error::Unreachable`].
pub async fn keys_in_use(reader: &Reader) -> Result<Vec<(String, Need)>, store::Error> {
    let logins = temporary_login::key_ids(reader).await?;
    let access_tokens = access_token::key_ids(reader).await?;
    let digests = user_digest::key_ids(reader).await?;
    let opaque_keys = opaque_key::key_ids(reader).await?;
    let by = |need| move |key| (key, need);
    Ok(logins
        .into_iter()
        .map(by(Need::Logins))
        .chain(digests.into_iter().map(by(Need::Digests)))
        .chain(access_tokens.into_iter().chain(opaque_keys).map(by(Need::AccessTokens)))
        .collect())
}

/// Checks that the keyring has every key that living logins and access tokens need, and the log's; commands do
/// without, so that these can be ended, or added.
///
/// # Errors
///
/// [`Error::KeyMissing`], [`Error::NoLogKey`], [`Error::Store`].
pub async fn check_keys_in_use(config: &Config, door: &Door) -> Result<(), Error> {
    if door.keyring.log_key_made_at().is_none() {
        return Err(Error::NoLogKey(config.keyring.clone()));
    }
    let in_use = keys_in_use(&door.store.reader).await?;
    match in_use.into_iter().find(|(key, _)| !door.keyring.has(key)) {
        Some((key, need)) => Err(Error::KeyMissing { path: config.keyring.clone(), key, need }),
        None => Ok(()),
    }
}

/// Checks that users who log in by HTTP Digest can, and warns of those who cannot any more.
///
/// # Errors
///
/// [`Error::DigestBySha256`], [`Error::Store`].
pub async fn check_digests(config: &Config, door: &Door) -> Result<(), Error> {
    let realm = door.realm.as_str();
    let (count, of_other_realms) = user_digest::count(&door.store.reader, realm).await?;
    if count > 0 && config.digest_sha256 {
        return Err(Error::DigestBySha256 { count });
    }
    if of_other_realms > 0 {
        tracing::warn!(users = of_other_realms, realm, "users of another realm cannot log in by HTTP Digest");
    }
    Ok(())
}
