//! HTTP Digest (RFC 7616) for people with an account, where a verifier was made for it or imported.

use http_digest::{Algorithm, Credentials, Ha1};
use jiff::Timestamp;
use tokio::time::Instant;

use super::digest::{Judged, WRONG_PASSWORD, judge};
use super::{Error, Failure, Shown, Wrong};
use crate::base::id::Reference;
use crate::base::identity::UserName;
use crate::base::name::ServiceName;
use crate::flows::door::{Door, Refused};
use crate::flows::failures::{Entrance, Guesser, NotNow};
use crate::flows::keyring::Place;
use crate::flows::passwords::FAILURE_TAKES;
use crate::flows::record::What;
use crate::flows::users::{KnownUser, Proof};
use crate::store::user_digest::UserDigest;
use crate::store::{self, CommitError, user_digest};

/// Finds out whether somebody knows the password of the account that they name.
///
/// Imported passwords were people's own choice, and an answer costs nothing to check: so guesses are counted as those
/// at passwords are, and begun before anything is looked at. The same work is done for a user that there is not.
///
/// # Errors
///
/// [`Error`].
pub(super) async fn prove(
    door: &Door,
    service: &ServiceName,
    shown: Shown<'_>,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<KnownUser, Error> {
    let began = Instant::now();
    let name = credentials.login().parse::<UserName>().ok();
    let guesses = &door.failures.guesses;
    let by = Guesser { name: credentials.login(), address: shown.address, at: Entrance::Public };
    let found = match &name {
        Some(name) => user_digest::find(&door.store.reader, name.as_str()).await?,
        None => None,
    };
    let user = match (&name, &found) {
        (Some(name), Some(digest)) => {
            KnownUser::living(door, name, Proof::Digest { set_at: digest.set_at }).await?
        }
        _ => None,
    };
    let ha1 = found.as_ref().map(|digest| open(door, digest)).transpose()?;
    // One that was made for another realm than today's opens nothing. Nor does that of an account that is not good:
    // whoever knows its password learns no more from a challenge than who does not.
    let is_of_realm = found.as_ref().is_some_and(|found| found.realm == door.realm.as_str());
    let ha1 = ha1.filter(|_| is_of_realm && user.is_some());
    let guess = match guesses.begin(by, now) {
        Ok(guess) => guess,
        Err(NotNow::Busy) => return Err(Error::Busy),
        Err(NotNow::TooMany(wait)) => {
            let wrong =
                Wrong::new("too-many-failures", "the limit of this account and address, or of this address");
            let reference = record(door, service, shown, &wrong, None, now).await?;
            return Err(Error::TooMany { wait_seconds: wait.as_secs().unsigned_abs().max(1), reference });
        }
    };
    let wrong = match (judge(door, service, shown, credentials, ha1.as_ref(), now), user) {
        (Judged::Right, Some(user)) => {
            guess.right();
            return Ok(user);
        }
        (Judged::Challenged { stale }, _) => {
            guess.not_judged();
            return Err(Error::Challenged { stale });
        }
        // A right answer needs an HA1, and that needs an account.
        (Judged::Right, None) => {
            guess.not_judged();
            return Err(Error::Challenged { stale: false });
        }
        (Judged::Wrong(wrong), None) if wrong.reason == WRONG_PASSWORD => {
            let reason = if found.is_some() { "disabled" } else { "unknown-user" };
            Wrong { reason, ..wrong }
        }
        (Judged::Wrong(wrong), _) => wrong,
    };
    guess.wrong();
    let how = wrong.how;
    let reference = record(door, service, shown, &wrong, found.map(|digest| digest.user), now).await?;
    tokio::time::sleep_until(began + FAILURE_TAKES).await;
    match how {
        Failure::Unauthorized => Err(Error::wrong_user(reference)),
        Failure::BadRequest | Failure::Unavailable | Failure::Forbidden => {
            Err(Error::Failed { detail: wrong.detail, reference, how })
        }
    }
}

/// Opens what answers are compared with.
fn open(door: &Door, digest: &UserDigest) -> Result<Ha1, store::Error> {
    let damaged = |reason: String| store::Error::Damaged { table: "user_digest", reason };
    let place = Place { table: "user_digest", row: &digest.user, column: "sealed_ha1" };
    let opened = door.keyring.open(place, &digest.sealed_ha1).map_err(|error| damaged(error.to_string()))?;
    Ha1::from_hex(Algorithm::Md5, opened.expose()).ok_or_else(|| damaged("no MD5 in hex".into()))
}

async fn record(
    door: &Door,
    service: &ServiceName,
    shown: Shown<'_>,
    wrong: &Wrong,
    who: Option<String>,
    now: Timestamp,
) -> Result<Reference, CommitError> {
    let refused = Refused {
        what: What::AuthenticationFailed { reason: wrong.reason, detail: wrong.detail.to_owned() },
        reason: format!("login: {}", wrong.reason),
        service: Some(service.clone()),
        who,
        certificate: None,
        address: shown.address,
    };
    door.record_refusal(refused, now).await
}
