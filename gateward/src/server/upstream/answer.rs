//! What an upstream's answer becomes: passed on, looked into, or an error of ours that says why.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::body::Incoming;

use super::fields;
use crate::flows::admit::Order;
use crate::flows::kind::{Alarm, ErrorForm, Inspected, Inspection, Named};
use crate::server::found::{Broken, Content, Failed, Flow, Found};
use crate::server::outwards::one_line;

/// Makes what leaves of `response`.
///
/// # Errors
///
/// [`Failed`]: nothing of it leaves.
pub(super) async fn found(
    response: Response<Incoming>,
    order: &Order,
    form: ErrorForm,
    silence: Duration,
) -> Result<Found, Failed> {
    let (head, incoming) = response.into_parts();
    let mut fields = fields::of_upstream(&head.headers, order.upstream_asks);
    if order.told.is_some() {
        keep_private(&mut fields);
    }
    let status = head.status;
    let whole = |content, named| Found { status, fields: HeaderMap::new(), content, named };
    match form {
        // Nothing is known of what it says, nor of when it is going to.
        ErrorForm::Problem | ErrorForm::Ckan => {
            let gathered = Flow::new(incoming, None, silence).gather_for_a_moment().await;
            let (content, named) = gathered.map_err(broken)?;
            Ok(Found { fields, ..whole(content, named) })
        }
        ErrorForm::Fdsn if status == StatusCode::OK => {
            let (content, named) = look_into(incoming, &order.inspection, &mut fields, silence).await?;
            if let Content::Whole(bytes, Some(inspected)) = &content
                && bytes.is_empty()
            {
                // Everything in it was left out.
                return nothing(order.no_data, inspected.clone());
            }
            Ok(Found { fields, ..whole(content, named) })
        }
        ErrorForm::Fdsn if status == StatusCode::NO_CONTENT => {
            Ok(Found { fields, ..whole(Content::Whole(Bytes::new(), None), Named::default()) })
        }
        ErrorForm::Fdsn if order.upstream_asks && status == StatusCode::UNAUTHORIZED => {
            let (content, named) = gather(Flow::new(incoming, None, silence)).await?;
            Ok(Found { fields, ..whole(content, named) })
        }
        ErrorForm::Fdsn => Err(refused(status, &fields, &words(incoming, silence).await, order)),
        // Its errors are resources, too: they pass as they are, and are looked into.
        ErrorForm::Fhir => {
            let mut named = order.inspection.named_by_head(status, &fields);
            let is_error = status.is_client_error() || status.is_server_error();
            let (content, more) = match look_into(incoming, &order.inspection, &mut fields, silence).await {
                Ok(found) => found,
                // A page of something in between, or of the server's own.
                Err(failed) if is_error => {
                    let Failed { alarm, inspected, .. } = failed;
                    return Err(Failed { inspected, alarm, ..refused(status, &fields, "", order) });
                }
                // What its head says was made is there, though nobody is told.
                Err(failed) => return Err(Failed { created: named.created.into(), ..failed }),
            };
            named.add(more);
            let mut fields = fields::of_fhir(&fields);
            // It was read as that, and is to be read as nothing else.
            fields.insert(CONTENT_TYPE, HeaderValue::from_static(::fhir::JSON));
            Ok(Found { fields, ..whole(content, named) })
        }
    }
}

