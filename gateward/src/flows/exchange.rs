//! The exchange: a signed token or a JWT in, a temporary login out.
//!
//! The same token gives the same login while it lives, however the token is spelled and however
//! many ask at once. A login never outlives its token, and lives at most a day unless used.

mod brought;
mod insight;

use jiff::{SignedDuration, Timestamp};
use signed_token::Mail;

use super::door::{Door, Refused, TooMany, WithoutGroup};
use super::failures::Attempt;
use super::keyring::{Keyring, Place};
use super::oidc::NotBelieved;
use super::placement::{self, Placed};
use super::policy::Policy;
use super::record::{self, Happened, Personal, What};
use super::tries::Tries;
use crate::base::address::ClientAddress;
use crate::base::id::{LoginName, Reference};
use crate::base::random::Random;
use crate::base::secret::Secret;
use crate::base::time::{later, stored};
use crate::store::resif::Meant;
use crate::store::temporary_login::{self, TemporaryLogin};
use crate::store::token_block::{self, BlockedToken};
use crate::store::{self, Change, CommitError};

pub use brought::{Brought, Holds};
pub use insight::{Insight, Networks, Reach, Worth, check, dry_run};

/// How long a login lives at a time.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// Who asks.
#[derive(Debug, Clone)]
pub enum From {
    /// Somebody over the network; their failures are limited and summarised.
    Address(ClientAddress),
    /// A command on this machine, by the operating-system user `os:NAME`.
    Command(String),
}

/// A login, and what it was made from.
#[derive(Debug)]
pub struct Exchanged {
    /// The login's name.
    pub login: LoginName,
    /// Its password, shown to the caller and nowhere else.
    pub password: Secret,
    /// When it ends unless used again.
    pub expires_at: Timestamp,
    /// The same token had a living login already.
    pub repeated: bool,
    /// What the token is worth here.
    pub worth: Worth,
}

/// Why there is no login.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token's holder, its issuer, or the operator who pinned the issuer; see the reason.
    #[error(transparent)]
    Token(#[from] signed_token::Error),
    /// The JWT's holder, its issuer, or the operator; see the reason.
    #[error(transparent)]
    Jwt(#[from] NotBelieved),
    /// The operator took the issuer out.
    #[error("the issuer {0} is not believed here any more")]
    IssuerRevoked(String),
    /// The operator ended this token.
    #[error("this token was revoked here")]
    TokenRevoked,
    /// The caller waits.
    #[error("too many failed exchanges from this address; try again in {wait_seconds} s")]
    TooMany {
        /// How long.
        wait_seconds: u64,
    },
    /// The operator's: the key of a living login is not in the keyring.
    #[error("key {0:?} is missing from the keyring")]
    KeyMissing(String),
    /// The data centre has nothing for the token's groups, and gives no login for nothing.
    #[error("none of the token's groups is known here: {}", .0.join(" "))]
    NoGroupHere(Vec<String>),
    /// The operator's, who finds why in the log; the caller may come back, and finds their login placed.
    #[error("the login could not be placed where the data service looks: {0}")]
    NotPlaced(#[from] placement::Error),
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Error {
    /// The reason in one word, as events and floods count it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Token(error) => error.reason(),
            Self::Jwt(error) => error.reason(),
            Self::IssuerRevoked(_) => "issuer-taken-out",
            Self::TokenRevoked => "token-revoked",
            Self::TooMany { .. } => "too-many-failures",
            Self::KeyMissing(_) => "key-missing",
            Self::NoGroupHere(_) => "no-group-here",
            Self::NotPlaced(_) => "not-placed",
            Self::Store(_) | Self::Commit(_) => "nothing-can-be-recorded",
        }
    }
}

impl Error {
    /// Whether the caller can do nothing about it but come back.
    pub fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::Store(_) | Self::Commit(_) | Self::NotPlaced(_) | Self::Jwt(NotBelieved::KeysMissing)
        )
    }
}

/// A refusal with what the caller is given to name it by.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub error: Error,
    /// The reference; `None` when nothing could be recorded.
    pub reference: Option<Reference>,
}

/// Exchanges the signed token or JWT in `body` for a temporary login.
///
/// # Errors
///
/// [`Refusal`], recorded unless nothing can be recorded.
pub async fn exchange(door: &Door, body: &[u8], from: &From, now: Timestamp) -> Result<Exchanged, Refusal> {
    refuse_for_limit(door, from, now).await?;
    match make_login(door, body, from, now).await {
        Ok(exchanged) => Ok(exchanged),
        Err(error) => Err(refuse(door, body, error, from, now).await),
    }
}

