//! API tokens: an opaque key of ours becomes the user it was made for.

use jiff::Timestamp;

use super::{Error, NOTED_EVERY, Shown, Wrong, refuse};
use crate::base::api_token::ApiToken;
use crate::base::name::ServiceName;
use crate::flows::door::Door;
use crate::flows::kind::Effect;
use crate::flows::users::{KnownUser, Proof};
use crate::store::api_token::{self, ApiTokenRow, Used};
use crate::store::{self, Change};

/// Somebody whose API token was proven for this very request; made here alone.
#[derive(Debug, Clone)]
pub struct ApiTokenHolder {
    user: KnownUser,
    row: ApiTokenRow,
}

impl ApiTokenHolder {
    /// Whose token it is.
    pub fn user(&self) -> &KnownUser {
        &self.user
    }

    /// When it ends.
    pub fn expires_at(&self) -> Timestamp {
        self.row.expires_at
    }

    /// Whether the token is for this service and for what is asked of it.
    pub fn is_for(&self, service: &ServiceName, effect: Effect) -> bool {
        let for_service = self.row.services.is_empty() || self.row.services.contains(service);
        for_service && (!self.row.read_only || effect == Effect::Read)
    }

    /// What is noted of this use, with the record of it.
    pub fn use_to_note(&self, at: Timestamp) -> Option<Change> {
        let is_old = |used: Timestamp| at.duration_since(used) >= NOTED_EVERY;
        let is_to_note = self.row.last_used_at.is_none_or(is_old);
        is_to_note.then(|| Change::ApiTokenUsed(Used { id: self.row.id.clone(), at }))
    }

    /// Says for the operator what it is for.
    pub fn shows(&self) -> String {
        let ApiTokenRow { user, id, services, read_only, .. } = &self.row;
        let services: Vec<_> = services.iter().map(ToString::to_string).collect();
        let services = if services.is_empty() { "all services".to_owned() } else { services.join(" ") };
        let reading = if *read_only { ", for reading alone" } else { "" };
        format!("it is the user {user} by the API token {id}, for {services}{reading}")
    }

    /// Looks again whether a token that was proven before still holds.
    ///
    /// # Errors
    ///
    /// [`store::Error`]; `Ok(None)` when it holds no more.
    pub async fn look_again(&self, door: &Door, now: Timestamp) -> Result<Option<Self>, store::Error> {
        let Some(row) = api_token::find_by_id(&door.store.reader, &self.row.id).await? else {
            return Ok(None);
        };
        let owner = owner(door, &row, now).await?;
        Ok(owner.ok().map(|user| Self { user, row }))
    }
}

/// Finds out whose API token `text` is.
///
/// All that is wrong with one gets the same answer: only the record tells them apart.
///
/// # Errors
///
/// [`Error`].
pub(super) async fn prove(
    door: &Door,
    service: &ServiceName,
    shown: Shown<'_>,
    text: &str,
    now: Timestamp,
) -> Result<ApiTokenHolder, Error> {
    let wrong = |reason| Wrong::new(reason, "wrong API token, or one that has ended");
    let Ok(token) = ApiToken::parse(text) else {
        return Err(refuse(door, service, shown, wrong("malformed-api-token"), None, now).await);
    };
    let Some(row) = api_token::find(&door.store.reader, &token.hash()).await? else {
        return Err(refuse(door, service, shown, wrong("unknown-api-token"), None, now).await);
    };
    let user = match owner(door, &row, now).await? {
        Ok(user) => user,
        Err(reason) => {
            let who = Some(row.user.to_string());
            return Err(refuse(door, service, shown, wrong(reason), who, now).await);
        }
    };
    Ok(ApiTokenHolder { user, row })
}

/// Finds whose token it is, or why it opens nothing any more, in a word.
async fn owner(
    door: &Door,
    row: &ApiTokenRow,
    now: Timestamp,
) -> Result<Result<KnownUser, &'static str>, store::Error> {
    if row.expires_at <= now {
        return Ok(Err("api-token-ended"));
    }
    let user = KnownUser::living(door, &row.user, Proof::Other("api-token")).await?;
    Ok(user.ok_or("user-disabled"))
}
