//! Bearer (RFC 6750): a JWT of a believed issuer becomes a person.

use id_token::VerifiedIdToken;
use jiff::Timestamp;
use signed_token::{Group, Mail};

use super::{Error, Failure, Shown, Wrong, refuse, refuse_with};
use crate::base::name::ServiceName;
use crate::flows::door::Door;
use crate::flows::oidc::{self, NotBelieved};
use crate::flows::policy::{Policy, Subject};
use crate::store;
use crate::store::token_block::{self, BlockedToken};

/// Returns what an `Authorization` header carries, if it is by Bearer.
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, carried) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| carried.trim_start_matches(' '))
}

/// Somebody whose JWT was proven for this very request; made here alone.
#[derive(Debug, Clone)]
pub struct IdTokenHolder {
    token: VerifiedIdToken,
    /// The pseudonym.
    subject: String,
    groups: Vec<Group>,
    mail: Option<Mail>,
}

impl IdTokenHolder {
    fn new(door: &Door, token: VerifiedIdToken) -> Self {
        Self {
            subject: door.keyring.pseudonym(token.issuer(), token.subject()),
            groups: oidc::groups(&token).into_iter().collect(),
            mail: oidc::mail(&token),
            token,
        }
    }

    /// The token.
    pub fn token(&self) -> &VerifiedIdToken {
        &self.token
    }

    /// What the holder is called in the record.
    pub fn name(&self) -> String {
        who(&self.token)
    }

    /// The pseudonym of the person.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The groups that count.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// As whom grants may name them.
    pub fn subjects(&self) -> Vec<Subject> {
        let own = oidc::subject(self.token.issuer(), self.token.subject());
        Subject::of_person(&self.groups, self.mail.as_ref()).into_iter().chain([own]).collect()
    }

    /// Looks again whether a token that was proven before still holds.
    ///
    /// # Errors
    ///
    /// [`store::Error`]; `Ok(None)` when it holds no more.
    pub async fn look_again(
        &self,
        door: &Door,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<Self>, store::Error> {
        let lives = self.token.expires() > now && policy.believes(self.token.issuer(), now);
        let still = lives && !is_blocked(door, &self.token).await?;
        Ok(still.then(|| self.clone()))
    }
}

async fn is_blocked(door: &Door, token: &VerifiedIdToken) -> Result<bool, store::Error> {
    let names = [BlockedToken::Identity(*token.identity()), BlockedToken::Id(token.id())];
    token_block::is_any_blocked(&door.store.reader, &names).await
}

/// Finds out whose JWT `carried` is.
///
/// # Errors
///
/// [`Error`].
pub(super) async fn prove(
    door: &Door,
    policy: &Policy,
    service: &ServiceName,
    shown: Shown<'_>,
    carried: &str,
    now: Timestamp,
) -> Result<IdTokenHolder, Error> {
    let token = match policy.oidc.verify(carried.as_bytes(), now).await {
        Ok(token) => token,
        Err(why) => {
            let wrong = Wrong { how: how(&why), ..Wrong::new(why.reason(), said(&why)) };
            return Err(refuse_with(door, service, shown, wrong, why.to_string(), None, now).await);
        }
    };
    let wrong = if policy.is_issuer_revoked(token.issuer()) {
        Wrong::new("issuer-taken-out", "the issuer of your token is not believed here any more")
    } else if is_blocked(door, &token).await? {
        Wrong::new("token-revoked", "this token was revoked here")
    } else {
        return Ok(IdTokenHolder::new(door, token));
    };
    Err(refuse(door, service, shown, wrong, Some(who(&token)), now).await)
}

/// What the holder of a token is called in the record: nothing that names a person.
fn who(token: &VerifiedIdToken) -> String {
    format!("jwt:{}", token.id())
}

fn how(why: &NotBelieved) -> Failure {
    match why {
        NotBelieved::Token(_) => Failure::Unauthorized,
        NotBelieved::KeysMissing => Failure::Unavailable,
    }
}

/// What a stranger may know: nothing that helps them to make a token, and what helps a holder to get another.
fn said(why: &NotBelieved) -> &'static str {
    use id_token::Refusal;
    match why {
        NotBelieved::KeysMissing => "the issuer of tokens cannot be asked for its keys at the moment",
        NotBelieved::Token(Refusal::Expired(_)) => "the token has expired: get a new one from its issuer",
        NotBelieved::Token(Refusal::NotYet(_) | Refusal::IssuedInFuture(_)) => "the token is not valid yet",
        NotBelieved::Token(Refusal::TooLongLived) => {
            "the token would hold for longer than any is believed here"
        }
        NotBelieved::Token(Refusal::WrongAudience) => "the token is meant for another service",
        NotBelieved::Token(
            Refusal::TooLong
            | Refusal::Malformed(_)
            | Refusal::AlgorithmNotAllowed
            | Refusal::UnknownKey
            | Refusal::KeyNotNamed
            | Refusal::BadSignature
            | Refusal::WrongIssuer
            | Refusal::DuplicateName
            | Refusal::ClaimMissing(_)
            | Refusal::ClaimWrong(..),
        ) => "the token is not accepted here",
    }
}
