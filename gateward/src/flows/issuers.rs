//! Takes an issuer out at once, whatever the configuration file says.

use jiff::Timestamp;
use openpgp::Fingerprint;

use super::door::Door;
use super::record::{Happened, What};
use crate::base::issuer_url::{IssuerUrl, NotAnIssuerUrl};
use crate::store::{Change, CommitError, issuer, revocation};

/// Names an issuer of the configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerName {
    /// Of signed tokens, by the fingerprint of its key.
    OpenPgp(Fingerprint),
    /// Of JWTs, by its URL.
    Oidc(IssuerUrl),
}

impl std::fmt::Display for IssuerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OpenPgp(fingerprint) => fingerprint.fmt(f),
            Self::Oidc(url) => url.fmt(f),
        }
    }
}

impl std::str::FromStr for IssuerName {
    type Err = NotAnIssuerUrl;

    fn from_str(text: &str) -> Result<Self, NotAnIssuerUrl> {
        text.parse().map(Self::OpenPgp).or_else(|_| text.parse().map(Self::Oidc))
    }
}

/// Why an issuer stays.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's.
    #[error("there is no believed issuer {0}: `gateward issuer list` shows those there are")]
    NoSuchIssuer(IssuerName),
    /// The operator's.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Revokes an issuer: its tokens make no login, its logins open nothing, its answers are cut.
///
/// # Errors
///
/// [`Error`].
pub async fn revoke(door: &Door, issuer: IssuerName, by: &str, now: Timestamp) -> Result<(), Error> {
    let name = issuer.to_string();
    let happened =
        Happened { who: Some(by.to_owned()), ..Happened::done(What::IssuerRevoked { issuer: name.clone() }) };
    let revoke = Change::RevokeIssuer(issuer::Revoke { fingerprint: name, at: now });
    let changes = vec![revoke, Change::AdvanceRevocation(revocation::Advance)];
    // A crash leaves the issuer out, its event and the counter moved, or none of them.
    match door.recorder.commit(None, changes, &[happened], now).await {
        Ok(()) => Ok(()),
        Err(CommitError::Precondition) => Err(Error::NoSuchIssuer(issuer)),
        Err(error) => Err(error.into()),
    }
}
