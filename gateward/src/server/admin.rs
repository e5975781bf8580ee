//! The listener for operators: readiness for whoever watches, and nothing else without a user.

use std::sync::Arc;

use http::header::{ACCEPT, ALLOW, AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::json;

use super::accept::prefers_json;
use super::answer::{self, Answered, Problem, SERVICE_VERSION};
use super::connection::CameFrom;
use super::console::{self, CONSOLE, Onlooker};
use super::fhir_api;
use super::gate::{Gate, Opened};
use super::listener::Answer;
use super::log;
use super::request_body::{self, LargeBodies};
use super::settle::Undone;
use crate::base::address::ClientAddress;
use crate::flows::authenticate::basic;
use crate::flows::clean_up::clean_up;
use crate::flows::door::Door;
use crate::flows::operate::{self, Asked, Operator};
use crate::flows::placement::{Pending, sweep};

/// Answers operators.
#[derive(Debug)]
pub struct Admin {
    gate: Arc<Gate>,
    large: LargeBodies,
}

/// Where auditors read the log as FHIR AuditEvents.
const FHIR: &str = "/fhir";

impl Admin {
    /// Answers for `gate`.
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate, large: LargeBodies::default() }
    }
}

impl Answer for Admin {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        CameFrom { address, .. }: CameFrom,
    ) -> Answered {
        let (head, body) = request.into_parts();
        match head.uri.path() {
            "/healthz" => answer::text(StatusCode::OK, "alive\n"),
            "/readyz" => match self.gate.ready() {
                Ok(()) => {
                    let doubts = self.gate.doubts().into_iter().map(|doubt| format!("{doubt}\n"));
                    answer::text(StatusCode::OK, format!("ready\n{}", doubts.collect::<String>()))
                }
                Err(reason) => {
                    answer::text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n"))
                }
            },
            // Says nothing of anybody: whoever watches the log shall not need an account.
            "/checkpoint" if matches!(head.method, Method::GET | Method::HEAD) => match self.gate.opened() {
                Ok(opened) => log::checkpoint(&opened).await,
                Err(reason) => Problem::shut(&reason).answer(),
            },
            _ => self.for_operators(&head, body, address).await,
        }
    }

    fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }
}

impl Admin {
    async fn for_operators(
        &self,
        head: &http::request::Parts,
        body: Incoming,
        address: ClientAddress,
    ) -> Answered {
        let reads_fhir = is_fhir(head.uri.path());
        let (opened, operator, now) = match self.prove(head, address).await {
            Ok(proven) => proven,
            Err(problem) if reads_fhir => return fhir_api::refused(problem),
            Err(problem) => return problem.answer(),
        };
        let answered = match head.uri.path() {
            "/" if wants_pages(head) => console::way_there(),
            path if path == CONSOLE || path.starts_with("/console/") => {
                console::answer(&opened, head, &Onlooker { operator: &operator, address, now }).await
            }
            "/" => {
                answer::text(StatusCode::OK, format!("{SERVICE_VERSION}: logged in as {}\n", operator.name()))
            }
            // A mirror of the log asks for thousands, and nobody is in them: not recorded one by one.
            path if path.starts_with("/tile/") && head.method == Method::GET => {
                return log::tile(&opened.door.store.reader, path).await;
            }
            "/cleanup" => answer_cleanup(&opened.door, head, &operator, now).await,
            _ if reads_fhir => self.answer_log(&opened, head, body, &operator, (address, now)).await,
            _ => Problem::new(StatusCode::NOT_FOUND, "no-page", "There is no page at this path.").answer(),
        };
        let (method, path, status) = (head.method.as_str(), head.uri.path(), answered.status().as_u16());
        match operate::record(&opened.door, &operator, Asked { method, path, status, address }, now).await {
            Ok(()) => answered,
            Err(error) if reads_fhir => fhir_api::refused(answer::shut(&error)),
            Err(error) => answer::shut(&error).answer(),
        }
    }

    /// Finds out which operator asks.
    async fn prove(
        &self,
        head: &http::request::Parts,
        address: ClientAddress,
    ) -> Result<(Arc<Opened>, Operator, Timestamp), Problem> {
        let opened = self.gate.opened().map_err(|reason| Problem::shut(&reason))?;
        let authorization =
            head.headers.get(AUTHORIZATION).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        let Some((name, password)) = authorization.and_then(basic::read) else {
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "who-are-you", "Log in as an operator.");
            return Err(problem.with(WWW_AUTHENTICATE, answer::BASIC_CHALLENGE));
        };
        let now = opened.clock.now().map_err(|stepped| opened.shut_for_clock(&stepped))?;
        let operator = operate::prove(&opened.door, &name, &password, address, now).await;
        let operator = operator.map_err(|error| answer::no_operator(&error))?;
        Ok((opened, operator, now))
    }

    /// Answers who reads the log: auditors and administrators.
    async fn answer_log(
        &self,
        opened: &Opened,
        head: &http::request::Parts,
        body: Incoming,
        operator: &Operator,
        (address, now): (ClientAddress, Timestamp),
    ) -> Answered {
        let whole = match request_body::read(body, fhir_api::MOST, &self.large).await {
            Ok(whole) => whole,
            Err(problem) => return answer::closing(fhir_api::refused(problem)),
        };
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let asked = fhir_api::Asked {
            method: &head.method,
            rest: &head.uri.path()[FHIR.len()..],
            query: head.uri.query(),
            fields: &head.headers,
            body: &whole.bytes,
            base: &format!("https://{host}{FHIR}"),
        };
        let client = fhir_api::Asker {
            who: operator.name(),
            address,
            decided_under: None,
            may_read: operator.role().may_read_the_log(),
            may_send: None,
        };
        match fhir_api::answer(opened, &asked, &client, now).await {
            Ok(answered) => answered,
            Err(Undone::Said(problem)) => fhir_api::refused(problem),
            Err(Undone::Again(error)) => fhir_api::refused(answer::shut(&error)),
        }
    }
}

fn is_fhir(path: &str) -> bool {
    path.strip_prefix(FHIR).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether it is a browser that asks.
fn wants_pages(head: &http::request::Parts) -> bool {
    let accepted = head.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// Deletes what has expired, here and where our logins are written to; recorded with its names.
async fn answer_cleanup(
    door: &Door,
    head: &http::request::Parts,
    operator: &Operator,
    now: Timestamp,
) -> Answered {
    if head.method != Method::POST {
        let said = "Post to clean up; whoever only looks here must change nothing.";
        return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", said).with(ALLOW, "POST").answer();
    }
    if !operator.role().may_change_everything() {
        let said = "Your role may not change what concerns all services.";
        return Problem::new(StatusCode::FORBIDDEN, "role", said).answer();
    }
    let by = Some(operator.name());
    let deleted = match clean_up(door, by, now).await {
        Ok(deleted) => deleted,
        Err(error) => return answer::shut(&error).answer(),
    };
    match sweep(door, Pending::All, by, now).await {
        Ok(swept) => {
            let deleted = deleted + swept.others;
            if prefers_json(&head.headers) {
                return answer::json(StatusCode::OK, "application/json", &json!({ "deleted": deleted }));
            }
            answer::text(StatusCode::OK, format!("Deleted {deleted} temporary accounts.\n"))
        }
        Err(error) => answer::shut(&error).answer(),
    }
}
