//! Ends everything of a person: browsers, API tokens, temporary logins; and takes accounts away.

use jiff::Timestamp;
use signed_token::Mail;

use super::account::{event, found};
use super::{Error, LastAdmin};
use crate::base::id::LoginName;
use crate::base::identity::UserName;
use crate::base::secret::Secret;
use crate::flows::door::Door;
use crate::flows::keyring::Place;
use crate::flows::logins::{self, Afterwards};
use crate::flows::record::{Happened, What};
use crate::flows::tries::Tries;
use crate::flows::{grants, placement};
use crate::store::grant::{self, Origin};
use crate::store::temporary_login::{self, TemporaryLogin};
use crate::store::user::{self, Holdings};
use crate::store::{self, Change, CommitError, revocation};

/// What the tokens of a person call them; their temporary logins are found by it.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokenNames<'a> {
    /// The mail addresses that they name; an account's name that is one counts without being here.
    pub mails: &'a [Mail],
    /// OIDC issuers, each with what its JWTs call the person (`iss` and `sub`, letter by letter).
    pub oidc: &'a [(String, String)],
}

/// What was ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// Their API tokens and browsers.
    pub holdings: Holdings,
    /// Their temporary logins, whose tokens are blocked.
    pub logins: Vec<LoginName>,
    /// The ids of grants that named the account, where it was taken away.
    pub grants: Vec<String>,
    /// The ids of grants that name it in the configuration file, which nobody but its author takes out.
    pub grants_in_file: Vec<String>,
    /// Why a temporary login still stands in a database that is not ours; the sweep goes on trying.
    pub left_elsewhere: Option<placement::Error>,
}

impl Ended {
    /// Whether there was nothing to end.
    pub fn is_nothing(&self) -> bool {
        self.holdings == Holdings::default() && self.logins.is_empty()
    }
}

/// Ends everything that lets a person in, but their password: in one commit, with effect within a second.
///
/// Without a `name` they have no account here: what they hold is what their tokens gave them.
///
/// # Errors
///
/// [`Error::Store`], [`Error::Commit`].
pub async fn end(
    door: &Door,
    name: Option<&UserName>,
    tokens: TokenNames<'_>,
    by: &str,
    now: Timestamp,
) -> Result<Ended, Error> {
    let mut tries = Tries::default();
    loop {
        let Ending { mut ended, changes, happened } = ending(door, name, tokens, by, now).await?;
        if ended.is_nothing() {
            return Ok(ended);
        }
        // A crash leaves all of it or nothing.
        match door.recorder.commit(None, changes, &happened, now).await {
            Ok(()) => {
                ended.left_elsewhere = placement::follow_end(door, &ended.logins, now).await;
                return Ok(ended);
            }
            // One of the logins is gone: look again.
            Err(error) => tries.again(error)?,
        }
    }
}

/// Takes an account away with everything of its owner, and the grants by command that name it.
///
/// # Errors
///
/// [`Error`].
pub async fn delete(
    door: &Door,
    name: &UserName,
    tokens: TokenNames<'_>,
    last_admin: LastAdmin,
    by: &str,
    now: Timestamp,
) -> Result<Ended, Error> {
    let user = name.to_string();
    let mut tries = Tries::default();
    loop {
        found(door, name).await?;
        let Ending { mut ended, mut changes, mut happened } =
            ending(door, Some(name), tokens, by, now).await?;
        for row in grant::all(&door.store.reader).await? {
            if row.subject_kind != "user" || row.subject != user {
                continue;
            }
            if row.origin == Origin::File {
                ended.grants_in_file.push(row.id);
                continue;
            }
            happened.push(grants::revoked(&row, Some(by)));
            changes.push(Change::DeleteGrant(grant::Delete { id: row.id.clone() }));
            ended.grants.push(row.id);
        }
        changes.push(Change::DeleteUser(user::Delete { name: user.clone(), last_admin }));
        happened.push(event(What::UserDeleted { user: user.clone() }, by));
        // As above.
        match door.recorder.commit(None, changes, &happened, now).await {
            Ok(()) => {
                ended.left_elsewhere = placement::follow_end(door, &ended.logins, now).await;
                return Ok(ended);
            }
            Err(CommitError::Precondition)
                if last_admin == LastAdmin::Stays
                    && user::is_last_admin(&door.store.reader, &user).await? =>
            {
                return Err(Error::LastAdmin(name.clone()));
            }
            // Something of theirs changed: look again.
            Err(error) => tries.again(error)?,
        }
    }
}

struct Ending {
    ended: Ended,
    changes: Vec<Change>,
    happened: Vec<Happened>,
}

/// Says what there is to end of a person, and what ends it.
async fn ending(
    door: &Door,
    name: Option<&UserName>,
    tokens: TokenNames<'_>,
    by: &str,
    now: Timestamp,
) -> Result<Ending, Error> {
    let logins = logins_of(door, name, tokens).await?;
    let blocked = Afterwards::Blocked;
    let mut changes: Vec<Change> =
        logins.iter().flat_map(|login| logins::ending(login, blocked, by, now)).collect();
    let mut happened: Vec<Happened> = logins.iter().map(|login| logins::event(login, blocked, by)).collect();
    let mut ended =
        Ended { logins: logins.into_iter().map(|login| login.login).collect(), ..Ended::default() };
    if let Some(name) = name {
        let user = name.to_string();
        ended.holdings = user::holdings(&door.store.reader, &user).await?;
        changes.push(Change::TakeHoldings(user::TakeHoldings { name: user.clone() }));
        changes.push(Change::AdvanceRevocation(revocation::Advance));
        let Holdings { api_tokens, sessions } = ended.holdings.clone();
        happened.push(event(What::UserEnded { user, api_tokens, sessions }, by));
    }
    Ok(Ending { ended, changes, happened })
}

/// Finds the temporary logins of a person, by what stands in their tokens. One whose key is missing has no password
/// that anybody could know.
async fn logins_of(
    door: &Door,
    name: Option<&UserName>,
    tokens: TokenNames<'_>,
) -> Result<Vec<TemporaryLogin>, store::Error> {
    let name = name.map(UserName::as_str);
    let addresses: Vec<&str> = tokens.mails.iter().map(Mail::as_str).chain(name).collect();
    let is_theirs = |login: &TemporaryLogin| {
        let open = |column, sealed: &[u8]| {
            let place = Place { table: "temporary_login", row: login.login.as_str(), column };
            door.keyring.open(place, sealed).ok()
        };
        let mail = open("sealed_mail", &login.sealed_mail);
        let is_mail =
            |mail: &Secret| addresses.iter().any(|address| address.eq_ignore_ascii_case(mail.expose()));
        let is_sub = |called: &Secret| {
            let same =
                |(issuer, sub): &(String, String)| *issuer == login.issuer && sub.as_str() == called.expose();
            tokens.oidc.iter().any(same)
        };
        let sub = login.sealed_sub.as_deref().and_then(|sealed| open("sealed_sub", sealed));
        mail.as_ref().is_some_and(is_mail) || sub.as_ref().is_some_and(is_sub)
    };
    let all = temporary_login::all(&door.store.reader).await?;
    Ok(all.into_iter().filter(is_theirs).collect())
}
