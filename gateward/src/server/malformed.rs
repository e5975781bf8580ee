//! Refuses what has no one reading: recorded like every refusal, and the connection closes on it.

use http::StatusCode;

use super::answer::{self, Answered, Problem};
use super::gate::Gate;
use super::route::recordable;
use super::strict::Malformed;
use crate::base::address::ClientAddress;
use crate::flows::door::Refused;
use crate::flows::record::{About, What};

/// How much of the target is recorded, in characters: strangers choose it.
const RECORDED: usize = 512;

/// Records the refusal and tells the client, who learns what is wrong.
pub async fn refuse(gate: &Gate, malformed: Malformed, address: ClientAddress) -> Answered {
    let Malformed { fault, method, target } = malformed;
    let status = StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let problem = Problem::new(status, fault.reason(), format!("The request is refused: {fault}."));
    let Ok(opened) = gate.opened() else {
        // Nothing is done for anybody yet, and nothing can be recorded.
        return answer::closing(problem.answer());
    };
    let now = match opened.clock.now() {
        Ok(now) => now,
        Err(stepped) => return answer::closing(opened.shut_for_clock(&stepped).answer()),
    };
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let refused = Refused {
        what: What::RequestRefused {
            method,
            path: recordable(&opened.services, path).chars().take(RECORDED).collect(),
            reason: fault.reason(),
            detail: fault.to_string(),
        },
        reason: format!("request: {}", fault.reason()),
        service: None,
        who: None,
        certificate: None,
        address,
    };
    let about = About { target: Some(target.chars().take(RECORDED).collect()), ..About::default() };
    answer::closing(match opened.door.record_refusal_about(refused, &about, now).await {
        Ok(reference) => problem.under(reference).answer(),
        Err(error) => answer::shut(&error).answer(),
    })
}
