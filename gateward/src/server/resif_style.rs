//! The exchange as RESIF's `eidaws-auth` answered: its statuses, its sentences, its media type.
//!
//! For scripts that expect them. What it had no answer for is answered as everywhere here.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::answer::{self, Answered, Form};
use crate::config::Mode;
use crate::flows::exchange::{self, Exchanged, Refusal};
use crate::flows::oidc::NotBelieved;

/// Answers with a login.
pub fn made(exchanged: &Exchanged) -> Answered {
    said(StatusCode::OK, format!("{}:{}", exchanged.login, exchanged.password.expose()))
}

/// Answers a refused exchange.
pub fn refused(refusal: &Refusal, form: Form<'_>) -> Answered {
    let (status, sentence) = match &refusal.error {
        exchange::Error::Token(signed_token::Error::Expired(_))
        | exchange::Error::Jwt(NotBelieved::Token(id_token::Refusal::Expired(_))) => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Token is expired. Please get a new one from its issuer.".to_owned(),
        ),
        exchange::Error::Token(signed_token::Error::TooLong)
        | exchange::Error::Jwt(NotBelieved::KeysMissing)
        | exchange::Error::IssuerRevoked(_)
        | exchange::Error::TokenRevoked
        | exchange::Error::TooMany { .. }
        | exchange::Error::KeyMissing(_)
        | exchange::Error::NotPlaced(_)
        | exchange::Error::Store(_)
        | exchange::Error::Commit(_) => return answer::exchange_refused(refusal).answer_in(form),
        exchange::Error::Token(_) | exchange::Error::Jwt(NotBelieved::Token(_)) => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Signature could not be verified!".to_owned())
        }
        exchange::Error::NoGroupHere(groups) => (
            StatusCode::OK,
            format!(
                "This token does not grant access to any data hosted here. You are member of {}. Please ask those \
                 whose data you are looking for.",
                escaped(&groups.join(";"))
            ),
        ),
    };
    let reference = refusal.reference.map_or(String::new(), |reference| format!(" Reference {reference}."));
    said(status, sentence + &reference)
}

/// The sentence that `/version` answers.
pub fn version(mode: Mode, contact: Option<&str>) -> Answered {
    let contact = contact.map_or(String::new(), |contact| format!(" Contact {}.", escaped(contact)));
    said(
        StatusCode::OK,
        format!("Version {} running in {} mode.{contact}", env!("CARGO_PKG_VERSION"), mode.as_str()),
    )
}

fn said(status: StatusCode, sentence: String) -> Answered {
    let mut answered = answer::text(status, sentence);
    answered.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    answered.headers_mut().insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answered
}

/// Browsers take it for HTML, and issuers sign what they like.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_group_becomes_markup() {
        assert_eq!(escaped("/epos/<b>&"), "/epos/&lt;b&gt;&amp;");
    }
}
