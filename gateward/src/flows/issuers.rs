//! Takes an issuer out at once, whatever the configuration file says.

use jiff::Timestamp;
use openpgp::Fingerprint;

use super::door::Door;
use super::record::{Happened, What};
use crate::store::{Change, CommitError, issuer, revocation};

/// Why an issuer stays.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's.
    #[error("there is no believed issuer {0}: `gateward issuer list` shows those there are")]
    NoSuchIssuer(Fingerprint),
    /// The operator's.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Revokes an issuer: its tokens make no login, its logins open nothing, its answers are cut.
///
/// # Errors
///
/// [`Error`].
pub async fn revoke(door: &Door, fingerprint: Fingerprint, by: &str, now: Timestamp) -> Result<(), Error> {
    let issuer = fingerprint.to_string();
    let happened = Happened {
        who: Some(by.to_owned()),
        ..Happened::done(What::IssuerRevoked { issuer: issuer.clone() })
    };
    let revoke = Change::RevokeIssuer(issuer::Revoke { fingerprint: issuer, at: now });
    let changes = vec![revoke, Change::AdvanceRevocation(revocation::Advance)];
    // A crash leaves the issuer out, its event and the counter moved, or none of them.
    match door.recorder.commit(None, changes, &[happened], now).await {
        Ok(()) => Ok(()),
        Err(CommitError::Precondition) => Err(Error::NoSuchIssuer(fingerprint)),
        Err(error) => Err(error.into()),
    }
}
