//! Who asks: an `Authorization` header becomes a caller, or a challenge.
//!
//! A bare request is challenged and not recorded, as every client starts with one. A wrong answer
//! is recorded and counted; a right answer that is too old, or came before, is neither.

use http_digest::{Credentials, Ha1, Malformed, Request, Verdict};
use jiff::Timestamp;
use signed_token::{Group, Mail};

use super::door::{Door, Refused};
use super::failures::Attempt;
use super::keyring::Place;
use super::policy::Policy;
use super::record::What;
use super::replays::Arrival;
use crate::base::address::ClientAddress;
use crate::base::id::{LoginName, Reference};
use crate::base::name::ServiceName;
use crate::store::temporary_login::{self, TemporaryLogin};
use crate::store::{self, CommitError};

/// A temporary login whose password was proven for this very request; made here alone.
#[derive(Debug, Clone)]
pub struct Caller {
    login: LoginName,
    subject: String,
    groups: Vec<Group>,
    mail: Mail,
    valid_until: Timestamp,
    expires_at: Timestamp,
}

impl Caller {
    /// The login's name.
    pub fn login(&self) -> &LoginName {
        &self.login
    }

    /// The pseudonym of the person.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The groups of the token.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The mail address in the token.
    pub fn mail(&self) -> &Mail {
        &self.mail
    }

    /// The token's own end.
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// When the login ends unless used again.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// What the request shows of itself.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The value of `Authorization`, if there is exactly one.
    pub authorization: Option<&'a str>,
    /// The method.
    pub method: &'a str,
    /// The request target, byte for byte.
    pub target: &'a str,
    /// From where.
    pub address: ClientAddress,
    /// What tells a request that is decided again from one that came again.
    pub arrival: &'a Arrival,
}

/// Why nobody is known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client answers this challenge.
    #[error("who are you?")]
    Challenged {
        /// The answer was right, but its challenge is too old or its count was used.
        stale: bool,
    },
    /// The caller's: wrong, and recorded.
    #[error("{detail}")]
    Failed {
        /// What the caller may know.
        detail: &'static str,
        /// What it is recorded under.
        reference: Reference,
        /// Which answer that makes.
        how: Failure,
    },
    /// The caller waits.
    #[error("too many wrong answers from this address; try again in {wait_seconds} s")]
    TooMany {
        /// How long.
        wait_seconds: u64,
        /// What it is recorded under.
        reference: Reference,
    },
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Which answer a failure makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Try again with other credentials.
    Unauthorized,
    /// The request contradicts itself.
    BadRequest,
}

/// Finds out who asks `service`.
///
/// The same work is done for a login that there is not: only the record tells them apart.
///
/// # Errors
///
/// [`Error`].
pub async fn authenticate(
    door: &Door,
    policy: &Policy,
    service: &ServiceName,
    shown: Shown<'_>,
    now: Timestamp,
) -> Result<Caller, Error> {
    let Some(header) = shown.authorization else {
        return Err(Error::Challenged { stale: false });
    };
    let credentials = match Credentials::parse(header) {
        Ok(credentials) => credentials,
        Err(malformed) => return Err(refuse_malformed(door, service, shown, &malformed, now).await),
    };
    let found = match credentials.login().parse::<LoginName>() {
        Ok(login) => temporary_login::find(&door.store.reader, &login).await?,
        Err(_) => None,
    };
    let ha1 = ha1(door, found.as_ref(), &credentials);
    let request = Request { method: shown.method, target: shown.target };
    let wrong = match door.protection_space(service).verify(&credentials, request, ha1.as_ref(), now) {
        Verdict::Right(used) if !door.replays.is_new(shown.arrival, used, now) => {
            return Err(Error::Challenged { stale: true });
        }
        Verdict::Right(_) => {
            // A right verdict needs an HA1, and that needs a row.
            let Some(login) = found else {
                return Err(Error::Challenged { stale: false });
            };
            return proven(door, policy, service, shown, &login, now).await;
        }
        Verdict::Stale => return Err(Error::Challenged { stale: true }),
        Verdict::OtherRealm => return Err(Error::Challenged { stale: false }),
        Verdict::WrongAnswer if found.is_some() => Wrong::new("wrong-password", "wrong login or password"),
        Verdict::WrongAnswer => Wrong::new("unknown-login", "wrong login or password"),
        Verdict::ForeignNonce => Wrong::new("foreign-nonce", "wrong login or password"),
        Verdict::WithoutQop => {
            Wrong::new("without-qop", "this service takes HTTP Digest with qop=auth (RFC 7616)")
        }
        Verdict::AlgorithmNotOffered => {
            Wrong::new("unsupported", "this service takes HTTP Digest with MD5 and qop=auth (RFC 7616)")
        }
        Verdict::OtherTarget => Wrong {
            how: Failure::BadRequest,
            ..Wrong::new("other-target", "the Digest answer was made for another request")
        },
    };
    let who = credentials.login().parse::<LoginName>().ok().map(|login| login.to_string());
    Err(refuse(door, service, shown, wrong, who, now).await)
}

