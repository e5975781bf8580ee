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
    Refused(Refusal),
}

/// Why something will never be taken.
pub struct Refusal {
    /// The status and the codes of the outcome: these name nobody.
    pub brief: String,
    /// All that was said, which can repeat what was sent: for the personal part of an event alone.
    pub words: String,
}

/// What became of a batch.
pub enum Answer {
    /// A verdict for each entry.
    OfEach(Vec<Verdict>),
    /// Nothing was taken, because of what was sent.
    OfAll(Refusal),
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
        let answered: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if !status.is_success() {
            let brief = format!("{status}{}", codes(&answered));
            if !is_for_good(status) {
                return Err(Error::There(format!("it answered {brief}")));
            }
            let words = format!("{status}: {}", outwards::one_line(&String::from_utf8_lossy(&body)));
            return Ok(Answer::OfAll(Refusal { brief, words }));
        }
        let each = answered["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
        if each.len() != entries.len() {
            let (sent, of) = (entries.len(), each.len());
            return Err(Error::There(format!("of {sent} events it answered about {of}")));
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
    let status = response["status"].as_str().and_then(|status| status.get(..3)?.parse::<StatusCode>().ok());
    match status {
        // 304, 412: what is sent on the condition that it is not there is there, once or more than once.
        Some(status) if status.is_success() => Ok(Verdict::Taken),
        Some(StatusCode::NOT_MODIFIED | StatusCode::PRECONDITION_FAILED) => Ok(Verdict::Taken),
        Some(status) if is_for_good(status) => {
            let brief = format!("{status}{}", codes(&response["outcome"]));
            Ok(Verdict::Refused(Refusal { brief, words: outwards::one_line(&response.to_string()) }))
        }
        Some(status) => {
            let codes = codes(&response["outcome"]);
            Err(Error::There(format!("it takes an event not now: {status}{codes}")))
        }
        None => Err(Error::There("it says of an event no status".into())),
    }
}

/// The codes of an OperationOutcome, in brackets; nothing else of it, because its words can quote what was sent.
fn codes(outcome: &Value) -> String {
    let is_code =
        |code: &&str| code.len() <= 40 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let issues = outcome["issue"].as_array().map(Vec::as_slice).unwrap_or_default();
    let codes: Vec<&str> =
        issues.iter().filter_map(|issue| issue["code"].as_str()).filter(is_code).take(3).collect();
    if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_server_says_in_words_stays_out_of_what_is_kept_in_clear() {
        let outcome = json!({"resourceType": "OperationOutcome", "issue": [
            {"severity": "error", "code": "invalid", "diagnostics": "Patient/4711 is not known"},
            {"severity": "error", "code": "Patient/4711"},
        ]});
        let answer = |status: &str| json!({"response": {"status": status, "outcome": outcome}});
        let Ok(Verdict::Refused(refusal)) = verdict(&answer("422 Unprocessable Entity")) else {
            unreachable!("it is refused for good")
        };
        assert_eq!(refusal.brief, "422 Unprocessable Entity (invalid)");
        assert!(refusal.words.contains("Patient/4711 is not known"));
        let Err(error) = verdict(&answer("401 Unauthorized, Patient/4711")) else {
            unreachable!("it may pass")
        };
        assert_eq!(error.to_string(), "it takes an event not now: 401 Unauthorized (invalid)");
        assert_eq!(codes(&json!("<html>4711</html>")), "");
    }
}
