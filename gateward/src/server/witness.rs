//! Cosigns checkpoints of others on the public listener (c2sp.org/tlog-witness), and says what was cosigned last.
//!
//! Whoever asks is known by the signature under the checkpoint; whoever knows a log's name may read its last one.

use audit_log::{MAX_REQUEST, Refusal};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use hyper::body::Incoming;

use super::answer::{self, Answered, Problem};
use super::gate::Opened;
use super::request_body::{self, LargeBodies, Unwanted, dropping};
use crate::base::address::ClientAddress;
use crate::flows::witness::{self, Error};
use crate::store::witnessed;

/// Where it stands on the public listener; what is below follows.
pub const WITNESS: &str = "/witness/";

/// What is below it, before the name of a log.
pub const CHECKPOINT: &str = "checkpoint/";

/// What is below it, for whoever wants something cosigned.
pub const ADD_CHECKPOINT: &str = "add-checkpoint";

/// Answers a request to `rest` below [`WITNESS`].
pub(super) async fn answer(
    opened: &Opened,
    (head, body, rest): (&Parts, Incoming, &str),
    address: ClientAddress,
    large: &LargeBodies,
) -> Answered {
    match (&head.method, rest) {
        (&Method::POST, ADD_CHECKPOINT) => match request_body::read(body, MAX_REQUEST, large).await {
            Ok(whole) => cosign(opened, &whole.bytes, address).await,
            Err(problem) => answer::closing(problem.answer()),
        },
        (method, rest) => {
            let answered = match rest.strip_prefix(CHECKPOINT).filter(|_| method == Method::GET) {
                Some(origin) => last(opened, origin).await,
                None => no_page(),
            };
            dropping(body, Unwanted::of(head), answered).await
        }
    }
}

fn no_page() -> Answered {
    let said = "A witness is asked by POST of add-checkpoint, or GET of checkpoint/ and a log's name.";
    Problem::new(StatusCode::NOT_FOUND, "no-page", said).answer()
}

async fn last(opened: &Opened, origin: &str) -> Answered {
    match witnessed::find(&opened.door.store.reader, origin).await {
        Ok(Some(last)) => answer::text(StatusCode::OK, last.note),
        Ok(None) => {
            Problem::new(StatusCode::NOT_FOUND, "no-log", "Nothing was cosigned of this log.").answer()
        }
        Err(error) => answer::shut(&error).answer(),
    }
}

async fn cosign(opened: &Opened, body: &[u8], address: ClientAddress) -> Answered {
    let now = match opened.clock.now() {
        Ok(now) => now,
        Err(stepped) => return opened.shut_for_clock(&stepped).answer(),
    };
    match witness::cosign(&opened.door, (opened.observer.name(), &opened.witness), body, now).await {
        Ok(lines) => answer::text(StatusCode::OK, lines),
        Err(Error::Refused(refusal)) => {
            if witness::is_fork(&refusal) {
                tracing::error!(%refusal, log = claimed(body), "a log that is cosigned here shows another history");
                // Before it is answered: whoever shows two histories may try another witness next.
                let fork = (body, &refusal);
                if let Err(error) = witness::record_fork(&opened.door, fork, (address, now)).await {
                    return answer::shut(&error).answer();
                }
            }
            refused(&refusal)
        }
        Err(error) => answer::shut(&error).answer(),
    }
}

/// The name of the log, for which the signature was good.
fn claimed(body: &[u8]) -> String {
    audit_log::AddCheckpoint::read(body)
        .map(|request| request.claimed_origin().to_owned())
        .unwrap_or_default()
}

fn refused(refusal: &Refusal) -> Answered {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut answered = answer::text(status, refusal.body());
    answered.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(refusal.content_type()));
    answered
}
