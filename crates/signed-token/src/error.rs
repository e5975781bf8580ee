//! Why a token is not accepted, in the words of whoever can do something about it.

use jiff::Timestamp;
use openpgp::Refusal;

/// Why a token is not accepted.
///
/// No variant holds a byte of the token's text: these may be logged and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    // The holder sent something else than the token that the issuer gave out.
    /// More than [`MAX_BODY`](crate::MAX_BODY) bytes.
    #[error("longer than {} bytes", crate::MAX_BODY)]
    TooLong,
    /// No token in the body.
    #[error("no signed token in it")]
    NoToken,
    /// Something stands before or after the token.
    #[error("there is other text around the token")]
    TextOutside,
    /// More than one token.
    #[error("more than one token in it")]
    SeveralTokens,
    /// What was signed is itself a signed or encrypted message.
    #[error("the token is wrapped in another message")]
    Nested,
    /// The signature is not there, not good, or not by a trusted key; or the operator or the
    /// issuer must act: the refusal says which.
    #[error(transparent)]
    Signature(#[from] Refusal),
    /// A good token whose time is over; the holder needs a new one.
    #[error("expired at {0}")]
    Expired(Timestamp),

    // The issuer signed something that is not a token as we know it.
    /// Issued more than 300 seconds from now: some clock is wrong.
    #[error("issued at {0}, which is in the future")]
    IssuedInFuture(Timestamp),
    /// The signed text is not one JSON object of reasonable size and depth.
    #[error("the signed text is not a JSON object: {0}")]
    NotJson(&'static str),
    /// The same key twice in one object: readers could differ about what was signed.
    #[error("a key occurs twice in one object")]
    DuplicateKey,
    /// A field that must be there is not.
    #[error("the field {0} is missing")]
    FieldMissing(&'static str),
    /// A field holds something else than it must.
    #[error("the field {0} is wrong: {1}")]
    FieldWrong(&'static str, &'static str),
}

impl Error {
    /// A short word for each reason, stable across versions: for clients, logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::NoToken => "no-token",
            Self::TextOutside => "text-outside",
            Self::SeveralTokens => "two-tokens",
            Self::Nested => "nested",
            Self::Signature(refusal) => refusal_reason(refusal),
            Self::Expired(_) => "expired",
            Self::IssuedInFuture(_) => "issued-in-future",
            Self::NotJson(_) => "not-json",
            Self::DuplicateKey => "duplicate-key",
            Self::FieldMissing(_) => "field-missing",
            Self::FieldWrong(..) => "field-wrong",
        }
    }
}

fn refusal_reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::TooLong(_) | Refusal::UnfoldsTooFar(_) => "too-long",
        Refusal::Malformed(_) => "malformed",
        Refusal::Encrypted => "encrypted",
        Refusal::Detached => "detached",
        Refusal::Unsigned => "unsigned",
        Refusal::SeveralSignatures => "two-signatures",
        Refusal::Nested => "nested",
        Refusal::BadSignature => "bad-signature",
        Refusal::UnknownIssuer(_) => "wrong-issuer",
        Refusal::SignatureType(_) | Refusal::SignatureVersion => "signature-kind",
        Refusal::WeakHash => "weak-hash",
        Refusal::UnknownCritical => "unknown-critical",
        Refusal::Undated => "signature-undated",
        Refusal::SignedInFuture(_) => "signed-in-future",
        Refusal::SignatureExpired(_) => "signature-expired",
        Refusal::SignedBeforeKey(_) => "signed-before-key",
        Refusal::MayNotSign(_) => "issuer-may-not-sign",
        Refusal::Revoked(_) => "revoked-issuer",
        Refusal::Expired(..) => "expired-issuer",
        Refusal::Sha1NotAllowed(_) => "sha1-not-allowed",
    }
}
