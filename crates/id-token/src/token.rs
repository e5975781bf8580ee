//! What an issuer signed, and what of it holds now.

use std::fmt;
use std::ops::Deref;

use aws_lc_rs::digest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;

use crate::{Algorithm, ISSUED_AHEAD, LONGEST, Refusal};

/// What an issuer signed for an audience that is here, whether or not it still holds. Good for
/// telling, not for letting in.
#[derive(Clone, PartialEq, Eq)]
pub struct IdToken {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) identity: [u8; 32],
    pub(crate) jti: Option<String>,
    pub(crate) expires: Timestamp,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) issued: Option<Timestamp>,
    pub(crate) mail: Option<String>,
    pub(crate) groups: Vec<String>,
}

impl fmt::Debug for IdToken {
    /// Leaves the person out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("IdToken");
        shown.field("issuer", &self.issuer).field("id", &self.id()).field("expires", &self.expires);
        shown.finish_non_exhaustive()
    }
}

/// A token that its issuer signed for here and whose time is now. Only
/// [`Verifier::verify`](crate::Verifier::verify) and [`IdToken::check_dates`] make one; use it at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedIdToken(IdToken);

impl Deref for VerifiedIdToken {
    type Target = IdToken;

    fn deref(&self) -> &IdToken {
        &self.0
    }
}

/// What makes two tokens the same: SHA-256 over the issuer and what it signed.
///
/// The signature is left out, because some can be written in several ways without the issuer (ECDSA);
/// header and claims cannot, as base64url is read strictly and covered byte for byte.
/// Frozen: block lists hold these.
pub(crate) fn identity(issuer: &str, signed: &[u8]) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(b"gateward id token 1\0");
    hash.update(digest::digest(&digest::SHA256, issuer.as_bytes()).as_ref());
    hash.update(digest::digest(&digest::SHA256, signed).as_ref());
    hash.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

impl IdToken {
    /// Lets the token through if it holds at `now`.
    ///
    /// # Errors
    ///
    /// [`Refusal::Expired`] from the very second of `exp` on, [`Refusal::NotYet`] and
    /// [`Refusal::IssuedInFuture`] more than [`ISSUED_AHEAD`] before `nbf` and `iat`; [`Refusal::TooLongLived`]
    /// where it would hold for more than [`LONGEST`].
    pub fn check_dates(self, now: Timestamp) -> Result<VerifiedIdToken, Refusal> {
        let is_ahead = |time: &Timestamp| time.duration_since(now) > ISSUED_AHEAD;
        if now >= self.expires {
            return Err(Refusal::Expired(self.expires));
        }
        if let Some(not_before) = self.not_before.filter(is_ahead) {
            return Err(Refusal::NotYet(not_before));
        }
        if let Some(issued) = self.issued.filter(is_ahead) {
            return Err(Refusal::IssuedInFuture(issued));
        }
        if self.expires.duration_since(self.issued.unwrap_or(now)) > LONGEST {
            return Err(Refusal::TooLongLived);
        }
        Ok(VerifiedIdToken(self))
    }

    /// `iss`, which is the issuer of the [`Verifier`](crate::Verifier), letter by letter.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `sub`: who this is, among those of this issuer alone. 1 to 255 bytes. Personal data.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// How it was signed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name of the key that signed, as the token has it.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What makes this token the same whenever it comes again.
    pub fn identity(&self) -> &[u8; 32] {
        &self.identity
    }

    /// A name for the token that gives nothing away: 24 characters of base64url, of its identity.
    pub fn id(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(&self.identity[..18])
    }

    /// The name that the issuer gave the token, if it did. 1 to 255 bytes.
    pub fn jti(&self) -> Option<&str> {
        self.jti.as_deref()
    }

    /// `exp`: the first instant at which the token no longer holds.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// `iat`, if it is said.
    pub fn issued(&self) -> Option<Timestamp> {
        self.issued
    }

    /// The mail address, where the [`MailTrust`](crate::MailTrust) says that it counts; any text.
    /// Personal data.
    pub fn mail(&self) -> Option<&str> {
        self.mail.as_deref()
    }

    /// The groups, as the issuer writes them; empty where the verifier was told of no claim.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }
}
