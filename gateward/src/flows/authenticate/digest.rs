//! HTTP Digest (RFC 7616): the answer to a challenge becomes a temporary login, or a user.

use http_digest::{Credentials, Ha1, Malformed, NonceUse, Request, Verdict};
use jiff::Timestamp;
use signed_token::{Group, Mail};

use super::{Error, Failure, Shown, Wrong, refuse, refuse_with, user_digest};
use crate::base::id::LoginName;
use crate::base::name::ServiceName;
use crate::flows::caller::Person;
use crate::flows::door::Door;
use crate::flows::keyring::Place;
use crate::flows::oidc;
use crate::flows::policy::{Policy, Subject};
use crate::store;
use crate::store::temporary_login::{self, TemporaryLogin};

/// A temporary login whose password was proven for this very request; made here alone.
#[derive(Debug, Clone)]
pub struct Login {
    name: LoginName,
    subject: String,
    groups: Vec<Group>,
    mail: Option<Mail>,
    /// The issuer and what it calls the person, where it is an OIDC issuer.
    oidc: Option<(String, String)>,
    valid_until: Timestamp,
    expires_at: Timestamp,
}

impl Login {
    /// The login's name.
    pub fn login(&self) -> &LoginName {
        &self.name
    }

    /// The pseudonym of the person.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The groups of the token.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// As whom grants may name them.
    pub fn subjects(&self) -> Vec<Subject> {
        let own = self.oidc.as_ref().map(|(issuer, sub)| oidc::subject(issuer, sub));
        Subject::of_person(&self.groups, self.mail.as_ref()).into_iter().chain(own).collect()
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

/// Finds out whose answer to a Digest challenge of `service` it is.
///
/// The same work is done for a login that there is not: only the record tells them apart.
///
/// # Errors
///
/// [`Error`].
pub(super) async fn prove(
    door: &Door,
    policy: &Policy,
    service: &ServiceName,
    shown: Shown<'_>,
    header: &str,
    now: Timestamp,
) -> Result<Person, Error> {
    let credentials = match Credentials::parse(header) {
        Ok(credentials) => credentials,
        Err(malformed) => return Err(refuse_malformed(door, service, shown, &malformed, now).await),
    };
    // By its form alone: which names there are decides nothing.
    let Ok(name) = credentials.login().parse::<LoginName>() else {
        let user = user_digest::prove(door, service, shown, &credentials, now).await?;
        return Ok(Person::User(Box::new(user)));
    };
    let found = temporary_login::find(&door.store.reader, &name).await?;
    let ha1 = ha1(door, found.as_ref(), &credentials);
    match (judge(door, service, shown, &credentials, ha1.as_ref(), now), found) {
        (Judged::Right, Some(login)) => proven(door, policy, service, shown, &login, now)
            .await
            .map(|login| Person::Login(Box::new(login))),
        // A right verdict needs an HA1, and that needs a row.
        (Judged::Right, None) => Err(Error::Challenged { stale: false }),
        (Judged::Challenged { stale }, _) => Err(Error::Challenged { stale }),
        (Judged::Wrong(wrong), found) => {
            let unknown = wrong.reason == WRONG_PASSWORD && found.is_none();
            let wrong = if unknown { Wrong { reason: "unknown-login", ..wrong } } else { wrong };
            Err(refuse(door, service, shown, wrong, Some(name.to_string()), now).await)
        }
    }
}

/// Why an answer that was made with something else than the right password is refused.
pub(super) const WRONG_PASSWORD: &str = "wrong-password";

/// What an answer is worth here and now.
pub(super) enum Judged {
    /// It is right, and came for the first time.
    Right,
    /// Nobody failed: it is asked once more.
    Challenged {
        /// The answer was right, but its challenge is too old or its count was used.
        stale: bool,
    },
    /// It is wrong.
    Wrong(Wrong),
}

/// Judges an answer by what it must have been made with; takes as long for nobody.
pub(super) fn judge(
    door: &Door,
    service: &ServiceName,
    shown: Shown<'_>,
    credentials: &Credentials,
    ha1: Option<&Ha1>,
    now: Timestamp,
) -> Judged {
    let request = Request { method: shown.method, target: shown.target };
    let is_new = |used: NonceUse| door.replays.is_new(shown.arrival, used, now);
    let wrong = match door.protection_space(service).verify(credentials, request, ha1, now) {
        Verdict::Right(used) if !is_new(used) => return Judged::Challenged { stale: true },
        Verdict::Right(_) => return Judged::Right,
        Verdict::Stale => return Judged::Challenged { stale: true },
        Verdict::OtherRealm => return Judged::Challenged { stale: false },
        Verdict::WrongAnswer => Wrong::new(WRONG_PASSWORD, "wrong login or password"),
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
    Judged::Wrong(wrong)
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
) -> Result<Login, Error> {
    let ended = if !policy.believes(&login.issuer, now) {
        Some(Wrong::new("issuer-taken-out", "the issuer of your token is not believed here any more"))
    } else if login.expires_at <= now {
        Some(Wrong::new("login-ended", "this login has ended: exchange the token again"))
    } else {
        None
    };
    match ended {
        Some(wrong) => Err(refuse(door, service, shown, wrong, Some(login.login.to_string()), now).await),
        None => Ok(read(door, login)?),
    }
}

/// Reads who a login stands for.
fn read(door: &Door, login: &TemporaryLogin) -> Result<Login, store::Error> {
    let damaged = |reason: String| store::Error::Damaged { table: "temporary_login", reason };
    let open = |column, sealed: &[u8]| {
        let place = Place { table: "temporary_login", row: login.login.as_str(), column };
        door.keyring.open(place, sealed).map_err(|error| damaged(error.to_string()))
    };
    let mail = open("sealed_mail", &login.sealed_mail)?;
    let mail = Some(mail.expose()).filter(|mail| !mail.is_empty()).map(str::parse).transpose();
    let sub = login.sealed_sub.as_deref().map(|sealed| open("sealed_sub", sealed)).transpose()?;
    let groups = login.groups.iter().map(|group| group.parse()).collect::<Result<_, _>>();
    Ok(Login {
        name: login.login.clone(),
        subject: login.subject.clone(),
        groups: groups.map_err(|_| damaged("a group that is none".into()))?,
        oidc: sub.map(|sub| (login.issuer.clone(), sub.expose().to_owned())),
        mail: mail.map_err(|_| damaged("a mail address that is none".into()))?,
        valid_until: login.valid_until,
        expires_at: login.expires_at,
    })
}

impl Login {
    /// Finds a login by its name, if it lives; its password is somebody else's to prove.
    ///
    /// # Errors
    ///
    /// [`store::Error`].
    pub(in crate::flows) async fn find(
        door: &Door,
        policy: &Policy,
        login: &LoginName,
        now: Timestamp,
    ) -> Result<Option<Self>, store::Error> {
        match temporary_login::find(&door.store.reader, login).await? {
            Some(login) if login.valid_until > now && policy.believes(&login.issuer, now) => {
                read(door, &login).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Looks again whether a login that was proven before still lives.
    ///
    /// # Errors
    ///
    /// [`store::Error`]; `Ok(None)` when it has ended.
    pub async fn look_again(
        &self,
        door: &Door,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<Self>, store::Error> {
        Self::find(door, policy, &self.name, now).await
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
        Malformed::OtherScheme => {
            Wrong::new("other-scheme", "this service takes other credentials: WWW-Authenticate says which")
        }
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
