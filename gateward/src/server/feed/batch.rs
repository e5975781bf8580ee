//! AuditEvents for a FHIR server, as batches (IHE ITI-20, RESTful ATNA).

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use serde_json::Value;

use super::{Error, Page, Place, Sent};
use crate::flows::feed::{bundle, told};
use crate::server::{outwards, trust};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much of an answer is read, in bytes.
const LARGEST: usize = 8 * 1024 * 1024;

/// Sends `page`; each of its entries has to be taken, or all are sent again.
pub async fn deliver(place: &Place, base: &str, page: Page) -> Result<Sent, Error> {
    let sent = Sent { to: page.to(), missed: page.missed() };
    let events: Vec<_> = page.events.iter().flat_map(|event| told(event, &place.observer)).collect();
    if events.is_empty() {
        return Ok(sent);
    }
    let tls = if base.starts_with("https:") {
        place.tls()?
    } else {
        trust::tls(false, None).map_err(|error| Error::There(outwards::whole(&error)))?
    };
    let client = outwards::client::<Full<Bytes>>(tls);
    let request = Request::builder()
        .method(Method::POST)
        .uri(base)
        .header(CONTENT_TYPE, "application/fhir+json")
        .header(ACCEPT, "application/fhir+json")
        .header(USER_AGENT, concat!("gateward/", env!("CARGO_PKG_VERSION")))
        .body(Full::from(bundle(&events).to_string()))
        .map_err(|error| Error::There(error.to_string()))?;
    let answer = async {
        let response = client.request(request).await.map_err(|error| Place::went_wrong(&error, base))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST).collect().await;
        let body = body.map_err(|error| Error::There(outwards::whole(&*error)))?.to_bytes();
        Ok((head.status, body))
    };
    let late = |_| Error::There(format!("it did not answer within {} s", PATIENCE.as_secs()));
    let (status, body) = tokio::time::timeout(PATIENCE, answer).await.map_err(late)??;
    let words = || outwards::one_line(&String::from_utf8_lossy(&body));
    if !status.is_success() {
        return Err(Error::There(format!("it answered {status}: {}", words())));
    }
    let answered: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let entries = answered["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.len() != events.len() {
        return Err(Error::There(format!(
            "of {} events it answered about {}: {}",
            events.len(),
            entries.len(),
            words()
        )));
    }
    let is_taken =
        |entry: &&Value| entry["response"]["status"].as_str().is_some_and(|it| it.starts_with('2'));
    match entries.iter().find(|entry| !is_taken(entry)) {
        None => Ok(sent),
        Some(refused) => Err(Error::There(format!(
            "it refuses an event: {}",
            outwards::one_line(&refused["response"].to_string())
        ))),
    }
}
