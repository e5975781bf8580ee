//! Who asks: an `Authorization` header becomes a person, or a challenge.
//!
//! A bare request is challenged and not recorded, as every client starts with one. A wrong answer
//! is recorded and counted; a right answer that is too old, or came before, is neither.

mod api_token;
pub mod basic;
mod bearer;
mod digest;
pub mod key;
mod session;
mod user_digest;

use http_digest::Scheme;
use jiff::{SignedDuration, Timestamp};

pub use self::bearer::{IdTokenHolder, bearer};
pub use self::digest::Login;
pub use self::key::{ExistingKey, Holder};
use super::caller::Person;
use super::door::{Door, Refused};
use super::failures::Attempt;
use super::nodes::Presented;
use super::openhim;
use super::policy::Policy;
use super::record::What;
use super::replays::Arrival;
use crate::base::address::ClientAddress;
use crate::base::api_token::ApiToken;
use crate::base::id::Reference;
use crate::base::name::ServiceName;
use crate::store::{self, CommitError};

/// A key or token that is used is noted, but not at every request: a minute's grain will do.
pub(in crate::flows) const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// What the request shows of itself.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The value of `Authorization`, if there is exactly one.
    pub authorization: Option<&'a str>,
    /// The cookie of our login page, where the service is for those who logged in there: then
    /// `Authorization` is the application's, and says nothing here.
    pub session: Option<&'a str>,
    /// The method.
    pub method: &'a str,
    /// The request target, byte for byte.
    pub target: &'a str,
    /// From where.
    pub address: ClientAddress,
    /// The certificate of the connection, or what a proxy that is believed says of it.
    pub certificate: Option<&'a Presented>,
    /// What it says in the fields of OpenHIM, whoever sent them.
    pub openhim: openhim::Said<'a>,
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
    /// The caller comes back: too much is being looked at.
    #[error("too many log in at once")]
    Busy,
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Error {
    /// Somebody named a user and proved nothing; whatever was wrong, they are told the same.
    fn wrong_user(reference: Reference) -> Self {
        Self::Failed { detail: "wrong user or password", reference, how: Failure::Unauthorized }
    }
}

/// Which answer a failure makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Try again with other credentials.
    Unauthorized,
    /// What was shown opens nothing, and nothing else is asked for.
    Forbidden,
    /// The request contradicts itself.
    BadRequest,
    /// What would prove it cannot be looked at now.
    Unavailable,
}

/// How whoever asks is asked who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// HTTP Digest (RFC 7616): the clients of EIDA know nothing else.
    Digest,
    /// Basic and Bearer (RFC 7617, RFC 6750).
    Basic,
    /// Our login page, in a browser.
    Page,
}

/// Finds out which person asks `service`.
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
) -> Result<Person, Error> {
    if let Some(cookie) = shown.session {
        return Ok(Person::User(Box::new(session::prove(door, cookie, now).await?)));
    }
    let Some(header) = shown.authorization else {
        return Err(Error::Challenged { stale: false });
    };
    if let Some(carried) = bearer(header) {
        if ApiToken::is_meant(carried) {
            let user = api_token::prove(door, policy, service, shown, carried, now).await?;
            return Ok(Person::User(Box::new(user)));
        }
        let holder = bearer::prove(door, policy, service, shown, carried, now).await?;
        return Ok(Person::IdToken(Box::new(holder)));
    }
    match Scheme::of(header) {
        Scheme::Basic => Ok(Person::User(Box::new(basic::prove(door, service, shown, header, now).await?))),
        Scheme::Digest | Scheme::Bearer | Scheme::Other => {
            digest::prove(door, policy, service, shown, header, now).await
        }
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
        certificate: None,
        address: shown.address,
    };
    match door.record_refusal(refused, now).await {
        Ok(reference) => Error::Failed { detail: wrong.detail, reference, how: wrong.how },
        Err(error) => error.into(),
    }
}