/// Refuses, unseen, what comes from an address that failed too often.
async fn refuse_for_limit(door: &Door, from: &From, now: Timestamp) -> Result<(), Refusal> {
    let From::Address(address) = from else { return Ok(()) };
    match door.refuse_for_limit(*address, Attempt::Exchange, None, now).await.map_err(unrecorded)? {
        None => Ok(()),
        Some(TooMany { wait_seconds, reference }) => {
            Err(Refusal { error: Error::TooMany { wait_seconds }, reference: Some(reference) })
        }
    }
}

fn unrecorded(error: CommitError) -> Refusal {
    Refusal { error: error.into(), reference: None }
}

/// Records why there is no login, unless that is itself why.
async fn refuse(door: &Door, body: &[u8], error: Error, from: &From, now: Timestamp) -> Refusal {
    let token_id = match &error {
        Error::Commit(_) => return Refusal { error, reference: None },
        Error::Store(store) => {
            door.recorder.note_failure(now, &store.to_string());
            return Refusal { error, reference: None };
        }
        // An issuer signed it: its id is worth keeping, and is what a block names it by.
        Error::Token(signed_token::Error::Expired(_) | signed_token::Error::IssuedInFuture(_))
        | Error::Jwt(NotBelieved::Token(
            id_token::Refusal::Expired(_)
            | id_token::Refusal::NotYet(_)
            | id_token::Refusal::IssuedInFuture(_)
            | id_token::Refusal::TooLongLived,
        ))
        | Error::IssuerRevoked(_)
        | Error::TokenRevoked
        | Error::NoGroupHere(_)
        | Error::NotPlaced(_)
        | Error::KeyMissing(_) => token_id(door, body, now).await,
        Error::Token(_) | Error::Jwt(_) | Error::TooMany { .. } => None,
    };
    let counts = !error.is_ours();
    let what = What::ExchangeRefused { reason: error.reason().into(), detail: error.to_string(), token_id };
    let recorded = match from {
        From::Address(address) => {
            if counts {
                door.failures.count_attempt(*address, Attempt::Exchange, now);
            }
            let reason = format!("exchange: {}", error.reason());
            let refused =
                Refused { what, reason, service: None, who: None, certificate: None, address: *address };
            door.record_refusal(refused, now).await
        }
        From::Command(user) => {
            let reference = Reference::new(&door.random);
            let happened = Happened {
                outcome: record::Outcome::Refused,
                who: Some(user.clone()),
                reference: Some(reference),
                ..Happened::done(what)
            };
            door.recorder.commit(None, Vec::new(), &[happened], now).await.map(|()| reference)
        }
    };
    match recorded {
        Ok(reference) => Refusal { error, reference: Some(reference) },
        Err(commit) => unrecorded(commit),
    }
}

/// Returns the id of a token that an issuer signed, whatever else is wrong with it.
async fn token_id(door: &Door, body: &[u8], now: Timestamp) -> Option<String> {
    let token = Brought::inspect(body, &door.policy.current(), now).await.ok()?;
    Some(token.id())
}

/// Verifies, decides and commits; decides once more when the policy or the login changed meanwhile.
async fn make_login(door: &Door, body: &[u8], from: &From, now: Timestamp) -> Result<Exchanged, Error> {
    let mut policy = door.policy.current();
    let token = Brought::inspect(body, &policy, now).await?.check_dates(now)?;
    let meant = meant(door, &token.groups()).await?;
    let mut tries = Tries::default();
    loop {
        let existing = admissible(door, &policy, &token).await?.filter(|login| login.expires_at > now);
        let expires_at = later(now, LIFETIME).min(token.valid_until());
        let repeated = existing.is_some();
        let (login, change) = if let Some(login) = existing {
            let prolong = temporary_login::Prolong { login: login.login.clone(), to: expires_at };
            (login, Change::ProlongLogin(prolong))
        } else {
            let login = new_login(&door.keyring, &token, expires_at, now, &door.random);
            (login.clone(), Change::CreateLogin(Box::new(temporary_login::Create(login))))
        };
        let password = password(door, &login)?;
        let worth = Worth::of(&token, &policy, meant.clone());
        refuse_without_group(door, &worth)?;
        let happened = exchanged_event(&token, &worth, &login, expires_at, repeated, from);
        let mut changes = vec![change];
        if door.resif.is_some() {
            changes.push(placement::note(&login.login, expires_at, now));
        }
        // A crash before the commit leaves nothing; after it, a login that nobody was told of, which
        // the same token gives again and the sweep takes away at its end.
        match door.recorder.commit(Some(policy.revision), changes, &[happened], now).await {
            Ok(()) => match place(door, &login, &password, &worth, expires_at, now).await? {
                Placed::Stands => {
                    return Ok(Exchanged { login: login.login, password, expires_at, repeated, worth });
                }
                // It was there, and is not: the next look tells why.
                Placed::EndedMeanwhile => tries.again(CommitError::Precondition)?,
            },
            Err(error) => tries.again(error)?,
        }
        policy = door.policy.up_to_date().await?;
    }
}

