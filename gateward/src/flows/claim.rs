//! Who answers to an upstream that asks itself: verified where the login is ours, claimed otherwise.
//!
//! The upstream made the challenge and judges the answer; we only look on. Where the name is a login
//! of ours, its answer is computed again: if it is right, whoever sent it knows the password. That
//! says nothing of the challenge's age, which is the upstream's to judge.

use http_digest::{Credentials, Request};
use jiff::Timestamp;

use super::authenticate::{Login, Shown};
use super::door::Door;
use super::policy::Policy;
use crate::base::id::LoginName;
use crate::store::{self, temporary_login};

/// What a request says of who sends it.
#[derive(Debug, Clone)]
pub enum Claim {
    /// A login of ours, proven.
    Verified(Box<Login>),
    /// A name that nobody here has verified.
    Unverified(String),
}

/// How much of a name that nobody has verified is recorded, in characters.
const RECORDED: usize = 64;

/// Reads what a request says of who sends it; `None` when it says nothing.
///
/// # Errors
///
/// [`store::Error`].
pub async fn read(
    door: &Door,
    policy: &Policy,
    shown: Shown<'_>,
    now: Timestamp,
) -> Result<Option<Claim>, store::Error> {
    let Some(header) = shown.authorization else {
        return Ok(None);
    };
    let Ok(credentials) = Credentials::parse(header) else {
        // Another scheme, or nothing that anybody reads: the upstream judges it.
        let scheme: String = header.chars().take_while(char::is_ascii_alphanumeric).take(16).collect();
        return Ok(Some(Claim::Unverified(format!("by {scheme}"))));
    };
    let claimed = || {
        let name = credentials.login().chars().filter(|letter| !letter.is_control());
        Claim::Unverified(name.take(RECORDED).collect())
    };
    let Ok(name) = credentials.login().parse::<LoginName>() else {
        return Ok(Some(claimed()));
    };
    let Some(login) = temporary_login::find(&door.store.reader, &name).await? else {
        return Ok(Some(claimed()));
    };
    let password = door.keyring.login_password(&login.key_id, &login.salt, &login.identity);
    let request = Request { method: shown.method, target: shown.target };
    let proven = password.is_some_and(|password| {
        let ha1 = credentials.ha1(password.expose());
        credentials.proves(request, Some(&ha1))
    });
    // A login that ended here is nobody, whatever the upstream still lets in.
    if !proven || login.expires_at <= now {
        return Ok(Some(claimed()));
    }
    let login = Login::find(door, policy, &name, now).await?;
    Ok(Some(login.map_or_else(claimed, |login| Claim::Verified(Box::new(login)))))
}
