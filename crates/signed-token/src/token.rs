//! From bytes that somebody sent to a token that holds now.

use std::{collections::BTreeSet, ops::Deref};

use jiff::{SignedDuration, Timestamp};
use openpgp::{Fingerprint, HashAlgorithm, Limits, TrustedKeys, Verified};

use crate::{Error, Group, MAX_BODY, Mail, Person, TokenId, TokenIdentity, cut_out, statement::Statement};

/// Verifies the one token in `body`, at the time `now`.
///
/// # Errors
///
/// [`Error`], which says who can act. A token is expired at the very instant of its
/// `valid_until`; it may have been issued up to 300 s ahead of `now`.
pub fn verify(body: &[u8], issuers: &TrustedKeys, now: Timestamp) -> Result<VerifiedToken, Error> {
    inspect(body, issuers, now)?.check_dates(now)
}

/// Reads a token that one of `issuers` signed without asking whether its time has come or gone.
///
/// For the operator who wants to know why a token was refused. The issuer's key must be good at
/// `now` all the same.
pub fn inspect(body: &[u8], issuers: &TrustedKeys, now: Timestamp) -> Result<Token, Error> {
    let block = cut_out(body)?;
    let verified = openpgp::verify(block, issuers, LIMITS, now)?;
    Token::read(&verified)
}

const LIMITS: Limits = Limits { message: MAX_BODY, decompressed: MAX_BODY };

/// How far ahead of our clock an issuer's clock may be.
const ISSUED_AHEAD: SignedDuration = SignedDuration::from_secs(300);

/// What an issuer signed, whether or not it still holds. Good for telling, not for letting in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    issuer: Fingerprint,
    signing_key: Fingerprint,
    hash_algorithm: HashAlgorithm,
    signed_at: Timestamp,
    identity: TokenIdentity,
    id: TokenId,
    aliases: Vec<TokenId>,
    statement: Statement,
}

/// A token that an issuer signed and whose time is now. Only [`verify`] and
/// [`Token::check_dates`] make one; use it at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken(Token);

impl Deref for VerifiedToken {
    type Target = Token;

    fn deref(&self) -> &Token {
        &self.0
    }
}

impl Token {
    /// Parses the payload that `verified` vouches for.
    fn read(verified: &Verified) -> Result<Self, Error> {
        let payload = verified.payload();
        if payload.trim_ascii_start().starts_with(b"-----BEGIN PGP ") {
            return Err(Error::Nested);
        }
        Ok(Self {
            issuer: verified.issuer(),
            signing_key: verified.signing_key(),
            hash_algorithm: verified.hash_algorithm(),
            signed_at: verified.signed_at(),
            identity: TokenIdentity::of(verified),
            id: TokenId::of_payload(payload),
            aliases: TokenId::aliases(verified),
            statement: Statement::read(payload)?,
        })
    }

    /// Lets the token through if it holds at `now`.
    ///
    /// # Errors
    ///
    /// [`Error::Expired`] from `valid_until` on, [`Error::IssuedInFuture`] more than 300 s before
    /// `issued`.
    pub fn check_dates(self, now: Timestamp) -> Result<VerifiedToken, Error> {
        if now >= self.valid_until() {
            return Err(Error::Expired(self.valid_until()));
        }
        match self.issued() {
            Some(issued) if issued.duration_since(now) > ISSUED_AHEAD => Err(Error::IssuedInFuture(issued)),
            _ => Ok(VerifiedToken(self)),
        }
    }

    /// The primary fingerprint of the issuer's key.
    pub fn issuer(&self) -> Fingerprint {
        self.issuer
    }

    /// The issuer's key that signed: the primary key or a subkey.
    pub fn signing_key(&self) -> Fingerprint {
        self.signing_key
    }

    /// The hash that the signature rests on; SHA-1 is worth a warning.
    pub fn hash_algorithm(&self) -> HashAlgorithm {
        self.hash_algorithm
    }

    /// When the issuer says that it signed. Not the same as [`Token::issued`].
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// What makes this token the same as any other spelling of it.
    pub fn identity(&self) -> TokenIdentity {
        self.identity
    }

    /// The id of this spelling, as SeisComP computes it from what `gpg --decrypt` prints.
    pub fn id(&self) -> TokenId {
        self.id
    }

    /// The ids under which a block list may know this token: of the payload as received and of
    /// the canonical text with LF or CRLF, with and without its last line end. Sorted.
    pub fn aliases(&self) -> &[TokenId] {
        &self.aliases
    }

    /// The first instant at which the token no longer holds.
    pub fn valid_until(&self) -> Timestamp {
        self.statement.valid_until
    }

    /// When the token was issued; old ones do not say.
    pub fn issued(&self) -> Option<Timestamp> {
        self.statement.issued
    }

    /// The groups, without `/` and `/epos`, which mean nothing. May be empty.
    pub fn groups(&self) -> &BTreeSet<Group> {
        &self.statement.groups
    }

    /// The holder's address. Personal data.
    pub fn mail(&self) -> &Mail {
        &self.statement.mail
    }

    /// The rest of what the token says about its holder. Personal data.
    pub fn person(&self) -> &Person {
        &self.statement.person
    }
}
