//! API tokens: an opaque key of ours becomes the user it was made for.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Error, Shown, Wrong, refuse};
use crate::base::api_token::ApiToken;
use crate::base::name::ServiceName;
use crate::flows::door::Door;
use crate::flows::policy::Policy;
use crate::flows::users::{KnownUser, Proof};
use crate::store::api_token;

/// Finds out whose API token `text` is.
///
/// All that is wrong with one gets the same answer: only the record tells them apart.
///
/// # Errors
///
/// [`Error`].
pub(super) async fn prove(
    door: &Door,
    policy: &Policy,
    service: &ServiceName,
    shown: Shown<'_>,
    text: &str,
    now: Timestamp,
) -> Result<KnownUser, Error> {
    let wrong = |reason| Wrong::new(reason, "wrong API token, or one that has ended");
    let Ok(token) = ApiToken::parse(text) else {
        return Err(refuse(door, service, shown, wrong("malformed-api-token"), None, now).await);
    };
    let hash = token.hash();
    if let Some(user) = door.api_tokens.whose(&hash, policy.revision, now) {
        return Ok(user);
    }
    let Some(row) = api_token::find(&door.store.reader, &hash).await? else {
        return Err(refuse(door, service, shown, wrong("unknown-api-token"), None, now).await);
    };
    let (owner, has_ended) = (row.user.clone(), row.expires_at <= now);
    let reason = if has_ended {
        "api-token-ended"
    } else {
        match KnownUser::living(door, &owner, Proof::ApiToken(Arc::new(row))).await? {
            Some(user) => {
                // Both rows were read after the counter: nothing older than it is remembered.
                door.api_tokens.note(hash, &user, policy.revision, now);
                return Ok(user);
            }
            None => "user-disabled",
        }
    };
    Err(refuse(door, service, shown, wrong(reason), Some(owner.to_string()), now).await)
}
