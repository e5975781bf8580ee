//! The log on the public listener, for machines with a grant on it: who asks, and what that grant allows.

use http::header::HOST;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;

use super::answer::{self, Answered, Problem};
use super::connection::CameFrom;
use super::fhir_api::{self, Asked, Asker};
use super::gate::Opened;
use super::request_body::{self, LargeBodies, Unwanted, dropping};
use super::settle::{Attempts, Undone};
use crate::base::identity::NodeName;
use crate::flows::audit::grants::{self, May};
use crate::store::revocation::Revision;

/// Answers a request to the log at `rest` below its path.
pub(super) async fn answer(
    opened: &Opened,
    rest: &str,
    (head, body): (&Parts, Incoming),
    from: &CameFrom,
    large: &LargeBodies,
) -> Answered {
    let mut attempts = Attempts::new(opened);
    // Nothing is whole for somebody who cannot come in.
    let now = match attempts.begin() {
        Ok(now) => now,
        Err(problem) => return dropping(body, Unwanted::of(head), fhir_api::refused(*problem)).await,
    };
    if let Err(Undone::Said(problem)) = known(opened, head, from, now).await {
        return dropping(body, Unwanted::of(head), fhir_api::refused(problem)).await;
    }
    let whole = match request_body::read(body, fhir_api::MOST, large).await {
        Ok(whole) => whole,
        Err(problem) => return answer::closing(fhir_api::refused(problem)),
    };
    let path = head.uri.path();
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let base = format!("https://{host}{}", path.strip_suffix(rest).unwrap_or(path).trim_end_matches('/'));
    let asked = Asked {
        method: &head.method,
        rest,
        query: head.uri.query(),
        fields: &head.headers,
        body: &whole.bytes,
        base: &base,
    };
    loop {
        let now = match attempts.begin() {
            Ok(now) => now,
            Err(problem) => return fhir_api::refused(*problem),
        };
        let undone = match decide(opened, head, from, &asked, now).await {
            Ok(answered) => return answered,
            Err(undone) => undone,
        };
        if let Err(problem) = attempts.again(undone).await {
            return fhir_api::refused(problem);
        }
    }
}

async fn decide(
    opened: &Opened,
    head: &Parts,
    from: &CameFrom,
    asked: &Asked<'_>,
    now: Timestamp,
) -> Result<Answered, Undone> {
    let (node, May { read, send }, decided_under) = known(opened, head, from, now).await?;
    let client = Asker {
        who: &format!("node:{node}"),
        address: from.address,
        decided_under: Some(decided_under),
        may_read: read,
        may_send: send.then_some(&node),
    };
    if !read && !send {
        let said = "Nothing grants this machine the log. Ask its operator for a grant on the service audit.";
        let reference =
            grants::refuse(&opened.door, &node, (asked.method.as_str(), asked.rest), from.address, now);
        let problem = Problem::new(StatusCode::FORBIDDEN, "not-granted", said).under(reference.await?);
        return Err(problem.into());
    }
    fhir_api::answer(opened, asked, &client, now).await
}

/// Finds out which machine asks, and what it may.
async fn known(
    opened: &Opened,
    head: &Parts,
    from: &CameFrom,
    now: Timestamp,
) -> Result<(NodeName, May, Revision), Undone> {
    let presented = from.other_end.certificate.as_ref();
    let method: &Method = &head.method;
    match grants::recognise(&opened.door, presented, now) {
        Ok(known) => Ok(known),
        Err(why) => {
            let request = format!("{method} the log");
            let reference =
                grants::refuse_stranger(&opened.door, (&why, presented), request, from.address, now);
            let detail = format!("This place is for machines with a certificate: {}.", why.told());
            let reference = reference.await?;
            Err(Problem::new(StatusCode::FORBIDDEN, "node", detail).under(reference).into())
        }
    }
}
