//! How a problem is spelled: as RFC 9457 has it, or as a service's clients know errors.

use ::fhir::Issue;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;

use super::{Answered, Problem, SERVICE_VERSION, json, text};
use crate::flows::kind::ErrorForm;

/// The form in which an error is written.
#[derive(Debug, Clone, Copy)]
pub enum Form<'a> {
    /// A problem document (RFC 9457).
    Problem,
    /// FDSN's text.
    Fdsn {
        /// The request's path.
        path: &'a str,
        /// When it came.
        at: Timestamp,
    },
    /// An OperationOutcome.
    Fhir,
    /// CKAN's JSON.
    Ckan,
}

impl<'a> Form<'a> {
    /// Makes the form that clients of a service expect, for a request to `path`.
    pub fn of(form: ErrorForm, path: &'a str, at: Timestamp) -> Self {
        match form {
            ErrorForm::Problem => Self::Problem,
            ErrorForm::Fdsn => Self::Fdsn { path, at },
            ErrorForm::Fhir => Self::Fhir,
            ErrorForm::Ckan => Self::Ckan,
        }
    }
}

impl Problem {
    /// Writes it in the form that the clients of a service expect.
    pub fn answer_in(self, form: Form<'_>) -> Answered {
        match form {
            Form::Problem => self.answer(),
            Form::Fdsn { path, at } => self.fdsn(path, at),
            Form::Fhir => self.fhir(),
            Form::Ckan => self.ckan(),
        }
    }

    /// Writes it as a problem document.
    pub fn answer(self) -> Answered {
        let mut document = serde_json::json!({
            "type": format!("/problems/{}", self.kind),
            "title": self.status.canonical_reason().unwrap_or("Refused"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(reference) = self.reference {
            document["reference"] = reference.to_string().into();
        }
        let mut answered = json(self.status, "application/problem+json", &document);
        answered.headers_mut().extend(*self.fields);
        answered
    }

    /// Writes it on a `page`, which takes its status and what it says.
    ///
    /// A 401 has to say how to answer it (RFC 9110 section 15.5.2), and people on a page have a form for that.
    pub fn on_page(self, page: impl FnOnce(StatusCode, &str) -> Answered) -> Answered {
        let Self { status, detail, reference, fields, .. } = self;
        let status = if status == StatusCode::UNAUTHORIZED { StatusCode::FORBIDDEN } else { status };
        let reference = reference.map_or(String::new(), |reference| {
            format!(" If it should not be, ask the operator about {reference}.")
        });
        let mut answered = page(status, &format!("{detail}{reference}"));
        answered.headers_mut().extend(*fields);
        answered
    }

    /// As FDSN's clients read errors (FDSN web services 1.2, section "error messages").
    fn fdsn(self, path: &str, at: Timestamp) -> Answered {
        let Self { status, detail, reference, fields, .. } = self;
        let title = status.canonical_reason().unwrap_or("Refused");
        let number = status.as_u16();
        let reference = reference.map_or(String::new(), |reference| {
            format!("Reference:\n{reference} (give it to the data centre, never the token)\n\n")
        });
        let body = format!(
            "Error {number}: {title}\n\n{detail}\n\n{reference}Usage details are available from the data centre that runs this service\n\n\
             Request:\n{path}\n\nRequest Submitted:\n{at:.0}\n\nService version:\n{SERVICE_VERSION}\n"
        );
        let mut answered = text(status, body);
        answered.headers_mut().extend(*fields);
        answered
    }

    /// As FHIR's clients read errors (R4 section 3.1.0.1.6).
    fn fhir(self) -> Answered {
        let Self { status, detail, reference, fields, .. } = self;
        let issue = match status {
            StatusCode::UNAUTHORIZED => Issue::Login,
            StatusCode::FORBIDDEN => Issue::Forbidden,
            StatusCode::NOT_FOUND => Issue::NotFound,
            StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_ACCEPTABLE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE => Issue::NotSupported,
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::URI_TOO_LONG => Issue::TooLong,
            StatusCode::TOO_MANY_REQUESTS => Issue::Throttled,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => {
                Issue::Transient
            }
            status if status.is_client_error() => Issue::Invalid,
            _ => Issue::Exception,
        };
        let reference = reference.map_or(String::new(), |reference| format!(" Reference: {reference}."));
        let mut answered = text(status, ::fhir::outcome(issue, &format!("{detail}{reference}")));
        answered.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(::fhir::JSON));
        answered.headers_mut().extend(*fields);
        answered
    }

    /// As CKAN's clients read errors: its action API's own form.
    fn ckan(self) -> Answered {
        let Self { status, detail, reference, fields, .. } = self;
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "Authorization Error",
            StatusCode::NOT_FOUND => "Not Found Error",
            _ => "Gateway Error",
        };
        let mut error = serde_json::json!({ "__type": kind, "message": detail });
        if let Some(reference) = reference {
            error["reference"] = reference.to_string().into();
        }
        let document = serde_json::json!({ "success": false, "error": error });
        let mut answered = json(status, "application/json", &document);
        answered.headers_mut().extend(*fields);
        answered
    }
}
