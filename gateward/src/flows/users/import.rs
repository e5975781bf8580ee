//! Users from elsewhere, who keep the passwords that they have: Apache's `htdigest` files, RESIF's databases.

use std::collections::HashSet;

use http_digest::{Algorithm, Ha1, Offer};
use jiff::Timestamp;

use super::account::NewUser;
use super::digest::sealed;
use super::{Error, check_name};
use crate::base::identity::UserName;
use crate::base::secret::Secret;
use crate::flows::door::Door;
use crate::store::user_digest::Origin;
use crate::store::{self, CommitError, user};

/// How many users are imported at once: all of them are one commit.
const MOST: usize = 10_000;

/// Somebody elsewhere.
#[derive(Debug)]
pub struct Foreign {
    /// Where they stand, for whoever mends it: `line 3`, `user ann`.
    pub at: String,
    /// What they are called.
    pub name: String,
    /// MD5 of name, realm and password in hex.
    pub ha1: Secret,
}

/// Why somebody cannot be imported: the operator's to mend, and nobody is until then.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// Not a line of such a file.
    #[error("no line of an htdigest file: user:realm:32 hexadecimal digits")]
    Line,
    /// An answer to our challenge would be made with something else.
    #[error(
        "the realm is {found:?}, and ours {ours:?}: set realm = {found:?} in the configuration, or leave the line out"
    )]
    Realm {
        /// Theirs.
        found: String,
        /// Ours.
        ours: String,
    },
    /// No name for a user here.
    #[error("{0}; --leave-out NAME imports the others")]
    Name(Error),
    /// No MD5.
    #[error("what stands for the password is no MD5 in hex: 32 digits")]
    Hash,
    /// Which of them would count?
    #[error("{0} stands there twice")]
    Twice(UserName),
    /// Somebody here has the name.
    #[error("the name {0} is taken: `gateward user delete {0}` first, or --leave-out {0}")]
    Taken(UserName),
}

/// Why nobody was imported.
#[derive(Debug, thiserror::Error)]
pub enum NotImported {
    /// Some cannot be, each with where they stand.
    #[error("{} cannot be imported, so nobody was", .0.len())]
    Wrong(Vec<(String, Wrong)>),
    /// Too many for one commit.
    #[error("there are {0} users, and at most {MOST} are imported at once: divide the file")]
    TooMany(usize),
    /// Nobody is there.
    #[error("there is nobody to import")]
    Nobody,
    /// See there.
    #[error(transparent)]
    Users(#[from] Error),
}

impl From<store::Error> for NotImported {
    fn from(error: store::Error) -> Self {
        Self::Users(error.into())
    }
}

/// Reads a file of Apache's `htdigest`, a line `user:realm:HA1` for each user; empty lines mean nothing.
///
/// # Errors
///
/// [`NotImported::Wrong`], with every line that is wrong.
pub fn read_htdigest(door: &Door, text: &Secret) -> Result<Vec<Foreign>, NotImported> {
    let ours = door.realm.as_str();
    let (mut users, mut wrong) = (Vec::new(), Vec::new());
    for (line, at) in text.expose().lines().zip(1..) {
        let (line, at) = (line.trim_end_matches('\r'), format!("line {at}"));
        if line.is_empty() {
            continue;
        }
        let mut parts = line.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(realm), Some(_), None) if realm != ours => {
                let found = realm.chars().take(64).collect();
                wrong.push((at, Wrong::Realm { found, ours: ours.to_owned() }));
            }
            (Some(name), Some(_), Some(ha1), None) => {
                users.push(Foreign { at, name: name.to_owned(), ha1: Secret::new(ha1.to_owned()) });
            }
            _ => wrong.push((at, Wrong::Line)),
        }
    }
    if wrong.is_empty() { Ok(users) } else { Err(NotImported::Wrong(wrong)) }
}

/// Makes an account of everybody in `foreign`, or of nobody; returns their names.
///
/// They log in by HTTP Digest with the passwords that they have, and have no role and no grant.
///
/// # Errors
///
/// [`NotImported`].
pub async fn import(
    door: &Door,
    foreign: Vec<Foreign>,
    origin: Origin,
    by: &str,
    now: Timestamp,
) -> Result<Vec<UserName>, NotImported> {
    match foreign.len() {
        0 => return Err(NotImported::Nobody),
        count if count > MOST => return Err(NotImported::TooMany(count)),
        _ => {}
    }
    if door.offer != Offer::Md5 {
        return Err(Error::DigestBySha256.into());
    }
    let (mut good, mut wrong, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for Foreign { at, name, ha1 } in foreign {
        match look_at(door, &name, &ha1, &mut seen).await? {
            Ok(found) => good.push(found),
            Err(why) => wrong.push((at, why)),
        }
    }
    if !wrong.is_empty() {
        return Err(NotImported::Wrong(wrong));
    }
    let (mut changes, mut happened, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (name, ha1) in good {
        let digest = Some(sealed(door, &name, &ha1, origin, now)?);
        let new = NewUser { name: name.clone(), password_hash: None, role: None, digest };
        let (making, made) = new.making(by, now);
        changes.extend(making);
        happened.push(made);
        names.push(name);
    }
    // A crash leaves everybody, or nobody. Whoever took one of the names meanwhile keeps it.
    match door.recorder.commit(None, changes, &happened, now).await {
        Ok(()) => Ok(names),
        Err(error @ CommitError::Precondition) => {
            tracing::warn!("one of the names was taken just now");
            Err(Error::from(error).into())
        }
        Err(error) => Err(Error::from(error).into()),
    }
}

async fn look_at(
    door: &Door,
    name: &str,
    ha1: &Secret,
    seen: &mut HashSet<UserName>,
) -> Result<Result<(UserName, Ha1), Wrong>, store::Error> {
    let name = match check_name(name) {
        Ok(name) => name,
        Err(why) => return Ok(Err(Wrong::Name(why))),
    };
    let Some(ha1) = Ha1::from_hex(Algorithm::Md5, ha1.expose()) else { return Ok(Err(Wrong::Hash)) };
    if !seen.insert(name.clone()) {
        return Ok(Err(Wrong::Twice(name)));
    }
    let taken = user::find(&door.store.reader, name.as_str()).await?.is_some();
    Ok(if taken { Err(Wrong::Taken(name)) } else { Ok((name, ha1)) })
}
