//! The log as a FHIR repository of AuditEvents (IHE ITI-81, and the feed of ITI-20): translates, decides nothing.

mod feed;
mod statement;

use ::fhir::NotUnderstood;
use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, AsHeaderName, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::answer::{self, Answered, Form, Problem};
use super::gate::Opened;
use super::settle::Undone;
use crate::base::address::ClientAddress;
use crate::base::identity::NodeName;
use crate::flows::audit::question::{Question, Unclear};
use crate::flows::audit::search::{self, Found};
use crate::flows::audit::{self, record_reading};
use crate::flows::record::LogReading;
use crate::store::revocation::Revision;

/// How long the body of a request may be: a Bundle of AuditEvents.
pub const MOST: usize = 1024 * 1024;

/// A request to the interface.
#[derive(Debug)]
pub struct Asked<'a> {
    /// How.
    pub method: &'a Method,
    /// Its path below that of the interface.
    pub rest: &'a str,
    /// What follows the path.
    pub query: Option<&'a str>,
    /// Its fields.
    pub fields: &'a HeaderMap,
    /// Its body, of one longer than [`MOST`] a byte more.
    pub body: &'a Bytes,
    /// The address of the interface, as the caller knows it.
    pub base: &'a str,
}

/// Whoever asks, as far as they were proven, and what they may.
#[derive(Debug)]
pub struct Asker<'a> {
    /// As the log names them.
    pub who: &'a str,
    /// From where.
    pub address: ClientAddress,
    /// The revocation counter that this was decided under; `None` where each request is proven for itself.
    pub decided_under: Option<Revision>,
    /// They may search and read.
    pub may_read: bool,
    /// The machine that may send events of its own.
    pub may_send: Option<&'a NodeName>,
}

/// Answers `asked`; nothing of the log leaves before it is recorded that it is read.
///
/// # Errors
///
/// [`Undone`]: decide once more, or what the caller is told.
pub async fn answer(
    opened: &Opened,
    asked: &Asked<'_>,
    client: &Asker<'_>,
    now: Timestamp,
) -> Result<Answered, Undone> {
    takes_json(asked.fields, asked.query.unwrap_or_default())?;
    if asked.body.len() > MOST {
        let said = format!("A request has at most {MOST} bytes here.");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-much", said).into());
    }
    let rest = asked.rest.trim_end_matches('/');
    match (asked.method.as_str(), rest) {
        ("GET" | "HEAD", "/metadata") => {
            Ok(resource(StatusCode::OK, &statement::capabilities(asked.base, now)))
        }
        ("GET" | "HEAD", "/AuditEvent") => {
            let parameters = pairs(asked.query.unwrap_or_default())?;
            searched(opened, asked, client, &parameters, now).await
        }
        ("POST", "/AuditEvent/_search") => {
            let body = std::str::from_utf8(asked.body).map_err(|_| wrong("The form is no UTF-8."))?;
            let mut parameters = pairs(asked.query.unwrap_or_default())?;
            takes_json(asked.fields, body)?;
            parameters.extend(pairs(body)?);
            searched(opened, asked, client, &parameters, now).await
        }
        ("POST", "/AuditEvent" | "") => feed::take(opened, asked, client, now).await,
        (_, "/AuditEvent" | "") => Err(not_so("GET, HEAD, POST").into()),
        (_, "/AuditEvent/_search") => Err(not_so("POST").into()),
        (_, "/metadata") => Err(not_so("GET, HEAD").into()),
        (method, rest) => match rest.strip_prefix("/AuditEvent/").filter(|id| !id.contains('/')) {
            Some(id) if ["GET", "HEAD"].contains(&method) => one(opened, id, client, now).await,
            // What happened is neither changed nor taken away.
            Some(_) => Err(not_so("GET, HEAD").into()),
            None => {
                let said = "There is nothing at this path but /metadata and /AuditEvent.";
                Err(Problem::new(StatusCode::NOT_FOUND, "path", said).into())
            }
        },
    }
}

/// Writes an error as clients of the interface read it.
pub fn refused(problem: Problem) -> Answered {
    problem.answer_in(Form::Fhir)
}

async fn searched(
    opened: &Opened,
    asked: &Asked<'_>,
    client: &Asker<'_>,
    parameters: &[(String, String)],
    now: Timestamp,
) -> Result<Answered, Undone> {
    may_read(client)?;
    let question = Question::read(parameters).map_err(|unclear| unclear_question(&unclear))?;
    knows_all(&question, asked.fields)?;
    let found = search::search(&opened.door, &opened.observer, &question, search::LOOKED_AT)
        .await
        .map_err(|error| not_found_out(&error))?;
    let link = question.link(None);
    read(opened, client, &format!("AuditEvent?{link}"), found.resources.len() as u64, now).await?;
    Ok(resource(StatusCode::OK, &bundle(asked.base, &question, found)))
}

async fn one(opened: &Opened, id: &str, client: &Asker<'_>, now: Timestamp) -> Result<Answered, Undone> {
    may_read(client)?;
    let found =
        search::read_one(&opened.door, &opened.observer, id).await.map_err(|error| not_found_out(&error))?;
    let id: String = id.chars().take(64).collect();
    read(opened, client, &format!("AuditEvent/{id}"), u64::from(found.is_some()), now).await?;
    match found {
        Some(found) => Ok(resource(StatusCode::OK, &found)),
        None => {
            Err(Problem::new(StatusCode::NOT_FOUND, "no-event", "There is no event with this id.").into())
        }
    }
}

