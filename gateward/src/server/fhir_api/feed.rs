//! AuditEvents that others send: one, or a Bundle of them.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use jiff::Timestamp;
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
    let sent: Value =
        serde_json::from_slice(asked.body).map_err(|error| wrong(format!("This is no JSON: {error}.")))?;
    let is_bundle = asked.rest.trim_end_matches('/').is_empty();
    let received =
        if is_bundle { of_bundle(&sent)? } else { vec![look_at(&sent).map_err(|why| unfit(&why, None))?] };
    let kept = keep(&opened.door, node, &received, client.address, client.decided_under, now).await;
    let kept = kept.map_err(|error| match error {
        receive::Error::Store(error) => Undone::Said(answer::shut(&error)),
        receive::Error::Commit(error) => error.into(),
    })?;
    if is_bundle {
        let kind = if sent["type"] == "transaction" { "transaction-response" } else { "batch-response" };
        let entries: Vec<Value> = kept.iter().map(|kept| entry(asked.base, kept)).collect();
        let bundle = json!({ "resourceType": "Bundle", "type": kind, "entry": entries });
        return Ok(resource(StatusCode::OK, &bundle));
    }
    let Some(kept) = kept.first() else { return Err(wrong("Nothing was sent.").into()) };
    let status = if kept.again { StatusCode::OK } else { StatusCode::CREATED };
    let mut told = sent;
    told["id"] = kept.id.to_string().into();
    Ok(located(resource(status, &told), &format!("{}/AuditEvent/{}", asked.base, kept.id)))
}

fn entry(base: &str, kept: &Kept) -> Value {
    let status = if kept.again { "200 OK" } else { "201 Created" };
    json!({ "response": { "status": status, "location": format!("{base}/AuditEvent/{}", kept.id) } })
}

/// Reads the events of a batch or transaction; one that is wrong refuses all.
fn of_bundle(sent: &Value) -> Result<Vec<Received>, Problem> {
    if sent["resourceType"] != "Bundle" || !["batch", "transaction"].iter().any(|kind| sent["type"] == *kind)
    {
        return Err(wrong(
            "Here a Bundle is posted, of type batch or transaction; one event goes to AuditEvent.",
        ));
    }
    let entries = sent["entry"].as_array().filter(|entries| (1..=ENTRIES).contains(&entries.len()));
    let entries = entries.ok_or_else(|| unfit(&Unfit::Entries, None))?;
    let mut received = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let request = &entry["request"];
        if request["method"] != "POST" || request["url"] != "AuditEvent" {
            return Err(wrong(format!("Bundle.entry[{at}].request: each entry is POST AuditEvent.")));
        }
        received.push(look_at(&entry["resource"]).map_err(|why| unfit(&why, Some(at)))?);
    }
    Ok(received)
}

fn unfit(why: &Unfit, at: Option<usize>) -> Problem {
    let place = at.map_or(String::new(), |at| format!("Bundle.entry[{at}]: "));
    let status = match why {
        Unfit::TooLong | Unfit::Entries => StatusCode::PAYLOAD_TOO_LARGE,
        Unfit::NotAnAuditEvent | Unfit::Fhir(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, "unfit", format!("{place}{why}."))
}