/// Computes what the answer must have been made with; for a login that there is not, it does the
/// same work and returns nothing.
fn ha1(door: &Door, found: Option<&TemporaryLogin>, credentials: &Credentials) -> Option<Ha1> {
    let nobody = (door.keyring.active_id(), &[0; 16], &[0; 32]);
    let (key_id, salt, identity) =
        found.map_or(nobody, |login| (login.key_id.as_str(), &login.salt, &login.identity));
    let password = door.keyring.login_password(key_id, salt, identity)?;
    let ha1 = credentials.ha1(password.expose());
    found.map(|_| ha1)
}

/// The answer was right: does the login still live?
async fn proven(
    door: &Door,
    policy: &Policy,
    service: &ServiceName,
    shown: Shown<'_>,
    login: &TemporaryLogin,
    now: Timestamp,
) -> Result<Caller, Error> {
    let ended = if !policy.believes(&login.issuer, now) {
        Some(Wrong::new("issuer-taken-out", "the issuer of your token is not believed here any more"))
    } else if login.expires_at <= now {
        Some(Wrong::new("login-ended", "this login has ended: exchange the token again"))
    } else {
        None
    };
    match ended {
        Some(wrong) => Err(refuse(door, service, shown, wrong, Some(login.login.to_string()), now).await),
        None => Ok(caller(door, login)?),
    }
}

/// Reads who a login stands for.
fn caller(door: &Door, login: &TemporaryLogin) -> Result<Caller, store::Error> {
    let damaged = |reason: String| store::Error::Damaged { table: "temporary_login", reason };
    let place = Place { table: "temporary_login", row: login.login.as_str(), column: "sealed_mail" };
    let mail = door.keyring.open(place, &login.sealed_mail).map_err(|error| damaged(error.to_string()))?;
    let groups = login.groups.iter().map(|group| group.parse()).collect::<Result<_, _>>();
    Ok(Caller {
        login: login.login.clone(),
        subject: login.subject.clone(),
        groups: groups.map_err(|_| damaged("a group that is none".into()))?,
        mail: mail.expose().parse().map_err(|_| damaged("a mail address that is none".into()))?,
        valid_until: login.valid_until,
        expires_at: login.expires_at,
    })
}

/// Looks again whether a caller that was proven before is still who they were, for answers that run.
///
/// # Errors
///
/// [`store::Error`]; `Ok(None)` when the login has ended.
pub async fn look_again(
    door: &Door,
    policy: &Policy,
    login: &LoginName,
    now: Timestamp,
) -> Result<Option<Caller>, store::Error> {
    match temporary_login::find(&door.store.reader, login).await? {
        Some(login) if login.valid_until > now && policy.believes(&login.issuer, now) => {
            caller(door, &login).map(Some)
        }
        _ => Ok(None),
    }
}

#[derive(Debug)]
struct Wrong {
    reason: &'static str,
    detail: &'static str,
    how: Failure,
}

impl Wrong {
    fn new(reason: &'static str, detail: &'static str) -> Self {
        Self { reason, detail, how: Failure::Unauthorized }
    }
}

async fn refuse_malformed(
    door: &Door,
    service: &ServiceName,
    shown: Shown<'_>,
    malformed: &Malformed,
    now: Timestamp,
) -> Error {
    let wrong = match malformed {
        Malformed::OtherScheme => Wrong::new("other-scheme", "this service takes HTTP Digest (RFC 7616)"),
        Malformed::NotOffered(_) => {
            Wrong::new("unsupported", "this service takes HTTP Digest with MD5 and qop=auth (RFC 7616)")
        }
        Malformed::TooLong
        | Malformed::Syntax { .. }
        | Malformed::Repeated
        | Malformed::Missing(_)
        | Malformed::BadValue(_) => Wrong {
            how: Failure::BadRequest,
            ..Wrong::new("malformed", "the Authorization header is no Digest answer (RFC 7616)")
        },
    };
    refuse_with(door, service, shown, wrong, malformed.to_string(), None, now).await
}

async fn refuse(
    door: &Door,
    service: &ServiceName,
    shown: Shown<'_>,
    wrong: Wrong,
    who: Option<String>,
    now: Timestamp,
) -> Error {
    let detail = wrong.detail.to_owned();
    refuse_with(door, service, shown, wrong, detail, who, now).await
}

/// Records a failure, or says that there were too many.
async fn refuse_with(
    door: &Door,
    service: &ServiceName,
    shown: Shown<'_>,
    wrong: Wrong,
    detail: String,
    who: Option<String>,
    now: Timestamp,
) -> Error {
    // A right answer never comes here: whoever shares an address with a broken script is let in.
    match door.refuse_for_limit(shown.address, Attempt::Login, Some(service), now).await {
        Ok(None) => {}
        Ok(Some(too_many)) => {
            return Error::TooMany { wait_seconds: too_many.wait_seconds, reference: too_many.reference };
        }
        Err(error) => return error.into(),
    }
    door.failures.count_attempt(shown.address, Attempt::Login, now);
    let refused = Refused {
        what: What::AuthenticationFailed { reason: wrong.reason, detail },
        reason: format!("login: {}", wrong.reason),
        service: Some(service.clone()),
        who,
        address: shown.address,
    };
    match door.record_refusal(refused, now).await {
        Ok(reference) => Error::Failed { detail: wrong.detail, reference, how: wrong.how },
        Err(error) => error.into(),
    }
}