/// Records that somebody reads the log; what they read leaves once this returns.
async fn read(
    opened: &Opened,
    client: &Asker<'_>,
    asked: &str,
    events: u64,
    now: Timestamp,
) -> Result<(), Undone> {
    let (who, address) = (client.who, Some(client.address));
    let asked = audit::Asked::new(asked).map_err(|why| wrong(format!("{why}.")))?;
    let reading = audit::Reading { how: LogReading::Fhir, asked, events, who, address };
    Ok(record_reading(&opened.door.recorder, reading, client.decided_under, now).await?)
}

fn bundle(base: &str, question: &Question, found: Found) -> Value {
    let link = |relation: &str, query: String| json!({ "relation": relation, "url": format!("{base}/AuditEvent?{query}") });
    let mut links = vec![link("self", question.link(None))];
    links.extend(found.next.map(|next| link("next", question.link(Some(next)))));
    let entry = |resource: Value| {
        let id = resource["id"].as_str().unwrap_or_default();
        json!({ "fullUrl": format!("{base}/AuditEvent/{id}"), "resource": resource, "search": { "mode": "match" } })
    };
    let entries: Vec<Value> = found.resources.into_iter().map(entry).collect();
    let mut bundle = json!({ "resourceType": "Bundle", "type": "searchset", "link": links });
    if let Some(total) = found.total {
        bundle["total"] = total.into();
    }
    // FHIR has no empty lists.
    if !entries.is_empty() {
        bundle["entry"] = entries.into();
    }
    bundle
}

fn resource(status: StatusCode, resource: &Value) -> Answered {
    answer::json(status, ::fhir::JSON, resource)
}

fn may_read(client: &Asker<'_>) -> Result<(), Problem> {
    if client.may_read {
        return Ok(());
    }
    let said =
        "Nothing grants you to read the log. Ask its operator for the action read of the service audit.";
    Err(Problem::new(StatusCode::FORBIDDEN, "not-granted", said))
}

fn unclear_question(unclear: &Unclear) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "search", format!("{unclear}."))
}

fn not_found_out(error: &search::Error) -> Problem {
    let said = format!("{error}.");
    match error {
        search::Error::Behind => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "behind", said).with(RETRY_AFTER, 5)
        }
        search::Error::TooMuch => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-much", said),
        search::Error::Store(error) => answer::shut(error),
    }
}

fn not_so(allowed: &'static str) -> Problem {
    let said = "Events are read, searched and sent here; nothing changes them or takes them away.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", said).with(ALLOW, allowed)
}

fn wrong(said: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "request", said)
}

/// Reads a query or a form (application/x-www-form-urlencoded).
fn pairs(text: &str) -> Result<Vec<(String, String)>, Problem> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text)
            .decode_utf8()
            .map(String::from)
            .map_err(|_| wrong("A parameter is no UTF-8."))
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

/// Refuses whoever takes no JSON.
fn takes_json(fields: &HeaderMap, query: &str) -> Result<(), Problem> {
    let accepted = ::fhir::check_answerable(lines(fields, ACCEPT).as_deref(), query);
    accepted.map_err(|why| match why {
        NotUnderstood::NotAcceptable(_) => {
            Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", format!("{why}."))
        }
        _ => wrong(format!("{why}.")),
    })
}

/// Refuses, for those who want that, what would be left out (FHIR R4 section 3.1.1.3).
fn knows_all(question: &Question, fields: &HeaderMap) -> Result<(), Problem> {
    let prefers = lines(fields, "prefer").unwrap_or_default();
    let is_strict = prefers.split([',', ';']).any(|one| one.trim().eq_ignore_ascii_case("handling=strict"));
    match question.left_out().first() {
        Some(name) if is_strict => {
            let name: String = name.chars().take(64).collect();
            let said = format!("The parameter {name:?} is not known here, and would be left out.");
            Err(Problem::new(StatusCode::BAD_REQUEST, "search", said))
        }
        _ => Ok(()),
    }
}

/// A field's lines, joined as if they were one (RFC 9110 section 5.3).
fn lines(fields: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    let lines: Vec<&str> = fields.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

fn located(mut answered: Answered, at: &str) -> Answered {
    if let Ok(at) = HeaderValue::try_from(at) {
        answered.headers_mut().insert(LOCATION, at);
    }
    answered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_left_out_unless_that_is_not_wanted() {
        let question = |name: &str| {
            Question::read(&[("date".into(), "2026".into()), (name.into(), "1".into())]).unwrap()
        };
        let preferring = |value: &str| HeaderMap::from_iter([(PREFER, value.parse().unwrap())]);
        for (name, prefers, is_taken) in [
            ("colour", "handling=lenient", true),
            ("colour", "return=minimal", true),
            ("colour", "handling=strict", false),
            ("colour", "respond-async, Handling=strict", false),
            ("agent", "handling=strict", true),
            ("_pretty", "handling=strict", true),
        ] {
            let known = knows_all(&question(name), &preferring(prefers));
            assert_eq!(known.is_ok(), is_taken, "{name} {prefers}");
        }
    }

    const PREFER: http::HeaderName = http::HeaderName::from_static("prefer");
}
