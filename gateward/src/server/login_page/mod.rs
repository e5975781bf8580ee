//! The login page: for browsers, where an application uses `Authorization` itself.
//!
//! No script, nothing from elsewhere, in no frame. A form counts only together with the cookie that came with it,
//! which no other site can set or read; whoever logs in gets a new session. Wrong user and wrong password get one
//! answer.

mod cookies;
mod form;

use std::sync::LazyLock;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use http::header::{
    ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;

use self::cookies::{FORM, SESSION};
pub use self::cookies::{is_ours, session_cookie};
use self::form::Form;
use super::answer::{self, Answered, Problem};
use super::gate::Opened;
use super::public::Public;
use super::request_body::{self, Unwanted, dropping};
use super::services::Protected;
use crate::base::address::ClientAddress;
use crate::base::html::escaped;
use crate::base::sha256::Sha256;
use crate::flows::authenticate::Challenge;
use crate::flows::failures::Entrance;
use crate::flows::passwords::{self, Claimed, prove_password};
use crate::flows::sessions;

/// Where the page stands; no service may.
pub const LOGIN: &str = "/gateward/login";

/// Where a session is ended.
pub const LOGOUT: &str = "/gateward/logout";

/// How large a filled-in form may be, in bytes.
const LARGEST: usize = 16 * 1024;

/// How long a path may be that somebody is sent back to, in bytes.
const LONGEST_TO: usize = 2000;

const STYLE: &str = include_str!("style.css");

/// What browsers may do with the page: show it as it is, and send its form here (CSP level 3).
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64.encode(&Sha256::of(STYLE.as_bytes()).0);
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
});

/// Where somebody is sent who has to log in first.
pub fn way_there(target: &str) -> String {
    let to = percent_encoding::utf8_percent_encode(target, percent_encoding::NON_ALPHANUMERIC);
    format!("{LOGIN}?to={to}")
}

impl Public {
    /// Answers a request for the page, or to log in or out.
    pub(super) async fn login_page(&self, head: &Parts, body: Incoming, address: ClientAddress) -> Answered {
        let opened = match self.gate.opened() {
            Ok(opened) if opened.services.iter().any(has_page) => opened,
            Ok(_) => {
                let said = "There is no service at this path.";
                let problem = Problem::new(StatusCode::NOT_FOUND, "no-service", said);
                return dropping(body, Unwanted::of(head), problem.answer()).await;
            }
            Err(_) => {
                return dropping(body, Unwanted::of(head), Problem::shut(answer::NOT_READY).answer()).await;
            }
        };
        if head.method == Method::POST {
            let read = match request_body::read(body, LARGEST, &self.large).await {
                Ok(read) => read,
                Err(problem) => return answer::closing(problem.answer()),
            };
            let now = match opened.clock.now() {
                Ok(now) => now,
                Err(stepped) => return opened.shut_for_clock(&stepped).answer(),
            };
            let at_the_door = AtTheDoor { opened: &opened, head, address, now };
            return match head.uri.path() {
                LOGOUT => at_the_door.log_out().await,
                _ => at_the_door.log_in(&read.bytes).await,
            };
        }
        let answered = match (&head.method, head.uri.path()) {
            (&Method::GET | &Method::HEAD, LOGOUT) if session_cookie(&head.headers).is_none() => see(LOGIN),
            (&Method::GET | &Method::HEAD, LOGOUT) => {
                page(StatusCode::OK, "Logged in", "", include_str!("log_out.html"))
            }
            (&Method::GET | &Method::HEAD, _) => {
                let to = Form::read(head.uri.query().unwrap_or_default()).and_then(|form| form.to);
                ask(&opened, StatusCode::OK, "", to.as_deref())
            }
            _ => {
                let problem = Problem::new(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "method",
                    "The page is read by GET and sent by POST.",
                );
                problem.with(ALLOW, "GET, HEAD, POST").answer()
            }
        };
        dropping(body, Unwanted::of(head), answered).await
    }
}

fn has_page(one: &Protected) -> bool {
    one.service.challenge == Challenge::Page
}

/// Somebody who sent a form.
struct AtTheDoor<'a> {
    opened: &'a Opened,
    head: &'a Parts,
    address: ClientAddress,
    now: Timestamp,
}

