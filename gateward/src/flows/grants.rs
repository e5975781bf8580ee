//! Grants by command: made and revoked while the server runs, with effect at once.

use jiff::Timestamp;

use super::door::Door;
use super::policy::Rule;
use super::record::{Granted, Happened, Personal, What};
use crate::store::grant::{self, GrantRow, Origin};
use crate::store::{self, Change, CommitError, revocation};

/// Why a grant stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's.
    #[error("there is no grant {0}: `gateward grant list` shows those there are")]
    NoSuchGrant(String),
    /// The operator's: the file would bring it back.
    #[error("grant {0} comes from the configuration file: take it out there and restart")]
    OfTheFile(String),
    /// The operator's: it is there already.
    #[error("the same grant is there already: {0}")]
    AlreadyThere(String),
    /// The operator's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Makes a grant; returns its id.
///
/// # Errors
///
/// [`Error`].
pub async fn create(door: &Door, rule: &Rule, by: &str, now: Timestamp) -> Result<String, Error> {
    let row = rule.row(Origin::Command, Some(door.random.bytes()));
    let same =
        |other: &&GrantRow| GrantRow { id: row.id.clone(), origin: row.origin, ..(*other).clone() } == row;
    if let Some(other) = grant::all(&door.store.reader).await?.iter().find(same) {
        return Err(Error::AlreadyThere(other.id.clone()));
    }
    let happened = created(&row, Some(by));
    let id = row.id.clone();
    let create = Change::CreateGrant(grant::Create { grant: row, at: now });
    let changes = vec![create, Change::AdvanceRevocation(revocation::Advance)];
    // A crash leaves the grant, its event and the counter, or none of them.
    door.recorder.commit(None, changes, &[happened], now).await?;
    Ok(id)
}

/// Revokes a grant; answers that run by it are cut within a second.
///
/// # Errors
///
/// [`Error`].
pub async fn revoke(door: &Door, id: &str, by: &str, now: Timestamp) -> Result<(), Error> {
    let all = grant::all(&door.store.reader).await?;
    let found = all.iter().find(|row| row.id == id).ok_or_else(|| Error::NoSuchGrant(id.to_owned()))?;
    if found.origin == Origin::File {
        return Err(Error::OfTheFile(id.to_owned()));
    }
    let happened = revoked(found, Some(by));
    let delete = Change::DeleteGrant(grant::Delete { id: id.to_owned() });
    let changes = vec![delete, Change::AdvanceRevocation(revocation::Advance)];
    // As above.
    match door.recorder.commit(None, changes, &[happened], now).await {
        Ok(()) => Ok(()),
        Err(CommitError::Precondition) => Err(Error::NoSuchGrant(id.to_owned())),
        Err(error) => Err(error.into()),
    }
}

/// Says that a grant was made; `by` is `None` where the configuration file made it.
pub(super) fn created(row: &GrantRow, by: Option<&str>) -> Happened {
    event(row, by, What::GrantCreated)
}

/// Says that a grant was taken away.
pub(super) fn revoked(row: &GrantRow, by: Option<&str>) -> Happened {
    event(row, by, What::GrantRevoked)
}

/// Says to whom and for what the grant is: its id alone means nothing once it is gone. A mail address, or
/// what an OIDC issuer calls somebody, names a person, so it goes into the personal part.
fn event(row: &GrantRow, by: Option<&str>, what: impl FnOnce(Granted) -> What) -> Happened {
    let names_a_person = matches!(row.subject_kind.as_str(), "mail" | "oidc");
    let extent = |text: &String| (text != "[]").then(|| text.clone());
    let granted = Granted {
        grant: row.id.clone(),
        origin: row.origin.as_str(),
        granted_to_kind: row.subject_kind.clone(),
        granted_to: (!names_a_person).then(|| row.subject.clone()),
        networks: row.networks.clone(),
        actions: extent(&row.actions),
        resources: extent(&row.resources),
        own: row.own,
    };
    Happened {
        service: row.service.parse().ok(),
        who: by.map(str::to_owned),
        personal: match row.subject_kind.as_str() {
            "mail" => Personal { mail: Some(row.subject.clone()), ..Personal::default() },
            "oidc" => Personal { user: Some(row.subject.clone()), ..Personal::default() },
            _ => Personal::default(),
        },
        ..Happened::done(what(granted))
    }
}
