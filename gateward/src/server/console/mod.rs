//! The console: pages where auditors look at what happened, the newest first, and at one event in full.
//!
//! Plain pages: nothing is fetched from elsewhere, nothing runs in them, nothing can be changed there. Whoever reads is
//! recorded before they see anything.

mod question;
mod view;

use std::sync::LazyLock;

use data_encoding::BASE64;
use http::header::{
    ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{Method, StatusCode};
use jiff::Timestamp;

use self::question::Question;
use super::answer::{self, Answered, Problem};
use super::gate::Opened;
use crate::base::address::ClientAddress;
use crate::base::id::{EventId, Reference};
use crate::base::sha256::Sha256;
use crate::flows::audit::{Asked, Reading, record_reading};
use crate::flows::operate::Operator;
use crate::flows::record::LogReading;
use crate::store::event;

/// Where the console stands on the listener for operators.
pub const CONSOLE: &str = "/console";

/// How many events stand on a page.
const PAGE: u32 = 50;

const STYLE: &str = include_str!("style.css");

/// What browsers may do with the pages: show them as they are, and send their form here (CSP level 3).
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64.encode(&Sha256::of(STYLE.as_bytes()).0);
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
});

/// Who looks, from where and when.
#[derive(Debug)]
pub struct Onlooker<'a> {
    /// The user.
    pub operator: &'a Operator,
    /// Where they are.
    pub address: ClientAddress,
    /// Now.
    pub now: Timestamp,
}

/// Answers a request for [`CONSOLE`] or what stands below it.
pub async fn answer(opened: &Opened, head: &Parts, onlooker: &Onlooker<'_>) -> Answered {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        let said = "The pages of the console are read by GET.";
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", said);
        return problem.with(ALLOW, "GET, HEAD").answer();
    }
    if !onlooker.operator.role().may_read_the_log() {
        let said =
            "<p class=\"said\">Your role may not read the log: an auditor's or administrator's may.</p>";
        return page(StatusCode::FORBIDDEN, "Not for you", said);
    }
    let below = head.uri.path().strip_prefix(CONSOLE).unwrap_or_default();
    match below.strip_prefix('/').filter(|name| !name.is_empty()) {
        None => list(opened, head.uri.query().unwrap_or_default(), onlooker).await,
        Some(name) => one(opened, name, onlooker).await,
    }
}

/// Sends somebody who came to the listener with a browser to the console.
pub fn way_there() -> Answered {
    see(CONSOLE)
}

async fn list(opened: &Opened, query: &str, onlooker: &Onlooker<'_>) -> Answered {
    let asked = Question::read(query);
    if let Ok(Question { name, .. }) = &asked
        && !name.is_empty()
    {
        return see(&format!("{CONSOLE}/{}", question::encoded(name)));
    }
    let understood = asked.and_then(|asked| asked.filter().map(|filter| (asked, filter)));
    let (asked, (filter, before)) = match understood {
        Ok(understood) => understood,
        Err(why) => return page(StatusCode::BAD_REQUEST, "Events", &view::not_understood(&why)),
    };
    let found = match event::newest(&opened.door.store.reader, filter, before, PAGE).await {
        Ok(found) => found,
        Err(error) => return answer::shut(&error).answer(),
    };
    let older = (found.len() == PAGE as usize).then(|| found.last().map(|last| last.position)).flatten();
    if let Err(shut) = record(opened, LogReading::Search, &asked.in_words(), found.len(), onlooker).await {
        return shut;
    }
    page(StatusCode::OK, "Events", &view::list(&asked, &found, older))
}

async fn one(opened: &Opened, name: &str, onlooker: &Onlooker<'_>) -> Answered {
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    // A reference is found however it was written down.
    let name = match (name.parse::<EventId>(), name.parse::<Reference>()) {
        (Err(_), Ok(reference)) => reference.to_string(),
        _ => name.into_owned(),
    };
    let found = match event::show(&opened.door.store.reader, &name).await {
        Ok(found) => found,
        Err(error) => return answer::shut(&error).answer(),
    };
    if let Err(shut) = record(opened, LogReading::Show, &name, found.len(), onlooker).await {
        return shut;
    }
    let status = if found.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::OK };
    page(status, "Event", &view::in_full(&name, &found))
}

/// Records that somebody is about to be shown so many events.
async fn record(
    opened: &Opened,
    how: LogReading,
    asked: &str,
    events: usize,
    onlooker: &Onlooker<'_>,
) -> Result<(), Answered> {
    let asked = Asked::new(asked)
        .map_err(|why| page(StatusCode::BAD_REQUEST, "Events", &view::not_understood(&why.to_string())))?;
    let reading = Reading {
        how,
        asked,
        events: events as u64,
        who: onlooker.operator.name(),
        address: Some(onlooker.address),
    };
    let recorded = record_reading(&opened.door.recorder, reading, None, onlooker.now).await;
    recorded.map_err(|error| answer::shut(&error).answer())
}

fn page(status: StatusCode, title: &str, content: &str) -> Answered {
    // What came from outside is put in last, so that nothing in it is taken for a place.
    let page = include_str!("page.html")
        .replace("{{title}}", title)
        .replace("{{style}}", STYLE)
        .replace("{{content}}", content);
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

/// Sends a browser to a path here, which it asks for by GET (RFC 9110 section 15.4.4).
fn see(path: &str) -> Answered {
    let mut answered = answer::text(StatusCode::SEE_OTHER, "");
    let path = HeaderValue::from_str(path).expect("a path of ours is percent-encoded");
    answered.headers_mut().insert(LOCATION, path);
    answered
}
