//! A FHIR server, and what it answers to a batch.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::Value;

use super::{Error, Place};
use crate::server::{outwards, trust};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much of an answer is read, in bytes.
const LARGEST: usize = 8 * 1024 * 1024;

/// What became of one entry.
pub enum Verdict {
    /// It is there, now or since it came before.
    Taken,
    /// It never will be.
    Refused(String),
}

/// What became of a batch.
pub enum Answer {
    /// A verdict for each entry.
    OfEach(Vec<Verdict>),
    /// Nothing was taken, because of what was sent.
    OfAll(String),
}

/// A FHIR server.
pub struct Server<'a> {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: &'a str,
}

impl<'a> Server<'a> {
    pub fn new(place: &Place, base: &'a str) -> Result<Self, Error> {
        let tls = if base.starts_with("https:") {
            place.tls()?
        } else {
            trust::tls(false, None).map_err(|error| Error::There(outwards::whole(&error)))?
        };
        Ok(Self { client: outwards::client(tls), base })
    }

    /// Posts these entries as one batch. An answer that says nothing of them is an error: they may be there or not.
    pub async fn post(&self, entries: &[&str]) -> Result<Answer, Error> {
        let bundle = format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{}]}}"#, entries.join(","));
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.base)
            .header(CONTENT_TYPE, "application/fhir+json")
            .header(ACCEPT, "application/fhir+json")
            .header(USER_AGENT, concat!("gateward/", env!("CARGO_PKG_VERSION")))
            .body(Full::from(bundle))
            .map_err(|error| Error::There(error.to_string()))?;
        let late = |_| Error::There(format!("it did not answer within {} s", PATIENCE.as_secs()));
        let (status, body) = tokio::time::timeout(PATIENCE, self.exchange(request)).await.map_err(late)??;
        let words = || outwards::one_line(&String::from_utf8_lossy(&body));
        let said = || Error::There(format!("it answered {status}: {}", words()));
        if !status.is_success() {
            let is_about_what_was_sent = is_for_good(status);
            return if is_about_what_was_sent {
                Ok(Answer::OfAll(format!("{status}: {}", words())))
            } else {
                Err(said())
            };
        }
        let answered: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let each = answered["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
        if each.len() != entries.len() {
            let (sent, of) = (entries.len(), each.len());
            return Err(Error::There(format!("of {sent} events it answered about {of}: {}", words())));
        }
        each.iter().map(verdict).collect::<Result<_, _>>().map(Answer::OfEach)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Error> {
        let response =
            self.client.request(request).await.map_err(|error| Place::went_wrong(&error, self.base))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST).collect().await;
        let body = body.map_err(|error| Error::There(outwards::whole(&*error)))?.to_bytes();
        Ok((head.status, body))
    }
}

/// Whether a server that answers so will never take what it was sent.
fn is_for_good(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
    )
}

/// Reads what an answer says of one entry.
fn verdict(entry: &Value) -> Result<Verdict, Error> {
    let response = &entry["response"];
    let said = || outwards::one_line(&response.to_string());
    let status = response["status"].as_str().and_then(|status| status.get(..3)?.parse::<StatusCode>().ok());
    match status {
        // 304, 412: what is sent on the condition that it is not there is there, once or more than once.
        Some(status) if status.is_success() => Ok(Verdict::Taken),
        Some(StatusCode::NOT_MODIFIED | StatusCode::PRECONDITION_FAILED) => Ok(Verdict::Taken),
        Some(status) if is_for_good(status) => Ok(Verdict::Refused(said())),
        _ => Err(Error::There(format!("it takes an event not now: {}", said()))),
    }
}
