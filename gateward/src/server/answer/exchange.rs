//! What whoever brought a token to the exchange is told, with what they can do.

use http::StatusCode;
use http::header::RETRY_AFTER;

use super::{COME_BACK, Problem, SHUT, capitalised};
use crate::flows::exchange;
use crate::flows::oidc::NotBelieved;

/// Answers a refused exchange.
pub fn exchange_refused(refusal: &exchange::Refusal) -> Problem {
    let mut wait = None;
    let (status, said) = match &refusal.error {
        exchange::Error::Token(error @ signed_token::Error::TooLong) => {
            (StatusCode::PAYLOAD_TOO_LARGE, token_said(error))
        }
        exchange::Error::Token(error) => (StatusCode::BAD_REQUEST, token_said(error)),
        exchange::Error::Jwt(NotBelieved::Token(refusal)) => (StatusCode::BAD_REQUEST, jwt_said(refusal)),
        exchange::Error::Jwt(NotBelieved::KeysMissing) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("Your token cannot be looked at now: {}. Try again in {COME_BACK} s.", refusal.error),
        ),
        exchange::Error::NoGroupHere(_)
        | exchange::Error::IssuerRevoked(_)
        | exchange::Error::TokenRevoked => {
            (StatusCode::FORBIDDEN, format!("The token is good, but {}. Ask the data centre.", refusal.error))
        }
        exchange::Error::TooMany { wait_seconds } => {
            wait = Some(*wait_seconds);
            (StatusCode::TOO_MANY_REQUESTS, format!("{}.", capitalised(&refusal.error.to_string())))
        }
        exchange::Error::NotPlaced(_) => {
            let mut problem = not_placed(&refusal.error);
            problem.reference = refusal.reference;
            return problem;
        }
        exchange::Error::KeyMissing(_) | exchange::Error::Store(_) | exchange::Error::Commit(_) => {
            tracing::error!(error = %refusal.error, "an exchange could not be made");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("The door is shut: {SHUT}. Try again in {COME_BACK} s."),
            )
        }
    };
    let mut problem = Problem::new(status, refusal.error.reason(), said);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        wait = Some(COME_BACK);
    }
    if let Some(wait) = wait {
        problem = problem.with(RETRY_AFTER, wait);
    }
    problem.reference = refusal.reference;
    problem
}

/// Says that a login was made and that the data service does not know it yet, and tells the operator why.
pub fn not_placed(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "an exchange could not be finished");
    let said =
        format!("The data service cannot be told of your login at the moment. Try again in {COME_BACK} s.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-placed", said).with(RETRY_AFTER, COME_BACK.to_string())
}

/// What the holder of a token is told, with what they can do.
fn token_said(error: &signed_token::Error) -> String {
    use openpgp::Refusal;
    use signed_token::Error;
    let do_this = match error {
        Error::TooLong | Error::NoToken | Error::TextOutside | Error::SeveralTokens | Error::Nested => {
            "Send the file as the issuer gave it out, one token and nothing else"
        }
        Error::Expired(_) => "Get a new token from its issuer",
        Error::IssuedInFuture(_)
        | Error::NotJson(_)
        | Error::DuplicateKey
        | Error::FieldMissing(_)
        | Error::FieldWrong(..) => "Ask the issuer for another token",
        Error::Signature(refusal) => match refusal {
            Refusal::TooLong(_)
            | Refusal::UnfoldsTooFar(_)
            | Refusal::Malformed(_)
            | Refusal::Encrypted
            | Refusal::Detached
            | Refusal::Unsigned
            | Refusal::SeveralSignatures
            | Refusal::Nested
            | Refusal::BadSignature => "Send the file as the issuer gave it out, unchanged",
            Refusal::UnknownIssuer(_) => "This data centre believes other issuers; ask it which",
            Refusal::SignatureType(_)
            | Refusal::SignatureVersion
            | Refusal::WeakHash
            | Refusal::UnknownCritical
            | Refusal::Undated
            | Refusal::SignedInFuture(_)
            | Refusal::SignatureExpired(_)
            | Refusal::SignedBeforeKey(_)
            | Refusal::MayNotSign(_) => "Ask the issuer for another token",
            Refusal::Revoked(_) | Refusal::Expired(..) | Refusal::Sha1NotAllowed(_) => {
                "Ask the data centre: it decides which keys and hashes of issuers it believes"
            }
        },
    };
    format!("The token is not accepted: {error}. {do_this}.")
}

/// What the holder of a JWT is told, with what they can do.
fn jwt_said(refusal: &id_token::Refusal) -> String {
    use id_token::Refusal;
    let do_this = match refusal {
        Refusal::TooLong | Refusal::Malformed(_) | Refusal::BadSignature => {
            "Send it as the issuer gave it out, unchanged"
        }
        Refusal::Expired(_) => "Get a new one from its issuer",
        Refusal::UnknownKey | Refusal::WrongIssuer => "This data centre believes other issuers; ask it which",
        Refusal::WrongAudience => "Ask its issuer for one that is meant for this data centre",
        Refusal::AlgorithmNotAllowed => "Ask the data centre: it decides which algorithms it believes",
        Refusal::KeyNotNamed
        | Refusal::NotYet(_)
        | Refusal::IssuedInFuture(_)
        | Refusal::TooLongLived
        | Refusal::DuplicateName
        | Refusal::ClaimMissing(_)
        | Refusal::ClaimWrong(..) => "Ask the issuer for another token",
    };
    format!("The token is not accepted: {refusal}. {do_this}.")
}
