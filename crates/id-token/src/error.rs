//! Why a token is not accepted, in the words of whoever can do something about it.

use jiff::Timestamp;

/// Why a token is not accepted.
///
/// No variant holds a byte of the token's text: these may be logged and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    // The holder sent something else than the token that the issuer gave out.
    /// More than [`MAX_TOKEN`](crate::MAX_TOKEN) bytes.
    #[error("longer than {} bytes", crate::MAX_TOKEN)]
    TooLong,
    /// Not three parts of base64url with JSON objects in the first two.
    #[error("not a JWT: {0}")]
    Malformed(&'static str),
    /// The algorithm that the token names is not one that the operator allows for this issuer.
    #[error("its signature algorithm is not allowed here")]
    AlgorithmNotAllowed,
    /// None of the issuer's keys has the token's `kid` and serves its algorithm. The keys may have been
    /// changed since they were fetched.
    #[error("none of the issuer's keys has the token's kid")]
    UnknownKey,
    /// The token names no key and several would serve: the issuer has to name it.
    #[error("it names no key, and the issuer has several")]
    KeyNotNamed,
    /// The signature is not the issuer's, or what was signed was changed.
    #[error("its signature is wrong")]
    BadSignature,

    // The signature is the issuer's; the token is not for here, or not for now.
    /// `iss` is another than the issuer whose key signed.
    #[error("it is by another issuer")]
    WrongIssuer,
    /// `aud` names nobody here: the holder sent a token that is meant for another service.
    #[error("it is meant for another audience")]
    WrongAudience,
    /// A good token whose time is over; the holder needs a new one.
    #[error("expired at {0}")]
    Expired(Timestamp),
    /// `nbf` is more than 60 s ahead.
    #[error("not valid before {0}")]
    NotYet(Timestamp),
    /// `iat` is more than 60 s ahead: some clock is wrong.
    #[error("issued at {0}, which is in the future")]
    IssuedInFuture(Timestamp),
    /// It would hold for more than [`LONGEST`](crate::LONGEST): the issuer has to give out shorter ones.
    #[error("it would hold for more than {} hours", crate::LONGEST.as_hours())]
    TooLongLived,
    /// The same name twice in one object: readers could differ about what was signed.
    #[error("a name occurs twice in one of its objects")]
    DuplicateName,
    /// A claim that must be there is not.
    #[error("the claim {0} is missing")]
    ClaimMissing(&'static str),
    /// A claim holds something else than it must.
    #[error("the claim {0} is wrong: {1}")]
    ClaimWrong(&'static str, &'static str),
}

impl Refusal {
    /// A short word for each reason, stable across versions: for clients, logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::Malformed(_) => "malformed",
            Self::AlgorithmNotAllowed => "algorithm-not-allowed",
            Self::UnknownKey => "unknown-key",
            Self::KeyNotNamed => "key-not-named",
            Self::BadSignature => "bad-signature",
            Self::WrongIssuer => "wrong-issuer",
            Self::WrongAudience => "wrong-audience",
            Self::Expired(_) => "expired",
            Self::NotYet(_) => "not-yet-valid",
            Self::IssuedInFuture(_) => "issued-in-future",
            Self::TooLongLived => "too-long-lived",
            Self::DuplicateName => "duplicate-key",
            Self::ClaimMissing(_) => "field-missing",
            Self::ClaimWrong(..) => "field-wrong",
        }
    }
}
