//! API tokens: made for a user, shown once, listed, and ended before their time.

mod proven;

use jiff::{SignedDuration, Timestamp};

pub use self::proven::Proven;
use super::door::Door;
use super::record::{Happened, What};
use super::tries::Tries;
use crate::base::api_token::{ApiToken, Label};
use crate::base::identity::UserName;
use crate::base::name::ServiceName;
use crate::base::time::{later, stored};
use crate::store::api_token::{self, ApiTokenRow, Create, Delete};
use crate::store::{self, Change, CommitError, revocation, user};

/// How long a token lives unless something else is asked for.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long it lives at most.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Why nothing was made or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's.
    #[error("there is no user {0}: `gateward user list` shows those there are")]
    NoSuchUser(UserName),
    /// The operator's.
    #[error("the user {0} is disabled: a token would open nothing")]
    Disabled(UserName),
    /// The operator's.
    #[error("a token lives at least a minute and at most {} days", LONGEST.as_hours() / 24)]
    Lifetime,
    /// The operator's.
    #[error("there is no API token {0}: `gateward api-token list` shows those there are")]
    NoSuchToken(String),
    /// The operator's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// For whom.
    pub user: UserName,
    /// What they call it.
    pub label: Label,
    /// For which services alone; empty: for all that its owner may reach.
    pub services: Vec<ServiceName>,
    /// Not for changes.
    pub read_only: bool,
    /// For how long.
    pub lifetime: SignedDuration,
}

/// A token that was made; nobody can show it again.
#[derive(Debug)]
pub struct Made {
    /// The token.
    pub token: ApiToken,
    /// What it is called in lists and events.
    pub id: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Makes a token.
///
/// # Errors
///
/// [`Error`]; nothing was made then.
pub async fn create(door: &Door, wish: &Wish, by: &str, now: Timestamp) -> Result<Made, Error> {
    if wish.lifetime < SignedDuration::from_mins(1) || wish.lifetime > LONGEST {
        return Err(Error::Lifetime);
    }
    let token = ApiToken::new(&door.random);
    let row = ApiTokenRow {
        hash: token.hash().to_string(),
        id: format!("gwt-{}", data_encoding::HEXLOWER.encode(&door.random.bytes::<6>())),
        user: wish.user.clone(),
        label: wish.label.as_str().to_owned(),
        services: wish.services.clone(),
        read_only: wish.read_only,
        created_at: now,
        created_by: by.to_owned(),
        expires_at: later(now, wish.lifetime),
        last_used_at: None,
    };
    let (id, expires_at) = (row.id.clone(), row.expires_at);
    let mut tries = Tries::default();
    loop {
        // Whoever is disabled meanwhile moves the counter, and this is decided once more.
        let policy = door.policy.up_to_date().await?;
        match user::find(&door.store.reader, wish.user.as_str()).await? {
            None => return Err(Error::NoSuchUser(wish.user.clone())),
            Some(user) if user.disabled_at.is_some() => return Err(Error::Disabled(wish.user.clone())),
            Some(_) => {}
        }
        let changes = vec![Change::CreateApiToken(Box::new(Create(row.clone())))];
        // A crash leaves no token, or one that nobody was shown: it is listed, and ends by itself.
        match door.recorder.commit(Some(policy.revision), changes, &[created(&row, by)], now).await {
            Ok(()) => return Ok(Made { token, id, expires_at }),
            Err(error) => tries.again(error)?,
        }
    }
}

/// Ends a token within a second, for answers that run by it, too.
///
/// # Errors
///
/// [`Error`].
pub async fn revoke(door: &Door, id: &str, by: &str, now: Timestamp) -> Result<(), Error> {
    let no_such = || Error::NoSuchToken(id.to_owned());
    let row = api_token::find_by_id(&door.store.reader, id).await?.ok_or_else(no_such)?;
    let what = What::ApiTokenRevoked { api_token: row.id.clone(), user: row.user.clone() };
    let happened = Happened { who: Some(by.to_owned()), ..Happened::done(what) };
    let changes =
        vec![Change::DeleteApiToken(Delete { id: row.id }), Change::AdvanceRevocation(revocation::Advance)];
    // A crash leaves the token, or its end with the event and the counter moved.
    match door.recorder.commit(None, changes, &[happened], now).await {
        Ok(()) => Ok(()),
        Err(CommitError::Precondition) => Err(no_such()),
        Err(error) => Err(error.into()),
    }
}

fn created(row: &ApiTokenRow, by: &str) -> Happened {
    let what = What::ApiTokenCreated {
        api_token: row.id.clone(),
        user: row.user.clone(),
        services: row.services.clone(),
        read_only: row.read_only,
        expires_at: stored(row.expires_at),
    };
    Happened { who: Some(by.to_owned()), ..Happened::done(what) }
}
