//! Living logins as a data service reads them that knows Apache's `htdigest` files and nothing of us.

use jiff::Timestamp;

use super::door::Door;
use super::placement::hash;
use crate::base::secret::Secret;
use crate::store;
use crate::store::temporary_login;

/// What the file has to say, and until when that is true.
#[derive(Debug)]
pub struct Listing {
    /// A line `login:realm:HA1` for each living login, in the order of names. Whoever reads a line can
    /// log in as that login.
    pub lines: Secret,
    /// When the first of these logins ends; the end of an issuer's key, which ends all of its logins, is
    /// not in it.
    pub until: Option<Timestamp>,
}

/// Lists every login that is good at `now`.
///
/// A login whose key is missing from the keyring has no password that anybody could know, and no line.
///
/// # Errors
///
/// [`store::Error`].
pub async fn list(door: &Door, now: Timestamp) -> Result<Listing, store::Error> {
    let policy = door.policy.up_to_date().await?;
    let mut logins = temporary_login::all(&door.store.reader).await?;
    logins.retain(|login| login.expires_at > now && policy.believes(&login.issuer, now));
    logins.sort_by(|a, b| a.login.as_str().cmp(b.login.as_str()));
    let mut lines = String::with_capacity(logins.len() * 64);
    for login in &logins {
        let password = door.keyring.login_password(&login.key_id, &login.salt, &login.identity);
        let Some(password) = password else { continue };
        let ha1 = hash(&login.login, &door.realm, &password);
        for part in [login.login.as_str(), ":", door.realm.as_str(), ":", ha1.expose(), "\n"] {
            lines.push_str(part);
        }
    }
    let until = logins.iter().map(|login| login.expires_at).min();
    Ok(Listing { lines: Secret::new(lines), until })
}