/// What one caller may have, a cache between us gives to no other (RFC 9111 section 5.2.2.7): what the
/// upstream says of that was said before it was known who asks.
fn keep_private(fields: &mut HeaderMap) {
    let says_so = |value: &HeaderValue| {
        value.to_str().is_ok_and(|text| text.contains("no-store") || text.contains("private"))
    };
    if !fields.get(CACHE_CONTROL).is_some_and(says_so) {
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}

/// Answers that there are no data, as the client wants to be told.
fn nothing(status: StatusCode, inspected: Inspected) -> Result<Found, Failed> {
    if status == StatusCode::NO_CONTENT {
        let content = Content::Whole(Bytes::new(), Some(inspected));
        return Ok(Found { status, fields: HeaderMap::new(), content, named: Named::default() });
    }
    let said = "There are no data, or none that are open to you.".into();
    let inspected = Some(Box::new(inspected));
    Err(Failed { status, said, inspected, ..Failed::bad_gateway("all records were left out") })
}

/// Holds the answer, or its beginning, and looks into it as its kind wants.
async fn look_into(
    incoming: Incoming,
    inspection: &Inspection,
    fields: &mut HeaderMap,
    silence: Duration,
) -> Result<(Content, Named), Failed> {
    let packed = fields.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    match inspection {
        Inspection::Nothing => gather(Flow::new(incoming, None, silence)).await,
        _ if packed => Err(Failed::bad_gateway("it packed its answer, though it was asked not to")),
        Inspection::Records(_) | Inspection::Resources(_) => {
            fields.remove(CONTENT_LENGTH);
            gather(Flow::new(incoming, inspection.inspector(), silence)).await
        }
        Inspection::Wadl { base } => {
            fields.remove(CONTENT_LENGTH);
            match gather(Flow::new(incoming, None, silence)).await? {
                (Content::Whole(wadl, _), _) => {
                    let with_auth = ::fdsn::wadl::with_auth(&wadl, base)
                        .map_err(|error| Failed::bad_gateway(format!("its application.wadl: {error}")))?;
                    Ok((Content::Whole(with_auth.into(), None), Named::default()))
                }
                (Content::Running(_), _) => Err(Failed::bad_gateway("its application.wadl has no end")),
            }
        }
    }
}

async fn gather(flow: Flow) -> Result<(Content, Named), Failed> {
    flow.gather().await.map_err(broken)
}

fn broken(broken: Broken) -> Failed {
    let alarm = match broken {
        Broken::Upstream(detail) => return Failed::bad_gateway(detail),
        Broken::Alarm(alarm) => alarm,
    };
    let said = match alarm {
        Alarm::Overstepped { .. } => {
            "What is behind this service sent data that nobody asked for; nothing of it was passed on."
        }
        Alarm::NotMiniSeed(_) => "What is behind this service sent something else than miniSEED.",
        Alarm::Unreadable(_) => {
            "What is behind this service sent what cannot be looked into: something else than JSON, or an entry of \
             more than 1 MiB."
        }
    };
    Failed {
        said: said.into(),
        alarm: Some(Box::new(alarm.clone())),
        ..Failed::bad_gateway(alarm.to_string())
    }
}

/// Reads what the upstream says about an error, as one line of plain text.
async fn words(incoming: Incoming, silence: Duration) -> String {
    let text = match Flow::new(incoming, None, silence).gather().await {
        Ok((Content::Whole(bytes, _), _)) => String::from_utf8_lossy(&bytes).into_owned(),
        // It talks without end, or broke off: its words are not worth more.
        Ok((Content::Running(_), _)) | Err(_) => String::new(),
    };
    if text.contains('<') {
        // A page, not a sentence.
        return String::new();
    }
    // FDSN's errors say what is wrong in their second paragraph, and whose service they are of after it.
    let mut paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    let first = paragraphs.next().unwrap_or_default();
    let said = if first.starts_with("Error ") { paragraphs.next().unwrap_or(first) } else { first };
    one_line(said)
}

/// Makes the error that FDSN's clients expect of the upstream's own (FDSN web services 1.2, table of
/// status codes).
fn refused(status: StatusCode, fields: &HeaderMap, words: &str, order: &Order) -> Failed {
    let detail = format!("it answered {status}: {words}");
    let quoted = if words.is_empty() { String::new() } else { format!(" It says: {words}") };
    let the_callers = [
        StatusCode::BAD_REQUEST,
        StatusCode::NOT_FOUND,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::URI_TOO_LONG,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    let retry_after = || {
        let value = fields.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        value.and_then(|seconds| seconds.parse().ok())
    };
    match status {
        _ if the_callers.contains(&status) || (order.upstream_asks && status == StatusCode::FORBIDDEN) => {
            Failed {
                status,
                said: format!("The data service answered {status}.{quoted}"),
                retry_after: retry_after(),
                ..Failed::bad_gateway(detail)
            }
        }
        StatusCode::SERVICE_UNAVAILABLE => Failed {
            status,
            said: "The data service is not available for now: try again later.".into(),
            retry_after: Some(retry_after().unwrap_or(30)),
            ..Failed::bad_gateway(detail)
        },
        StatusCode::GATEWAY_TIMEOUT => Failed {
            status,
            said: "The data service takes too long to answer: ask for less at a time.".into(),
            ..Failed::bad_gateway(detail)
        },
        _ => Failed::bad_gateway(detail),
    }
}