/// Finds out what `groups` mean in the databases that logins are written to, if there are any.
async fn meant<'a>(
    door: &Door,
    groups: impl IntoIterator<Item = &'a signed_token::Group>,
) -> Result<Option<Meant>, Error> {
    let Some(resif) = &door.resif else { return Ok(None) };
    let groups = groups.into_iter().map(ToString::to_string).collect();
    Ok(Some(resif.mean(groups).await.map_err(placement::Error::from)?))
}

/// Refuses a token whose groups mean nothing here, where that gives no login.
fn refuse_without_group(door: &Door, worth: &Worth) -> Result<(), Error> {
    if door.without_group == WithoutGroup::Nothing && worth.known_groups.is_empty() {
        return Err(Error::NoGroupHere(worth.groups.iter().map(ToString::to_string).collect()));
    }
    Ok(())
}

/// Writes the login, which is in our own store, wherever else it belongs.
async fn place(
    door: &Door,
    login: &TemporaryLogin,
    password: &Secret,
    worth: &Worth,
    ends: Timestamp,
    now: Timestamp,
) -> Result<Placed, placement::Error> {
    let (Some(resif), Some(meant)) = (&door.resif, &worth.meant) else { return Ok(Placed::Stands) };
    if !meant.unknown.is_empty() {
        let networks = worth.networks_unknown().join(" ");
        tracing::warn!(login = %login.login, networks, "epos_fdsn names networks that are not in networks");
    }
    placement::place(door, resif, (login, password), meant, ends, now).await
}

/// Returns the login of `token` if it has one, living or not, or why it may have none.
async fn admissible(door: &Door, policy: &Policy, token: &Holds) -> Result<Option<TemporaryLogin>, Error> {
    if policy.is_issuer_revoked(&token.issuer()) {
        return Err(Error::IssuerRevoked(token.issuer()));
    }
    let identity = token.identity();
    let mut names = vec![BlockedToken::Identity(identity)];
    names.extend(token.aliases().into_iter().map(BlockedToken::Id));
    if token_block::is_any_blocked(&door.store.reader, &names).await? {
        return Err(Error::TokenRevoked);
    }
    Ok(temporary_login::find_by_identity(&door.store.reader, &identity).await?)
}

/// Computes the password of a login, which is stored nowhere.
fn password(door: &Door, login: &TemporaryLogin) -> Result<Secret, Error> {
    door.keyring
        .login_password(&login.key_id, &login.salt, &login.identity)
        .ok_or_else(|| Error::KeyMissing(login.key_id.clone()))
}

fn new_login(
    keyring: &Keyring,
    token: &Holds,
    expires_at: Timestamp,
    now: Timestamp,
    random: &Random,
) -> TemporaryLogin {
    let login = LoginName::new(random);
    let place = |column| Place { table: "temporary_login", row: login.as_str(), column };
    let issuer = token.issuer();
    let mail = token.mail();
    TemporaryLogin {
        identity: token.identity(),
        token_ids: token.aliases(),
        key_id: keyring.active_id().to_owned(),
        salt: random.bytes(),
        sealed_mail: keyring.seal(place("sealed_mail"), mail.as_ref().map_or("", Mail::as_str), random),
        sealed_sub: token.sub().map(|sub| keyring.seal(place("sealed_sub"), sub, random)),
        subject: keyring.pseudonym(&issuer, &token.person()),
        groups: token.groups().iter().map(ToString::to_string).collect(),
        valid_until: token.valid_until(),
        created_at: now,
        expires_at,
        issuer,
        login,
    }
}

fn exchanged_event(
    token: &Holds,
    worth: &Worth,
    login: &TemporaryLogin,
    expires_at: Timestamp,
    repeated: bool,
    from: &From,
) -> Happened {
    let what = What::Exchanged(Box::new(record::Exchanged {
        repeated,
        issuer: login.issuer.clone(),
        token_id: token.id(),
        hash: token.hash(),
        valid_until: stored(token.valid_until()),
        expires_at: stored(expires_at),
        groups: login.groups.clone(),
        groups_known: worth.known_groups.iter().map(ToString::to_string).collect(),
        subject: login.subject.clone(),
        networks: worth.networks(),
        networks_unknown: worth.networks_unknown(),
    }));
    let mail = token.mail().map(|mail| mail.as_str().to_owned());
    let user = token.sub().map(str::to_owned);
    let address = match from {
        From::Address(address) => Some(address.to_string()),
        From::Command(_) => None,
    };
    Happened {
        who: Some(login.login.to_string()),
        personal: Personal { address, mail, user, ..Personal::default() },
        ..Happened::done(what)
    }
}