impl AtTheDoor<'_> {
    async fn log_in(&self, body: &[u8]) -> Answered {
        let Self { opened, head, address, now } = *self;
        let again = |status, said, to: Option<&str>| ask(opened, status, said, to);
        let text = std::str::from_utf8(body).unwrap_or_default();
        let Some(form) = Form::read(text) else {
            return again(StatusCode::BAD_REQUEST, "The form could not be read. Please try again.", None);
        };
        let to = form.to.as_deref();
        let sent = cookies::find(&head.headers, FORM).zip(form.token.as_deref());
        if !sent.is_some_and(|(cookie, token)| {
            verify_slices_are_equal(cookie.as_bytes(), token.as_bytes()).is_ok()
        }) {
            let said = "This form was too old, or did not come from here. Please try again.";
            return again(StatusCode::FORBIDDEN, said, to);
        }
        let (Some(name), Some(password)) = (&form.name, &form.password) else {
            return again(StatusCode::BAD_REQUEST, "Please fill in both, user and password.", to);
        };
        let claimed = Claimed { name, password, address, at: Entrance::Public, service: None };
        let user = match prove_password(&opened.door, claimed, now).await {
            Ok(user) => user,
            Err(error) => return refused(opened, &error, to),
        };
        let before = cookies::find(&head.headers, SESSION);
        match sessions::log_in(&opened.door, &user, before, address, now).await {
            Ok(Some(cookie)) => {
                let mut answered = see(to.filter(|to| is_of_a_service(opened, to)).unwrap_or(LOGOUT));
                set(&mut answered, &cookies::session(cookie.expose()));
                set(&mut answered, &cookies::gone(FORM));
                answered
            }
            Ok(None) => again(StatusCode::FORBIDDEN, WRONG, to),
            Err(error) => answer::shut(&error).answer(),
        }
    }

    async fn log_out(&self) -> Answered {
        let Self { opened, head, address, now } = *self;
        if let Some(cookie) = cookies::find(&head.headers, SESSION)
            && let Err(error) = sessions::log_out(&opened.door, cookie, address, now).await
        {
            return answer::shut(&error).answer();
        }
        let mut answered = see(LOGIN);
        set(&mut answered, &cookies::gone(SESSION));
        answered
    }
}

const WRONG: &str = "Wrong user or password.";

/// Asks once more, and says why.
fn refused(opened: &Opened, error: &passwords::Error, to: Option<&str>) -> Answered {
    answer::no_user(error).on_page(|status, said| ask(opened, status, said, to))
}

/// Whether somebody may be sent there: a path here, of a service that the page is for. Anything else could lead
/// to another site that looks like this one.
fn is_of_a_service(opened: &Opened, to: &str) -> bool {
    let is_path = to.len() <= LONGEST_TO
        && to.starts_with('/')
        && !to.starts_with("//")
        && to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let path = to.split(['?', '#']).next().unwrap_or_default();
    is_path && opened.services.iter().any(|one| has_page(one) && one.service.path.strip(path).is_some())
}

/// The page with a form, and the cookie that makes it count.
fn ask(opened: &Opened, status: StatusCode, said: &str, to: Option<&str>) -> Answered {
    let token = BASE64URL_NOPAD.encode(&opened.door.random.bytes::<16>());
    let to = to.filter(|to| is_of_a_service(opened, to)).unwrap_or_default();
    let form = include_str!("form.html").replace("{{token}}", &token).replace("{{to}}", &escaped(to));
    let mut answered = page(status, "Log in", said, &form);
    set(&mut answered, &cookies::form(&token));
    answered
}

fn page(status: StatusCode, title: &str, said: &str, form: &str) -> Answered {
    let said = match said {
        "" => String::new(),
        said => format!("<p class=\"said\" role=\"alert\">{}</p>", escaped(said)),
    };
    let page = include_str!("page.html");
    // What came from outside is put in last, so that nothing in it is taken for a place.
    let page = page
        .replace("{{title}}", title)
        .replace("{{style}}", STYLE)
        .replace("{{said}}", &said)
        .replace("{{form}}", form);
    let mut answered = answer::text(status, page);
    let fields = answered.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    fields.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_str(&POLICY).expect("a policy is letters, digits and signs"),
    );
    fields.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answered
}

/// Sends somebody to a path here, which they ask for by GET (RFC 9110 section 15.4.4).
fn see(path: &str) -> Answered {
    let mut answered = answer::text(StatusCode::SEE_OTHER, "");
    let path = HeaderValue::from_str(path).expect("a path that was looked at is graphic ASCII");
    answered.headers_mut().insert(LOCATION, path);
    answered
}

fn set(answered: &mut Answered, cookie: &str) {
    let cookie = HeaderValue::from_str(cookie).expect("cookies are letters, digits and signs");
    answered.headers_mut().append(SET_COOKIE, cookie);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_runs_nothing() {
        let page =
            include_str!("page.html").to_owned() + include_str!("form.html") + include_str!("log_out.html");
        for never in ["<script", "http:", "https:", "src=", "javascript", "onclick"] {
            assert!(!page.contains(never), "{never}");
        }
        assert!(POLICY.starts_with("default-src 'none';"));
    }

    #[test]
    fn the_way_to_the_page_keeps_where_somebody_wanted_to() {
        assert_eq!(way_there("/crux?a=b&c"), "/gateward/login?to=%2Fcrux%3Fa%3Db%26c");
    }
}
