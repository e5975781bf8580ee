//! What goes upstream: the request that we wrote, and those fields of the client's that pass.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, COOKIE, FORWARDED, HOST, HeaderName, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{Upward, fields};
use crate::base::once::Once;
use crate::flows::admit::{KeyShown, Order};
use crate::flows::authenticate::key::X_CKAN_API_KEY;
use crate::server::found::Failed;

/// How the upstream is told from where the request came.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How the upstream is told by what protocol the request came.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How the upstream is told for which host the request came.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What the client said beside what is asked.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Its header fields.
    pub fields: &'a HeaderMap,
    /// Nobody could read along on its way to us, or to a proxy of ours.
    pub is_secure: bool,
}

/// What is asked of an upstream.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) order: &'a Order,
    pub(super) said: Said<'a>,
    /// The name by which the upstream is told who asks.
    pub(super) identify_as: Option<&'a HeaderName>,
    pub(super) origin: &'a str,
    pub(super) path: &'a str,
}

impl Asked<'_> {
    /// Writes the request.
    ///
    /// # Errors
    ///
    /// [`Failed`]: it cannot be written as a URL.
    pub(super) fn write(&self, body: Upward) -> Result<Request<Upward>, Failed> {
        let Self { order, said, identify_as, origin, path } = self;
        let fields = said.fields;
        let forward = &order.forward;
        let mut request = Request::builder()
            .method(&forward.method)
            .uri(format!("{origin}{path}{}", forward.target))
            .body(body)
            .map_err(|error| Failed::bad_gateway(error.to_string()))?;
        let own = request.headers_mut();
        if forward.with_conditions {
            *own = fields::of_client(fields, *identify_as);
            self.tell_the_way(own);
            if forward.websocket {
                fields::name_websocket(own);
            }
        } else {
            if let Some(program) = fields.get(USER_AGENT) {
                own.insert(USER_AGENT, program.clone());
            }
            own.insert(ACCEPT, HeaderValue::from_static("*/*"));
            // What is looked into must not be packed (RFC 9110 section 12.5.3).
            own.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            if let Some(kind) = forward.content_type {
                own.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            }
        }
        for (name, value) in &forward.fields {
            own.insert(name.clone(), value.clone());
        }
        if order.upstream_asks {
            // Of several, the record and the upstream could each take another one.
            if let Once::One(answer) = Once::of(fields, AUTHORIZATION) {
                own.insert(AUTHORIZATION, answer.clone());
            }
        }
        show_key(&order.key, fields, own);
        let address = order.address.to_string().try_into().expect("an address is letters, digits and points");
        own.insert(FORWARDED_FOR, address);
        Ok(request)
    }

    /// Says from where, for which host and by what protocol the request came: once, and by us (RFC 7239).
    fn tell_the_way(&self, own: &mut HeaderMap) {
        let proto = if self.said.is_secure { "https" } else { "http" };
        let address = match self.order.address.ip() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("\"[{address}]\""),
        };
        let host = self.said.fields.get(HOST).and_then(|host| host.to_str().ok());
        let forwarded = match host {
            Some(host) => format!("for={address};host=\"{host}\";proto={proto}"),
            None => format!("for={address};proto={proto}"),
        };
        own.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
        if let Some(host) = self.said.fields.get(HOST) {
            own.insert(FORWARDED_HOST, host.clone());
        }
        if let Ok(forwarded) = forwarded.try_into() {
            own.insert(FORWARDED, forwarded);
        }
    }
}

/// Shows an upstream that goes by keys the one that is right, and no other.
fn show_key(key: &KeyShown, fields: &HeaderMap, own: &mut HeaderMap) {
    match key {
        KeyShown::None => {}
        // Wherever else keys stand, they have passed.
        KeyShown::AsItCame => {
            own.extend(fields.get_all(AUTHORIZATION).iter().map(|key| (AUTHORIZATION, key.clone())));
        }
        KeyShown::Ours(key) => {
            let mut key: HeaderValue =
                key.expose().try_into().expect("a key has letters that a field can hold");
            key.set_sensitive(true);
            own.insert(AUTHORIZATION, key);
            own.remove(X_CKAN_API_KEY);
            // A session of CKAN's own would win over the key, and be somebody else's.
            own.remove(COOKIE);
        }
    }
}

/// The client's body on its way up.
#[derive(Debug)]
pub struct Streamed {
    incoming: Incoming,
    moved: Moved,
    /// The name by which the upstream is told who asks.
    identify_as: Option<HeaderName>,
}

/// When something moved last, and what is waited for.
#[derive(Debug, Clone)]
pub(super) struct Moved(Arc<Mutex<(Instant, Sender)>>);

/// What whoever sends a body does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    /// They send, or have sent it all: it is the upstream's turn.
    Sends,
    /// Something is to come, and does not.
    IsAwaited,
    /// Something was to come, and never will.
    IsGone,
}

impl Moved {
    fn now(&self, sender: Sender) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), sender);
    }

    fn waits(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = Sender::IsAwaited;
    }

    /// Returns once nothing has moved for `silence`.
    pub(super) async fn until_silent(self, silence: Duration) {
        loop {
            let since = self.0.lock().unwrap_or_else(PoisonError::into_inner).0.elapsed();
            match silence.checked_sub(since) {
                None => return,
                Some(left) => tokio::time::sleep(left + Duration::from_millis(1)).await,
            }
        }
    }

    /// Tells the caller where the fault is theirs and not the upstream's.
    pub(super) fn at_fault(&self, failed: Failed) -> Failed {
        let (_, sender) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, said) = match sender {
            Sender::IsGone => (StatusCode::BAD_REQUEST, "The body ended too early."),
            Sender::IsAwaited if failed.status == StatusCode::GATEWAY_TIMEOUT => {
                (StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive.")
            }
            Sender::IsAwaited | Sender::Sends => return failed,
        };
        Failed { status, said: said.into(), ..failed }
    }
}

impl Streamed {
    /// Takes a body; the second value tells when it moved last.
    pub(super) fn new(incoming: Incoming, identify_as: Option<HeaderName>) -> (Self, Moved) {
        let moved = Moved(Arc::new(Mutex::new((Instant::now(), Sender::Sends))));
        (Self { incoming, moved: moved.clone(), identify_as }, moved)
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Poll::Ready(next) = Pin::new(&mut self.incoming).poll_frame(context) else {
            self.moved.waits();
            return Poll::Pending;
        };
        self.moved.now(if matches!(next, Some(Err(_))) { Sender::IsGone } else { Sender::Sends });
        Poll::Ready(next.map(|frame| {
            frame.map(|frame| match frame.into_trailers() {
                Ok(trailers) => {
                    Frame::trailers(fields::trailers_of_client(&trailers, self.identify_as.as_ref()))
                }
                Err(data) => data,
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    #[test]
    fn beside_a_key_of_ours_no_session_of_somebody_else_goes_up() {
        let came = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static("ckan=somebody"))]);
        for (key, passes) in [
            (KeyShown::Ours(Secret::new("key".into())), false),
            (KeyShown::AsItCame, true),
            (KeyShown::None, true),
        ] {
            let mut own = came.clone();
            show_key(&key, &came, &mut own);
            assert_eq!(own.contains_key(COOKIE), passes, "{key:?}");
        }
    }
}
