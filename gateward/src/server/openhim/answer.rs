//! Answers as an OpenHIM takes them from its mediators: the whole answer in a JSON object, with what was done
//! for it (OpenHIM's developer guide, "Return transaction metadata").

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::base::time::stored;
use crate::flows::admit::Order;
use crate::server::found::{Content, Found};

/// What an OpenHIM knows us by, for answers to it.
#[derive(Debug, Clone)]
pub struct Mediator {
    urn: String,
    service: String,
}

impl Mediator {
    /// Answers for `service` under `urn`.
    pub fn new(urn: String, service: String) -> Self {
        Self { urn, service }
    }

    /// Makes of what was found the answer of a mediator, where an OpenHIM passed the request on.
    ///
    /// An answer that runs, one that is not text in UTF-8, and one that has no body leave as they are: an
    /// OpenHIM takes those, too, and only learns less.
    pub fn answer(&self, found: Found, order: &Order, asked_at: Timestamp, now: Timestamp) -> Found {
        let Found { status, fields, content: Content::Whole(body, inspected), named } = found else {
            return found;
        };
        let as_it_is = order.passed_on.is_none() || order.forward.method == Method::HEAD;
        let document = Some(()).filter(|()| !as_it_is);
        let document = document.and_then(|()| self.document(status, &fields, &body, order, [asked_at, now]));
        let Some(document) = document else {
            return Found { status, fields, content: Content::Whole(body, inspected), named };
        };
        let mut own = HeaderMap::new();
        own.insert(CONTENT_TYPE, HeaderValue::from_static("application/json+openhim"));
        own.extend(fields.get(CACHE_CONTROL).map(|value| (CACHE_CONTROL, value.clone())));
        Found { status, fields: own, content: Content::Whole(document, inspected), named }
    }

    fn document(
        &self,
        status: StatusCode,
        fields: &HeaderMap,
        body: &[u8],
        order: &Order,
        [asked_at, now]: [Timestamp; 2],
    ) -> Option<Bytes> {
        let has_body =
            ![StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
        let packed = fields.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
        let body = std::str::from_utf8(body).ok().filter(|_| has_body && !packed)?;
        let (path, query) = order.forward.target.split_once('?').unwrap_or((&order.forward.target, ""));
        let document = json!({
            "x-mediator-urn": self.urn,
            "status": word(status),
            "response": {
                "status": status.as_u16(),
                "headers": headers(fields)?,
                "body": body,
                "timestamp": stored(now),
            },
            // Without bodies: those of the request and the answer OpenHIM has already.
            "orchestrations": [{
                "name": self.service,
                "request": {
                    "method": order.forward.method.as_str(),
                    "path": path,
                    "querystring": query,
                    "timestamp": stored(asked_at),
                },
                "response": { "status": status.as_u16(), "timestamp": stored(now) },
            }],
            "properties": { "gateward-transaction": order.transaction.to_string() },
        });
        Some(document.to_string().into())
    }
}

/// How OpenHIM itself calls a transaction whose answer has this status.
fn word(status: StatusCode) -> &'static str {
    if status.is_server_error() {
        "Failed"
    } else if status.is_client_error() {
        "Completed"
    } else {
        "Successful"
    }
}

