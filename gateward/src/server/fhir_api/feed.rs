//! AuditEvents that others send: one, or a Bundle of them.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Asked, Asker, lines, located, resource, wrong};
use crate::flows::audit::receive::{self, ENTRIES, Kept, Received, Unfit, keep, look_at};
use crate::server::answer::{self, Answered, Problem};
use crate::server::gate::Opened;
use crate::server::settle::Undone;

/// Keeps what is sent, all of it or nothing, and answers once it is durable.
pub(super) async fn take(
    opened: &Opened,
    asked: &Asked<'_>,
    client: &Asker<'_>,
    now: Timestamp,
) -> Result<Answered, Undone> {
    let Some(node) = client.may_send else {
        let said =
            "Nothing grants you to send events: machines do, with the action create of the service audit.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "not-granted", said).into());
    };
    ::fhir::check_json(lines(asked.fields, CONTENT_TYPE).as_deref())
        .map_err(|why| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", format!("{why}.")))?;
    let sent: &RawValue =
        serde_json::from_slice(asked.body).map_err(|error| wrong(format!("This is no JSON: {error}.")))?;
    let is_bundle = asked.rest.trim_end_matches('/').is_empty();
    let (received, answers_as) = if is_bundle {
        of_bundle(sent)?
    } else {
        (vec![look_at(sent.get()).map_err(|why| unfit(&why, None))?], "")
    };
    let kept = keep(&opened.door, node, &received, client.address, client.decided_under, now).await;
    let kept = kept.map_err(|error| match error {
        receive::Error::Store(error) => Undone::Said(answer::shut(&error)),
        receive::Error::Commit(error) => error.into(),
    })?;
    if is_bundle {
        let entries: Vec<Value> = kept.iter().map(|kept| entry(asked.base, kept)).collect();
        let bundle = json!({ "resourceType": "Bundle", "type": answers_as, "entry": entries });
        return Ok(resource(StatusCode::OK, &bundle));
    }
    let (Some(kept), Some(received)) = (kept.first(), received.first()) else {
        return Err(wrong("Nothing was sent.").into());
    };
    let status = if kept.again { StatusCode::OK } else { StatusCode::CREATED };
    let mut told = received.resource().clone();
    told["id"] = kept.id.to_string().into();
    Ok(located(resource(status, &told), &format!("{}/AuditEvent/{}", asked.base, kept.id)))
}

fn entry(base: &str, kept: &Kept) -> Value {
    let status = if kept.again { "200 OK" } else { "201 Created" };
    json!({ "response": { "status": status, "location": format!("{base}/AuditEvent/{}", kept.id) } })
}

/// A Bundle, as far as it is read; its resources as they came.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle<'a> {
    resource_type: Option<String>,
    r#type: Option<String>,
    #[serde(borrow, default)]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(default)]
    request: Request,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Request {
    method: Option<String>,
    url: Option<String>,
}

/// Reads the events of a batch or transaction, and says as what it is answered; one that is wrong refuses all.
fn of_bundle(sent: &RawValue) -> Result<(Vec<Received>, &'static str), Problem> {
    let unread = |error| wrong(format!("This is no Bundle that is read here: {error}."));
    let bundle: Bundle<'_> = serde_json::from_str(sent.get()).map_err(unread)?;
    let answers_as = match (bundle.resource_type.as_deref(), bundle.r#type.as_deref()) {
        (Some("Bundle"), Some("batch")) => "batch-response",
        (Some("Bundle"), Some("transaction")) => "transaction-response",
        _ => {
            return Err(wrong(
                "Here a Bundle is posted, of type batch or transaction; one event goes to AuditEvent.",
            ));
        }
    };
    if !(1..=ENTRIES).contains(&bundle.entry.len()) {
        return Err(unfit(&Unfit::Entries, None));
    }
    let mut received = Vec::with_capacity(bundle.entry.len());
    for (at, Entry { request, resource }) in bundle.entry.into_iter().enumerate() {
        if request.method.as_deref() != Some("POST") || request.url.as_deref() != Some("AuditEvent") {
            return Err(wrong(format!("Bundle.entry[{at}].request: each entry is POST AuditEvent.")));
        }
        let resource = resource.ok_or_else(|| unfit(&Unfit::NotAnAuditEvent, Some(at)))?;
        received.push(look_at(resource.get()).map_err(|why| unfit(&why, Some(at)))?);
    }
    Ok((received, answers_as))
}

fn unfit(why: &Unfit, at: Option<usize>) -> Problem {
    let place = at.map_or(String::new(), |at| format!("Bundle.entry[{at}]: "));
    let status = match why {
        Unfit::TooLong | Unfit::Entries => StatusCode::PAYLOAD_TOO_LARGE,
        Unfit::NotAnAuditEvent | Unfit::Fhir(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, "unfit", format!("{place}{why}."))
}
