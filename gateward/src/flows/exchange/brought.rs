//! What somebody brings to the exchange: a signed token, or a JWT of an OIDC issuer.
//!
//! The exchange is one for both. What differs is told apart here, once.

use std::collections::BTreeSet;
use std::ops::Deref;

use id_token::{IdToken, MAX_TOKEN};
use jiff::Timestamp;
use signed_token::{Group, Mail, Token};

use super::Error;
use crate::flows::oidc;
use crate::flows::policy::{Policy, Subject};

/// A token that an issuer signed, whether or not it still holds. Good for telling, not for letting in.
#[derive(Debug, Clone)]
pub enum Brought {
    /// An OpenPGP-signed membership token.
    Signed(Box<Token>),
    /// A JWT.
    Jwt(Box<IdToken>),
}

/// A token that an issuer signed and whose time is now; made by `Brought::check_dates` alone.
#[derive(Debug, Clone)]
pub struct Holds(Brought);

impl Deref for Holds {
    type Target = Brought;

    fn deref(&self) -> &Brought {
        &self.0
    }
}

impl Brought {
    /// Reads a token that a believed issuer signed, of whichever kind `body` has the form of.
    ///
    /// # Errors
    ///
    /// [`Error::Token`], [`Error::Jwt`]; nothing about dates.
    pub(super) async fn inspect(body: &[u8], policy: &Policy, now: Timestamp) -> Result<Self, Error> {
        match jwt(body) {
            Some(jwt) => Ok(Self::Jwt(Box::new(policy.oidc.inspect(jwt, now).await?))),
            None => Ok(Self::Signed(Box::new(signed_token::inspect(body, &policy.issuers, now)?))),
        }
    }

    /// Lets the token through if it holds at `now`.
    ///
    /// # Errors
    ///
    /// [`Error::Token`], [`Error::Jwt`].
    pub(super) fn check_dates(self, now: Timestamp) -> Result<Holds, Error> {
        match &self {
            Self::Signed(token) => drop(Token::clone(token).check_dates(now)?),
            Self::Jwt(token) => {
                drop(IdToken::clone(token).check_dates(now).map_err(oidc::NotBelieved::from)?);
            }
        }
        Ok(Holds(self))
    }

    /// The fingerprint or URL of who signed it.
    pub fn issuer(&self) -> String {
        match self {
            Self::Signed(token) => token.issuer().to_string(),
            Self::Jwt(token) => token.issuer().to_owned(),
        }
    }

    /// What makes it the same token whenever, and however spelled, it comes again.
    pub fn identity(&self) -> [u8; 32] {
        match self {
            Self::Signed(token) => *token.identity().as_bytes(),
            Self::Jwt(token) => *token.identity(),
        }
    }

    /// Its id, which opens nothing.
    pub fn id(&self) -> String {
        match self {
            Self::Signed(token) => token.id().to_string(),
            Self::Jwt(token) => token.id(),
        }
    }

    /// The ids that a block may name it by.
    pub fn aliases(&self) -> Vec<String> {
        match self {
            Self::Signed(token) => token.aliases().iter().map(ToString::to_string).collect(),
            Self::Jwt(token) => vec![token.id()],
        }
    }

    /// What the signature rests on.
    pub fn hash(&self) -> String {
        match self {
            Self::Signed(token) => token.hash_algorithm().to_string(),
            Self::Jwt(token) => token.algorithm().to_string(),
        }
    }

    /// When the issuer says that it signed, if it does.
    pub fn signed_at(&self) -> Option<Timestamp> {
        match self {
            Self::Signed(token) => Some(token.signed_at()),
            Self::Jwt(_) => None,
        }
    }

    /// When it was issued, if it says so.
    pub fn issued(&self) -> Option<Timestamp> {
        match self {
            Self::Signed(token) => token.issued(),
            Self::Jwt(token) => token.issued(),
        }
    }

    /// The first instant at which it no longer holds.
    pub fn valid_until(&self) -> Timestamp {
        match self {
            Self::Signed(token) => token.valid_until(),
            Self::Jwt(token) => token.expires(),
        }
    }

    /// The groups that count.
    pub fn groups(&self) -> BTreeSet<Group> {
        match self {
            Self::Signed(token) => token.groups().clone(),
            Self::Jwt(token) => oidc::groups(token),
        }
    }

    /// The mail address that counts; a signed token has one. Personal data.
    pub fn mail(&self) -> Option<Mail> {
        match self {
            Self::Signed(token) => Some(token.mail().clone()),
            Self::Jwt(token) => oidc::mail(token),
        }
    }

    /// What an OIDC issuer calls its holder. Personal data.
    pub fn sub(&self) -> Option<&str> {
        match self {
            Self::Signed(_) => None,
            Self::Jwt(token) => Some(token.subject()),
        }
    }

    /// By what two logins of one person are the same person's. Personal data.
    pub(super) fn person(&self) -> String {
        match self {
            Self::Signed(token) => token.mail().as_str().to_owned(),
            Self::Jwt(token) => token.subject().to_owned(),
        }
    }

    /// As whom grants may name its holder.
    pub(super) fn subjects(&self) -> Vec<Subject> {
        let groups: Vec<Group> = self.groups().into_iter().collect();
        let own = self.sub().map(|sub| oidc::subject(&self.issuer(), sub));
        Subject::of_person(&groups, self.mail().as_ref()).into_iter().chain(own).collect()
    }
}

/// Returns the JWT that `body` is by its form: three parts of base64url, perhaps with a line end after them,
/// as files have one. Nothing else begins so.
fn jwt(body: &[u8]) -> Option<&[u8]> {
    let body = body.trim_ascii();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (body.split(|byte| *byte == b'.').count() == 3 && body.len() <= MAX_TOKEN && body.iter().all(is_part))
        .then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jwt_is_told_from_a_signed_token_by_its_form() {
        assert_eq!(jwt(b"eyJhbGci.eyJpc3Mi.c2ln\r\n"), Some(&b"eyJhbGci.eyJpc3Mi.c2ln"[..]));
        for other in
            ["", "a.b", "a.b.c.d", "a b.c.d", "-----BEGIN PGP MESSAGE-----\n\na.b.c", "{\"a\": \"..\"}"]
        {
            assert_eq!(jwt(other.as_bytes()), None, "{other}");
        }
    }
}