/// The fields of the answer as an object; `None` where one of them is no text.
fn headers(fields: &HeaderMap) -> Option<Map<String, Value>> {
    let mut headers = Map::new();
    for name in fields.keys().filter(|name| **name != CONTENT_LENGTH) {
        let values = fields.get_all(name).iter().map(|value| value.to_str().ok());
        let values: Vec<&str> = values.collect::<Option<_>>()?;
        // Cookies cannot be joined (RFC 6265 section 3), and OpenHIM expects a list of them.
        let value = if *name == SET_COOKIE { Value::from(values) } else { values.join(", ").into() };
        headers.insert(name.to_string(), value);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::header::ETAG;

    use super::*;
    use crate::base::address::ClientAddress;
    use crate::base::id::TransactionId;
    use crate::flows::admit::KeyShown;
    use crate::flows::kind::{Effect, Forward, Inspection, Named};
    use crate::flows::openhim::PassedOn;
    use crate::server::system;

    fn order(passed_on: Option<PassedOn>) -> Order {
        let (now, random) = (Timestamp::UNIX_EPOCH, system::random());
        Order {
            forward: Forward {
                method: Method::GET,
                target: "/Patient?_id=1".into(),
                body: Bytes::new(),
                content_type: None,
                with_conditions: true,
                fields: HeaderMap::new(),
                websocket: false,
            },
            effect: Effect::Read,
            inspection: Inspection::Nothing,
            no_data: StatusCode::NO_CONTENT,
            upstream_asks: false,
            key: KeyShown::None,
            told: None,
            passed_on,
            address: ClientAddress::new(Ipv4Addr::LOCALHOST.into()),
            transaction: TransactionId::new(now, &random),
        }
    }

    fn found(status: u16, fields: HeaderMap, body: &'static [u8]) -> Found {
        let status = StatusCode::from_u16(status).unwrap();
        Found {
            status,
            fields,
            content: Content::Whole(Bytes::from_static(body), None),
            named: Named::default(),
        }
    }

    fn answered(found: Found, order: &Order) -> (HeaderMap, Bytes) {
        let mediator = Mediator::new("urn:mediator:gateward".into(), "fhir".into());
        let epoch = Timestamp::UNIX_EPOCH;
        match mediator.answer(found, order, epoch, epoch) {
            Found { fields, content: Content::Whole(body, _), .. } => (fields, body),
            Found { .. } => panic!("it was whole"),
        }
    }

    #[test]
    fn an_openhim_is_told_the_whole_answer_and_what_was_done_for_it() {
        let mut fields = HeaderMap::new();
        for (name, value) in [(CONTENT_TYPE, "text/plain"), (ETAG, "W/\"1\""), (CACHE_CONTROL, "private")] {
            fields.insert(name, HeaderValue::from_static(value));
        }
        fields.append(SET_COOKIE, HeaderValue::from_static("a=1"));
        fields.append(SET_COOKIE, HeaderValue::from_static("b=2"));
        let order = order(Some(PassedOn::by_nobody_in_particular()));
        let (own, body) = answered(found(404, fields, "keiner da: \u{e4}".as_bytes()), &order);
        assert_eq!(own.len(), 2, "{own:?}");
        assert_eq!(
            (&own[CONTENT_TYPE], &own[CACHE_CONTROL]),
            (&"application/json+openhim".parse().unwrap(), &"private".parse().unwrap())
        );
        let at = "1970-01-01T00:00:00.000000Z";
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            told,
            json!({
                "x-mediator-urn": "urn:mediator:gateward",
                "status": "Completed",
                "response": {
                    "status": 404,
                    "headers": { "content-type": "text/plain", "etag": "W/\"1\"", "cache-control": "private", "set-cookie": ["a=1", "b=2"] },
                    "body": "keiner da: \u{e4}",
                    "timestamp": at,
                },
                "orchestrations": [{
                    "name": "fhir",
                    "request": { "method": "GET", "path": "/Patient", "querystring": "_id=1", "timestamp": at },
                    "response": { "status": 404, "timestamp": at },
                }],
                "properties": { "gateward-transaction": order.transaction.to_string() },
            })
        );
    }

    #[test]
    fn what_no_string_of_json_can_hold_leaves_as_it_is() {
        let openhim = order(Some(PassedOn::by_nobody_in_particular()));
        let mut head = openhim.clone();
        head.forward.method = Method::HEAD;
        let packed: HeaderMap = [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))].into_iter().collect();
        let none = HeaderMap::new;
        for (order, status, fields, body) in [
            (&openhim, 200, none(), &b"\xff\xfe"[..]),
            (&openhim, 200, packed, b"text"),
            (&openhim, 204, none(), b""),
            (&openhim, 304, none(), b""),
            (&head, 200, none(), b""),
        ] {
            let (own, left) = answered(found(status, fields.clone(), body), order);
            assert_eq!((own, &left[..]), (fields, body), "{status} {body:?}");
        }
    }

    #[test]
    fn who_is_no_openhim_gets_no_answer_of_a_mediator() {
        let (_, left) = answered(found(200, HeaderMap::new(), b"text"), &order(None));
        assert_eq!(left, "text");
    }

    #[test]
    fn a_transaction_is_called_what_openhim_itself_would_call_it() {
        for (status, called) in
            [(200, "Successful"), (304, "Successful"), (404, "Completed"), (502, "Failed")]
        {
            assert_eq!(word(StatusCode::from_u16(status).unwrap()), called);
        }
    }
}
